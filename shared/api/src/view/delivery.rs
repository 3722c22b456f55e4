//! The answer to a delivery of events.

use std::collections::BTreeMap;

use offramp_app::engine::many::{Answer, Answers};
use offramp_app::when::instant;
use offramp_domain::decide::Outcome;
use offramp_domain::{Figures, HoldId, RunId, Tripped, Verdict, Warning};
use serde::Serialize;

/// The result of one event.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrResult))]
pub struct ResultView<'a> {
    /// The employee; `null` if the id could not be read.
    pub employee_id: Option<&'a str>,
    /// The outcome of the event.
    pub outcome: Outcome,
    /// When the grace period ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// An explanation of the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// The fields that could not be read. They keep their old values; everything else of the event counts.
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    pub warnings: &'a [Warning],
}

/// The answer to a delivery.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrResults))]
pub struct ResultsView<'a> {
    /// The results, in the order of the request.
    pub results: Vec<ResultView<'a>>,
    /// The number of events by outcome.
    pub summary: &'a BTreeMap<Outcome, u32>,
    /// The run of the departures, if the request has ended somebody's access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<&'a RunId>,
    /// The breaker's verdict, for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<VerdictView>,
}

impl<'a> ResultsView<'a> {
    /// The view of `answers`.
    #[must_use]
    pub fn of(answers: &'a Answers) -> Self {
        Self {
            results: answers.results.iter().map(ResultView::of).collect(),
            summary: &answers.summary,
            run_id: answers.run_id.as_ref(),
            breaker: answers.breaker.as_ref().map(VerdictView::of),
        }
    }
}

impl<'a> ResultView<'a> {
    fn of(answer: &'a Answer) -> Self {
        Self {
            employee_id: answer.employee_id.as_deref(),
            outcome: answer.outcome,
            due_at: answer.due_at.map(instant),
            reason: answer.reason.as_deref(),
            warnings: &answer.warnings,
        }
    }
}

/// The breaker's verdict on a run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BreakerVerdict))]
pub struct VerdictView {
    /// `admitted`, `held`, or `joins` if the people would join an open hold.
    pub verdict: &'static str,
    /// The safeguard that would hold the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Tripped>,
    /// The open hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<HoldId>,
    /// The figures that the safeguard compared with its limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

impl VerdictView {
    /// The view of a verdict.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let (rule, hold_id, figures) = match verdict {
            Verdict::Admitted => (None, None, None),
            Verdict::Joins(hold) => (None, Some(hold.clone()), None),
            Verdict::Trips(rule, figures) => (Some(*rule), None, Some(*figures)),
        };
        Self {
            verdict: verdict.as_str(),
            rule,
            hold_id,
            figures,
        }
    }

    /// The view of a verdict that was stored with its snapshot.
    pub(super) fn stored(
        (verdict, rule, figures): (String, Option<Tripped>, Option<Figures>),
    ) -> Self {
        let verdict = match verdict.as_str() {
            "admitted" => "admitted",
            "joins" => "joins",
            _ => "held",
        };
        Self {
            verdict,
            rule,
            hold_id: None,
            figures,
        }
    }
}
