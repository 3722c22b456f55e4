//! Pulses of sources, the counts of sources in observation, and rejections.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use offramp_app::Fault;
use offramp_app::ports::{Committed, Observed, Page, Pulses, Rejection, Rejections};
use offramp_domain::decide::Outcome;
use offramp_domain::{Notice, OrgId, Pulse, Refusals, SnapshotId, SourceId};

use super::Table;
use super::item::{Item, form, key_map};
use super::transaction::{Expression, Parts};
use super::users::notice_item;
use crate::fault::fault;
use crate::keys::{self, EXPIRES, PK, SK};

/// How long a rejection is kept.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);
/// The most bytes of rejections in one item. That is a quarter of an item's limit, so that a small page reads little.
const ITEM_BYTES: usize = 100_000;
/// How many items of rejections one query reads.
const ITEMS: i32 = 4;
/// The beginning of the attributes that count an outcome.
const WOULD: &str = "n_";

impl Pulses for Table {
    async fn pulse(&self, org: &OrgId, source: &SourceId) -> Result<Pulse, Fault> {
        match self.get(&keys::pulse(org, source)).await? {
            Some(item) => item.read(),
            None => Ok(Pulse::default()),
        }
    }

    async fn put_pulse(
        &self,
        org: &OrgId,
        source: &SourceId,
        pulse: &Pulse,
        notice: Option<&Notice>,
    ) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        let item = pulse_item(org, source, pulse)?;
        parts.put(self, item, Some(next(pulse.rev)))?;
        if let Some(notice) = notice {
            parts.put(self, notice_item(org, notice)?, None)?;
        }
        self.write(parts).await
    }
}

/// The condition of a write that counts up to `rev`.
fn next(rev: u64) -> Expression {
    match rev {
        1 => Expression::new("attribute_not_exists(pk)"),
        rev => Expression::new("rev = :rev").number(":rev", rev - 1),
    }
}

/// The item of a pulse. It is due work while the admins believe that the source is silent although it has delivered.
fn pulse_item(org: &OrgId, source: &SourceId, pulse: &Pulse) -> Result<Item, Fault> {
    let item = Item::new(keys::pulse(org, source))
        .number("rev", pulse.rev)
        .data(pulse)?;
    Ok(match pulse.last_at.filter(|_| pulse.is_back()) {
        Some(at) => item.indexed(keys::WORK, keys::work(org, &format!("source#{source}"), at)),
        None => item,
    })
}

impl Observed for Table {
    async fn would(&self, org: &OrgId, source: &SourceId) -> Result<BTreeMap<Outcome, u64>, Fault> {
        let Some(item) = self.get(&keys::would(org, source)).await? else {
            return Ok(BTreeMap::new());
        };
        let counts = Outcome::ALL.iter().copied().filter_map(|word| {
            let count = item.get_number(&counter(word))?;
            Some((word, count))
        });
        Ok(counts.collect())
    }

    async fn add_would(
        &self,
        org: &OrgId,
        source: &SourceId,
        counts: &BTreeMap<Outcome, u64>,
        of: Option<&SnapshotId>,
    ) -> Result<(), Fault> {
        let number = |number: u64| AttributeValue::N(number.to_string());
        let counters: Vec<String> = counts
            .keys()
            .map(|word| format!("{0} :{0}", counter(*word)))
            .collect();
        let (set, when) = match of {
            Some(_) => (
                ", last_snapshot = :of",
                Some("attribute_not_exists(last_snapshot) OR last_snapshot <> :of"),
            ),
            None => ("", None),
        };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_map(&keys::would(org, source))))
            .update_expression(format!("SET v = :v{set} ADD {}", counters.join(", ")))
            .set_condition_expression(when.map(str::to_owned))
            .expression_attribute_values(":v", form());
        for (word, count) in counts {
            update =
                update.expression_attribute_values(format!(":{}", counter(*word)), number(*count));
        }
        if let Some(of) = of {
            update = update.expression_attribute_values(":of", text(of.as_str()));
        }
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(fault("dynamodb", "UpdateItem", &error)),
        }
    }

    async fn forget_would(&self, org: &OrgId, source: &SourceId) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key_map(&keys::would(org, source))))
            .send()
            .await
            .map_err(|error| fault("dynamodb", "DeleteItem", &error))?;
        Ok(())
    }
}

