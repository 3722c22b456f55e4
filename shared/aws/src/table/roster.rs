//! The roster of a source: an index of its people by id, with their prints.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Page, ROSTER_SHARDS, Rosters};
use offramp_domain::{EmployeeId, OrgId, SourceId, roster};

use super::Table;
use super::item::Item;
use crate::fault::fault;
use crate::keys::{self, PRINT, ROSTER};

impl Rosters for Table {
    fn shard_of(&self, id: &EmployeeId) -> u8 {
        keys::roster_shard_of(id)
    }

    async fn roster(
        &self,
        org: &OrgId,
        source: &SourceId,
        shard: u8,
        after: Option<&str>,
    ) -> Result<Page<(EmployeeId, Vec<u8>)>, Fault> {
        let pk = keys::roster_shard(org, source, shard);
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(ROSTER.name)
            .key_condition_expression("roster_pk = :pk AND roster_sk > :after")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(
                ":after",
                AttributeValue::S(after.unwrap_or(" ").to_owned()),
            );
        let output = query
            .send()
            .await
            .map_err(|error| fault("dynamodb", "Query", &error))?;
        let more = output.last_evaluated_key.is_some();
        let items: Vec<(EmployeeId, Vec<u8>)> = output
            .items
            .unwrap_or_default()
            .into_iter()
            .filter_map(|item| {
                let item = Item::from(item);
                let id = EmployeeId::new(item.get_text(ROSTER.sk)?).ok()?;
                Some((id, item.get_bytes(PRINT).unwrap_or_default().to_vec()))
            })
            .collect();
        let next = items
            .last()
            .filter(|_| more)
            .map(|(id, _)| id.as_str().to_owned());
        Ok(Page { items, next })
    }

    async fn count_active(&self, org: &OrgId, source: &SourceId) -> Result<u32, Fault> {
        let shards = (0..ROSTER_SHARDS).map(|shard| self.active_of(org, source, shard));
        let counts = try_join_all(shards).await?;
        Ok(counts.into_iter().fold(0, u32::saturating_add))
    }
}

impl Table {
    async fn active_of(&self, org: &OrgId, source: &SourceId, shard: u8) -> Result<u32, Fault> {
        let (mut count, mut from): (u32, Option<HashMap<String, AttributeValue>>) = (0, None);
        loop {
            let pk = keys::roster_shard(org, source, shard);
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(ROSTER.name)
                .select(Select::Count)
                .key_condition_expression("roster_pk = :pk")
                .filter_expression("begins_with(#print, :active)")
                .expression_attribute_names("#print", PRINT)
                .expression_attribute_values(":pk", AttributeValue::S(pk))
                .expression_attribute_values(
                    ":active",
                    AttributeValue::B(Blob::new([roster::ACTIVE])),
                )
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| fault("dynamodb", "Query", &error))?;
            count = count.saturating_add(u32::try_from(output.count).unwrap_or_default());
            from = output.last_evaluated_key;
            if from.is_none() {
                return Ok(count);
            }
        }
    }
}
