//! DynamoDB in this process: `dynoxide` behind a loopback port of its own.

use std::collections::BTreeMap;
use std::path::Path;

use aws_stand_ins::Cloud;
use chrono::{DateTime, Utc};
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_time_to_live::UpdateTimeToLiveRequest;
use dynoxide::{Database, DynoxideError, ImportOptions, Item};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::Error;
use crate::files::{self, TemporaryFolder};
use crate::template::Table;

/// The file in a data directory.
const FILE: &str = "dynamodb.sqlite";

/// Records of a stream that are kept.
const STREAM_RECORDS: u32 = 20_000;

/// The database and its one table.
#[derive(Clone)]
pub(crate) struct LocalDatabase {
    database: Database,
    table: Table,
}

impl LocalDatabase {
    /// Opens the database, in memory or in the folder `data`, and makes the table unless it stands there already.
    ///
    /// # Errors
    /// [`Error::Database`], also where the folder holds a table that was made from another template.
    pub(crate) fn open(data: Option<&Path>, table: Table) -> Result<Self, Error> {
        let place = match data {
            Some(folder) => {
                files::private_folder(folder)?;
                // SQLite gives its own files the mode of this one, so it is there before.
                files::own(&folder.join(FILE))?;
                folder.join(FILE).to_string_lossy().into_owned()
            }
            // In memory, and open to a second connection as well: https://www.sqlite.org/inmemorydb.html
            None => format!("file:offramp-{}?mode=memory&cache=shared", Uuid::new_v4()),
        };
        let database = Database::new(&place).map_err(refused)?;
        keep_streams_short(&place).map_err(|error| Error::Database(error.to_string()))?;
        let opened = Self { database, table };
        match opened.shape()? {
            None => opened.create()?,
            Some(shape) if shape == shape_of(&opened.table.create) => {}
            Some(_) => {
                let file = data.unwrap_or(Path::new("")).join(FILE);
                let reason =
                    "its table was made from another template.yaml; start with an empty folder";
                return Err(Error::Database(format!("{}: {reason}", file.display())));
            }
        }
        Ok(opened)
    }

