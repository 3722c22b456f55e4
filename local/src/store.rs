//! Where a stack keeps its items: in the embedded DynamoDB, or in another that answers at an address.

use aws_stand_ins::Cloud;
use chrono::{DateTime, Utc};
use dynoxide::Item;
use reqwest::Client;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Error;
use crate::database::LocalDatabase;
use crate::template::Table;

/// The items of one stack.
#[derive(Clone)]
pub(crate) enum Store {
    /// In this process.
    Embedded(LocalDatabase),
    /// Amazon's DynamoDB Local, or what is like it.
    External(External),
}

/// A DynamoDB that somebody else started. Time to live is not turned on there, since it would go by the host's clock.
#[derive(Clone)]
pub(crate) struct External {
    client: Client,
    url: String,
    authorization: String,
    table: Table,
}

impl Store {
    /// The address of its API, and the task that serves it until `stop` says so.
    pub(crate) async fn serve(
        &self,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(String, JoinHandle<()>), Error> {
        match self {
            Self::Embedded(database) => database.serve(stop).await,
            Self::External(external) => {
                let nothing = tokio::spawn(async move {
                    let _ = stop.wait_for(|stop| *stop).await;
                });
                Ok((external.url.clone(), nothing))
            }
        }
    }

    /// A copy of all that the embedded DynamoDB stores.
    ///
    /// # Errors
    /// [`Error::Database`], always where it is another; [`Error::File`].
    pub(crate) fn image(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Embedded(database) => database.image(),
            Self::External(_) => Err(Error::Database(
                "only the embedded DynamoDB can be copied".into(),
            )),
        }
    }

    /// Puts many items into the embedded DynamoDB at once, indexes and all.
    ///
    /// # Errors
    /// [`Error::Database`], always where it is another.
    pub(crate) fn import(&self, items: Vec<Item>) -> Result<(), Error> {
        match self {
            Self::Embedded(database) => database.import(items),
            Self::External(_) => Err(Error::Database(
                "only the embedded DynamoDB takes many items at once".into(),
            )),
        }
    }

    /// Deletes the items that have expired at `now`, and says how many. The cloud is told of each before.
    pub(crate) async fn expire(&self, now: DateTime<Utc>, cloud: &Cloud) -> Result<usize, Error> {
        let expired = match self {
            Self::Embedded(database) => {
                let (database, cloud) = (database.clone(), cloud.clone());
                tokio::task::spawn_blocking(move || database.expire(now, &cloud))
                    .await
                    .map_err(|error| Error::Database(error.to_string()))?
            }
            Self::External(external) => external.expire(now, cloud).await,
        }?;
        if expired > 0 {
            cloud.written();
        }
        Ok(expired)
    }
}

impl External {
    /// Makes the table. DynamoDB Local keeps what each access key has apart, so each stack has its own.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) async fn create(
        url: &str,
        access_key: &str,
        region: &str,
        table: Table,
    ) -> Result<Self, Error> {
        let external = Self {
            client: Client::builder().no_proxy().build().map_err(failed)?,
            url: url.trim_end_matches('/').to_owned(),
            // Read for its key and region alone.
            authorization: format!(
                "AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=none"
            ),
            table,
        };
        external.call("CreateTable", &external.table.create).await?;
        Ok(external)
    }

    async fn expire(&self, now: DateTime<Utc>, cloud: &Cloud) -> Result<usize, Error> {
        let Some(attribute) = &self.table.ttl_attribute else {
            return Ok(0);
        };
        let expired = json!({
            "TableName": self.table.name,
            "ExpressionAttributeNames": {"#expires": attribute},
            "ExpressionAttributeValues": {":now": {"N": now.timestamp().to_string()}},
        });
        let mut deleted = 0;
        let mut start = Value::Null;
        loop {
            let mut scan = with(&expired, "FilterExpression", json!("#expires <= :now"));
            if !start.is_null() {
                scan = with(&scan, "ExclusiveStartKey", start);
            }
            let page = self.call("Scan", &scan).await?;
            for item in page["Items"].as_array().into_iter().flatten() {
                let delete = with(&expired, "ConditionExpression", json!("#expires <= :now"));
                let key = self.key(item);
                let delete = with(&delete, "Key", key.clone());
                cloud.expiring(&key);
                match self.call("DeleteItem", &delete).await {
                    Ok(_) => deleted += 1,
                    // One that was given more time since it was read stays.
                    Err(_) => cloud.not_expiring(&key),
                }
            }
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                return Ok(deleted);
            }
        }
    }

    fn key(&self, item: &Value) -> Value {
        let names = self.table.create["KeySchema"].as_array();
        let names = names.into_iter().flatten();
        let names = names.filter_map(|part| part["AttributeName"].as_str());
        let key: Map<_, _> = names
            .map(|name| (name.to_owned(), item[name].clone()))
            .collect();
        Value::Object(key)
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Value, Error> {
        let answer = self
            .client
            .post(&self.url)
            .header("authorization", &self.authorization)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(body.to_string())
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if !status.is_success() {
            return Err(Error::Database(format!("{operation}: {status} {text}")));
        }
        serde_json::from_str(&text).map_err(|error| Error::Database(error.to_string()))
    }
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

fn failed(error: reqwest::Error) -> Error {
    Error::Database(error.to_string())
}
