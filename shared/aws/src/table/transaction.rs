//! One `TransactWriteItems`, which writes all of its parts or none.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use offramp_app::Fault;
use offramp_app::backoff::pauses;
use offramp_app::ports::Committed;

use super::Table;
use super::item::{Item, key_map};
use crate::fault::fault;
use crate::keys::Key;

/// The parts of a transaction.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<TransactWriteItem>);

/// A condition or an update, with its values.
#[derive(Debug, Default, Clone)]
pub(super) struct Expression {
    text: String,
    values: HashMap<String, AttributeValue>,
    /// Names of attributes that are data, by their placeholders.
    names: HashMap<String, String>,
}

/// Attributes whose names are reserved words of DynamoDB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>
const RESERVED: [(&str, &str); 4] = [
    ("#status", "status"),
    ("#owner", "owner"),
    ("#open", "open"),
    ("#export", "export"),
];

/// The reserved names that the expressions mention. DynamoDB refuses names that no expression mentions.
fn names(expressions: &[&str]) -> Option<HashMap<String, String>> {
    let names: HashMap<_, _> = RESERVED
        .iter()
        .filter(|(placeholder, _)| expressions.iter().any(|text| text.contains(placeholder)))
        .map(|(placeholder, name)| ((*placeholder).to_owned(), (*name).to_owned()))
        .collect();
    (!names.is_empty()).then_some(names)
}

impl Expression {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// The same values with another text.
    pub(super) fn saying(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// Adds the name of an attribute that is data. The text mentions its placeholder.
    pub(super) fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.values
            .insert(name.to_owned(), AttributeValue::S(value.to_owned()));
        self
    }

    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        self.values
            .insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    pub(super) fn flag(mut self, name: &str, value: bool) -> Self {
        self.values
            .insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    pub(super) fn texts(mut self, name: &str, values: Vec<String>) -> Self {
        self.values
            .insert(name.to_owned(), AttributeValue::Ss(values));
        self
    }

    fn values(self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then_some(self.values)
    }
}

impl Parts {
    /// The put, if the transaction is a single put.
    pub(super) fn single_put(&self) -> Option<&Put> {
        match self.0.as_slice() {
            [only] => only.put(),
            _ => None,
        }
    }

    pub(super) fn put(
        &mut self,
        table: &Table,
        item: Item,
        when: Option<Expression>,
    ) -> Result<(), Fault> {
        let when = when.unwrap_or_default();
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(item.into()))
            .set_condition_expression((!when.text.is_empty()).then(|| when.text.clone()))
            .set_expression_attribute_names(names(&[&when.text]))
            .set_expression_attribute_values(when.values())
            .build()
            .map_err(|error| Fault::corrupt("TransactWriteItems", error.to_string()))?;
        self.0.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        table: &Table,
        key: &Key,
        when: Option<Expression>,
    ) -> Result<(), Fault> {
        let when = when.unwrap_or_default();
        let delete = Delete::builder()
            .table_name(&table.name)
            .set_key(Some(key_map(key)))
            .set_condition_expression((!when.text.is_empty()).then(|| when.text.clone()))
            .set_expression_attribute_names(names(&[&when.text]))
            .set_expression_attribute_values(when.values())
            .build()
            .map_err(|error| Fault::corrupt("TransactWriteItems", error.to_string()))?;
        self.0
            .push(TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }

    /// Adds an update. `update` and the condition `when` share their values.
    pub(super) fn update(
        &mut self,
        table: &Table,
        key: &Key,
        update: Expression,
        when: Option<&str>,
    ) -> Result<(), Fault> {
        let mut named = names(&[&update.text, when.unwrap_or_default()]);
        if !update.names.is_empty() {
            named.get_or_insert_default().extend(update.names.clone());
        }
        let update = Update::builder()
            .table_name(&table.name)
            .set_key(Some(key_map(key)))
            .update_expression(update.text.clone())
            .set_condition_expression(when.map(str::to_owned))
            .set_expression_attribute_names(named)
            .set_expression_attribute_values(update.values())
            .build()
            .map_err(|error| Fault::corrupt("TransactWriteItems", error.to_string()))?;
        self.0
            .push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    pub(super) fn check(
        &mut self,
        table: &Table,
        key: &Key,
        when: Expression,
    ) -> Result<(), Fault> {
        let check = ConditionCheck::builder()
            .table_name(&table.name)
            .set_key(Some(key_map(key)))
            .condition_expression(when.text.clone())
            .set_expression_attribute_names(names(&[&when.text]))
            .set_expression_attribute_values(when.values())
            .build()
            .map_err(|error| Fault::corrupt("TransactWriteItems", error.to_string()))?;
        self.0
            .push(TransactWriteItem::builder().condition_check(check).build());
        Ok(())
    }
}

impl Table {
    /// Writes a transaction. If another transaction writes the same item at the same moment, this one is tried again.
    /// If a condition fails, the result is [`Committed::Conflict`]. Each try has a fresh client token, and the SDK's
    /// retries of one try share it. So a lost answer is not mistaken for the write of another process.
    pub(super) async fn write(&self, parts: Parts) -> Result<Committed, Fault> {
        if let Some(put) = parts.single_put() {
            return self.put(put.clone()).await;
        }
        let mut last = None;
        for pause in pauses() {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(parts.0.clone()))
                .client_request_token(uuid::Uuid::new_v4().to_string())
                .send()
                .await;
            let error = match sent {
                Ok(_) => return Ok(Committed::Done),
                Err(error) => error,
            };
            match cancelled(&error) {
                Cancelled::Condition => return Ok(Committed::Conflict),
                Cancelled::Conflict => {
                    last = Some(fault("dynamodb", "TransactWriteItems", &error));
                    pause.wait().await;
                }
                Cancelled::Other => return Err(fault("dynamodb", "TransactWriteItems", &error)),
            }
        }
        Err(last.unwrap_or_else(|| Fault::corrupt("TransactWriteItems", "was never tried")))
    }
}

impl Table {
    /// One conditional put, which costs half as much as a transaction with one part.
    async fn put(&self, put: Put) -> Result<Committed, Fault> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Committed::Done),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(Committed::Conflict)
            }
            Err(error) => Err(fault("dynamodb", "PutItem", &error)),
        }
    }
}

/// The reason for which DynamoDB cancelled a transaction.
enum Cancelled {
    Condition,
    Conflict,
    Other,
}

type WriteError = aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

fn cancelled<R>(error: &SdkError<WriteError, R>) -> Cancelled {
    let Some(WriteError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return Cancelled::Other;
    };
    let reasons = cancelled.cancellation_reasons();
    let any = |code| reasons.iter().any(|reason| reason.code() == Some(code));
    if any("ConditionalCheckFailed") {
        Cancelled::Condition
    } else if any("TransactionConflict") {
        Cancelled::Conflict
    } else {
        Cancelled::Other
    }
}
