//! The line of one row.

use offramp_domain::{Cause, Health, HoldId, HoldState, NoticeKind, SourceId, Tripped};

use super::names::{called, unlinked};
use super::{Held, Letter, Now, Person, ROWS, Rank, Row, Stopped};
use crate::when::{day, spoken};

/// A line, and the lines below it.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) under: Vec<String>,
}

impl Line {
    /// A line with nothing below it.
    pub(super) fn of(text: &str) -> Self {
        Self {
            text: one_line(text),
            under: Vec::new(),
        }
    }

    /// Adds a line below.
    pub(super) fn add(&mut self, text: &str) {
        self.under.push(one_line(text));
    }

    /// Adds the count of the people who are not listed, if there are any.
    pub(super) fn add_rest(&mut self, rest: Option<String>) {
        self.under.extend(rest);
    }
}

/// Replaces characters that break a line or reverse its direction. A name with such a character could look like another
/// row.
fn one_line(text: &str) -> String {
    let turns = |c| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(turns, " ")
}

/// The line of a row.
pub(super) fn line(row: &Row, letter: Letter<'_>) -> Line {
    #[cfg(test)]
    super::counted::add(|counts| &counts.lines);
    let zone = letter.zone;
    let who = match &row.id {
        Some(id) => called(&row.name, id),
        None => String::new(),
    };
    let text = match &row.kind {
        NoticeKind::Scheduled {
            cause,
            due_at,
            active_cards,
        } => {
            let waits = match (&row.now, row.keeps_access) {
                (Now::Waits, false) => " (waits while the hold is open)",
                (Now::Waits, true) => " (waits while the hold is open, with access)",
                (_, true) => " (with access until then)",
                (_, false) => "",
            };
            let date = spoken(*due_at, zone);
            let (cards, why) = (cards(*active_cards), why(*cause));
            format!("{who}: {date}{waits}, {cards} — {why}")
        }
        NoticeKind::Terminated {
            cause,
            cards: count,
        } => {
            let back = match row.now {
                Now::Back { active: true } => "; the person is active again",
                Now::Back { active: false } => "; the person was restored, and is scheduled again",
                _ => "",
            };
            format!("{who}: {}{back} — {}", terminated(*count), why(*cause))
        }
        NoticeKind::LeavesSoon {
            date, active_cards, ..
        } => {
            let last = date.pred_opt().filter(|_| matches!(row.now, Now::LastDay));
            let (verb, date, what) = match last {
                Some(last) => ("leaves after", last, "last day with access"),
                None => ("leaves on", *date, "first day without access"),
            };
            let (date, cards) = (day(date), cards(*active_cards));
            let rank = match row.rank {
                Rank::User => "",
                Rank::Admin => "; an admin of Offramp",
                Rank::LastAdmin => {
                    "; the only admin of Offramp, who keeps access until there is another"
                }
            };
            format!("{who} {verb} {date} ({what}) and has {cards}{rank}")
        }
        NoticeKind::Restored { .. } | NoticeKind::Invited { .. } => who,
        NoticeKind::SyncTurnedOff {
            by,
            reverted,
            at_least,
        } => {
            format!(
                "{by} turned the deactivation sync off; {}",
                again(*reverted, *at_least)
            )
        }
        NoticeKind::HoldOpened {
            hold,
            source,
            rule,
            people: count,
        } => {
            let count = match &row.now {
                Now::Held(held) => held.count,
                _ => usize::try_from(*count).unwrap_or(usize::MAX),
            };
            let (people, tripped) = (people(count), tripped(*rule));
            return of_hold(
                match source.known() {
                    Some(source) => format!("{source}: {people} held — {tripped} (hold {hold})"),
                    None => format!("{people} held — {tripped} (hold {hold})"),
                },
                hold,
                row,
                letter,
            );
        }
        NoticeKind::HoldWaits {
            hold,
            source,
            since,
            ..
        } => {
            return of_hold(
                waits(source, hold, &spoken(*since, zone), row),
                hold,
                row,
                letter,
            );
        }
        NoticeKind::HoldAnswered {
            hold,
            source,
            answer,
            by,
            people,
            open,
            ..
        } => {
            let hold = match source.known() {
                Some(source) => format!("hold {hold} of {source}"),
                None => format!("hold {hold}"),
            };
            match by {
                Some(_) => answered(&row.name, &hold, *answer, *people, *open),
                None => format!("{hold} is closed: nobody is left in it"),
            }
        }
        NoticeKind::RunUndone {
            run,
            source,
            ran_at,
            reverted,
            at_least,
            ..
        } => {
            let (by, at) = (&row.name, spoken(*ran_at, zone));
            let of = source.known().map(|source| format!(" of {source}"));
            let of = of.unwrap_or_default();
            format!(
                "{by} took back run {run}{of}, of {at}; {}",
                again(*reverted, *at_least)
            )
        }
        NoticeKind::SourceHealth { source, health } => match health {
            Health::Healthy => format!("{source} is healthy again"),
            Health::Quarantined => format!("{source} is quarantined: a hold of its people is open"),
            Health::Silent => {
                format!("{source} is silent: it has not spoken for longer than usual")
            }
        },
        NoticeKind::Refused {
            source,
            reason,
            others,
        } => match (row.id.is_some(), reason.is_empty()) {
            (true, _) => format!("{who}: {reason} ({source})"),
            (false, false) => format!("{}: {reason} ({source})", several(*others)),
            (false, true) => format!("and {} more ({source})", several(*others)),
        },
        NoticeKind::Power { by, what } => {
            let by = super::power::by(by, row.by.as_deref());
            format!("{}; {by}", super::power::said(&who, what))
        }
        NoticeKind::GivenBack {
            by,
            reverted,
            at_least,
        } => format!(
            "{by} changed what counts as leaving; {}",
            again(*reverted, *at_least)
        ),
        NoticeKind::SafeguardsLoosened { by } => {
            format!("{by} raised the limits of the safeguards")
        }
    };
    Line::of(&text)
}

