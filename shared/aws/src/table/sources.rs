//! HR sources, and the stored answers to idempotent requests.

use offramp_app::Fault;
use offramp_app::ports::{Committed, Receipt, Receipts, Source, SourceEntry, Sources};
use offramp_domain::{OrgId, Policy, SourceId};

use super::Table;
use super::item::Item;
use super::policies::policy_item;
use super::transaction::{Expression, Parts};
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

    async fn put_source(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
        entry: &SourceEntry,
        policy: Option<&Policy>,
    ) -> Result<Committed, Fault> {
        let when = match before {
            0 => Expression::new("attribute_not_exists(pk)"),
            version => Expression::new("version = :version").number(":version", version),
        };
        let item = Item::new(keys::source(org, &source.source))
            .number("version", source.version)
            .data(source)?;
        let what = format!("source#{}#{}", entry.source, entry.version);
        let past = Item::new(keys::source_entry(org, &entry.source, entry.version))
            .data(entry)?
            .indexed(keys::AUDIT, keys::audit(org, entry.at, &what));
        let mut parts = Parts::default();
        parts.put(self, item, Some(when))?;
        parts.put(self, past, None)?;
        if let Some(policy) = policy {
            let (item, unchanged) = policy_item(org, policy, policy.version - 1)?;
            parts.put(self, item, Some(unchanged))?;
        }
        self.write(parts).await
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
