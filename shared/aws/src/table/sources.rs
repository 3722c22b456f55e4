//! HR sources, and the stored answers to idempotent requests.

use offramp_app::Fault;
use offramp_app::ports::{Committed, MOST_SOURCES, Receipt, Receipts, Source, SourceTold, Sources};
use offramp_domain::{OrgId, Policy, SourceId};

use super::Table;
use super::item::{FORM, Item};
use super::policies::policy_item;
use super::transaction::{Expression, Parts};
use super::users::notice_item;
use crate::keys;

impl Sources for Table {
    async fn source(&self, org: &OrgId, source: &SourceId) -> Result<Option<Source>, Fault> {
        self.get(&keys::source(org, source))
            .await?
            .map(|item| item.read())
            .transpose()
    }

    async fn sources(&self, org: &OrgId) -> Result<Vec<Source>, Fault> {
        let items = self.all(&keys::organisation(org), keys::SOURCE).await?;
        items.iter().map(Item::read).collect()
    }

    async fn add_source(
        &self,
        org: &OrgId,
        source: &Source,
        known: usize,
        told: SourceTold<'_>,
        policy: Option<&Policy>,
    ) -> Result<Committed, Fault> {
        let fresh = Expression::new("attribute_not_exists(pk)");
        let mut parts = self.source_parts(org, source, fresh, told, policy)?;
        // The number stands beside the admins, an item that every release leaves as it is but for its own attributes.
        let counted = u64::try_from(known).unwrap_or(u64::MAX);
        let most = u64::try_from(MOST_SOURCES).unwrap_or(u64::MAX);
        let count = Expression::new("SET sources = if_not_exists(sources, :known) + :one, v = :v")
            .number(":known", counted)
            .number(":one", 1)
            .number(":most", most)
            .number(":v", FORM);
        let room = "attribute_not_exists(sources) OR sources < :most";
        parts.update(self, &keys::admins(org), count, Some(room))?;
        self.write(parts).await
    }

    async fn put_source(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
        told: SourceTold<'_>,
        policy: Option<&Policy>,
    ) -> Result<Committed, Fault> {
        let parts = self.source_parts(org, source, of_version(before), told, policy)?;
        self.write(parts).await
    }

    async fn begin_hand_over(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
        told: SourceTold<'_>,
        to: &Source,
    ) -> Result<Committed, Fault> {
        let mut parts = self.source_parts(org, source, of_version(before), told, None)?;
        parts.check(self, &keys::source(org, &to.source), of_version(to.version))?;
        self.write(parts).await
    }

    async fn go_on_handing_over(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
    ) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        parts.put(self, source_item(org, source)?, Some(of_version(before)))?;
        self.write(parts).await
    }
}

/// The condition that a source is of a version.
fn of_version(version: u64) -> Expression {
    Expression::new("version = :version").number(":version", version)
}

/// The item of a source. It is due work while the source hands its people over.
fn source_item(org: &OrgId, source: &Source) -> Result<Item, Fault> {
    let id = &source.source;
    let item = Item::new(keys::source(org, id))
        .number("version", source.version)
        .data(source)?;
    Ok(match &source.handing_over {
        Some(pending) => item.indexed(keys::WORK, keys::handing_over(org, id, pending.since)),
        None => item,
    })
}

impl Table {
    /// The parts that every write of a source has.
    fn source_parts(
        &self,
        org: &OrgId,
        source: &Source,
        when: Expression,
        told: SourceTold<'_>,
        policy: Option<&Policy>,
    ) -> Result<Parts, Fault> {
        let item = source_item(org, source)?;
        let entry = told.entry;
        let what = format!("source#{}#{}", entry.source, entry.version);
        let past = Item::new(keys::source_entry(org, &entry.source, entry.version))
            .data(entry)?
            .indexed(keys::AUDIT, keys::audit(org, entry.at, &what));
        let mut parts = Parts::default();
        parts.put(self, item, Some(when))?;
        parts.put(self, past, None)?;
        parts.put(self, notice_item(org, told.notice)?, None)?;
        if let Some(policy) = policy {
            let (item, unchanged) = policy_item(org, policy, policy.version - 1)?;
            parts.put(self, item, Some(unchanged))?;
        }
        Ok(parts)
    }
}

impl Receipts for Table {
    async fn receipt(&self, org: &OrgId, key: &str) -> Result<Option<Receipt>, Fault> {
        self.get(&keys::receipt(org, key))
            .await?
            .map(|item| item.read())
            .transpose()
    }
}
