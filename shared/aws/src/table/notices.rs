//! Notices that are not mailed yet, and the claims on messages.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Claim, Committed, CountedInvitations, DigestId, Notices, Outgoing};
use offramp_domain::{Grant, Invited, Notice, NoticeKey, OrgId};
use serde::Serialize;

use super::Table;
use super::item::{FORM, Item, form, key_map};
use super::transaction::{Expression, Parts};
use crate::fault::fault;
use crate::keys::{self, SHARDS};

/// How long a claim is kept: two days, which is longer than Lambda keeps an event for retries.
const KEEP: TimeDelta = TimeDelta::days(2);
/// How long the counted invitations are kept after the last grant: longer than the longest window, which is 30 days.
const KEEP_COUNT: TimeDelta = TimeDelta::days(32);
/// How many notices are deleted at once.
const AT_ONCE: usize = 16;

impl Notices for Table {
    async fn unsent(&self, org: &OrgId) -> Result<Vec<Outgoing>, Fault> {
        let partitions: Vec<String> = (0..SHARDS).map(|shard| keys::notices(org, shard)).collect();
        let shards = try_join_all(partitions.iter().map(|pk| self.all(pk, ""))).await?;
        shards.iter().flatten().map(outgoing).collect()
    }

    async fn stamp(
        &self,
        org: &OrgId,
        keys: &[NoticeKey],
        digest: &DigestId,
    ) -> Result<Committed, Fault> {
        let free = "attribute_exists(pk) AND (attribute_not_exists(digest) OR digest = :digest)";
        let mut parts = Parts::default();
        for key in keys {
            let stamp = Expression::new("SET digest = :digest").text(":digest", digest.as_str());
            parts.update(self, &keys::notice(org, key), stamp, Some(free))?;
        }
        self.write(parts).await
    }

    async fn remove(&self, org: &OrgId, keys: &[NoticeKey]) -> Result<(), Fault> {
        for chunk in keys.chunks(AT_ONCE) {
            try_join_all(chunk.iter().map(|key| async move {
                self.client
                    .delete_item()
                    .table_name(&self.name)
                    .set_key(Some(key_map(&keys::notice(org, key))))
                    .send()
                    .await
                    .map_err(|error| fault("dynamodb", "DeleteItem", &error))
            }))
            .await?;
        }
        Ok(())
    }

    async fn claim(
        &self,
        org: &OrgId,
        digest: &DigestId,
        recipient: &str,
        holder: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Claim, Fault> {
        let number = |at: DateTime<Utc>| AttributeValue::N(at.timestamp().to_string());
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_map(&keys::message(org, digest, recipient))))
            .update_expression(
                "SET holder = :holder, claimed_until = :until, expires = :expires, v = :v",
            )
            .condition_expression(
                "attribute_not_exists(settled) AND \
                 (attribute_not_exists(holder) OR holder = :holder OR claimed_until < :now)",
            )
            .expression_attribute_values(":holder", AttributeValue::S(holder.to_owned()))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":expires", number(now + KEEP))
            .expression_attribute_values(":v", form())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Claim::Won),
            Err(error) => error,
        };
        use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let settled = failed.item().is_some_and(|old| old.contains_key("settled"));
                Ok(if settled { Claim::Settled } else { Claim::Live })
            }
            _ => Err(fault("dynamodb", "UpdateItem", &error)),
        }
    }

    async fn settle(
        &self,
        org: &OrgId,
        digest: &DigestId,
        recipient: &str,
        result: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Fault> {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_map(&keys::message(org, digest, recipient))))
            .update_expression("SET settled = :result, expires = :expires")
            .expression_attribute_values(":result", AttributeValue::S(result.to_owned()))
            .expression_attribute_values(
                ":expires",
                AttributeValue::N((now + KEEP).timestamp().to_string()),
            )
            .send()
            .await
            .map_err(|error| fault("dynamodb", "UpdateItem", &error))?;
        Ok(())
    }

    async fn invited(&self, org: &OrgId) -> Result<CountedInvitations, Fault> {
        let Some(item) = self.get(&keys::invited(org)).await? else {
            return Ok(CountedInvitations::default());
        };
        Ok(CountedInvitations {
            rev: item.get_number("rev").unwrap_or_default(),
            invited: item.read()?,
        })
    }

    async fn grant(&self, org: &OrgId, digest: &DigestId) -> Result<Option<Grant>, Fault> {
        let item = self.get(&keys::grant(org, digest)).await?;
        item.map(|item| item.read()).transpose()
    }

    async fn grants(
        &self,
        org: &OrgId,
        digest: &DigestId,
        grant: &Grant,
        counted: (u64, &Invited),
        now: DateTime<Utc>,
    ) -> Result<Committed, Fault> {
        let (rev, invited) = counted;
        let mut parts = Parts::default();
        let count = kept("rev = :next", &to_json(invited)?, now + KEEP_COUNT);
        let count = count.number(":next", rev + 1);
        let (count, as_read) = match rev {
            0 => (count, "attribute_not_exists(pk)"),
            _ => (count.number(":rev", rev), "rev = :rev"),
        };
        parts.update(self, &keys::invited(org), count, Some(as_read))?;
        let granted = kept("", &to_json(grant)?, now + KEEP);
        let fresh = Some("attribute_not_exists(pk)");
        parts.update(self, &keys::grant(org, digest), granted, fresh)?;
        self.write(parts).await
    }
}

/// An update that writes an item with `data` until it expires: `notify` may update items, and put none.
fn kept(more: &str, data: &str, expires: DateTime<Utc>) -> Expression {
    let more = match more {
        "" => String::new(),
        more => format!(", {more}"),
    };
    let expires = u64::try_from(expires.timestamp()).unwrap_or_default();
    Expression::new(&format!(
        "SET #data = :data, v = :v, expires = :expires{more}"
    ))
    .name("#data", "data")
    .text(":data", data)
    .number(":v", FORM)
    .number(":expires", expires)
}

fn to_json<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::corrupt("serialise", error.to_string()))
}

fn outgoing(item: &Item) -> Result<Outgoing, Fault> {
    let notice: Notice = item.read()?;
    let digest = item.get_text("digest").map(DigestId::stored);
    Ok(Outgoing {
        key: notice.key(),
        notice,
        digest,
    })
}
