//! The ledger: the issuer of the cards that no card company has issued.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use offramp_app::Fault;
use offramp_app::ports::{CancelOrder, CardIssuer, ISSUER, IssuerAnswer};

use crate::fault::fault;
use crate::keys;
use crate::table::{form, key_map};

/// A card issuer on DynamoDB. Its items are in the table of all organisations, but apart from the items of the cards.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    /// The ledger in the table `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

/// A cancellation is one conditional write. A second one is answered with [`IssuerAnswer::AlreadyCancelled`].
impl CardIssuer for Ledger {
    async fn cancel(&self, order: &CancelOrder<'_>) -> Result<IssuerAnswer, Fault> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_map(&keys::ledger(order.org, order.card_id))))
            .update_expression("SET #state = :cancelled, idempotency_key = :key, v = :v")
            .condition_expression("attribute_not_exists(#state) OR #state <> :cancelled")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":cancelled", AttributeValue::S("cancelled".to_owned()))
            .expression_attribute_values(":key", AttributeValue::S(order.idempotency_key.clone()))
            .expression_attribute_values(":v", form())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(IssuerAnswer::Cancelled),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(IssuerAnswer::AlreadyCancelled)
            }
            Err(error) => Err(fault(ISSUER, "UpdateItem", &error)),
        }
    }
}
