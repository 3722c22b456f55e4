//! The table's stream: it hands over commits that leave cards, objectives or a notice to do.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use offramp_app::Deadline;
use offramp_app::engine::terminate::{Handed, handed_over};
use offramp_aws::{Terminating, keys};
use offramp_domain::{EmployeeId, Generation, OrgId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many people are worked on at once: all of a batch, which has 5 records at most (`BatchSize` in `template.yaml`).
const AT_ONCE: usize = 5;

/// Records of the stream.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The records, in the order of each item's changes.
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    dynamodb: Images,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    sequence_number: String,
    keys: Value,
    #[serde(default)]
    new_image: Value,
    #[serde(default)]
    old_image: Value,
}

/// The failed records. Lambda hands over the first of them again, with all records after it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// A user with pending work, and the generation that left the work.
type Work = (OrgId, EmployeeId, Generation);

impl Images {
    /// The work that this write has left; `None` if it left none, or the write before had left it already. The
    /// comparison of the two images does not rely on the stream's filter. The filter lets fewer records through: a deletion
    /// right after a deactivation has `todo` in both images, and the run for the first record finishes the deletion too.
    fn work(&self) -> Result<Option<Work>, String> {
        let todo = |image: &Value| {
            let number = image[keys::TODO]["N"].as_str().map(str::parse::<u64>);
            number.transpose().map_err(|error| error.to_string())
        };
        let Some(now) = todo(&self.new_image)? else {
            return Ok(None);
        };
        if todo(&self.old_image)? == Some(now) {
            return Ok(None);
        }
        let partition = self.keys[keys::PK]["S"].as_str().unwrap_or_default();
        let (org, id) = keys::whose(partition).ok_or("it is no user's")?;
        Ok(Some((org, id, Generation(now))))
    }
}

/// Does the work of each person in the batch. If one person fails, the others continue.
pub(crate) async fn take(env: &Terminating, batch: &Batch, deadline: Deadline) -> Failures {
    let mut failed = Vec::new();
    let mut people: BTreeMap<(OrgId, EmployeeId), (Generation, Vec<&str>)> = BTreeMap::new();
    for record in &batch.records {
        let record = &record.dynamodb;
        match record.work() {
            Ok(None) => {}
            Ok(Some((org, id, generation))) => {
                let entry = people.entry((org, id));
                let (latest, records) = entry.or_insert_with(|| (generation, Vec::new()));
                *latest = generation.max(*latest);
                records.push(&record.sequence_number);
            }
            Err(reason) => {
                tracing::error!(
                    sequence = record.sequence_number,
                    reason,
                    "a record that cannot be read"
                );
                failed.push(record.sequence_number.as_str());
            }
        }
    }
    let not_done: Vec<Vec<&str>> = stream::iter(people)
        .map(|((org, id), (generation, records))| async move {
            match one(env, &org, &id, generation, deadline).await {
                true => Vec::new(),
                false => records,
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    failed.extend(not_done.into_iter().flatten());
    failed.sort_unstable();
    let failure = |sequence: &str| Failure {
        item_identifier: sequence.to_owned(),
    };
    Failures {
        batch_item_failures: failed.into_iter().map(failure).collect(),
    }
}

/// Does the work of one person. Returns true if the stream need not hand it over again.
async fn one(
    env: &Terminating,
    org: &OrgId,
    id: &EmployeeId,
    generation: Generation,
    deadline: Deadline,
) -> bool {
    match handed_over(&env.of(org), id, generation, deadline).await {
        Ok(Handed::Done { cards }) => {
            tracing::info!(%org, employee_id = %id, cards, "terminated");
            true
        }
        Ok(Handed::Left { reason }) => {
            tracing::warn!(%org, employee_id = %id, reason, "left to the finishing timer");
            true
        }
        Err(error) => {
            tracing::error!(%org, employee_id = %id, %error, "work of the stream failed");
            // The stream does not repeat a permanent error, which would end in its queue. The finishing timer meets the
            // error too, and ends in a queue of its own.
            !error.is_retryable()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn images(pk: &str, old: &Value, new: &Value) -> Images {
        let image = |todo: &Value| match todo {
            Value::Null => json!({ "pk": { "S": pk } }),
            todo => json!({ "pk": { "S": pk }, "todo": { "N": todo } }),
        };
        serde_json::from_value(json!({
            "SequenceNumber": "1",
            "Keys": { "pk": { "S": pk }, "sk": { "S": "U" } },
            "OldImage": image(old),
            "NewImage": image(new),
        }))
        .unwrap()
    }

    #[test]
    fn work_is_what_the_new_image_has_and_the_old_one_has_not() {
        let work = |old: Value, new: Value| images("O#acme#U#E-1", &old, &new).work();
        let generation = |work: Result<Option<Work>, String>| work.unwrap().map(|work| work.2.0);
        assert_eq!(generation(work(json!(null), json!("3"))), Some(3));
        // The user was deactivated, and then deleted before any other write.
        assert_eq!(generation(work(json!("3"), json!("4"))), Some(4));
        assert_eq!(generation(work(json!("3"), json!("3"))), None);
        assert_eq!(generation(work(json!("3"), json!(null))), None);
        assert_eq!(generation(work(json!(null), json!(null))), None);
        let (org, id, _) = work(json!(null), json!("3")).unwrap().unwrap();
        assert_eq!((org.as_str(), id.as_str()), ("acme", "E-1"));
    }

    #[test]
    fn a_deletion_and_an_insertion_have_one_image() {
        let removed: Images = serde_json::from_value(json!({
            "SequenceNumber": "1",
            "Keys": { "pk": { "S": "O#acme#U#E-1" } },
            "OldImage": { "todo": { "N": "3" } },
        }))
        .unwrap();
        assert_eq!(removed.work(), Ok(None));
        let inserted: Images = serde_json::from_value(json!({
            "SequenceNumber": "1",
            "Keys": { "pk": { "S": "O#acme#U#E-1" } },
            "NewImage": { "todo": { "N": "3" } },
        }))
        .unwrap();
        assert!(inserted.work().unwrap().is_some());
    }

    #[test]
    fn what_is_no_users_is_not_guessed_at() {
        assert!(
            images("O#acme#N#3", &json!(null), &json!("3"))
                .work()
                .is_err()
        );
        let wrong = images("O#acme#U#E-1", &json!(null), &json!("soon"));
        assert!(wrong.work().is_err());
    }
}
