//! The table: the ports that DynamoDB serves.
//!
//! The code relies on these limits and guarantees of the Amazon DynamoDB Developer Guide. A transaction has at most 100
//! items and 4 MB, and is idempotent for ten minutes under one client token. A batch read has at most 100 keys and 16
//! MB, and may leave some keys unprocessed. An item has at most 400 KB.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>

mod addresses;
mod admins;
mod archive;
mod breaker;
mod cards;
mod directory;
mod feeds;
mod health;
mod item;
mod machines;
mod notices;
mod objectives;
mod policies;
mod reports;
mod roster;
mod snapshots;
mod sources;
mod transaction;
mod users;
mod work;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use offramp_app::Fault;

use crate::fault::fault;
use crate::keys::{self, Index, Key, PK, SK};
use item::Item;

pub(crate) use item::{form, key_map};

pub use archive::Stored;
pub use item::StoredForm;

/// The table of all organisations.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    form: StoredForm,
}

impl Table {
    /// The table with the name `name`. `form` is the form in which users are written.
    #[must_use]
    pub fn new(client: Client, name: String, form: StoredForm) -> Self {
        Self { client, name, form }
    }

    /// Reads an item that does not exist. The first call of an invocation then finds a connection, and code that has
    /// run.
    ///
    /// # Errors
    /// The fault of the read.
    pub async fn prime(&self) -> Result<(), Fault> {
        self.get(&keys::nothing()).await.map(drop)
    }

    /// Reads one item consistently.
    async fn get(&self, key: &Key) -> Result<Option<Item>, Fault> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(PK, AttributeValue::S(key.pk.clone()))
            .key(SK, AttributeValue::S(key.sk.clone()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| fault("dynamodb", "GetItem", &error))?;
        Ok(output.item.map(Item::from))
    }

    /// Queries all items of a partition whose sort key begins with `prefix`, consistently; all of it if that is empty.
    async fn all(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        let mut from = None;
        let begins = (!prefix.is_empty()).then(|| AttributeValue::S(prefix.to_owned()));
        let mut values = HashMap::from([(":pk".to_owned(), AttributeValue::S(pk.to_owned()))]);
        values.extend(begins.map(|prefix| (":sk".to_owned(), prefix)));
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .key_condition_expression(match prefix {
                    "" => "pk = :pk",
                    _ => "pk = :pk AND begins_with(sk, :sk)",
                })
                .set_expression_attribute_values(Some(values.clone()))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| fault("dynamodb", "Query", &error))?;
            items.extend(output.items.unwrap_or_default().into_iter().map(Item::from));
            from = output.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }

    /// A query of a partition of an index between two sort keys, both included.
    fn between(&self, index: Index, pk: String, from: String, to: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .index_name(index.name)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
            .expression_attribute_names("#pk", index.pk)
            .expression_attribute_names("#sk", index.sk)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(":to", AttributeValue::S(to))
    }
}
