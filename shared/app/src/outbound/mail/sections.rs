//! The sections of a mail: title, explanation and advice.

use std::collections::BTreeSet;

use offramp_domain::{Cause, Health, HoldState, NoticeKind, Tripped};

use super::lines::{Line, line, people};
use super::{Letter, Now, ROWS, Rank, Reader, Row};

/// A section: a title, an explanation, and its lines.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lead: String,
    /// The lines of the first rows, at most [`ROWS`].
    pub(super) lines: Vec<Line>,
    /// How many rows have no line.
    pub(super) more: usize,
}

/// The subject of a section, in the order of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// A hold that quarantines its source.
    Quarantine,
    /// A hold that keeps only the people in it.
    Hold,
    Answered,
    Refused,
    Silent,
    Healthy,
    LeavesSoon,
    Scheduled,
    Deactivated,
    Deleted,
    Back,
    Restored,
    NotInvited,
    Undone,
    Settings,
    Power,
}

impl About {
    const ALL: [Self; 16] = [
        Self::Quarantine,
        Self::Hold,
        Self::Answered,
        Self::Refused,
        Self::Silent,
        Self::Healthy,
        Self::LeavesSoon,
        Self::Scheduled,
        Self::Deactivated,
        Self::Deleted,
        Self::Back,
        Self::Restored,
        Self::NotInvited,
        Self::Undone,
        Self::Settings,
        Self::Power,
    ];

    fn of(row: &Row) -> Option<Self> {
        Some(match &row.kind {
            NoticeKind::HoldOpened { .. } | NoticeKind::HoldWaits { .. } => match &row.now {
                Now::Held(held) if !held.quarantines => Self::Hold,
                _ => Self::Quarantine,
            },
            NoticeKind::HoldAnswered { .. } => Self::Answered,
            NoticeKind::RunUndone { .. } => Self::Undone,
            NoticeKind::SourceHealth { health, .. } => match health {
                Health::Silent => Self::Silent,
                Health::Healthy => Self::Healthy,
                Health::Quarantined => Self::Quarantine,
            },
            NoticeKind::LeavesSoon { .. } => Self::LeavesSoon,
            NoticeKind::Scheduled { .. } => Self::Scheduled,
            NoticeKind::Terminated { .. } => match row.now {
                Now::Deleted => Self::Deleted,
                Now::Back { .. } => Self::Back,
                _ => Self::Deactivated,
            },
            NoticeKind::Restored { .. } => Self::Restored,
            NoticeKind::SyncTurnedOff { .. }
            | NoticeKind::GivenBack { .. }
            | NoticeKind::SafeguardsLoosened { .. } => Self::Settings,
            NoticeKind::Power { .. } => Self::Power,
            NoticeKind::Refused { .. } => Self::Refused,
            NoticeKind::Invited { .. } => Self::NotInvited,
        })
    }

    fn title(self, rows: &[&Row]) -> String {
        let who: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        let count = who.len();
        let who = people(count);
        match self {
            Self::Quarantine => "A safeguard stopped the HR sync".to_owned(),
            Self::Hold => format!("A safeguard holds {}", people(held(rows))),
            Self::Answered if rows.iter().all(|row| cleared(row)) => "A hold is closed".to_owned(),
            Self::Answered => "A hold was answered".to_owned(),
            Self::Refused => "Records of an HR source were rejected".to_owned(),
            Self::Silent => "An HR source is silent".to_owned(),
            Self::Healthy => "An HR source is healthy again".to_owned(),
            Self::LeavesSoon if count == 1 => format!("{who} leaves soon"),
            Self::LeavesSoon => format!("{who} leave soon"),
            Self::Scheduled => format!("{who} scheduled for deactivation"),
            Self::Deactivated => format!("{who} deactivated"),
            Self::Deleted => format!("{who} deleted"),
            Self::Back => format!("{who} restored after their cards were terminated"),
            Self::Restored => format!("{who} restored by the HR sync"),
            Self::NotInvited => format!("{who} not invited"),
            Self::Undone => "A run was taken back".to_owned(),
            Self::Settings => "Offramp settings changed".to_owned(),
            Self::Power => "Who may do what has changed".to_owned(),
        }
    }

