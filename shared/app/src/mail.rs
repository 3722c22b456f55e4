//! The mails: subject, plain text and HTML, from one list of rows.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use offramp_domain::{Cause, Health, NoticeKind, OrgId, Tripped};

use crate::when::spoken;

/// Rows that are written out in a section; the rest are counted.
pub const ROWS: usize = 200;

/// One thing that is told.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub name: String,
    /// Their employee id; `None` for the organisation itself.
    pub id: Option<String>,
    /// What.
    pub kind: NoticeKind,
}

/// A mail without an addressee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

/// A heading, what it means, and its lines.
struct Section {
    title: String,
    lead: &'static str,
    lines: Vec<String>,
}

/// Writes the mail of a digest for an admin.
#[must_use]
pub fn for_admins(rows: &[Row], zone: &str) -> Mail {
    compose(rows, zone, FOR_ADMINS)
}

/// Writes the mail of a digest for the manager of those who leave.
#[must_use]
pub fn for_manager(rows: &[Row], zone: &str) -> Mail {
    compose(rows, zone, FOR_MANAGERS)
}

/// Writes an invitation: the only mail that a user who is no admin and no manager ever gets.
#[must_use]
pub fn invitation(org: &OrgId) -> Mail {
    let lead = format!("You have an account at {org}, and you can sign in.");
    let rest = "If you had an account before: cards that were terminated do not come back.";
    Mail {
        subject: format!("You are invited to {org}"),
        text: format!("{lead}\n\n{rest}\n"),
        html: format!(
            "<!doctype html>\n<html lang=\"en\"><body style=\"font-family:sans-serif\">\n<p>{}</p>\n<p>{rest}</p>\n</body></html>\n",
            escaped(&lead)
        ),
    }
}

fn compose(rows: &[Row], zone: &str, foot: &str) -> Mail {
    let sections = sections(rows, zone);
    let subject = sections
        .iter()
        .map(|one| one.title.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    let mut text = String::new();
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><body style=\"font-family:sans-serif\">\n",
    );
    for section in &sections {
        let _ = write!(
            text,
            "{}\n{}\n\n{}\n\n",
            section.title,
            "=".repeat(section.title.chars().count()),
            section.lead
        );
        let _ = writeln!(
            html,
            "<h2>{}</h2>\n<p>{}</p>\n<ul>",
            escaped(&section.title),
            escaped(section.lead)
        );
        for line in section.lines.iter().take(ROWS) {
            let _ = writeln!(text, "- {line}");
            let _ = writeln!(html, "<li>{}</li>", escaped(line));
        }
        html.push_str("</ul>\n");
        if section.lines.len() > ROWS {
            let more = format!("and {} more", section.lines.len() - ROWS);
            let _ = writeln!(text, "  {more}");
            let _ = writeln!(html, "<p>{more}</p>");
        }
        text.push('\n');
    }
    text.push_str(foot);
    text.push('\n');
    let _ = writeln!(html, "<p><small>{foot}</small></p>\n</body></html>");
    Mail {
        subject,
        text,
        html,
    }
}

const FOR_ADMINS: &str =
    "You get this because you are an admin of Offramp. The people named here are not mailed.";
const FOR_MANAGERS: &str =
    "You get this because you manage the people named here. They are not mailed.";

