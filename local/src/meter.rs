//! Counts what calls of DynamoDB cost: asks the embedded database for the capacity units of each, as AWS counts them,
//! and adds them up.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-unit-calculations.html>

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Error;

/// What calls have cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Calls.
    pub calls: u64,
    /// Read units, of table and indexes.
    pub read: f64,
    /// Write units of the table.
    pub write: f64,
    /// Write units of the indexes.
    pub index: f64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.read += other.read;
        self.write += other.write;
        self.index += other.index;
    }
}

/// A meter; clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Cost>>);

impl Meter {
    /// What the calls have cost since the last time that this was asked.
    pub(crate) fn take(&self) -> Cost {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, cost: Cost) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += cost;
    }

    /// Stands in front of the database at `upstream` until `stop` says so, and gives its own address.
    ///
    /// # Errors
    /// [`Error::Listen`], or [`Error::Http`] where no client can be made.
    pub(crate) async fn serve(
        self,
        upstream: String,
        mut stop: watch::Receiver<bool>,
    ) -> Result<String, Error> {
        let listen = |source| Error::Listen { port: 0, source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(|source| Error::Http {
            what: upstream.clone(),
            source,
        })?;
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let (meter, http, upstream) = (self.clone(), http.clone(), upstream.clone());
            async move { meter.pass(&http, &upstream, &headers, &body).await }
        });
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move {
            let stopped = async move {
                let _ = stop.wait_for(|stop| *stop).await;
            };
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped);
            if let Err(error) = served.await {
                tracing::error!(%error, "the meter stopped");
            }
        });
        Ok(format!("http://{address}"))
    }

    async fn pass(
        &self,
        http: &reqwest::Client,
        upstream: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Response<Body> {
        let target = headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let operation = target.and_then(|target| target.rsplit('.').next());
        let mut request = http.post(upstream).body(asking(body));
        for name in [
            "content-type",
            "x-amz-target",
            "x-amz-date",
            "authorization",
        ] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let answered = async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        };
        let (status, bytes) = match answered.await {
            Ok(answered) => answered,
            Err(error) => (
                StatusCode::BAD_GATEWAY,
                error.to_string().into_bytes().into(),
            ),
        };
        self.add(cost(operation.unwrap_or_default(), &bytes));
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        let json = axum::http::HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert("content-type", json);
        response
    }
}

/// The request, asking for its cost.
fn asking(body: &[u8]) -> Vec<u8> {
    match body.strip_prefix(b"{") {
        Some(rest) => [br#"{"ReturnConsumedCapacity":"INDEXES","#, rest].concat(),
        None => body.to_vec(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    consumed_capacity: Option<Consumed>,
}

/// One table's, or that of several: here it is always the same one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Consumed {
    One(Units),
    Several(Vec<Units>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Units {
    capacity_units: f64,
    table: Option<OfTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTable {
    capacity_units: f64,
}

fn cost(operation: &str, answer: &[u8]) -> Cost {
    let reads = matches!(
        operation,
        "GetItem" | "BatchGetItem" | "TransactGetItems" | "Query" | "Scan"
    );
    let consumed = serde_json::from_slice(answer).map(|answer: Answer| answer.consumed_capacity);
    let units = match consumed {
        Ok(Some(Consumed::One(units))) => vec![units],
        Ok(Some(Consumed::Several(units))) => units,
        _ => Vec::new(),
    };
    let mut cost = Cost {
        calls: 1,
        ..Cost::default()
    };
    for one in units {
        let table = one
            .table
            .map_or(one.capacity_units, |table| table.capacity_units);
        if reads {
            cost.read += one.capacity_units;
        } else {
            cost.write += table;
            cost.index += one.capacity_units - table;
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_asked_for_its_cost_and_table_and_indexes_are_told_apart() {
        assert_eq!(
            asking(br#"{"TableName":"t"}"#),
            br#"{"ReturnConsumedCapacity":"INDEXES","TableName":"t"}"#
        );
        let written = br#"{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":9.0,
            "Table":{"CapacityUnits":8.0},"GlobalSecondaryIndexes":{"ids":{"CapacityUnits":1.0}}}]}"#;
        let cost_of = |calls, read, write, index| Cost {
            calls,
            read,
            write,
            index,
        };
        assert_eq!(
            cost("TransactWriteItems", written),
            cost_of(1, 0.0, 8.0, 1.0)
        );
        let read = br#"{"Items":[],"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}}"#;
        assert_eq!(cost("Query", read), cost_of(1, 0.5, 0.0, 0.0));
        assert_eq!(cost("Query", b"{}"), cost_of(1, 0.0, 0.0, 0.0));
    }
}