    fn lead(self, rows: &[&Row], letter: Letter<'_>) -> String {
        let to = letter.to;
        match self {
            Self::Quarantine => "Nothing happens to those in the hold until an admin answers it; and as long \
                 as it is open, people whom HR calls gone join it, and lose neither access nor cards. Read who \
                 they are, then approve or reject it. What HR had begun within the safeguard's window before it \
                 waits: access stays revoked, cards stay alive."
                .to_owned(),
            Self::Hold => {
                let mut lead = "Nothing happens to those in the hold until an admin answers it. It keeps \
                    nobody else: others of that source leave as HR says. Read who they are, then approve or \
                    reject it."
                    .to_owned();
                if rows.iter().any(|row| is_held_by(row, Tripped::LastAdmin)) {
                    lead.push_str(
                        " The last admin goes only once somebody else is an admin too, and then by an approval.",
                    );
                }
                if rows.iter().any(|row| is_held_by(row, Tripped::LookAlike)) {
                    lead.push_str(
                        " An id that is unknown and inactive in HR is probably another spelling of a known one: \
                         if so, reject it, and end the access of the person whom it looks like. An approval \
                         stores it as somebody who left before.",
                    );
                }
                lead
            }
            Self::Answered => answered(rows),
            Self::Refused => format!(
                "Nothing was changed by these records, so somebody who has left may still have access and cards. \
                 Correct the source, or end their access by hand. People of another source are moved by a hand-over: \
                 POST /v1/orgs/{org}/sources/{{source}}/hand-over. All rejected records: GET \
                 /v1/orgs/{org}/sources/{{source}}/rejections.",
                org = letter.org
            ),
            Self::Silent => "While a source is silent nobody hears of its leavers: see whether its \
                 connection to HR still works. Nothing has to be done here: the next delivery makes it \
                 healthy again."
                .to_owned(),
            Self::Healthy => "Nothing has to be done here.".to_owned(),
            Self::LeavesSoon => reminded(rows, to),
            Self::Scheduled => scheduled(rows, to),
            Self::Deactivated => "Access is revoked and every card is terminated. Terminated cards do not \
                 come back."
                .to_owned(),
            Self::Deleted => "An admin deleted these accounts. Access is revoked and every card is \
                 terminated. Terminated cards do not come back."
                .to_owned(),
            Self::Back => "They had been deactivated or deleted, and were restored. Their terminated \
                 cards do not come back."
                .to_owned(),
            Self::Restored => "These accounts had been deleted by hand. Their HR record changed, and they \
                 are back as members."
                .to_owned(),
            Self::NotInvited => format!(
                "More invitations were to be sent than `max_invitations` allows within `window_hours`. These \
                 people have their accounts all the same. They are not invited later. To send one of them an \
                 invitation: POST /v1/orgs/{}/users/{{id}}/invite.",
                letter.org
            ),
            Self::Undone => "People in the grace period that the run began have access again, and their \
                 cards. People who were deactivated since, or came back otherwise, are as they were."
                .to_owned(),
            Self::Settings => "An admin changed what the sync may do.".to_owned(),
            Self::Power => super::power::lead(to).to_owned(),
        }
    }
}

/// The sections of the rows, in the order of [`About::ALL`].
pub(super) fn sections(rows: &[&Row], letter: Letter<'_>) -> Vec<Section> {
    About::ALL
        .into_iter()
        .filter_map(|about| {
            let of = |row: &&Row| About::of(row) == Some(about);
            let rows: Vec<&Row> = rows.iter().copied().filter(of).collect();
            (!rows.is_empty()).then(|| Section {
                title: about.title(&rows),
                lead: about.lead(&rows, letter),
                lines: rows
                    .iter()
                    .take(ROWS)
                    .map(|row| line(row, letter))
                    .collect(),
                more: rows.len().saturating_sub(ROWS),
            })
        })
        .collect()
}

/// True if the hold ended because it emptied.
fn cleared(row: &Row) -> bool {
    matches!(row.kind, NoticeKind::HoldAnswered { by: None, .. })
}

/// What the answers mean, each meaning once.
fn answered(rows: &[&Row]) -> String {
    let of = |wanted: HoldState| {
        rows.iter().any(|row| match row.kind {
            NoticeKind::HoldAnswered { answer, .. } => answer == wanted && !cleared(row),
            _ => false,
        })
    };
    let mut parts = Vec::new();
    if of(HoldState::Approved) {
        parts.push("The people who are approved go, or come back, as HR had said, unless that has changed since; a last admin stays held.");
    }
    if of(HoldState::Rejected) {
        parts.push(
            "The people who stay keep what they have: the same HR record does not raise it again, a change of it does.",
        );
    }
    if rows.iter().any(|row| frees(row, false)) {
        parts.push("The source is not quarantined any more.");
    }
    if rows.iter().any(|row| frees(row, true)) {
        parts.push("People who had been scheduled within the safeguard's window have a whole grace period from the rejection on.");
    }
    if parts.is_empty() {
        parts.push("Nothing has to be done here.");
    }
    parts.join(" ")
}

