//! Identifiers. Each kind has its own type, so that a swapped argument does not compile.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The rule that a string breaks. The text is safe to show to a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

impl InvalidId {
    /// The rule, behind the name of what breaks it.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// The longest employee id, in characters.
pub const EMPLOYEE_ID_CHARS: usize = 128;
/// The longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const EMAIL_BYTES: usize = 254;

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(try_from = "String", into = "String")]
        $(#[$doc])*
        pub struct $name(String);

        impl $name {
            /// Checks a string and wraps it.
            ///
            /// # Errors
            /// [`InvalidId`] names the rule that the string breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { what: $what, rule: $rule })
                }
            }

            /// The identifier, unchanged.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn token(text: &str) -> bool {
    !text.is_empty() && !is_longer(text, 128) && !has_control(text)
}

/// True if the text has more than `chars` characters. Characters are counted only if the text has more bytes than that.
pub(crate) fn is_longer(text: &str, chars: usize) -> bool {
    text.len() > chars && text.chars().count() > chars
}

/// True if the text contains a control character. Most texts are printable ASCII, which needs no decoding.
pub(crate) fn has_control(text: &str) -> bool {
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(char::is_control)
}

string_id!(
    /// An organisation: the tenant that owns all other data.
    #[cfg_attr(feature = "schema", schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"))]
    OrgId, "org", "must be 1 to 63 of a-z, 0-9 and '-', not starting with '-'", slug
);
string_id!(
    /// An HR integration of an organisation.
    #[cfg_attr(feature = "schema", schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"))]
    SourceId, "source", "must be 1 to 63 of a-z, 0-9 and '-', not starting with '-'", slug
);
impl SourceId {
    /// The source of holds and runs about people whom no source has ever named, such as an admin who was added by hand.
    /// No source may have this id.
    #[must_use]
    pub fn none() -> Self {
        Self("no-source".to_owned())
    }

    /// The source, unless it is [`SourceId::none`].
    #[must_use]
    pub fn known(&self) -> Option<&Self> {
        (*self != Self::none()).then_some(self)
    }
}

string_id!(
    /// An employee's id in the HR system: 1 to 128 characters, except control characters.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"))]
    EmployeeId, "employee_id", "must be 1 to 128 characters, none of them a control character", token
);
impl EmployeeId {
    /// The id as a sender or an admin writes it: trimmed, and in NFC. Ids that were stored before are read by
    /// [`EmployeeId::new`].
    ///
    /// # Errors
    /// [`InvalidId`], also for an id with a blank that is not the plain space, or with an invisible character: nobody
    /// could tell it from another.
    pub fn sent(text: &str) -> Result<Self, InvalidId> {
        let id = Self::new(text.trim().nfc().collect::<String>())?;
        let unseen = |c: char| is_invisible(c) || (c.is_whitespace() && c != ' ');
        match id.0.contains(unseen) {
            true => Err(InvalidId {
                what: "employee_id",
                rule: "has an invisible character, or a blank that is not the plain space",
            }),
            false => Ok(id),
        }
    }

    /// What the id looks like. Two ids that look alike differ in spelling only: in the case of letters, blanks and invisible
    /// characters, compatible forms of a character ([UAX #15](https://www.unicode.org/reports/tr15/)), kinds of dashes, or in how
    /// a spreadsheet writes a number: leading zeros, and a last `.0`.
    #[must_use]
    pub fn likeness(&self) -> String {
        let seen = |c: &char| !c.is_whitespace() && !c.is_control() && !is_invisible(*c);
        let folded = self.0.nfkc().filter(seen).flat_map(char::to_lowercase);
        let plain = |c| match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            c => c,
        };
        let text: String = folded.nfkc().map(plain).collect();
        let number = text.strip_suffix(".0").unwrap_or(&text);
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match number.trim_start_matches('0') {
            _ if !digits => text,
            "" => "0".to_owned(),
            number => number.to_owned(),
        }
    }
}

/// True for the format characters (Unicode's category Cf), which a text shows nothing of: soft hyphen, zero-width
/// characters, directions, tags.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

