//! What HR's words come to, beside what it said before.

use crate::employee::{HrEvent, HrRecord, HrStatus, HrWord, Merge};
use crate::grounds::GroundKind;

/// What a change of the HR record says about the person's status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// HR's last statement before; `None` if HR had made none.
    pub(super) said: Option<HrWord>,
    /// HR's last statement now.
    pub(super) says: HrWord,
    /// The status is another one than before, or the first. A late status of somebody who is missing is one, too: it
    /// says what they were before.
    pub(super) status: bool,
    /// HR's last status.
    pub(super) last: HrStatus,
    /// A value changed that was known before, beside the status.
    pub(super) fields: bool,
}

impl Heard {
    pub(super) fn of(before: Option<&HrRecord>, after: &HrRecord, mutation: bool) -> Self {
        let said = before.map(HrRecord::says);
        Self {
            said,
            says: after.says(),
            status: before.is_none_or(|before| before.status() != after.status()),
            last: after.status(),
            fields: mutation && said == Some(after.says()),
        }
    }

    /// The grounds that a word for the person takes away. A late word does not take away that they are missing since.
    pub(super) fn takes_back(&self) -> &'static [GroundKind] {
        match self.says {
            HrWord::Active if self.said != Some(self.says) => {
                &[GroundKind::Hr, GroundKind::Missing]
            }
            HrWord::Missing if self.status && self.last == HrStatus::Active => &[GroundKind::Hr],
            _ => &[],
        }
    }
}

/// The first record of the source that was given the person: it is the base, whatever its instant. What it says of the status
/// is a word all the same.
pub(super) fn based(before: &HrRecord, event: &HrEvent) -> Merge {
    // What this source's last snapshot says was said when it did not have them.
    match before.rebased(event.occurred_at).merge(event) {
        Merge::Changed { record, fields, .. } => Merge::Changed {
            record,
            fields,
            mutation: false,
        },
        merged => merged,
    }
}
