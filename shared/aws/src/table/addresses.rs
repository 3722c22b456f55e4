//! The addresses that HR has taken from people, two items each: one in the partition of the address says who had it, so that
//! it is found at once and consistently; one in the partition of the person leads there, so that an erasure finds it.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use offramp_app::Fault;
use offramp_app::ports::Addresses;
use offramp_domain::{EmployeeId, FormerAddress, Had, OrgId};

use super::Table;
use super::item::{FORM, Item};
use super::transaction::{Expression, Parts};
use crate::keys;

impl Addresses for Table {
    async fn had_address(
        &self,
        org: &OrgId,
        folded: &str,
    ) -> Result<BTreeMap<EmployeeId, Had>, Fault> {
        let pk = keys::former_holders(org, &keys::address(folded));
        let items = self.whole_of(&pk).await?;
        items.iter().map(had).collect()
    }
}

/// Who had the address, and when.
pub(super) fn had(item: &Item) -> Result<(EmployeeId, Had), Fault> {
    item.known()?;
    let instant = |name| -> Result<DateTime<Utc>, Fault> {
        let text = item.get_text(name).unwrap_or_default();
        let parsed = DateTime::parse_from_rfc3339(text);
        let parsed = parsed.map_err(|error| Fault::corrupt("read", error.to_string()))?;
        Ok(parsed.with_timezone(&Utc))
    };
    let id = EmployeeId::new(item.key().sk);
    let id = id.map_err(|error| Fault::corrupt("read", error.to_string()))?;
    Ok((
        id,
        Had {
            from: instant("since")?,
            until: instant("until")?,
        },
    ))
}

/// Adds what an address writes that HR takes from somebody. Of several times that they had it, the first beginning and the
/// last end are kept.
pub(super) fn change(
    table: &Table,
    parts: &mut Parts,
    org: &OrgId,
    id: &EmployeeId,
    former: &FormerAddress,
) -> Result<(), Fault> {
    let hash = keys::address(&former.address);
    let said = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let update =
        Expression::new("SET v = :v, since = if_not_exists(since, :since), #until = :until")
            .number(":v", FORM)
            .name("#until", "until")
            .text(":since", &said(former.had.from))
            .text(":until", &said(former.had.until));
    parts.update(table, &keys::former_holder(org, &hash, id), update, None)?;
    let own = Item::new(keys::former_address(org, id, &hash));
    parts.put(table, own, None)
}
