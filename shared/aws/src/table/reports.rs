//! Drift and the audit.

use chrono::{DateTime, Days, NaiveTime, Utc};
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Audited, Page, PolicyEntry, Reports, TakenBack};
use offramp_domain::{EmployeeId, Entry, OrgId};

use super::Table;
use super::directory::{highest, lowest, page};
use super::item::Item;
use crate::fault::fault;
use crate::keys::{self, Key, PK, SHARDS, SK};

/// The most keys in one batch read.
const BATCH: usize = 100;

/// How many days one page of the audit looks at, one after the other. It is as many as the default period of the audit.
const DAYS: usize = 31;

impl Reports for Table {
    async fn drifting(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>, Fault> {
        let from = after.map_or_else(|| lowest(""), |after| format!("{after}\u{0}"));
        let queries = (0..SHARDS)
            .map(|shard| {
                let pk = keys::drift_shard(org, shard);
                self.between(keys::DRIFT, pk, from.clone(), highest(""))
            })
            .collect();
        page(keys::DRIFT, queries, limit).await
    }

    /// Reads day by day, all partitions of a day together, until the page is full. A page looks at no more than `DAYS`
    /// days, since a client may ask for everything since the year 1. The next page continues after them.
    async fn audit(
        &self,
        org: &OrgId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Audited>, Fault> {
        let start = match after {
            Some(after) => format!("{after}\u{0}"),
            None => keys::audit_from(from),
        };
        let mut day = start
            .get(..10)
            .and_then(|day| day.parse().ok())
            .unwrap_or(from.date_naive());
        let last = until.date_naive();
        let mut found: Vec<(String, Key)> = Vec::new();
        let mut days = 0;
        while day <= last && found.len() <= limit && days < DAYS {
            days += 1;
            found.extend(self.changes_of(org, day, &start, limit + 1).await?);
            let Some(next) = day.checked_add_days(Days::new(1)) else {
                break;
            };
            day = next;
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more {
            found.last().map(|(sk, _)| sk.clone())
        } else if days == DAYS && day <= last {
            Some(keys::audit_from(day.and_time(NaiveTime::MIN).and_utc()))
        } else {
            None
        };
        let wanted: Vec<Key> = found.into_iter().map(|(_, key)| key).collect();
        let mut items = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(BATCH) {
            let read = self.batch_get(chunk).await?;
            for key in chunk {
                let item = read.iter().find(|item| {
                    item.get_text(PK) == Some(&key.pk) && item.get_text(SK) == Some(&key.sk)
                });
                items.extend(item.map(audited).transpose()?);
            }
        }
        Ok(Page { items, next })
    }
}

impl Table {
    /// The changes of one day from a sort key on, oldest first. Each has its index sort key and the key of its item.
    async fn changes_of(
        &self,
        org: &OrgId,
        day: chrono::NaiveDate,
        start: &str,
        limit: usize,
    ) -> Result<Vec<(String, Key)>, Fault> {
        let limit_each = i32::try_from(limit).unwrap_or(i32::MAX);
        let shards = try_join_all((0..SHARDS).map(|shard| {
            let pk = keys::audit_shard(org, day, shard);
            let query = self.between(keys::AUDIT, pk, start.to_owned(), highest(""));
            async move {
                let output = query
                    .limit(limit_each)
                    .send()
                    .await
                    .map_err(|error| fault("dynamodb", "Query", &error))?;
                let found = output
                    .items
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|item| {
                        let item = Item::from(item);
                        let text = |name: &str| item.get_text(name).map(str::to_owned);
                        Some((
                            text(keys::AUDIT.sk)?,
                            Key {
                                pk: text(PK)?,
                                sk: text(SK)?,
                            },
                        ))
                    });
                Ok::<Vec<_>, Fault>(found.collect())
            }
        }))
        .await?;
        let mut found: Vec<_> = shards.into_iter().flatten().collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.truncate(limit);
        Ok(found)
    }
}

fn audited(item: &Item) -> Result<Audited, Fault> {
    match item.get_text(PK).and_then(keys::whose) {
        Some((_, employee_id)) => {
            let entry: Entry = item.read()?;
            Ok(Audited::User {
                employee_id,
                entry: Box::new(entry),
            })
        }
        None if item
            .get_text(SK)
            .is_some_and(|sk| sk.starts_with(keys::ANSWER)) =>
        {
            Ok(Audited::Hold(item.read()?))
        }
        None if item
            .get_text(SK)
            .is_some_and(|sk| sk.starts_with(keys::ERASED)) =>
        {
            Ok(Audited::Erasure(item.read()?))
        }
        None if item
            .get_text(SK)
            .is_some_and(|sk| sk.starts_with(keys::SOURCE_ENTRY)) =>
        {
            Ok(Audited::Source(item.read()?))
        }
        None if item
            .get_text(SK)
            .is_some_and(|sk| sk.starts_with(keys::MACHINE_ENTRY)) =>
        {
            Ok(Audited::Machine(item.read()?))
        }
        None => {
            let entry: PolicyEntry = item.read()?;
            let (at, by) = (entry.at, entry.by);
            Ok(match entry.took_back {
                Some(TakenBack {
                    run,
                    affected,
                    at_least,
                }) => Audited::Run {
                    at,
                    by,
                    run_id: run,
                    affected,
                    at_least,
                },
                None => Audited::Settings {
                    at,
                    by,
                    from: Box::new(entry.from),
                    to: Box::new(entry.to),
                },
            })
        }
    }
}