fn waits(source: &SourceId, hold: &HoldId, since: &str, row: &Row) -> String {
    let held = match &row.now {
        Now::Held(held) => format!(", with {}", people(held.count)),
        _ => String::new(),
    };
    let of = source.known().map(|source| format!("{source}: "));
    let of = of.unwrap_or_default();
    format!("{of}hold {hold} is open since {since}{held}, and waits for an answer")
}

fn answered(by: &str, hold: &str, answer: HoldState, count: u32, open: bool) -> String {
    let part = if open { "a part of " } else { "" };
    let who = several(count);
    match (answer, count) {
        (HoldState::Rejected, 1) => {
            format!("{by} rejected {part}{hold}: {who} stays as they are")
        }
        (HoldState::Rejected, _) => format!("{by} rejected {part}{hold}: {who} stay as they are"),
        _ => format!("{by} approved {part}{hold} for {who}"),
    }
}

/// The line of a hold, with the people that it keeps and the routes that answer it.
fn of_hold(text: String, hold: &HoldId, row: &Row, letter: Letter<'_>) -> Line {
    let mut line = Line::of(&text);
    if let Now::Held(held) = &row.now {
        let route = format!("/v1/orgs/{}/holds/{hold}", letter.org);
        line.add(&format!("read it: GET {route}"));
        line.add(&format!(
            "answer it: POST {route}/approve or POST {route}/reject, with the version that you read in If-Match"
        ));
        for person in held.people.iter().take(ROWS) {
            line.add(&kept(person));
        }
        line.add_rest(more(held));
    }
    line
}

fn kept(person: &Person) -> String {
    let who = called(&person.name, &person.id);
    match &person.what {
        Stopped::Leaving(why) => format!("{who}: {} — {why}", cards(person.cards)),
        Stopped::Unknown(of) => format!(
            "{who}: unknown here and inactive in HR, looks like {}",
            unlinked(of.as_str())
        ),
        Stopped::Returning => format!("{who}: deleted by hand, would come back"),
    }
}

fn more(held: &Held) -> Option<String> {
    let named = held.people.len().min(ROWS);
    (held.count > named).then(|| format!("and {} more", held.count - named))
}

pub(super) fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Hr => "inactive in HR",
        Cause::Missing => "missing from the last HR snapshot",
        Cause::LeaveDate => "leave date",
        Cause::Admin => "by an admin",
    }
}

fn tripped(rule: Tripped) -> &'static str {
    match rule {
        Tripped::MaxUsers => "more people at once than the safeguards allow",
        Tripped::MaxPercent => "a larger share of its people than the safeguards allow",
        Tripped::LastAdmin => "this is the last admin with access",
        Tripped::EmptySnapshot => "its snapshot was empty",
        Tripped::EmptyPage => "a page of its snapshot was empty",
        Tripped::ShortSnapshot => "its snapshot was less than half of what was expected",
        Tripped::OnMissing => "they were missing from its snapshot, and the settings ask first",
        Tripped::MaxReturns => "more people came back at once than the safeguards allow",
        Tripped::LookAlike => {
            "HR calls an id inactive that is unknown, and looks like somebody who is here"
        }
    }
}

pub(super) fn people(count: usize) -> String {
    match count {
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    }
}

fn several(count: u32) -> String {
    people(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A sentence on how many scheduled people are active again.
fn again(count: u32, at_least: bool) -> String {
    match (count, at_least) {
        (0, true) => "everybody whom it concerns is active again".to_owned(),
        (0, false) => "nobody was scheduled".to_owned(),
        (1, false) => "1 person is active again".to_owned(),
        (n, false) => format!("{n} people are active again"),
        (n, true) => format!("at least {n} people are active again"),
    }
}

/// A number of cards that are not cancelled. Frozen cards count, because they are cancelled too.
fn cards(count: u32) -> String {
    match count {
        0 => "no cards".to_owned(),
        1 => "1 card".to_owned(),
        n => format!("{n} cards"),
    }
}

fn terminated(count: u32) -> String {
    match count {
        0 => cards(0),
        n => format!("{} terminated", cards(n)),
    }
}
