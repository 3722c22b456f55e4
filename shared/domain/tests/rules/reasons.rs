//! The model's reasons against somebody: a log that is only ever added to, and what it comes to when it is read from
//! its beginning. A change of policy is a line like any other, written at once for everybody.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use offramp_domain::settings::LeaveDates;
use offramp_domain::{Access, GroundKind, GroundState, RunId, Status, Whose};

/// What was written down about a person.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// Something speaks against the person from now on.
    Against(GroundKind, Reason),
    /// It does not any more.
    TakenBack(GroundKind),
    /// The leave date is another one, or another's; the reason stays.
    Redated(NaiveDate, Whose),
    /// An admin restored the person.
    Restored,
    /// An admin moved the end of the cards.
    Moved(DateTime<Utc>),
    /// The cards have come to their end.
    Ended,
    /// The deactivation sync was turned off.
    SyncOff,
    /// People who are missing are ignored from now on.
    MissingIgnored,
    /// An admin undid a run.
    Undone(RunId),
    /// The setting `leave_dates` is another one.
    DatesCount(LeaveDates),
    /// A look at the person found that the rule leaves them out.
    LeftOut,
    /// A look at the leave date found that it does not count.
    DateDoesNotCount,
}

/// One reason against somebody.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reason {
    pub(crate) stand: GroundState,
    /// When it ends the cards; of no matter unless it is in force.
    pub(crate) due: DateTime<Utc>,
    /// It leaves the person their access until the cards end.
    pub(crate) keeps: bool,
    pub(crate) run: Option<RunId>,
    /// Which leave date it is, and whose.
    pub(crate) date: Option<(NaiveDate, Whose)>,
    /// The same date may begin yet: it waited for another admin, or did not count.
    pub(crate) open: bool,
}

impl Reason {
    pub(crate) fn of(stand: GroundState, due: DateTime<Utc>) -> Self {
        let (run, date, open) = (None, None, false);
        Self {
            stand,
            due,
            keeps: false,
            run,
            date,
            open,
        }
    }

    pub(crate) fn is_in_force(&self) -> bool {
        self.stand == GroundState::InForce
    }

    fn by_hr(&self) -> bool {
        self.date.is_none_or(|(_, whose)| whose == Whose::Hr)
    }
}

/// What a log comes to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    pub(crate) reasons: BTreeMap<GroundKind, Reason>,
    /// The cards have come to their end, and some reason has stood ever since.
    pub(crate) over: bool,
    /// Until when an admin has postponed the end of the cards.
    pub(crate) postponed: Option<DateTime<Utc>>,
    /// The end by a leave date that came after the postponement, and stands.
    pub(crate) cut: Option<DateTime<Utc>>,
    /// The line with which the present grace period began.
    pub(crate) grace: Option<usize>,
}

impl Case {
    pub(crate) fn read(log: &[Line]) -> Self {
        let mut case = Self::default();
        for (at, line) in log.iter().enumerate() {
            case.next(line);
            if !case.stands_any() {
                case.over = false;
            }
            if !case.stands(GroundKind::LeaveDate) {
                case.cut = None;
            }
            match case.status() {
                Status::DeactivationScheduled => case.grace = case.grace.or(Some(at)),
                _ => {
                    case.grace = None;
                    case.postponed = None;
                }
            }
        }
        case
    }

