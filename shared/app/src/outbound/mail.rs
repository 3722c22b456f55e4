//! Mails: subject, plain text and HTML, made from one list of rows.

mod lines;
mod names;
mod power;
mod sections;

use std::fmt::Write as _;

use offramp_domain::{
    Counted, Email, EmployeeId, NoticeKind, OrgId, PersonPower, Power, Tripped, User,
};

use lines::Line;
use sections::sections;

/// The most rows of a section, and the most people of a hold, that a mail lists. The rest are counted.
pub const ROWS: usize = 200;

/// A row of a digest.
#[derive(Debug, Clone)]
pub struct Row {
    /// The name of the user. For an answer or an undone run, the name of the admin.
    pub name: String,
    /// The employee id; `None` if the row is about the organisation.
    pub id: Option<String>,
    /// The content of the notice.
    pub kind: NoticeKind,
    /// The state at the time of writing the mail.
    pub now: Now,
    /// True if the user is scheduled, and has access until the deactivation.
    pub keeps_access: bool,
    /// Whether the user whose leave date lies ahead is an admin.
    pub rank: Rank,
    /// The name of the admin or machine that acted; `None` if the notice says it otherwise, or says none.
    pub by: Option<String>,
    /// The addresses at which the user was known until this change.
    pub former: Vec<Email>,
}

impl Row {
    /// The change of a person's power; `None` if the row is about something else.
    #[must_use]
    pub fn power(&self) -> Option<&PersonPower> {
        match &self.kind {
            NoticeKind::Power {
                what: Power::Person(what),
                ..
            } => Some(what),
            _ => None,
        }
    }
}

/// Whether a user is an admin with access, for the row of a leave date that lies ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Rank {
    /// The user is none.
    #[default]
    User,
    /// The user is one of several.
    Admin,
    /// The user is the only one.
    LastAdmin,
}

/// The state of a notice's subject when the mail is written.
#[derive(Debug, Clone, Default)]
pub enum Now {
    /// The state is as the notice says.
    #[default]
    Stands,
    /// The user is scheduled, and an open hold of their source keeps their cards alive.
    Waits,
    /// The leave date stands, and the admin who set it names the last day with access.
    LastDay,
    /// An admin deleted the user, whose cards are cancelled.
    Deleted,
    /// The user was restored after their cards were cancelled.
    Back {
        /// True if the user has access. Otherwise the user was scheduled again.
        active: bool,
    },
    /// The hold is open.
    Held(Held),
}

/// An open hold, as a mail describes it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The safeguard that opened it.
    pub rule: Tripped,
    /// True if it quarantines the source.
    pub quarantines: bool,
    /// How many people are in it.
    pub count: usize,
    /// The first people by name; at most [`ROWS`].
    pub people: Vec<Person>,
}

/// A person in a hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The name, or the employee id if there is no name.
    pub name: String,
    /// The employee id.
    pub id: String,
    /// How many cards are not cancelled.
    pub cards: u32,
    /// The change that was stopped.
    pub what: Stopped,
}

impl Person {
    /// The ids of whom this says something: of the person, and of the one whom they look like.
    pub fn about(&self) -> impl Iterator<Item = &str> {
        let of = match &self.what {
            Stopped::Unknown(of) => Some(of.as_str()),
            Stopped::Leaving(_) | Stopped::Returning => None,
        };
        std::iter::once(self.id.as_str()).chain(of)
    }
}

/// The change that a hold stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopped {
    /// The person would leave. The text says why.
    Leaving(&'static str),
    /// The person would be restored.
    Returning,
    /// An unknown person would be created, who looks like the one with this id.
    Unknown(EmployeeId),
}

impl Stopped {
    /// The change of the person that is stopped, in the words of a mail; `None` if none is.
    #[must_use]
    pub fn of(user: &User) -> Option<Self> {
        let what = user.hold.as_ref()?.what;
        let look_alike = user.look_alike.as_ref();
        Some(match (what, look_alike) {
            (_, Some(look_alike)) => Self::Unknown(look_alike.of.clone()),
            (Counted::Departure(cause) | Counted::LastAdmin(cause), None) => {
                Self::Leaving(lines::why(cause))
            }
            (Counted::Return | Counted::LookAlike, None) => Self::Returning,
        })
    }
}

