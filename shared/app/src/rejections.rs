//! Records that were rejected, kept so that whoever looks after a source can mend them: where each was
//! and why, never what was in it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, Event, EventId, OrgId, SourceId};

use crate::metrics::Metric;
use crate::ports::{Rejection, Rejections};
use crate::pulse::beside;
use crate::{Deadline, Env};

/// Keeps what was rejected, and counts it. Where it cannot be kept that is logged: the answer to the
/// delivery names each of them as well. A delivery that comes again is kept again.
pub async fn keep<S: Rejections, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &SourceId,
    rejections: Vec<Rejection>,
    deadline: Deadline,
) {
    if rejections.is_empty() {
        return;
    }
    let count = u64::try_from(rejections.len()).unwrap_or(u64::MAX);
    env.meter.record(Metric::RecordsRejected, count);
    tracing::warn!(
        metric = "rejected_records",
        count,
        %org,
        %source,
        "records were rejected"
    );
    let at = env.clock.now();
    let written = async {
        let store = &env.store;
        Ok(store.put_rejections(org, source, at, &rejections).await?)
    };
    beside(org, source, "what was rejected", deadline, written).await;
}

/// As much of a record as is kept when it is rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The sender's name of the event.
    pub event_id: Option<EventId>,
    /// The instant that it speaks of.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl About {
    /// Of an event that could be read.
    #[must_use]
    pub fn event(event: &Event) -> Self {
        match event {
            Event::Hr { event, .. } => Self {
                event_id: event.id.clone(),
                occurred_at: Some(event.occurred_at),
            },
            Event::Missing { at, .. } => Self {
                event_id: None,
                occurred_at: Some(*at),
            },
            _ => Self::default(),
        }
    }

    /// The rejection of it.
    #[must_use]
    pub fn rejected(
        self,
        at: DateTime<Utc>,
        employee_id: Option<&str>,
        reason: Option<&str>,
    ) -> Rejection {
        Rejection {
            at,
            employee_id: employee_id.and_then(|id| EmployeeId::new(id).ok()),
            event_id: self.event_id,
            occurred_at: self.occurred_at,
            snapshot_id: None,
            reason: without_values(reason.unwrap_or("is invalid")).into_owned(),
        }
    }
}

/// A reason without the value that it quotes: a parser says what it met.
fn without_values(reason: &str) -> Cow<'_, str> {
    let met = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|said| reason.find(said).map(|at| at + said.len()));
    let (Some(from), Some(to)) = (met, reason.rfind(", expected ")) else {
        return Cow::Borrowed(reason);
    };
    match reason.get(from..to).and_then(|met| met.find(['`', '"'])) {
        Some(quoted) => {
            let (kind, rest) = (reason.get(..from + quoted), reason.get(to..));
            let kind = kind.unwrap_or_default().trim_end();
            Cow::Owned(format!("{kind}{}", rest.unwrap_or_default()))
        }
        None => Cow::Borrowed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_quotes_nothing_of_the_record() {
        for (reason, kept) in [
            (
                "name: invalid type: integer `5`, expected a string",
                "name: invalid type: integer, expected a string",
            ),
            (
                r#"employee: invalid type: string "Lena, expected `x`", expected struct Named"#,
                "employee: invalid type: string, expected struct Named",
            ),
            (
                "name: invalid type: map, expected a string",
                "name: invalid type: map, expected a string",
            ),
            ("missing field `occurred_at`", "missing field `occurred_at`"),
            (
                "status must be active or inactive",
                "status must be active or inactive",
            ),
        ] {
            assert_eq!(without_values(reason), kept);
        }
    }
}
