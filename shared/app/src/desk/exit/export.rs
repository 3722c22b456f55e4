//! An organisation as JSON lines: all that is stored of it, but no secret, and nothing that is gone soon anyway.

use chrono::{DateTime, Utc};
use offramp_domain::OrgId;
use serde::Serialize;
use serde_json::{Value, json};

use super::STEP_TIME;
use crate::ports::{Archive, Position, Way};
use crate::when::instant;
use crate::{Deadline, Fault, Ports, Result, Tenant};

/// Bytes of lines in a step, beyond which it ends: an answer of Lambda has 6 MB at most, and the last
/// stretch adds what a partition's page and a person may have.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LINES: usize = 3 * 1024 * 1024;

/// The form of the file: what its first line says.
pub(super) const FORM: u64 = 1;

/// A step of an export.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The lines; the first of all says what it is.
    pub lines: Vec<Value>,
    /// From where to ask for the next step; `None` after the last.
    pub next: Option<Position>,
}

/// The next step of an export. It is not of one instant: what changes meanwhile is in it as it was
/// when it was reached, each person as of one moment.
///
/// # Errors
/// A fault; the step is asked for again.
pub async fn export<P: Ports>(
    tenant: &Tenant<'_, P>,
    from: Option<Position>,
    deadline: Deadline,
) -> Result<Exported>
where
    P::Store: Archive,
{
    let mut lines = Vec::new();
    let mut bytes = 0;
    if from.is_none() {
        lines.push(header(tenant.org, tenant.clock.now()));
    }
    let mut next = Some(from.unwrap_or_default());
    while let Some(at) = &next {
        if bytes > LINES || !deadline.leaves(STEP_TIME) {
            break;
        }
        let stretch = tenant.store.stretch(tenant.org, at, Way::In).await?;
        for item in &stretch.items {
            if let Some(line) = tenant.store.line(tenant.org, item)? {
                bytes += size(&line)?;
                lines.push(line);
            }
        }
        next = stretch.next;
    }
    Ok(Exported { lines, next })
}

fn header(org: &OrgId, now: DateTime<Utc>) -> Value {
    json!({
        "kind": "export",
        "v": FORM,
        "id": uuid::Uuid::new_v4().to_string(),
        "org": org,
        "at": instant(now),
    })
}

fn size(line: &Value) -> Result<usize> {
    let text = serde_json::to_string(line);
    Ok(text
        .map_err(|error| Fault::corrupt("export", error.to_string()))?
        .len())
}