fn sections(rows: &[Row], zone: &str) -> Vec<Section> {
    let lines = |pick: fn(&NoticeKind) -> bool| -> Vec<String> {
        rows.iter()
            .filter(|row| pick(&row.kind))
            .map(|row| one_line(&line(row, zone)))
            .collect()
    };
    let scheduled = lines(|kind| matches!(kind, NoticeKind::Scheduled { .. }));
    let terminated = lines(|kind| matches!(kind, NoticeKind::Terminated { .. }));
    let restored = lines(|kind| matches!(kind, NoticeKind::Restored { .. }));
    let settings = lines(|kind| {
        matches!(
            kind,
            NoticeKind::SyncTurnedOff { .. } | NoticeKind::SafeguardsLoosened { .. }
        )
    });
    let holds = lines(|kind| {
        matches!(
            kind,
            NoticeKind::HoldOpened { .. } | NoticeKind::HoldWaits { .. }
        )
    });
    let health = lines(|kind| matches!(kind, NoticeKind::SourceHealth { .. }));
    let silent = rows.iter().any(|row| {
        matches!(
            row.kind,
            NoticeKind::SourceHealth {
                health: Health::Silent,
                ..
            }
        )
    });
    [
        (
            "A safeguard stopped the HR sync".to_owned(),
            "Nobody listed in a hold loses access or a card until an admin answers it, and nobody else \
             of that source does. Read who they are, then approve or reject the hold. What was begun \
             before it waits: access stays revoked, cards stay alive.",
            holds,
        ),
        (
            if silent { "An HR source is silent" } else { "An HR source is healthy again" }.to_owned(),
            "While a source is silent nobody hears of its leavers: see whether its connection to HR still \
             works. Nothing has to be done here: the next delivery makes it healthy again.",
            health,
        ),
        (
            format!("{} scheduled for deactivation", people(scheduled.len())),
            "Access is revoked. On the date below the user is deactivated and every active card is \
             terminated. If this is wrong, mark the person active in HR, restore the user, or turn \
             the deactivation sync off before then.",
            scheduled,
        ),
        (
            format!("{} deactivated", people(terminated.len())),
            "Access is revoked and every card is terminated. Terminated cards do not come back.",
            terminated,
        ),
        (
            format!("{} restored by the HR sync", people(restored.len())),
            "These accounts had been deleted by hand. Their HR record changed, and they are back as members.",
            restored,
        ),
        ("Offramp settings changed".to_owned(), "An admin changed what the sync may do.", settings),
    ]
    .into_iter()
    .filter(|(_, _, lines)| !lines.is_empty())
    .map(|(title, lead, lines)| Section { title, lead, lines })
    .collect()
}

/// A name may hold what breaks a line or turns it round: a forged row would look like one of ours.
fn one_line(text: &str) -> String {
    let turns = |c| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(turns, " ")
}

fn line(row: &Row, zone: &str) -> String {
    let who = match &row.id {
        Some(id) if *id != row.name => format!("{} ({id})", row.name),
        Some(id) => id.clone(),
        None => String::new(),
    };
    match &row.kind {
        NoticeKind::Scheduled {
            cause,
            due_at,
            active_cards,
        } => {
            format!(
                "{who}: {}, {} — {}",
                date(*due_at, zone),
                cards(*active_cards),
                why(*cause)
            )
        }
        NoticeKind::Terminated {
            cause,
            cards: count,
        } => {
            format!("{who}: {} terminated — {}", cards(*count), why(*cause))
        }
        NoticeKind::Restored { .. } | NoticeKind::Invited => who,
        NoticeKind::SyncTurnedOff { by, reverted } => {
            format!(
                "{by} turned the deactivation sync off; {} active again",
                people_are(*reverted)
            )
        }
        NoticeKind::HoldOpened {
            hold,
            source,
            rule,
            people: count,
        } => format!(
            "{source}: {} held — {} (hold {hold})",
            people(usize::try_from(*count).unwrap_or(usize::MAX)),
            tripped(*rule)
        ),
        NoticeKind::HoldWaits {
            hold,
            source,
            since,
        } => format!(
            "{source}: hold {hold} is open since {} and waits for an answer",
            date(*since, zone)
        ),
        NoticeKind::SourceHealth { source, health } => match health {
            Health::Healthy => format!("{source} is healthy again"),
            Health::Quarantined => format!("{source} is quarantined: a hold of its people is open"),
            Health::Silent => {
                format!("{source} is silent: it has not spoken for longer than usual")
            }
        },
        NoticeKind::SafeguardsLoosened { by } => {
            format!("{by} raised the limits of the safeguards")
        }
    }
}

fn date(at: DateTime<Utc>, zone: &str) -> String {
    spoken(at, zone)
}

fn why(cause: Cause) -> &'static str {
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
    }
}

fn people(count: usize) -> String {
    match count {
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    }
}

fn people_are(count: u32) -> String {
    match count {
        1 => "1 person is".to_owned(),
        n => format!("{n} people are"),
    }
}

fn cards(count: u32) -> String {
    match count {
        0 => "no active cards".to_owned(),
        1 => "1 active card".to_owned(),
        n => format!("{n} active cards"),
    }
}

/// Names come from an HR system: nothing in them is markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
