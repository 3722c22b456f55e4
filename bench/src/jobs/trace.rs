//! The calls of a job, one by one: to see which of them wait for which.

use std::fmt::Write;
use std::time::Instant;

use serde_json::Value;

use super::sample::chain;
use crate::book::Call;
use crate::stats::ms;

/// Lines that are shown of a job.
const LINES: usize = 250;
/// Items that are named of a call.
const ITEMS: usize = 8;

/// The calls in the order in which they came: from when to when, in milliseconds after the first; a star for those of
/// the longest chain; what they are about.
pub(super) fn trace(calls: &[Call]) -> String {
    let mut text = String::new();
    let Some(first) = calls.first().map(|call| call.begun) else {
        return "  no calls\n".to_owned();
    };
    let chain = chain(calls);
    for (place, call) in calls.iter().take(LINES).enumerate() {
        let at = |time: Instant| ms(time.saturating_duration_since(first));
        let ended = call
            .ended
            .map_or("…".to_owned(), |end| format!("{:.1}", at(end)));
        let star = if chain.contains(&place) { '*' } else { ' ' };
        let _ = writeln!(
            text,
            "  {star} {:>7.1} – {ended:>7} {:<9} {:<19} {}",
            at(call.begun),
            call.service,
            call.operation,
            about(&call.body),
        );
    }
    if let Some(more) = calls.len().checked_sub(LINES).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}

/// The keys of the items that a call of DynamoDB names, or what else it is about.
fn about(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut items = Vec::new();
    items.extend(key(&body["Key"]));
    items.extend(key(&body["Item"]));
    for request in body["RequestItems"].as_object().into_iter().flatten() {
        let keys = request.1["Keys"].as_array().into_iter().flatten();
        items.extend(keys.filter_map(key));
        let writes = request.1.as_array().into_iter().flatten();
        for write in writes.filter_map(Value::as_object).flatten() {
            items.extend(key(&write.1["Key"]));
            items.extend(key(&write.1["Item"]));
        }
    }
    let writes = body["TransactItems"].as_array().into_iter().flatten();
    for (kind, write) in writes.filter_map(Value::as_object).flatten() {
        let item = key(&write["Key"]).or_else(|| key(&write["Item"]));
        items.extend(item.map(|item| format!("{kind} {item}")));
    }
    if let Some(condition) = body["KeyConditionExpression"].as_str() {
        let values = body["ExpressionAttributeValues"].as_object();
        let values = values
            .into_iter()
            .flatten()
            .filter_map(|one| one.1["S"].as_str());
        let index = body["IndexName"].as_str().unwrap_or("the table");
        items.push(format!(
            "{index}: {condition}: {}",
            values.collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(input) = body["Target"]["Input"].as_str() {
        items.push(input.to_owned());
    }
    let all = items.len();
    items.truncate(ITEMS);
    let mut text = items.join("; ");
    if all > ITEMS {
        let _ = write!(text, "; {all} in all");
    }
    text
}

fn key(item: &Value) -> Option<String> {
    let part = |name: &str| item[name]["S"].as_str();
    Some(format!("{} / {}", part("pk")?, part("sk")?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::body::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_says_which_items_it_is_about() {
        let item = |pk: &str, sk: &str| json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let about = |body: Value| super::about(body.to_string().as_bytes());
        assert_eq!(about(json!({ "Key": item("a", "b") })), "a / b");
        assert_eq!(about(json!({ "Item": item("a", "b") })), "a / b");
        let keys: Vec<_> = (0..10)
            .map(|number| item("a", &number.to_string()))
            .collect();
        let read = about(json!({ "RequestItems": { "table": { "Keys": keys } } }));
        assert!(
            read.starts_with("a / 0; a / 1") && read.ends_with("; 10 in all"),
            "{read}"
        );
        let written = json!([{ "Put": { "Item": item("a", "b") } }, { "ConditionCheck": { "Key": item("c", "d") } }]);
        assert_eq!(
            about(json!({ "TransactItems": written })),
            "Put a / b; ConditionCheck c / d"
        );
        let query = json!({ "IndexName": "work", "KeyConditionExpression": "work_pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": "W#1" } } });
        assert_eq!(about(query), "work: work_pk = :pk: W#1");
        assert_eq!(about(json!({ "Target": { "Input": "{}" } })), "{}");
        assert_eq!(super::about(b""), "");
    }

    #[test]
    fn the_chain_is_starred() {
        let begun = Instant::now();
        let call = |from, to: Option<u64>| Call {
            service: "dynamodb".to_owned(),
            operation: "GetItem".to_owned(),
            body: Bytes::new(),
            begun: begun + Duration::from_millis(from),
            ended: to.map(|to| begun + Duration::from_millis(to)),
        };
        let text = trace(&[call(0, Some(4)), call(0, Some(6)), call(5, None)]);
        let stars: Vec<_> = text.lines().map(|line| &line[2..3]).collect();
        assert_eq!(stars, ["*", " ", "*"], "{text}");
        assert!(text.contains("5.0 –       … dynamodb"), "{text}");
        assert_eq!(trace(&[]), "  no calls\n");
    }
}
