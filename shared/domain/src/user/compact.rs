//! The compact stored form of a user: each value once.
//!
//! Form 1 ([`super::stored`]) keeps every HR value twice, in the record and in the profile, and what follows from the
//! grounds beside them. This form keeps the HR record by instant, of the profile only what differs from the record, and
//! the grounds alone. DynamoDB counts a write by the KB, so a person with nine fields costs half of what form 1 costs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::{LookAlike, User};
use crate::digest::{DigestMinute, NoticeKey, NoticeTopic};
use crate::employee::{CompactRecord, Field, HrRecord};
use crate::grounds::Grounds;
use crate::hold::Held;
use crate::ids::{EmployeeId, Generation, Login};
use crate::lifecycle::{Leave, Origin, Pending, Reopening, Role};

/// A user in the compact stored form, as serde writes and reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Form<'static>")]
pub struct CompactUser<'a>(Cow<'a, User>);

impl<'a> From<&'a User> for CompactUser<'a> {
    fn from(user: &'a User) -> Self {
        Self(Cow::Borrowed(user))
    }
}

impl From<CompactUser<'_>> for User {
    fn from(compact: CompactUser<'_>) -> Self {
        compact.0.into_owned()
    }
}

#[derive(Serialize, Deserialize)]
struct Form<'a> {
    id: Cow<'a, EmployeeId>,
    origin: Cow<'a, Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hr: Option<CompactRecord>,
    /// The fields whose value in the profile is not the one of the HR record. `None` if the profile lacks the field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    profile: BTreeMap<Field, Option<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "is_default")]
    awaits_base: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    role: Role,
    #[serde(default, skip_serializing_if = "is_default")]
    auditor: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<Cow<'a, Login>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_changed: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed_address: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    grounds: Cow<'a, Grounds>,
    #[serde(rename = "gen")]
    generation: Generation,
    #[serde(default, skip_serializing_if = "is_default")]
    pending: Cow<'a, Pending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reopening: Option<Reopening>,
    #[serde(default, skip_serializing_if = "is_default")]
    leave: Cow<'a, Leave>,
    #[serde(default, skip_serializing_if = "is_default")]
    held: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Cow<'a, Held>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_alike: Option<Cow<'a, LookAlike>>,
    /// The notice is about this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<(DigestMinute, Cow<'a, NoticeTopic>, Generation)>,
    #[serde(default, skip_serializing_if = "is_default")]
    cards: u32,
    version: u64,
    rev: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Serialize for CompactUser<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = &*self.0;
        let (role, auditor) = user.role.stored();
        Form {
            id: Cow::Borrowed(&user.employee_id),
            origin: Cow::Borrowed(&user.origin),
            hr: user.hr.as_ref().map(CompactRecord::from),
            awaits_base: user.awaits_base,
            profile: apart(user),
            role,
            auditor,
            login: user.bound.as_ref().map(Cow::Borrowed),
            address_changed: user.address_changed,
            confirmed_address: user.confirmed_address.as_deref().map(Cow::Borrowed),
            grounds: Cow::Borrowed(&user.grounds),
            generation: user.generation,
            pending: Cow::Borrowed(&user.pending),
            reopening: user.reopening,
            leave: Cow::Borrowed(&user.leave),
            held: user.held,
            hold: user.hold.as_ref().map(Cow::Borrowed),
            look_alike: user.look_alike.as_ref().map(Cow::Borrowed),
            notice: user.notice.as_ref().map(|notice| {
                (
                    notice.minute,
                    Cow::Borrowed(&notice.kind),
                    notice.generation,
                )
            }),
            cards: user.active_cards,
            version: user.version,
            rev: user.rev,
        }
        .serialize(serializer)
    }
}

/// The fields of the profile that differ from the HR record.
fn apart(user: &User) -> BTreeMap<Field, Option<Cow<'_, str>>> {
    let of_hr = |field| user.hr.as_ref().and_then(|record| record.get(field));
    Field::ALL
        .iter()
        .map(|field| (*field, user.get(*field)))
        .filter(|(field, value)| *value != of_hr(*field))
        .map(|(field, value)| (field, value.map(Cow::Borrowed)))
        .collect()
}

impl TryFrom<Form<'_>> for CompactUser<'static> {
    type Error = &'static str;

    fn try_from(form: Form<'_>) -> Result<Self, Self::Error> {
        let hr = form.hr.map(HrRecord::try_from).transpose()?;
        let sent = hr.iter().flat_map(HrRecord::sent);
        let mut profile: BTreeMap<Field, String> = sent
            .filter_map(|(field, value)| Some((field, value?.to_owned())))
            .collect();
        for (field, value) in form.profile {
            match value {
                Some(value) => drop(profile.insert(field, value.into_owned())),
                None => drop(profile.remove(&field)),
            }
        }
        let employee_id = form.id.into_owned();
        let notice = form.notice.map(|(minute, kind, generation)| NoticeKey {
            minute,
            kind: kind.into_owned(),
            employee_id: Some(employee_id.clone()),
            generation,
        });
        Ok(Self(Cow::Owned(User {
            employee_id,
            origin: form.origin.into_owned(),
            profile,
            hr,
            awaits_base: form.awaits_base,
            role: Role::of_stored(form.role, form.auditor),
            bound: form.login.map(Cow::into_owned),
            address_changed: form.address_changed,
            confirmed_address: form.confirmed_address.map(Cow::into_owned),
            grounds: form.grounds.into_owned(),
            generation: form.generation,
            pending: form.pending.into_owned(),
            reopening: form.reopening,
            leave: form.leave.into_owned(),
            held: form.held,
            hold: form.hold.map(Cow::into_owned),
            look_alike: form.look_alike.map(Cow::into_owned),
            notice,
            active_cards: form.cards,
            version: form.version,
            rev: form.rev,
        })))
    }
}
