//! Breakers, holds, runs and their rolls.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_app::Fault;
use offramp_app::ports::{BreakerCommit, Breakers, Committed, HoldJoin, Page, RollOf};
use offramp_domain::hold::ROLL_KEPT;
use offramp_domain::{Breaker, Hold, HoldId, HoldState, OrgId, Roll, Run, RunId, SourceId};
use serde::de::DeserializeOwned;

use super::Table;
use super::item::Item;
use super::transaction::{Expression, Parts};
use super::users::notice_item;
use crate::fault::fault;
use crate::keys::{self, Key, SK};

/// The most parts of a roll that go into the transaction itself. A transaction has at most 4 MB, a part at most 256 KB.
const ROLLS_TOGETHER: usize = 10;
/// How many puts run at once.
const AT_ONCE: usize = 8;

impl Breakers for Table {
    async fn breaker(&self, org: &OrgId, source: &SourceId) -> Result<Breaker, Fault> {
        match self.get(&keys::breaker(org, source)).await? {
            Some(item) => item.read(),
            None => Ok(Breaker::default()),
        }
    }

    async fn commit_breaker(
        &self,
        org: &OrgId,
        commit: &BreakerCommit<'_>,
    ) -> Result<Committed, Fault> {
        let writer = writer();
        let mut rolls = Vec::with_capacity(commit.rolls.len());
        for (part, (of, roll)) in commit.rolls.iter().enumerate() {
            let key = keys::roll(org, of.as_str(), roll.seq, &writer, part);
            rolls.push(roll_item(key, roll)?);
        }
        let mut parts = Parts::default();
        if rolls.len() > ROLLS_TOGETHER {
            self.put_all(rolls).await?;
        } else {
            for roll in rolls {
                parts.put(self, roll, None)?;
            }
        }
        if let Some((source, breaker)) = commit.breaker {
            let when = match breaker.rev {
                1 => Expression::new("attribute_not_exists(pk)"),
                rev => Expression::new("rev = :rev").number(":rev", rev - 1),
            };
            parts.put(self, breaker_item(org, source, breaker)?, Some(when))?;
        }
        if let Some((hold, before)) = commit.hold {
            let when = match before {
                None => Expression::new("attribute_not_exists(pk)"),
                Some(version) => Expression::new("version = :version").number(":version", version),
            };
            parts.put(self, hold_item(org, hold)?, Some(when))?;
        }
        if let Some(run) = commit.run {
            let item = Item::new(keys::run(org, &run.run))
                .number("rev", run.rev)
                .data(run)?;
            let when = match run.rev {
                0 => Expression::new("attribute_not_exists(pk)"),
                // An earlier version wrote no number.
                1 => Expression::new(
                    "attribute_exists(pk) AND (attribute_not_exists(rev) OR rev = :rev)",
                )
                .number(":rev", 0),
                rev => Expression::new("rev = :rev").number(":rev", rev - 1),
            };
            parts.put(self, item, Some(when))?;
        }
        for notice in &commit.notices {
            parts.put(self, notice_item(org, notice)?, None)?;
        }
        if let Some(answer) = commit.answer {
            let what = format!("hold#{}#{}", answer.hold, answer.version);
            let item = Item::new(keys::answer(org, &answer.hold, answer.version))
                .data(answer)?
                .indexed(keys::AUDIT, keys::audit(org, answer.at, &what));
            parts.put(self, item, None)?;
        }
        self.write(parts).await
    }

    async fn hold(&self, org: &OrgId, hold: &HoldId) -> Result<Option<Hold>, Fault> {
        self.get(&keys::hold(org, hold))
            .await?
            .map(|item| item.read())
            .transpose()
    }