/// The properties of a mail, beside its rows.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The organisation, for the routes that the mail names.
    pub org: &'a OrgId,
    /// The IANA name of the time zone in which dates are written.
    pub zone: &'a str,
    /// The kind of recipient.
    pub to: Reader,
}

/// The kind of recipient of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// An admin, who can act on the notices.
    Admin,
    /// The manager of leavers, who can inform an admin.
    Manager,
    /// The address in the setting `escalation`, whose readers can call an admin.
    Escalation,
    /// The person whose role, login or address has changed.
    Own,
    /// An address at which that person was known before.
    Former,
}

/// A mail without a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The subject, in one line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The same body as HTML.
    pub html: String,
}

/// Writes the mail of a digest.
#[must_use]
pub fn digest(rows: &[&Row], letter: Letter<'_>) -> Mail {
    #[cfg(test)]
    counted::add(|counts| &counts.mails);
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
        for line in &section.lines {
            put(&mut text, &mut html, line);
        }
        html.push_str("</ul>\n");
        if section.more > 0 {
            let more = format!("and {} more", section.more);
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

/// Writes a line and the lines below it.
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

fn foot(rows: &[&Row], to: Reader) -> &'static str {
    // An admin in a hold may be allowed to answer that hold. An admin who leaves soon is told of others who do.
    let held = rows.iter().any(|row| matches!(row.now, Now::Held(_)));
    let ahead = |row: &&Row| matches!(row.kind, NoticeKind::LeavesSoon { .. });
    let ahead = rows.iter().any(ahead);
    let power = rows
        .iter()
        .any(|row| matches!(row.kind, NoticeKind::Power { .. }));
    match to {
        Reader::Admin if power => {
            "You get this because you are an admin of Offramp. Somebody whose own role, login or address changed is mailed that alone; nobody else is mailed for being named here."
        }
        Reader::Own => {
            "You get this because it is about what you may do in Offramp. Every admin is told of it."
        }
        Reader::Former => {
            "You get this because an admin or auditor of Offramp was known by this address until now. Every admin is told of it."
        }
        Reader::Admin if held || ahead => {
            "You get this because you are an admin of Offramp. Nobody is mailed for being named here."
        }
        Reader::Admin => {
            "You get this because you are an admin of Offramp. The people named here are not mailed."
        }
        Reader::Escalation if ahead => {
            "You get this because an admin of Offramp named this address for what no admin can be told. Nobody is mailed for being named here."
        }
        Reader::Escalation => {
            "You get this because an admin of Offramp named this address for holds that wait too long. Nobody is mailed for being named here."
        }
        Reader::Manager if ahead => {
            "You get this because you manage the people named here. Nobody is mailed for being named here."
        }
        Reader::Manager => {
            "You get this because you manage the people named here. They are not mailed."
        }
    }
}

/// Writes an invitation for a new user, or for a returning user who had lost their account. It is the only mail to
/// users who are neither admin nor manager.
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

/// Escapes a text for HTML. Names come from an HR system, so nothing in them is markup.
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

/// Counts what the thread of a test has composed.
#[cfg(test)]
pub(crate) mod counted {
    use std::cell::Cell;

    #[derive(Default)]
    pub(crate) struct Counts {
        pub(crate) mails: Cell<usize>,
        pub(crate) lines: Cell<usize>,
    }

    thread_local! {
        static COUNTS: Counts = Counts::default();
    }

    pub(crate) fn add(of: impl Fn(&Counts) -> &Cell<usize>) {
        COUNTS.with(|counts| of(counts).set(of(counts).get() + 1));
    }

    /// How many mails were composed, and how many rows were written out.
    pub(crate) fn so_far() -> (usize, usize) {
        COUNTS.with(|counts| (counts.mails.get(), counts.lines.get()))
    }
}
