//! The mails: subject, plain text and HTML, from one list of rows.

mod lines;
mod sections;

use std::fmt::Write as _;

use offramp_domain::{Counted, NoticeKind, OrgId, Tripped};

use lines::Line;
use sections::sections;

/// Rows that are written out in a section, and people in a hold; the rest are counted.
pub const ROWS: usize = 200;

/// One thing that is told.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who; of an answer or an undone run, who gave it or took it back.
    pub name: String,
    /// Their employee id; `None` for the organisation itself.
    pub id: Option<String>,
    /// What.
    pub kind: NoticeKind,
    /// What has become of it.
    pub now: Now,
}

/// What has become of something by the time that its mail is written.
#[derive(Debug, Clone, Default)]
pub enum Now {
    /// It is as it was noticed.
    #[default]
    Stands,
    /// Of somebody scheduled: a hold of their source is open, and keeps their cards alive until it is
    /// answered.
    Waits,
    /// Of somebody terminated: an admin has deleted them.
    Deleted,
    /// Of somebody terminated: they were restored.
    Back {
        /// Whether they have access; else they were scheduled again.
        active: bool,
    },
    /// Of a hold that is open.
    Held(Held),
}

/// Those whom a hold keeps.
#[derive(Debug, Clone)]
pub struct Held {
    /// The safeguard.
    pub rule: Tripped,
    /// Whether the source is quarantined by it.
    pub quarantines: bool,
    /// How many they are.
    pub count: usize,
    /// The first of them by name; at most [`ROWS`].
    pub people: Vec<Person>,
}

/// Somebody in a hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// Their name, or else their employee id.
    pub name: String,
    /// Their employee id.
    pub id: String,
    /// Cards that are not cancelled.
    pub cards: u32,
    /// What was stopped.
    pub what: Stopped,
}

/// What a hold has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopped {
    /// They would leave, and why.
    Leaving(&'static str),
    /// They would come back.
    Returning,
}

impl Stopped {
    /// In the words of a mail.
    #[must_use]
    pub fn of(what: Counted) -> Self {
        match what {
            Counted::Departure(cause) | Counted::LastAdmin(cause) => {
                Self::Leaving(lines::why(cause))
            }
            Counted::Restore => Self::Returning,
        }
    }
}

/// Whose mail it is, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The organisation, for the routes that are named.
    pub org: &'a OrgId,
    /// IANA name of the time zone of its dates.
    pub zone: &'a str,
    /// An admin's, or that of the manager of those who leave.
    pub to: Reader,
}

/// Who reads a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody who can do something about it.
    Admin,
    /// Somebody who can tell an admin.
    Manager,
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

/// Writes the mail of a digest.
#[must_use]
pub fn digest(rows: &[Row], letter: Letter<'_>) -> Mail {
    let sections = sections(rows, letter);
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
            escaped(&section.lead)
        );
        for line in section.lines.iter().take(ROWS) {
            put(&mut text, &mut html, line);
        }
        html.push_str("</ul>\n");
        if section.lines.len() > ROWS {
            let more = format!("and {} more", section.lines.len() - ROWS);
            let _ = writeln!(text, "  {more}");
            let _ = writeln!(html, "<p>{more}</p>");
        }
        text.push('\n');
    }
    let foot = foot(rows, letter.to);
    text.push_str(foot);
    text.push('\n');
    let _ = writeln!(html, "<p><small>{foot}</small></p>\n</body></html>");
    Mail {
        subject,
        text,
        html,
    }
}

/// A line, and what stands below it.
fn put(text: &mut String, html: &mut String, line: &Line) {
    let _ = writeln!(text, "- {}", line.text);
    let _ = write!(html, "<li>{}", escaped(&line.text));
    if !line.under.is_empty() {
        html.push_str("\n<ul>\n");
        for one in &line.under {
            let _ = writeln!(text, "  - {one}");
            let _ = writeln!(html, "<li>{}</li>", escaped(one));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</li>\n");
}

fn foot(rows: &[Row], to: Reader) -> &'static str {
    // An admin whom a hold keeps is one of those who may answer it.
    let held = rows.iter().any(|row| matches!(row.now, Now::Held(_)));
    match to {
        Reader::Admin if held => {
            "You get this because you are an admin of Offramp. Nobody is mailed for being named here."
        }
        Reader::Admin => {
            "You get this because you are an admin of Offramp. The people named here are not mailed."
        }
        Reader::Manager => {
            "You get this because you manage the people named here. They are not mailed."
        }
    }
}

/// Writes an invitation, of somebody new or of somebody who had lost their account: the only mail that a
/// user who is no admin and no manager ever gets.
#[must_use]
pub fn invitation(org: &OrgId, back: bool) -> Mail {
    let (subject, mut parts) = if back {
        (
            format!("Your access to {org} is back"),
            vec![format!(
                "Your account at {org} is active again, and you can sign in."
            )],
        )
    } else {
        (
            format!("You are invited to {org}"),
            vec![format!(
                "You have an account at {org}, and you can sign in."
            )],
        )
    };
    if back {
        parts.push("Cards that were terminated do not come back.".to_owned());
    }
    let html: Vec<_> = parts
        .iter()
        .map(|part| format!("<p>{}</p>\n", escaped(part)))
        .collect();
    Mail {
        subject,
        text: format!("{}\n", parts.join("\n\n")),
        html: format!(
            "<!doctype html>\n<html lang=\"en\"><body style=\"font-family:sans-serif\">\n{}</body></html>\n",
            html.concat()
        ),
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
