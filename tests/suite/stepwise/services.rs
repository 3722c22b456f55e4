//! The services behind the calls: the embedded DynamoDB, called directly, and as much of Scheduler, SES and KMS as the
//! adapters use. `local/stand-ins` refuses what AWS refuses; here each call is answered at once, thousands in a second.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::calls::{Answer, Call};

/// An armed timer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    pub(crate) at: DateTime<Utc>,
    /// The ARN of the function.
    pub(crate) target: String,
    pub(crate) input: Value,
}

/// A mail that SES has taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// What stands of all services.
pub(crate) struct Services {
    database: Database,
    /// Where the table's stream is read on.
    iterator: String,
    pub(crate) schedules: BTreeMap<String, Schedule>,
    pub(crate) mails: Vec<Mail>,
    /// The records of the stream that nobody has taken yet.
    pub(crate) records: Vec<Value>,
    /// The cards that the issuer has cancelled, each as often as it did.
    pub(crate) cancelled: Vec<String>,
}

impl Services {
    /// An empty table.
    pub(crate) fn new(create: &Value) -> Self {
        let database = Database::memory().unwrap();
        database.create_table(parsed(create)).unwrap();
        let mut services = Self {
            database,
            iterator: String::new(),
            schedules: BTreeMap::new(),
            mails: Vec::new(),
            records: Vec::new(),
            cancelled: Vec::new(),
        };
        services.follow();
        services
    }

    /// Writes all items to a file.
    pub(crate) fn save(&self, file: &Path) {
        self.database.vacuum_into(file.to_str().unwrap()).unwrap();
    }

    /// Takes the items of a file in the place of all that stands.
    pub(crate) fn restore(&mut self, file: &Path) {
        self.database.restore_from(file.to_str().unwrap()).unwrap();
        self.follow();
    }

    /// Follows the stream from now on.
    fn follow(&mut self) {
        let database = &self.database;
        let streams = shown(&database.list_streams(parsed(&json!({}))).unwrap());
        let arn = &streams["Streams"][0]["StreamArn"];
        let stream = json!({ "StreamArn": arn });
        let stream = shown(&database.describe_stream(parsed(&stream)).unwrap());
        let shards = stream["StreamDescription"]["Shards"].as_array().unwrap();
        let from = json!({
            "StreamArn": arn, "ShardId": shards.last().unwrap()["ShardId"], "ShardIteratorType": "LATEST",
        });
        let from = shown(&database.get_shard_iterator(parsed(&from)).unwrap());
        self.iterator = from["ShardIterator"].as_str().unwrap().to_owned();
        self.records.clear();
    }

    /// Does the work of a call.
    pub(crate) fn answer(&mut self, call: &Call) -> Answer {
        match call.service.as_str() {
            "dynamodb" => {
                let answer = table(&self.database, &call.operation, &call.body);
                if !call.reads() {
                    self.read_stream();
                    self.note_issuer(call, &answer);
                }
                answer
            }
            "scheduler" => self.schedule(call),
            "sesv2" => self.send(&serde_json::from_str(&call.body).unwrap()),
            "kms" => keys(&call.operation, &serde_json::from_str(&call.body).unwrap()),
            other => panic!("there is no service {other}"),
        }
    }

    /// The card ledger stands for the issuer.
    fn note_issuer(&mut self, call: &Call, answer: &Answer) {
        if call.is_the_issuers() && answer.0 == 200 {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            self.cancelled.push(body["Key"]["pk"]["S"].to_string());
        }
    }

    fn read_stream(&mut self) {
        let ask = json!({ "ShardIterator": self.iterator });
        let got = shown(&self.database.get_records(parsed(&ask)).unwrap());
        self.iterator = got["NextShardIterator"].as_str().unwrap().to_owned();
        self.records
            .extend(got["Records"].as_array().unwrap().iter().cloned());
    }