string_id!(
    /// A payment card.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    CardId, "card_id", "must be 1 to 64 of a-z, A-Z, 0-9, '-' and '_'", name
);
string_id!(
    /// An objective.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    ObjectiveId, "objective_id", "must be 1 to 64 of a-z, A-Z, 0-9, '-' and '_'", name
);
string_id!(
    /// A hold: a change that a safeguard stopped until an admin answers.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    HoldId, "hold_id", "must be 1 to 64 of a-z, A-Z, 0-9, '-' and '_'", name
);
string_id!(
    /// A run: the effect of one delivery, snapshot or approval.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    RunId, "run_id", "must be 1 to 64 of a-z, A-Z, 0-9, '-' and '_'", name
);
string_id!(
    /// A snapshot: every employee of a source at one instant.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    SnapshotId, "snapshot_id", "must be 1 to 64 of a-z, A-Z, 0-9, '-' and '_'", name
);
string_id!(
    /// The id of an event in the HR system.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"))]
    EventId, "id", "must be 1 to 128 characters, none of them a control character", token
);
string_id!(
    /// The subject claim of a token, which names an admin or a machine.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"))]
    Subject, "subject", "must be 1 to 256 characters, none of them a control character",
    |text| !text.is_empty() && !is_longer(text, 256) && !has_control(text)
);

string_id!(
    /// Why an admin did something, in the admin's words: 1 to 256 characters, except control characters, and not blank.
    #[cfg_attr(feature = "schema", schema(
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    ))]
    GivenReason, "reason", "must be 1 to 256 characters, not all of them blank and none of them a control character",
    |text| !text.trim().is_empty() && !is_longer(text, 256) && !has_control(text)
);

string_id!(
    /// How tokens name an admin or an auditor: the value of the subject claim that an appointment has bound to the person.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"))]
    Login, "login", "must be 1 to 256 characters, none of them a control character",
    |text| !text.is_empty() && !is_longer(text, 256) && !has_control(text)
);

impl Login {
    /// The form in which logins are compared: ASCII letters in lower case, and everything else as it is.
    #[must_use]
    pub fn folded(&self) -> String {
        folded(&self.0)
    }
}

/// A text with its ASCII letters in lower case. Other letters stay: two addresses that differ in them may be two people's,
/// and what one identity provider takes for the same letter another does not.
#[must_use]
pub fn folded(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// An e-mail address, as it was given. [`Email::folded`] is its form for comparing and searching. Its `Debug` is
/// masked, because addresses do not belong in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(
    feature = "schema",
    schema(
        max_length = 254,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f,;<>\x22@]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
    )
)]
pub struct Email(String);

impl Email {
    /// Checks for the shape `local@domain` without spaces and control characters, and for at most [`EMAIL_BYTES`]
    /// bytes. Only a mail can tell whether the address exists.
    ///
    /// # Errors
    /// [`InvalidId`] if the text has another shape.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let shaped = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        });
        let clean = !text.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>' | '"')
        });
        if shaped && clean && text.len() <= EMAIL_BYTES {
            Ok(Self(text))
        } else {
            Err(InvalidId {
                what: "email",
                rule: "is not an e-mail address",
            })
        }
    }

    /// The address, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with its ASCII letters in lower case, for comparing.
    #[must_use]
    pub fn folded(&self) -> String {
        folded(&self.0)
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The next number.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// How often a user's lifecycle has changed. A timer acts only for the generation that it was armed for.
    Generation
);
counter!(
    /// How often an organisation has turned its deactivation sync off. A user that the sync scheduled in an older epoch
    /// is active.
    Epoch
);

impl Epoch {
    /// True for the epoch of an organisation that has never turned the sync off.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.0 == 0
    }

    /// The sum of two epochs. It rises whenever one of them does.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_rules() {
        assert!(OrgId::new("acme-2").is_ok());
        for bad in ["", "-a", "A", "a/b", "a#b", &"a".repeat(64)] {
            assert!(OrgId::new(bad).is_err(), "{bad}");
        }
        assert!(EmployeeId::new("E-7 / ü#1").is_ok());
        assert!(EmployeeId::new("a\nb").is_err());
        assert!(EmployeeId::new("é".repeat(128)).is_ok());
        assert!(EmployeeId::new("é".repeat(129)).is_err());
    }

    #[test]
    fn addresses_are_checked_folded_and_masked() {
        let email = Email::new("Ada@Example.com").unwrap();
        assert_eq!(email.folded(), "ada@example.com");
        // The Kelvin sign is no k, and a dotted capital I no i.
        for other in ["o\u{212a}afor@example.com", "\u{130}da@example.com"] {
            assert_eq!(Email::new(other).unwrap().folded(), other);
        }
        assert_eq!(format!("{email:?}"), "Email(***)");
        for bad in ["", "a", "a@", "@b", "a b@c", "a@b@c", "a@b,c", "a@.b"] {
            assert!(Email::new(bad).is_err(), "{bad}");
        }
    }
}
