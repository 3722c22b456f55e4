//! Exports an organisation as JSON lines: everything that is stored, except secrets and data that soon expires.

use chrono::{DateTime, Utc};
use offramp_domain::OrgId;
use serde::Serialize;
use serde_json::{Value, json};

use super::STEP_TIME;
use crate::ports::{Archive, Position, Way};
use crate::when::instant;
use crate::{Deadline, Fault, Ports, Result, Tenant};

/// A step ends when its lines have more bytes than this. An answer of Lambda has at most 6 MB, and the last stretch
/// adds up to a page of a partition and a person.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LINES: usize = 3 * 1024 * 1024;

/// The form of the file, which its first line states.
pub(super) const FORM: u64 = 1;

/// The result of a step of an export.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The lines. The first line of the whole export describes it.
    pub lines: Vec<Value>,
    /// The position for the next step; `None` after the last.
    pub next: Option<Position>,
}

/// The next step of an export. The export is not of one instant: data that changes meanwhile is exported as it is when
/// the walk reaches it. Each page of a person's data is of one moment.
///
/// # Errors
/// A fault, after which the step is requested again.
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
