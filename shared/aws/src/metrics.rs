//! Metrics in CloudWatch's Embedded Metric Format: a line of JSON in the log, from which CloudWatch Logs
//! takes the values. It costs no call and needs no permission.
//!
//! By the specification a line has the object `_aws` with an instant in milliseconds and directives, and
//! each dimension and metric that a directive names as a member of the line itself; a metric's value is a
//! number, or at most 100 of them. A line may reach CloudWatch twice.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use chrono::{DateTime, Utc};
use offramp_app::metrics::{Kind, Metric, Readings, Unit};
use serde_json::{Map, Value, json};

/// The namespace of our metrics.
pub const NAMESPACE: &str = "Offramp";
/// Their one dimension: the stack. One for each organisation, or person, would be a metric that is paid for
/// and would have their names; the log's events have the ids.
pub const DIMENSION: &str = "Stack";
/// Values in one line.
const VALUES: usize = 100;

/// The lines that tell the readings of one invocation; none where there are none.
#[must_use]
pub fn lines(
    readings: &Readings,
    stack: &str,
    function: &str,
    request_id: &str,
    now: DateTime<Utc>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left: Vec<(Metric, &[u64])> = readings
        .iter()
        .map(|(metric, values)| (*metric, values.as_slice()))
        .collect();
    while !left.is_empty() {
        let mut line = Map::new();
        let mut named = Vec::new();
        for (metric, values) in &left {
            let values = &values[..values.len().min(VALUES)];
            named.push(json!({ "Name": metric.name(), "Unit": unit(*metric) }));
            line.insert(metric.name().to_owned(), value(*metric, values));
        }
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": named,
        });
        let aws = json!({
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [directive],
        });
        line.insert("_aws".to_owned(), aws);
        line.insert(DIMENSION.to_owned(), json!(stack));
        line.insert("function".to_owned(), json!(function));
        line.insert("request_id".to_owned(), json!(request_id));
        lines.push(Value::Object(line).to_string());
        left = left
            .into_iter()
            .map(|(metric, values)| (metric, &values[values.len().min(VALUES)..]))
            .filter(|(_, values)| !values.is_empty())
            .collect();
    }
    lines
}

fn value(metric: Metric, values: &[u64]) -> Value {
    match (metric.kind(), values) {
        (Kind::Each, values) => json!(values),
        (_, [value, ..]) => json!(value),
        (_, []) => json!(0),
    }
}

/// CloudWatch's word for a unit.
fn unit(metric: Metric) -> &'static str {
    match metric.unit() {
        Unit::Count => "Count",
        Unit::Seconds => "Seconds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offramp_app::metrics::Meter;

    fn told(meter: &Meter) -> Vec<Value> {
        let lines = lines(
            &meter.take(),
            "offramp",
            "offramp-sweep",
            "r-1",
            DateTime::UNIX_EPOCH,
        );
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    #[test]
    fn a_line_names_what_it_holds() {
        let meter = Meter::default();
        meter.record(Metric::OverdueWork, 0_u32);
        meter.record(Metric::DeactivationLag, 61_u32);
        meter.record(Metric::DeactivationLag, 7_u32);
        assert_eq!(
            told(&meter),
            [json!({
                "_aws": {
                    "Timestamp": 0,
                    "CloudWatchMetrics": [{
                        "Namespace": "Offramp",
                        "Dimensions": [["Stack"]],
                        "Metrics": [
                            { "Name": "DeactivationLag", "Unit": "Seconds" },
                            { "Name": "OverdueWork", "Unit": "Count" },
                        ],
                    }],
                },
                "Stack": "offramp",
                "function": "offramp-sweep",
                "request_id": "r-1",
                "DeactivationLag": [61, 7],
                "OverdueWork": 0,
            })]
        );
        assert!(told(&meter).is_empty());
    }

    #[test]
    fn no_line_has_more_than_a_hundred_values_of_a_metric() {
        let meter = Meter::default();
        meter.record(Metric::CardsCancelled, 9_u32);
        for lag in 0..205_u32 {
            meter.record(Metric::DeactivationLag, lag);
        }
        let lines = told(&meter);
        let count = |line: &Value| line["DeactivationLag"].as_array().map(Vec::len);
        let counts: Vec<_> = lines.iter().map(count).collect();
        assert_eq!(counts, [Some(100), Some(100), Some(5)]);
        assert_eq!(lines[0]["CardsCancelled"], 9);
        assert_eq!(lines[1].get("CardsCancelled"), None);
    }
}