/// True if an answer ended the quarantine of a source. With `by_rejection`, only a rejection counts.
fn frees(row: &Row, by_rejection: bool) -> bool {
    match row.kind {
        NoticeKind::HoldAnswered { answer, freed, .. } => {
            freed && (!by_rejection || answer == HoldState::Rejected)
        }
        _ => false,
    }
}

fn held(rows: &[&Row]) -> usize {
    let count = |row: &&Row| match &row.now {
        Now::Held(held) => held.count,
        _ => 0,
    };
    rows.iter().map(count).sum()
}

fn is_held_by(row: &Row, rule: Tripped) -> bool {
    matches!(&row.now, Now::Held(held) if held.rule == rule)
}

/// Explains what a leave date will do, and how it can be prevented.
fn reminded(rows: &[&Row], to: Reader) -> String {
    let what = "Access ends when the first day without it begins. Every card, a frozen one too, is terminated then, or \
                after a grace period if the settings give one. See what still depends on the cards before then.";
    let ways = match to {
        Reader::Admin => "If the date is wrong, move or remove it, or let HR correct its own.",
        Reader::Manager | Reader::Escalation | Reader::Own | Reader::Former => {
            "If the date is wrong, tell an admin before then."
        }
    };
    let admins = match rows.iter().map(|row| row.rank).max() {
        None | Some(Rank::User) => "",
        Some(Rank::Admin) => " Name another admin before then if too few are left.",
        Some(Rank::LastAdmin) => {
            " The only admin does not go by a date: it waits in a hold. Have another admin named before then."
        }
    };
    format!("{what} {ways}{admins}")
}

/// Explains how a schedule can be undone, for each cause among the rows. [`crate::desk::explain`] explains it for one
/// person.
fn scheduled(rows: &[&Row], to: Reader) -> String {
    let access = match (
        rows.iter().any(|row| row.keeps_access),
        rows.iter().all(|row| row.keeps_access),
    ) {
        (false, _) => "Access is revoked.",
        (true, false) => "Access is revoked, unless a line says that it is kept until then.",
        (true, true) => "Access is kept until then, but no rights of an admin.",
    };
    let mut lead = format!(
        "{access} On the date below the user is deactivated and every card, a frozen one too, is \
         terminated."
    );
    if to == Reader::Manager {
        lead.push_str(
            " If this is wrong, tell an admin before then: an admin can bring the person back.",
        );
        return lead;
    }
    let of = |pick: fn(Cause) -> bool| {
        rows.iter()
            .any(|row| matches!(row.kind, NoticeKind::Scheduled { cause, .. } if pick(cause)))
    };
    let ways = match (
        of(Cause::is_sync),
        of(|cause| cause == Cause::LeaveDate),
        of(|cause| cause == Cause::Admin),
    ) {
        (_, false, false) => {
            " If this is wrong, mark the person active in HR, restore the user, or turn the deactivation \
             sync off before then."
        }
        (false, true, false) => {
            " If this is wrong, restore the user, or move or remove the leave date, before then: HR's word \
             that they are active does not undo it, nor does turning the deactivation sync off."
        }
        (false, false, true) => {
            " If this is wrong, restore the user before then: HR's word that they are active does not undo \
             it, nor does turning the deactivation sync off."
        }
        (false, true, true) => {
            " If this is wrong, restore the user before then. For \"leave date\": moving or removing it \
             does as well. HR's word that they are active undoes none of these, nor does turning the \
             deactivation sync off."
        }
        (true, date, _) => {
            lead.push_str(
                " If this is wrong, restore the user before then. For \"inactive in HR\": marking the \
                 person active in HR, or turning the deactivation sync off, does as well; so it is for \
                 \"missing from the last HR snapshot\".",
            );
            if date {
                " For \"leave date\": moving or removing it does as well."
            } else {
                ""
            }
        }
    };
    lead.push_str(ways);
    if rows.iter().any(|row| matches!(row.now, Now::Waits)) {
        lead.push_str(
            " For people who wait, the hold's answer comes first: until then their cards stay alive, also \
             after that date.",
        );
    }
    lead
}
