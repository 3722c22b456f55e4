//! Whom a digest invites, within the limit on invitations.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use offramp_domain::{EmployeeId, Field, NoticeKind};

use super::rows::People;
use crate::backoff::until_won;
use crate::outbound::mail::{Now, Rank, Row};
use crate::ports::{Committed, DigestId, Notices, Outgoing};
use crate::{Ports, Result, Tenant};

/// Says in `people` who is invited, and adds a row for each person whom the limit stops. Nothing is read or written for a
/// digest without invitations, or with those alone that an admin asked for.
///
/// # Errors
/// A fault of the table, or [`crate::Error::Busy`] if other digests were granted theirs first at every attempt.
pub(super) async fn decide<P: Ports>(
    tenant: &Tenant<'_, P>,
    digest: &DigestId,
    notices: &[Outgoing],
    people: &mut People,
) -> Result<()>
where
    P::Store: Notices,
{
    let mut invited: BTreeMap<&EmployeeId, bool> = BTreeMap::new();
    let mut by_hand: BTreeSet<&EmployeeId> = BTreeSet::new();
    let now = tenant.clock.now();
    for one in notices.iter().filter(|one| one.notice.kind.invites()) {
        let id = one.notice.employee_id.as_ref();
        let Some(id) = id.filter(|id| people.here(id, now).is_some()) else {
            continue;
        };
        *invited.entry(id).or_default() |= one.notice.kind.is_return();
        if one.notice.kind.invites_by_hand() {
            by_hand.insert(id);
        }
    }
    let counted = invited.keys().filter(|id| !by_hand.contains(*id));
    let counted: BTreeSet<EmployeeId> = counted.map(|id| (*id).clone()).collect();
    if !counted.is_empty() {
        let grant = granted(tenant, digest, &counted, people).await?;
        let stopped = counted.iter().filter(|id| !grant.includes(id));
        let stopped: Vec<&EmployeeId> = stopped.collect();
        if !stopped.is_empty() {
            let (org, digest, count) = (tenant.org, digest.as_str(), stopped.len());
            tracing::warn!(%org, digest, count, "the limit on invitations stops some");
        }
        let rows = stopped.iter().map(|id| (row(id, people), None));
        let rows: Vec<(Row, Option<EmployeeId>)> = rows.collect();
        people.rows.extend(rows);
        people.rows.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        invited.retain(|id, _| by_hand.contains(id) || grant.includes(id));
    }
    let invited = invited.into_iter().map(|(id, back)| (id.clone(), back));
    people.invited = invited.collect();
    Ok(())
}

/// What the limit grants this digest: what it has granted before, if an earlier run has asked.
async fn granted<P: Ports>(
    tenant: &Tenant<'_, P>,
    digest: &DigestId,
    counted: &BTreeSet<EmployeeId>,
    people: &People,
) -> Result<offramp_domain::Grant>
where
    P::Store: Notices,
{
    let (org, store) = (tenant.org, &tenant.store);
    let safeguards = people.policy.settings.safeguards;
    until_won(|| async move {
        let (before, known) = try_join(store.invited(org), store.grant(org, digest)).await?;
        if let Some(known) = known {
            return Ok(Some(known));
        }
        let (now, mut after) = (tenant.clock.now(), before.clone());
        let grant = after.invited.grant(counted, safeguards, now);
        let written = store.grants(org, digest, &grant, (before.rev, &after.invited), now);
        Ok((written.await? == Committed::Done).then_some(grant))
    })
    .await
}

/// The row of a person who is not invited.
fn row(id: &EmployeeId, people: &People) -> Row {
    let name = people.users.get(id).and_then(|user| user.get(Field::Name));
    Row {
        name: name.unwrap_or(id.as_str()).to_owned(),
        id: Some(id.to_string()),
        kind: NoticeKind::invited(false),
        now: Now::Stands,
        keeps_access: false,
        rank: Rank::User,
        by: None,
        former: Vec::new(),
    }
}
