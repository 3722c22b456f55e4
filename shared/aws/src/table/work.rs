//! The index of overdue work, and what the sweep remembers of it.

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Attempts, Due, Overdue, Work};
use offramp_domain::{HoldId, OrgId, SnapshotId};

use super::Table;
use super::item::Item;
use crate::fault::fault;
use crate::keys::{self, PK, SK, WORK_SHARDS};

impl Overdue for Table {
    async fn overdue(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Due>, Fault> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let until = keys::second(before);
        let shards = try_join_all((0..WORK_SHARDS).map(|shard| {
            let query = self.between(
                keys::WORK,
                keys::work_shard(shard),
                "0".to_owned(),
                until.clone(),
            );
            async move {
                let output = query
                    .limit(limit)
                    .send()
                    .await
                    .map_err(|error| fault("dynamodb", "Query", &error))?;
                Ok::<_, Fault>(output.items.unwrap_or_default())
            }
        }))
        .await?;
        Ok(shards
            .into_iter()
            .flatten()
            .filter_map(|item| due(&Item::from(item)))
            .collect())
    }

    async fn attempts(&self, org: &OrgId) -> Result<Attempts, Fault> {
        match self.get(&keys::attempts(org)).await? {
            Some(item) => item.read(),
            None => Ok(Attempts::default()),
        }
    }

    async fn put_attempts(&self, org: &OrgId, attempts: &Attempts) -> Result<(), Fault> {
        let item = Item::new(keys::attempts(org)).data(attempts)?;
        self.put_all(vec![item]).await
    }
}

/// An entry of the index.
fn due(item: &Item) -> Option<Due> {
    let at = item.get_text(keys::WORK.sk)?;
    let at = DateTime::parse_from_rfc3339(at).ok()?.to_utc();
    let work = piece(item)?;
    Some(Due { at, work })
}

/// The piece of work that an entry of the index stands for, derived from its key.
fn piece(item: &Item) -> Option<Work> {
    let (pk, sk) = (item.get_text(PK)?, item.get_text(SK)?);
    if let Some((org, minute)) = keys::noticed(pk, sk) {
        return Some(Work::Notice { org, minute });
    }
    if let Some((org, source)) = keys::snapshots_of(pk) {
        let snapshot = SnapshotId::new(sk).ok()?;
        return Some(Work::Snapshot {
            org,
            source,
            snapshot,
        });
    }
    if let Some((org, source)) = keys::source_of(pk, sk).or_else(|| keys::breaker_of(pk)) {
        return Some(Work::Source { org, source });
    }
    if let Some(org) = keys::holds_of(pk) {
        let hold = HoldId::new(sk).ok()?;
        return Some(Work::Hold { org, hold });
    }
    let (org, employee_id) = keys::whose(pk)?;
    Some(Work::User { org, employee_id })
}
