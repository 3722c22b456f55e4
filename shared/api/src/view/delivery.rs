//! What a delivery of events is answered.

use std::collections::BTreeMap;

use offramp_app::engine::many::{Answer, Answers};
use offramp_app::when::instant;
use offramp_domain::decide::Word;
use offramp_domain::{Figures, HoldId, RunId, Tripped, Verdict};
use serde::Serialize;

/// What became of one event.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrResult))]
pub struct ResultView<'a> {
    /// Whom it is about; `null` where that could not be read.
    pub employee_id: Option<&'a str>,
    /// What became of it.
    pub outcome: Word,
    /// When the grace period ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// More.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

/// The answer to a request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrResults))]
pub struct ResultsView<'a> {
    /// In the order of the request.
    pub results: Vec<ResultView<'a>>,
    /// How often each outcome.
    pub summary: &'a BTreeMap<Word, u32>,
    /// The run, where the request has ended somebody's access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<&'a RunId>,
    /// What the breaker would say; of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<VerdictView>,
}

impl<'a> ResultsView<'a> {
    /// Of answers.
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
        }
    }
}

/// What the breaker would say to a run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BreakerVerdict))]
pub struct VerdictView {
    /// `admitted`, `held`, or `joins` a hold that is open.
    pub verdict: &'static str,
    /// The safeguard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Tripped>,
    /// The hold that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<HoldId>,
    /// What it was held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

impl VerdictView {
    /// Of a verdict.
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

    /// Of one that was stored with its snapshot.
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
