//! How fast a delivery of HR is verified and read: 5,000 employees in one signed body, in this process, which is built
//! as the functions are.

use std::hint::black_box;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use offramp_app::ports::{Connector, Headers};
use offramp_connectors::Native;
use offramp_connectors::signed::standard;
use offramp_local::signer::Signed;
use serde_json::{Value, json};

use crate::Result;
use crate::options::Options;
use crate::stats::Times;

/// Employees in the body, as many as one takes.
const EMPLOYEES: usize = 5_000;
const PASSES: usize = 200;

/// The headers of a delivery without an id.
struct Unnamed;

impl Headers for Unnamed {
    fn header(&self, _: &str) -> Option<&str> {
        None
    }
}

/// Megabytes a second, of 1,000,000 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speeds {
    /// Bytes of the body.
    pub(crate) body: usize,
    /// Verified and read.
    pub(crate) both: f64,
    /// Verified alone.
    pub(crate) verified: f64,
}

/// Measures medians.
///
/// # Errors
/// A body that is not good, which would be read otherwise.
pub(crate) fn measure(options: Options) -> Result<Speeds> {
    let body = body();
    let secret = [7_u8; 32];
    let now = Utc::now();
    let signed = Signed::new(&format!("whsec_{}", STANDARD.encode(secret)), now, &body)?;
    let headers = || standard::Signed {
        id: &signed.id,
        timestamp: &signed.timestamp,
        signature: &signed.signature,
    };
    let secrets = [secret.to_vec()];
    let (mut verified, mut both) = (Times::default(), Times::default());
    for _ in 0..options.rounds(PASSES) {
        let begun = Instant::now();
        standard::verify(headers(), black_box(&body), &secrets, now)?;
        let after = begun.elapsed();
        let request = Native.read(&Unnamed, black_box(&body))?;
        let took = begun.elapsed();
        let read = request.events.iter().filter(|one| one.is_ok());
        if read.count() != EMPLOYEES {
            return Err("an event of the body is not good".into());
        }
        verified.push(after);
        both.push(took);
    }
    let speed = |times: &Times| body.len() as f64 / 1_000.0 / times.p50();
    Ok(Speeds {
        body: body.len(),
        both: speed(&both),
        verified: speed(&verified),
    })
}

/// About a megabyte, as an HR system would send it.
fn body() -> Vec<u8> {
    let event = |number: usize| -> Value {
        json!({
            "id": format!("evt-{number:05}"),
            "occurred_at": "2026-11-22T01:14:39.354Z",
            "employee": {
                "employee_id": format!("E-{number:05}"),
                "status": if number.is_multiple_of(50) { "inactive" } else { "active" },
                "name": format!("Robin Sample {number}"),
                "email": format!("robin.{number}@acme.example"),
                "team": format!("Team {}", number % 400),
                "cost_centre": format!("{:04}", number % 900),
            },
        })
    };
    let events: Vec<Value> = (0..EMPLOYEES).map(event).collect();
    json!({ "events": events }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_about_a_megabyte_of_good_events() {
        let body = body();
        assert!((900_000..1_200_000).contains(&body.len()), "{}", body.len());
        let read = Native.read(&Unnamed, &body).unwrap();
        assert_eq!(read.events.len(), EMPLOYEES);
        assert!(read.events.iter().all(|one| one.is_ok()));
    }
}