    async fn holds(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Hold>, Fault> {
        self.page(keys::holds(org), after, limit, false).await
    }

    async fn run(&self, org: &OrgId, run: &RunId) -> Result<Option<Run>, Fault> {
        self.get(&keys::run(org, run))
            .await?
            .map(|item| item.read())
            .transpose()
    }

    async fn runs(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Run>, Fault> {
        self.page(keys::runs(org), after, limit, false).await
    }

    async fn roll(
        &self,
        org: &OrgId,
        of: &RollOf,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Roll>, Fault> {
        self.page(keys::rolls(org, of.as_str()), after, limit, true)
            .await
    }
}

impl Table {
    /// Adds what people write when they join a hold: the hold and the part of its roll.
    pub(super) fn join(
        &self,
        parts: &mut Parts,
        org: &OrgId,
        HoldJoin { hold, roll }: &HoldJoin,
    ) -> Result<(), Fault> {
        let before = hold.version.saturating_sub(1);
        let when = Expression::new("version = :version").number(":version", before);
        parts.put(self, hold_item(org, hold)?, Some(when))?;
        let key = keys::roll(org, hold.hold.as_str(), roll.seq, &writer(), 0);
        parts.put(self, roll_item(key, roll)?, None)
    }

    /// A page of a partition, read consistently, from the sort key `after` on.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        pk: String,
        after: Option<&str>,
        limit: usize,
        forward: bool,
    ) -> Result<Page<T>, Fault> {
        let (condition, from) = match (after, forward) {
            (Some(after), true) => ("pk = :pk AND sk > :from", after.to_owned()),
            (Some(after), false) => ("pk = :pk AND sk < :from", after.to_owned()),
            (None, _) => ("pk = :pk AND sk > :from", " ".to_owned()),
        };
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .scan_index_forward(forward)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression(condition)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .send()
            .await
            .map_err(|error| fault("dynamodb", "Query", &error))?;
        let more = output.last_evaluated_key.is_some();
        let items: Vec<Item> = output
            .items
            .unwrap_or_default()
            .into_iter()
            .map(Item::from)
            .collect();
        let next = items
            .last()
            .filter(|_| more)
            .and_then(|item| item.get_text(SK))
            .map(str::to_owned);
        let items = items.iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// Puts items without a condition, a few at once.
    pub(super) async fn put_all(&self, items: Vec<Item>) -> Result<(), Fault> {
        stream::iter(items)
            .map(|item| async move {
                let mut parts = Parts::default();
                parts.put(self, item, None)?;
                let _ = self.write(parts).await?;
                Ok::<(), Fault>(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }
}

/// Whoever writes a part of a roll, so that two who write one number overwrite nothing.
fn writer() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The item of a part of a roll. It expires.
fn roll_item(key: Key, roll: &Roll) -> Result<Item, Fault> {
    let expires = (roll.at + ROLL_KEPT).timestamp().unsigned_abs();
    Ok(Item::new(key).data(roll)?.number(keys::EXPIRES, expires))
}

/// The item of a breaker. It is due work at the instant at which the sweep looks at its source again.
pub(super) fn breaker_item(
    org: &OrgId,
    source: &SourceId,
    breaker: &Breaker,
) -> Result<Item, Fault> {
    let item = Item::new(keys::breaker(org, source))
        .number("rev", breaker.rev)
        .data(breaker)?;
    Ok(match breaker.look_at {
        Some(at) => item.indexed(keys::WORK, keys::work(org, &format!("source#{source}"), at)),
        None => item,
    })
}

/// The item of a hold. While the hold is open, or an answer to it is not carried out, it is due work, so each sweep looks
/// at it.
fn hold_item(org: &OrgId, hold: &Hold) -> Result<Item, Fault> {
    let item = Item::new(keys::hold(org, &hold.hold))
        .number("version", hold.version)
        .data(hold)?;
    let is_work = hold.state == HoldState::Open || !hold.unfinished.is_empty();
    Ok(match is_work {
        true => {
            let since = hold.opened_at;
            item.indexed(keys::WORK, keys::work(org, hold.hold.as_str(), since))
        }
        false => item,
    })
}