fn counter(word: Outcome) -> String {
    format!("{WOULD}{}", word.as_str())
}

impl Rejections for Table {
    async fn put_rejections(
        &self,
        org: &OrgId,
        source: &SourceId,
        at: DateTime<Utc>,
        rejections: &[Rejection],
    ) -> Result<(), Fault> {
        let writer = uuid::Uuid::new_v4().simple().to_string();
        let expires = (at + KEPT_FOR).timestamp().unsigned_abs();
        let mut items = Vec::new();
        for (part, some) in in_parts(rejections)?.into_iter().enumerate() {
            let item = Item::new(keys::rejection(org, source, at, &writer, part))
                .data(&some)?
                .number(EXPIRES, expires);
            items.push(item);
        }
        self.put_all(items).await
    }

    async fn refusals(&self, org: &OrgId, source: &SourceId) -> Result<Refusals, Fault> {
        match self.get(&keys::refusals(org, source)).await? {
            Some(item) => item.read(),
            None => Ok(Refusals::default()),
        }
    }

    async fn refusals_of(
        &self,
        org: &OrgId,
        sources: &[SourceId],
    ) -> Result<Vec<(SourceId, Refusals)>, Fault> {
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = sources.iter().map(|source| keys::refusals(org, source));
        let found = self.batch_get(&wanted.collect::<Vec<_>>()).await?;
        let read = found.iter().filter_map(|item| {
            let (_, source) = keys::breaker_of(item.get_text(PK)?)?;
            Some(item.read().map(|refusals| (source, refusals)))
        });
        read.collect()
    }

    async fn put_refusals(
        &self,
        org: &OrgId,
        source: &SourceId,
        refusals: &Refusals,
        notices: &[Notice],
    ) -> Result<Committed, Fault> {
        let item = Item::new(keys::refusals(org, source))
            .number("rev", refusals.rev)
            .data(refusals)?;
        let mut parts = Parts::default();
        parts.put(self, item, Some(next(refusals.rev)))?;
        for notice in notices {
            parts.put(self, notice_item(org, notice)?, None)?;
        }
        self.write(parts).await
    }

    async fn rejections(
        &self,
        org: &OrgId,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Rejection>, Fault> {
        let (mut from, mut skip) = match after.and_then(|after| after.rsplit_once('+')) {
            Some((sk, skip)) => (sk.to_owned(), skip.parse().unwrap_or(0)),
            None => ("~".to_owned(), 0),
        };
        let mut all: Vec<Rejection> = Vec::new();
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(false)
                .limit(ITEMS)
                .key_condition_expression("pk = :pk AND sk <= :from")
                .expression_attribute_values(":pk", text(keys::rejections(org, source)))
                .expression_attribute_values(":from", text(from.clone()))
                .send()
                .await
                .map_err(|error| fault("dynamodb", "Query", &error))?;
            let last = output.last_evaluated_key.is_none();
            let items = output.items.unwrap_or_default().into_iter().map(Item::from);
            for item in items {
                let sk = item.get_text(SK).unwrap_or_default().to_owned();
                let some: Vec<Rejection> = item.read()?;
                // An item that was read to its end, or that has expired since, has nothing left for this page.
                let begin = if sk == from { skip } else { 0 };
                for (place, one) in some.into_iter().enumerate().skip(begin) {
                    if all.len() == limit {
                        let next = Some(format!("{sk}+{place}"));
                        return Ok(Page { items: all, next });
                    }
                    all.push(one);
                }
                (from, skip) = (sk, usize::MAX);
            }
            if last {
                let next = None;
                return Ok(Page { items: all, next });
            }
        }
    }
}

/// Splits rejections into parts that each fit into an item.
fn in_parts(rejections: &[Rejection]) -> Result<Vec<Vec<&Rejection>>, Fault> {
    let (mut parts, mut bytes): (Vec<Vec<&Rejection>>, usize) = (Vec::new(), 0);
    for one in rejections {
        let json = serde_json::to_string(one)
            .map_err(|error| Fault::corrupt("serialise", error.to_string()))?;
        bytes += json.len() + 1;
        match parts.last_mut() {
            Some(part) if bytes <= ITEM_BYTES => part.push(one),
            _ => {
                bytes = json.len() + 1;
                parts.push(vec![one]);
            }
        }
    }
    Ok(parts)
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}
