//! What sources say of people whom another source has: nobody hears it, until an admin hands them over.

use chrono::{DateTime, Utc};
use offramp_domain::{Policy, Refusals, SourceId, Status, User};

use super::{Code, Explanation, Reason};
use crate::when::spoken;

/// What each source said of other sources' people.
#[derive(Debug, Default)]
pub struct Elsewhere(pub Vec<(SourceId, Refusals)>);

impl Elsewhere {
    /// Adds to the explanation of an active user which other source called them inactive last, and when.
    pub fn explain(&self, user: &User, policy: &Policy, why: &mut Explanation) {
        let Some(owner) = user.origin.source() else {
            return;
        };
        let said = self.0.iter().filter(|(source, _)| source != owner);
        let said =
            said.filter_map(|(source, said)| Some((said.called_gone(&user.employee_id)?, source)));
        let last: Option<(DateTime<Utc>, &SourceId)> = said.max();
        let Some((at, source)) = last.filter(|_| why.status == Status::Active) else {
            return;
        };
        let detail = format!(
            "The source {source} called them inactive on {}, and was not heard: they belong to the source {owner}. A hand-over by an admin would move them.",
            spoken(at, &policy.settings.time_zone)
        );
        why.text.push(detail.clone());
        why.reasons.push(Reason {
            code: Code::SaidByAnotherSource,
            detail,
        });
    }
}
