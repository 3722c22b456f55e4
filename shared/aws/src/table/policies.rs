//! Settings, their history, and pending confirmations.

use chrono::TimeDelta;
use offramp_app::Fault;
use offramp_app::ports::{Committed, Confirmation, Policies, PolicyEntry};
use offramp_domain::{Notice, OrgId, Policy};

use super::Table;
use super::item::Item;
use super::transaction::{Expression, Parts};
use super::users::notice_item;
use crate::keys;

/// How long a confirmation is kept after it has expired. DynamoDB deletes expired items within days; until then the
/// instant in the item tells a live confirmation from an expired one.
const KEEP: TimeDelta = TimeDelta::hours(1);

impl Policies for Table {
    async fn policy(&self, org: &OrgId) -> Result<Policy, Fault> {
        match self.get(&keys::settings(org)).await? {
            Some(item) => item.read(),
            None => Ok(Policy::default()),
        }
    }

    async fn commit_policy(
        &self,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> Result<Committed, Fault> {
        let (item, unchanged) = policy_item(org, &entry.to, entry.from.version)?;
        let mut parts = Parts::default();
        parts.put(self, item, Some(unchanged))?;
        self.told(&mut parts, org, entry, notices)?;
        self.write(parts).await
    }

    async fn recount_policy(
        &self,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> Result<(), Fault> {
        let mut parts = Parts::default();
        self.told(&mut parts, org, entry, notices)?;
        // Nobody else writes them: the entry has the version of the policy.
        let _ = self.write(parts).await?;
        Ok(())
    }

    async fn put_confirmation(
        &self,
        org: &OrgId,
        confirmation: &Confirmation,
    ) -> Result<(), Fault> {
        let expires = (confirmation.expires + KEEP).timestamp().unsigned_abs();
        let item = Item::new(keys::confirmation(org, &confirmation.token))
            .data(confirmation)?
            .number(keys::EXPIRES, expires);
        let mut parts = Parts::default();
        parts.put(self, item, None)?;
        // The token is random, so no other item can conflict with it.
        let _ = self.write(parts).await?;
        Ok(())
    }

    async fn confirmation(&self, org: &OrgId, token: &str) -> Result<Option<Confirmation>, Fault> {
        self.get(&keys::confirmation(org, token))
            .await?
            .map(|item| item.read())
            .transpose()
    }
}

impl Table {
    /// Adds the entry of a change for the audit, and its notices.
    fn told(
        &self,
        parts: &mut Parts,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> Result<(), Fault> {
        let version = entry.to.version;
        let past = Item::new(keys::settings_entry(org, version))
            .data(entry)?
            .indexed(
                keys::AUDIT,
                keys::audit(org, entry.at, &format!("settings#{version}")),
            );
        parts.put(self, past, None)?;
        for notice in notices {
            parts.put(self, notice_item(org, notice)?, None)?;
        }
        Ok(())
    }
}

/// The item of a policy, and the condition that nobody has changed the policy of the version `before`.
pub(super) fn policy_item(
    org: &OrgId,
    policy: &Policy,
    before: u64,
) -> Result<(Item, Expression), Fault> {
    let unchanged = match before {
        0 => Expression::new("attribute_not_exists(pk)"),
        version => Expression::new("version = :version").number(":version", version),
    };
    let item = Item::new(keys::settings(org))
        .number("version", policy.version)
        .data(policy)?;
    Ok((item, unchanged))
}