    fn schedule(&mut self, call: &Call) -> Answer {
        let path = call.path.split('?').next().unwrap();
        let name = path.rsplit('/').next().unwrap().to_owned();
        let refused = |status: u16, code: &str| {
            (
                status,
                json!({ "__type": code, "Message": name }).to_string(),
            )
        };
        if call.operation == "DELETE" {
            return match self.schedules.remove(&name) {
                Some(_) => (200, "{}".to_owned()),
                None => refused(404, "ResourceNotFoundException"),
            };
        }
        assert_eq!(call.operation, "POST", "{call:?}");
        if self.schedules.contains_key(&name) {
            return refused(409, "ConflictException");
        }
        let body: Value = serde_json::from_str(&call.body).unwrap();
        let at = body["ScheduleExpression"].as_str().unwrap();
        let at = NaiveDateTime::parse_from_str(at, "at(%Y-%m-%dT%H:%M:%S)").unwrap();
        let target = &body["Target"];
        let schedule = Schedule {
            at: at.and_utc(),
            target: target["Arn"].as_str().unwrap().to_owned(),
            input: serde_json::from_str(target["Input"].as_str().unwrap()).unwrap(),
        };
        self.schedules.insert(name, schedule);
        (200, json!({ "ScheduleArn": "arn" }).to_string())
    }

    fn send(&mut self, body: &Value) -> Answer {
        let content = &body["Content"]["Simple"];
        let to = body["Destination"]["ToAddresses"][0].as_str().unwrap();
        self.mails.push(Mail {
            to: to.to_owned(),
            subject: content["Subject"]["Data"].as_str().unwrap().to_owned(),
            text: content["Body"]["Text"]["Data"].as_str().unwrap().to_owned(),
        });
        let id = self.mails.len().to_string();
        (200, json!({ "MessageId": id }).to_string())
    }

    /// Every item of the table or of an index.
    pub(crate) fn scan(&self, table: &str, index: Option<&str>) -> Vec<Value> {
        let mut ask = json!({ "TableName": table });
        if let Some(index) = index {
            ask["IndexName"] = json!(index);
        }
        let found = shown(&self.database.scan(parsed(&ask)).unwrap());
        assert!(
            found["LastEvaluatedKey"].is_null(),
            "the table is too large for one page"
        );
        found["Items"].as_array().unwrap().clone()
    }
}

/// KMS with one key, which seals nothing: the plaintext stands beside its context.
fn keys(operation: &str, body: &Value) -> Answer {
    let context = body["EncryptionContext"].to_string();
    let answer = match operation {
        "Encrypt" => {
            let sealed = format!("{context}\n{}", body["Plaintext"].as_str().unwrap());
            json!({ "CiphertextBlob": STANDARD.encode(sealed) })
        }
        "Decrypt" => {
            let sealed = STANDARD
                .decode(body["CiphertextBlob"].as_str().unwrap())
                .unwrap();
            let sealed = String::from_utf8(sealed).unwrap();
            let (of, plaintext) = sealed.split_once('\n').unwrap();
            assert_eq!(of, context);
            json!({ "Plaintext": plaintext })
        }
        other => panic!("KMS does not {other} here"),
    };
    (200, answer.to_string())
}

/// Asks the database as its own HTTP server does.
fn table(database: &Database, operation: &str, body: &str) -> Answer {
    macro_rules! operations {
        ($($name:literal => $method:ident),* $(,)?) => {
            match operation {
                $($name => database.$method(serde_json::from_str(body).unwrap()).map(|done| text(&done)),)*
                other => panic!("the table does not {other} here"),
            }
        };
    }
    let done: Result<String, DynoxideError> = operations! {
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "DeleteItem" => delete_item,
        "GetItem" => get_item,
        "PutItem" => put_item,
        "Query" => query,
        "TransactGetItems" => transact_get_items,
        "TransactWriteItems" => transact_write_items,
        "UpdateItem" => update_item,
    };
    match done {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

fn parsed<T: DeserializeOwned>(body: &Value) -> T {
    T::deserialize(body).unwrap()
}

fn text(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap()
}

fn shown(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap()
}
