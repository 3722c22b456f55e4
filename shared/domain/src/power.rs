//! Changes of power: of who may do what in an organisation. Every admin is told of each.

use serde::{Deserialize, Serialize};

use crate::ids::{Email, Login, SourceId, Subject};
use crate::lifecycle::Role;
use crate::settings::SourceSync;

/// A change of power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Power {
    /// The role, login or address of an admin or auditor changed.
    Person(PersonPower),
    /// A source was made or changed.
    Source {
        /// The id of the source.
        source: SourceId,
        /// The change.
        change: SourcePower,
    },
    /// A machine was registered or removed.
    Machine {
        /// The name that an admin gave it.
        name: String,
        /// The subject claim of its tokens.
        subject: Subject,
        /// Its rights.
        may: Vec<String>,
        /// True if it was removed.
        removed: bool,
    },
    /// The sync rule was changed.
    SyncRule,
    /// The address in the setting `escalation` was changed.
    Escalation {
        /// The address before; `None` if there was none.
        from: Option<Email>,
        /// The address after; `None` if there is none any more.
        to: Option<Email>,
    },
}

/// A change of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum SourcePower {
    /// The source was made, with its first secret.
    Made,
    /// The properties of the source were changed. A part that stays is equal before and after.
    Changed {
        /// The state before and after.
        state: (String, String),
        /// The grace period before and after, where it is another than the organisation's.
        sync: (SourceSync, SourceSync),
        /// The hours without a delivery after which it is silent, before and after; `None` if its own rhythm decides.
        silent_after_hours: (Option<u32>, Option<u32>),
    },
    /// People of the source were given to another source.
    HandedOver {
        /// The source that has them from now on.
        to: SourceId,
        /// How many there were.
        people: u32,
        /// True if an admin named them, and the others stay.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        part: bool,
    },
    /// A new secret was made.
    SecretMade {
        /// True if the earlier secrets no longer verify.
        revoked_previous: bool,
    },
}

/// A change of the role, the login or the address of an admin or auditor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonPower {
    /// The role before the change.
    pub was: Role,
    /// The role after the change.
    pub is: Role,
    /// True if the role stays, and counts no longer since an admin ends access, or counts again since they are back. The
    /// person is not told of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_access: bool,
    /// The login that counted before; `None` if there was none or it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_login: Option<Login>,
    /// The login that counts from now on; `None` if none does or it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_login: Option<Login>,
    /// The address before; `None` if there was none or it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_address: Option<String>,
    /// The address after; `None` if it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_address: Option<String>,
    /// True if the role counts after the change.
    pub counts: bool,
    /// True if the address before was theirs for less than a day, so that nobody is mailed there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}

impl PersonPower {
    /// The addresses at which the person was known before, and is known no longer.
    pub fn former(&self) -> impl Iterator<Item = Email> {
        let login = self.was_login.as_ref().map(Login::as_str);
        let address = self.was_address.as_deref().filter(|_| !self.fresh);
        let known = [login, address];
        known
            .into_iter()
            .flatten()
            .filter_map(|one| Email::new(one).ok())
    }
}