    fn next(&mut self, line: &Line) {
        match line {
            Line::Against(kind, reason) => {
                // A leave date ends the cards when it says, whatever was postponed before it.
                if *kind == GroundKind::LeaveDate && reason.is_in_force() {
                    self.cut = Some(reason.due);
                }
                self.reasons.insert(*kind, reason.clone());
            }
            Line::TakenBack(kind) => {
                self.reasons.remove(kind);
            }
            Line::Redated(date, whose) => {
                let reason = self.reasons.get_mut(&GroundKind::LeaveDate).unwrap();
                reason.date = Some((*date, *whose));
            }
            Line::Restored => {
                self.reasons.remove(&GroundKind::Admin);
                self.reasons.remove(&GroundKind::Deleted);
                for reason in self.reasons.values_mut() {
                    reason.stand = match reason.stand {
                        GroundState::InForce => GroundState::Overridden,
                        GroundState::Held => GroundState::Refused,
                        other => other,
                    };
                    reason.open &= reason.stand == GroundState::Ignored;
                }
            }
            Line::Moved(until) => (self.postponed, self.cut) = (Some(*until), None),
            Line::Ended => self.over = true,
            // From here on it is policy, which is for people who are not deactivated yet.
            _ if self.over => {}
            Line::SyncOff => self.ignore(false, |kind, reason| {
                !matches!(kind, GroundKind::Admin | GroundKind::Deleted) && reason.by_hr()
            }),
            Line::MissingIgnored => self.ignore(false, |kind, _| kind == GroundKind::Missing),
            Line::Undone(run) => self.ignore(false, |_, reason| reason.run.as_ref() == Some(run)),
            Line::DatesCount(which) => self.ignore(true, |kind, reason| {
                kind == GroundKind::LeaveDate
                    && match which {
                        LeaveDates::Ignore => true,
                        LeaveDates::Manual => reason.by_hr(),
                        LeaveDates::All => false,
                    }
            }),
            Line::LeftOut => self.ignore(false, |kind, _| {
                matches!(kind, GroundKind::Hr | GroundKind::Missing)
            }),
            Line::DateDoesNotCount => self.ignore(true, |kind, _| kind == GroundKind::LeaveDate),
        }
    }

    fn ignore(&mut self, open: bool, which: impl Fn(GroundKind, &Reason) -> bool) {
        for (kind, reason) in &mut self.reasons {
            if reason.is_in_force() && which(*kind, reason) {
                reason.stand = GroundState::Ignored;
                reason.open = open;
            }
        }
    }

    pub(crate) fn stand(&self, kind: GroundKind) -> Option<GroundState> {
        self.reasons.get(&kind).map(|reason| reason.stand)
    }

    pub(crate) fn stands(&self, kind: GroundKind) -> bool {
        self.stand(kind) == Some(GroundState::InForce)
    }

    fn stands_any(&self) -> bool {
        self.reasons.values().any(Reason::is_in_force)
    }

    /// HR's word about this was acted on, and not ignored, refused or held.
    pub(crate) fn taken(&self, kind: GroundKind) -> bool {
        matches!(
            self.stand(kind),
            Some(GroundState::InForce | GroundState::Overridden)
        )
    }

    pub(crate) fn is_held(&self) -> bool {
        let mut all = self.reasons.values();
        all.any(|reason| reason.stand == GroundState::Held)
    }

    pub(crate) fn status(&self) -> Status {
        match (
            self.stands(GroundKind::Deleted),
            self.stands_any(),
            self.over,
        ) {
            (true, _, _) => Status::Deleted,
            (_, false, _) => Status::Active,
            (_, true, true) => Status::Deactivated,
            (_, true, false) => Status::DeactivationScheduled,
        }
    }

    /// Access ends with the cards where all that stands is what HR says, and the settings kept access when it was said.
    pub(crate) fn access(&self) -> Access {
        let mut standing = self.reasons.values().filter(|reason| reason.is_in_force());
        let kept = match self.over {
            true => standing.next().is_none(),
            false => standing.all(|reason| reason.keeps),
        };
        match kept {
            true => Access::Granted,
            false => Access::Revoked,
        }
    }

    /// The end of the cards by those reasons that stand.
    pub(crate) fn first_due(&self) -> Option<DateTime<Utc>> {
        let standing = self.reasons.values().filter(|reason| reason.is_in_force());
        standing.map(|reason| reason.due).min()
    }

    /// The end of the cards that was announced: the first of those that stand.
    pub(crate) fn announced(&self) -> Option<DateTime<Utc>> {
        let first = self.first_due();
        first.filter(|_| self.status() == Status::DeactivationScheduled)
    }

    /// The end of the cards: what was announced, or what an admin made of it.
    pub(crate) fn due(&self) -> Option<DateTime<Utc>> {
        let postponed = self
            .postponed
            .map(|until| self.cut.map_or(until, |cut| cut.min(until)));
        self.announced()
            .map(|first| postponed.map_or(first, |until| until.max(first)))
    }
}
