//! Metrics in CloudWatch's Embedded Metric Format: CloudWatch Logs takes the values from a line of JSON in the log.
//! This costs no call and needs no permission.
//!
//! By the specification a line has the object `_aws` with an instant in milliseconds and directives. Each dimension and
//! metric of a directive is a member of the line itself. The value of a metric is a number, or an array of at most 100
//! numbers. A line may reach CloudWatch twice.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use chrono::{DateTime, Utc};
use offramp_app::metrics::{Kind, Metric, Readings, Unit};
use serde_json::{Map, Value, json};

/// The namespace of Offramp's metrics.
pub const NAMESPACE: &str = "Offramp";
/// The only dimension: the stack. A dimension for each organisation or person would be a metric of its own, which costs
/// money and would contain a name. The log events have the ids.
pub const DIMENSION: &str = "Stack";
/// The most values of one metric in a line.
const VALUES: usize = 100;

/// The lines for the readings of one invocation. Empty if there are no readings.
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

/// CloudWatch's name of a unit.
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