    /// A copy of all that is stored, for [`Self::copy_of`].
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::File`].
    pub(crate) fn image(&self) -> Result<Vec<u8>, Error> {
        let folder = TemporaryFolder::new()?;
        let file = folder.path().join(FILE);
        let written = self.database.vacuum_into(&file.to_string_lossy());
        written.map_err(refused)?;
        std::fs::read(&file).map_err(Error::file(&file))
    }

    /// A database in memory that begins with what an image holds.
    ///
    /// # Errors
    /// [`Error::Database`], also where the image is of another template; [`Error::File`].
    pub(crate) fn copy_of(image: &[u8], table: Table) -> Result<Self, Error> {
        let folder = TemporaryFolder::new()?;
        let file = folder.path().join(FILE);
        std::fs::write(&file, image).map_err(Error::file(&file))?;
        let database = Database::memory().map_err(refused)?;
        let restored = database.restore_from(&file.to_string_lossy());
        restored.map_err(refused)?;
        let copy = Self { database, table };
        match copy.shape()? {
            Some(shape) if shape == shape_of(&copy.table.create) => Ok(copy),
            _ => Err(Error::Database(
                "the image is of another template.yaml".into(),
            )),
        }
    }

    /// Serves DynamoDB's API until `stop` says so, and gives its address.
    pub(crate) async fn serve(
        &self,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(String, JoinHandle<()>), Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listen = |source| Error::Listen { port: 0, source };
        let listener = listener.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let database = self.database.clone();
        let task = tokio::spawn(async move {
            let stopped = async move {
                let _ = stop.wait_for(|stop| *stop).await;
            };
            let served = dynoxide::server::serve_with_shutdown(listener, database, stopped).await;
            if let Err(error) = served {
                tracing::error!(%error, "the embedded DynamoDB stopped");
            }
        });
        Ok((format!("http://{address}"), task))
    }

    /// Deletes the items that have expired at `now`, and says how many. The cloud is told of each before, by its key.
    ///
    /// DynamoDB does this by itself, within days; its emulator has a sweep for it, but that reads the host's clock, which
    /// is not the stack's.
    pub(crate) fn expire(&self, now: DateTime<Utc>, cloud: &Cloud) -> Result<usize, Error> {
        let Some(attribute) = &self.table.ttl_attribute else {
            return Ok(0);
        };
        let mut expired = 0;
        let mut start = Value::Null;
        loop {
            let page = self.database.scan(request(json!({
                "TableName": self.table.name,
                "FilterExpression": "#expires <= :now",
                "ExpressionAttributeNames": {"#expires": attribute},
                "ExpressionAttributeValues": {":now": {"N": now.timestamp().to_string()}},
                "ExclusiveStartKey": start,
            }))?);
            let page = page.map_err(refused)?;
            for item in page.items.unwrap_or_default() {
                expired += usize::from(self.delete_expired(&item, attribute, now, cloud)?);
            }
            match page.last_evaluated_key {
                Some(key) => start = document(&key)?,
                None => return Ok(expired),
            }
        }
    }

    /// Deletes an item unless it was given more time since it was read.
    fn delete_expired(
        &self,
        item: &Item,
        attribute: &str,
        now: DateTime<Utc>,
        cloud: &Cloud,
    ) -> Result<bool, Error> {
        let item = document(item)?;
        let names = self.table.create["KeySchema"]
            .as_array()
            .into_iter()
            .flatten();
        let names = names.filter_map(|part| part["AttributeName"].as_str());
        let key: Map<_, _> = names
            .map(|name| (name.to_owned(), item[name].clone()))
            .collect();
        let key = Value::Object(key);
        cloud.expiring(&key);
        let deleted = self
            .database
            .delete_item(request::<DeleteItemRequest>(json!({
                "TableName": self.table.name,
                "Key": key,
                "ConditionExpression": "#expires <= :now",
                "ExpressionAttributeNames": {"#expires": attribute},
                "ExpressionAttributeValues": {":now": {"N": now.timestamp().to_string()}},
            }))?);
        match deleted {
            Ok(_) => Ok(true),
            Err(DynoxideError::ConditionalCheckFailedException(..)) => {
                cloud.not_expiring(&key);
                Ok(false)
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Puts many items at once, unconditionally, indexes and all.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) fn import(&self, items: Vec<Item>) -> Result<(), Error> {
        let options = ImportOptions::default();
        let imported = self.database.import_items(&self.table.name, items, options);
        imported.map(drop).map_err(refused)
    }

    fn create(&self) -> Result<(), Error> {
        let create: CreateTableRequest = request(self.table.create.clone())?;
        self.database.create_table(create).map_err(refused)?;
        if let Some(attribute) = &self.table.ttl_attribute {
            let update: UpdateTimeToLiveRequest = request(json!({
                "TableName": self.table.name,
                "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
            }))?;
            self.database.update_time_to_live(update).map_err(refused)?;
        }
        Ok(())
    }

    /// The keys of the table that stands, and of its indexes.
    fn shape(&self) -> Result<Option<BTreeMap<String, Value>>, Error> {
        let describe: DescribeTableRequest = request(json!({"TableName": self.table.name}))?;
        match self.database.describe_table(describe) {
            Ok(described) => Ok(Some(shape_of(&document(&described)?["Table"]))),
            Err(DynoxideError::ResourceNotFoundException(..)) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }
}

/// `dynoxide` keeps the records of a stream for ever, and looks through all of them at each write for the number of the
/// next. At AWS they are kept for a day; here the latest are, and found by an index.
fn keep_streams_short(place: &str) -> rusqlite::Result<()> {
    let connection = rusqlite::Connection::open(place)?;
    connection.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS offramp_stream
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         CREATE TRIGGER IF NOT EXISTS offramp_stream_end AFTER INSERT ON _stream_records
             BEGIN DELETE FROM _stream_records WHERE id <= NEW.id - {STREAM_RECORDS}; END;"
    ))
}

/// The keys of a table and of each global index, by the index's name; the table's own have none.
fn shape_of(table: &Value) -> BTreeMap<String, Value> {
    let indexes = table["GlobalSecondaryIndexes"]
        .as_array()
        .into_iter()
        .flatten();
    indexes
        .map(|index| {
            (
                index["IndexName"].as_str().unwrap_or_default().to_owned(),
                index["KeySchema"].clone(),
            )
        })
        .chain([(String::new(), table["KeySchema"].clone())])
        .collect()
}

fn request<T: DeserializeOwned>(body: Value) -> Result<T, Error> {
    serde_json::from_value(body).map_err(|error| Error::Database(error.to_string()))
}

fn document(answer: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(|error| Error::Database(error.to_string()))
}

fn refused(error: DynoxideError) -> Error {
    Error::Database(error.to_string())
}

#[cfg(test)]
mod tests {
    use aws_stand_ins::{Clock, CloudConfig};
    use dynoxide::actions::get_records::GetRecordsRequest;
    use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;

    use super::*;
    use crate::template::{Names, Template};

    fn table() -> Table {
        let template = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
";
        let names = Names::local("test");
        Template::parse(template)
            .unwrap()
            .resolve(&names)
            .unwrap()
            .table
    }

    fn put(database: &LocalDatabase, pk: &str, expires: Option<i64>) {
        let mut item = json!({"pk": {"S": pk}});
        if let Some(expires) = expires {
            item["expires"] = json!({"N": expires.to_string()});
        }
        let put = json!({"TableName": database.table.name, "Item": item});
        database.database.put_item(request(put).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn expiry_goes_by_the_given_clock() {
        let config = CloudConfig::new(Clock::running());
        let cloud = Cloud::start(config).await.unwrap();
        let database = LocalDatabase::open(None, table()).unwrap();
        let now: DateTime<Utc> = "2040-01-01T00:00:00Z".parse().unwrap();
        put(&database, "past", Some(now.timestamp()));
        put(&database, "to come", Some(now.timestamp() + 1));
        put(&database, "for ever", None);
        assert_eq!(
            database
                .expire(now - chrono::TimeDelta::hours(1), &cloud)
                .unwrap(),
            0
        );
        assert_eq!(database.expire(now, &cloud).unwrap(), 1);
        assert_eq!(database.expire(now, &cloud).unwrap(), 0);
    }

    /// Fails where a new `dynoxide` keeps its records elsewhere: without the index each write is slower than the last.
    #[test]
    fn the_latest_records_of_the_stream_are_kept() {
        let database = LocalDatabase::open(None, table()).unwrap();
        for number in 0..STREAM_RECORDS + 10 {
            put(&database, &number.to_string(), None);
        }
        let database = &database.database;
        let streams = database.list_streams(request(json!({})).unwrap()).unwrap();
        let stream = document(&streams).unwrap()["Streams"][0]["StreamArn"].clone();
        let described = json!({ "StreamArn": stream });
        let described = database.describe_stream(request(described).unwrap());
        let described = document(&described.unwrap()).unwrap();
        let shard = described["StreamDescription"]["Shards"][0]["ShardId"].clone();
        let begin: GetShardIteratorRequest = request(json!({
            "StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
        }))
        .unwrap();
        let iterator = database.get_shard_iterator(begin).unwrap();
        let first: GetRecordsRequest = request(json!({
            "ShardIterator": iterator.shard_iterator, "Limit": 1,
        }))
        .unwrap();
        let first = document(&database.get_records(first).unwrap()).unwrap();
        assert_eq!(first["Records"][0]["dynamodb"]["Keys"]["pk"]["S"], "10");
    }

    #[test]
    fn a_folder_of_another_template_is_refused() {
        let folder = std::env::temp_dir().join(format!("offramp-database-{}", std::process::id()));
        drop(LocalDatabase::open(Some(&folder), table()).unwrap());
        drop(LocalDatabase::open(Some(&folder), table()).unwrap());
        let mut other = table();
        other.create["KeySchema"][0]["AttributeName"] = json!("id");
        let error = LocalDatabase::open(Some(&folder), other).err().unwrap();
        assert!(
            error.to_string().contains("another template.yaml"),
            "{error}"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
