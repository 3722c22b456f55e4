//! Lists of people: a query of each shard of an index, merged in order.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use chrono::NaiveDate;
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Directory, Lookalikes, Page};
use offramp_domain::{EmployeeId, OrgId, Status};

use super::Table;
use super::item::Item;
use crate::fault::fault;
use crate::keys::{self, Index, PK, SHARDS};

/// The highest character: it sorts after every other.
const LAST: char = '\u{10ffff}';

impl Directory for Table {
    async fn people(
        &self,
        org: &OrgId,
        statuses: &[Status],
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>, Fault> {
        let from = match after {
            // The lowest sort key after this one.
            Some(after) => format!("{after}\u{0}"),
            None => lowest(prefix),
        };
        if from > highest(prefix) {
            return Ok(nobody());
        }
        let partitions = statuses
            .iter()
            .flat_map(|status| (0..SHARDS).map(|shard| keys::people_shard(org, *status, shard)));
        let queries = partitions
            .map(|pk| self.between(keys::PEOPLE, pk, from.clone(), highest(prefix)))
            .collect();
        page(keys::PEOPLE, queries, limit).await
    }

    async fn leaving(
        &self,
        org: &OrgId,
        until: Option<NaiveDate>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>, Fault> {
        let from = after.map_or_else(|| lowest(""), |after| format!("{after}\u{0}"));
        let to = until.map_or_else(|| highest(""), |until| highest(&until.to_string()));
        let queries = (0..SHARDS)
            .map(|shard| {
                let pk = keys::leaving_shard(org, shard);
                self.between(keys::LEAVING, pk, from.clone(), to.clone())
            })
            .collect();
        page(keys::LEAVING, queries, limit).await
    }

    async fn by_email(
        &self,
        org: &OrgId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>, Fault> {
        let pks = (0..SHARDS).map(|shard| keys::mail_shard(org, shard));
        self.starting(keys::MAIL, pks, prefix, after, limit).await
    }

    async fn by_id(
        &self,
        org: &OrgId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>, Fault> {
        let pks = (0..SHARDS).map(|shard| keys::ids_shard(org, shard));
        self.starting(keys::IDS, pks, prefix, after, limit).await
    }

    async fn with_email(&self, org: &OrgId, email: &str) -> Result<Vec<EmployeeId>, Fault> {
        let key = keys::exact_mail(org, email);
        let limit = offramp_app::ports::USERS_PER_READ;
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let pk = std::iter::once(key.pk.clone());
            let found = self
                .starting(keys::MAIL, pk, &key.sk, after.as_deref(), limit)
                .await?;
            ids.extend(found.items);
            after = found.next;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }
}

impl Lookalikes for Table {
    async fn alike(
        &self,
        org: &OrgId,
        likenesses: &BTreeSet<String>,
    ) -> Result<Vec<EmployeeId>, Fault> {
        let shards = (0..SHARDS).map(|shard| async move {
            let pk = keys::ids_shard(org, shard);
            let query = self.between(keys::IDS, pk, lowest(""), highest(""));
            let mut pages = query.into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| fault("dynamodb", "Query", &error))?;
                let items = page.items.unwrap_or_default().into_iter().map(Item::from);
                let ids = items.filter_map(|item| Some(keys::whose(item.get_text(PK)?)?.1));
                found.extend(ids.filter(|id| likenesses.contains(&id.likeness())));
            }
            Ok::<_, Fault>(found)
        });
        Ok(try_join_all(shards).await?.concat())
    }

    async fn at_address(&self, org: &OrgId, email: &str) -> Result<Vec<EmployeeId>, Fault> {
        self.with_email(org, email).await
    }
}

impl Table {
    async fn starting(
        &self,
        index: Index,
        pks: impl Iterator<Item = String>,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>, Fault> {
        let from = after.map_or_else(|| lowest(prefix), |after| format!("{after}\u{0}"));
        if from > highest(prefix) {
            return Ok(nobody());
        }
        let queries = pks
            .map(|pk| self.between(index, pk, from.clone(), highest(prefix)))
            .collect();
        page(index, queries, limit).await
    }
}

/// The lowest sort key with this prefix. A sort key is never empty, and no folded name begins below a space.
pub(super) fn lowest(prefix: &str) -> String {
    if prefix.is_empty() {
        "\u{1}".to_owned()
    } else {
        prefix.to_owned()
    }
}

pub(super) fn highest(prefix: &str) -> String {
    format!("{prefix}{LAST}")
}

/// The page after the last person. It needs no query: DynamoDB refuses a range that begins after its end.
fn nobody() -> Page<EmployeeId> {
    Page {
        items: Vec::new(),
        next: None,
    }
}

/// One page over all partitions together. The last sort key on the page is the cursor of the next page.
pub(super) async fn page(
    index: Index,
    queries: Vec<QueryFluentBuilder>,
    limit: usize,
) -> Result<Page<EmployeeId>, Fault> {
    let mut found = gather(index, queries, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more {
        found.last().map(|(sk, _)| sk.clone())
    } else {
        None
    };
    Ok(Page {
        items: found.into_iter().map(|(_, id)| id).collect(),
        next,
    })
}

/// The first `limit` people of all partitions together. Each partition is asked for `limit` people, because all of them
/// may be in one.
async fn gather(
    index: Index,
    queries: Vec<QueryFluentBuilder>,
    limit: usize,
) -> Result<Vec<(String, EmployeeId)>, Fault> {
    let limit_each = i32::try_from(limit).unwrap_or(i32::MAX);
    let answers = try_join_all(queries.into_iter().map(|query| async move {
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
                let sk = item.get_text(index.sk)?.to_owned();
                let (_, id) = keys::whose(item.get_text(PK)?)?;
                Some((sk, id))
            });
        Ok::<Vec<_>, Fault>(found.collect())
    }))
    .await?;
    let mut found: Vec<_> = answers.into_iter().flatten().collect();
    found.sort();
    found.truncate(limit);
    Ok(found)
}
