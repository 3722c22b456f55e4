//! The messages of a digest: who is mailed, and what they read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use offramp_domain::{Email, EmployeeId, NoticeKind, OrgId, Role, User, hex};
use ring::digest::{SHA256, digest};

use super::rows::People;
use crate::outbound::mail::{self, Mail, Now, Person, Rank, Reader, Row};

/// The messages of one digest.
pub(super) struct Letters<'a> {
    org: &'a OrgId,
    people: &'a People,
    now: DateTime<Utc>,
    /// The people whom a row is about, or who are in a hold, or whom somebody in it looks like. They are told of the
    /// others.
    apart: BTreeSet<&'a str>,
    /// The mail of all admins, once it is composed.
    admins: OnceLock<Arc<Mail>>,
}

/// One message. It is composed only when it is sent.
pub(super) struct Letter<'a> {
    pub(super) to: Recipient<'a>,
    /// Identifies the message within its digest.
    pub(super) claim: String,
    pub(super) content: Content<'a>,
}

/// Who is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipient<'a> {
    /// A user who has access.
    User(&'a EmployeeId),
    /// The address in the setting `escalation`.
    Escalation(&'a Email),
    /// An address at which an admin or auditor was known before.
    Former(&'a Email),
}

impl Recipient<'_> {
    /// The recipient in a log: an employee id, and no address.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::User(id) => id.as_str(),
            Self::Escalation(_) => "escalation",
            Self::Former(_) => "former",
        }
    }
}

/// What a message is about.
pub(super) enum Content<'a> {
    /// All rows, in the same words for every admin.
    Admins,
    /// The rows for an admin, without the admin's own leave date and without the admin among the people of a hold.
    Admin(&'a EmployeeId),
    /// The rows of a manager's people.
    Manager(Vec<&'a Row>),
    /// The holds that have waited too long, and what no admin is told of.
    Escalation(Vec<&'a Row>),
    /// The changes of the recipient's own power.
    Own(Vec<&'a Row>),
    /// The changes by which an address is its owner's no longer.
    Former(Vec<&'a Row>),
    /// The recipient may sign in.
    Invitation {
        /// True if they had lost their account.
        back: bool,
    },
}

/// The name of the message to the address for escalations.
const ESCALATION: &str = "escalation#";

/// The name of an invitation among the messages of a digest.
pub(super) fn invite(id: &EmployeeId) -> String {
    format!("invite#{id}")
}

/// The name of the message to an address of before: a hash, since keys hold no address.
fn former(address: &Email) -> String {
    let hash = digest(&SHA256, address.folded().as_bytes());
    format!("former#{}", hex(hash.as_ref()))
}

impl<'a> Letters<'a> {
    pub(super) fn new(org: &'a OrgId, people: &'a People, now: DateTime<Utc>) -> Self {
        let rows = || people.rows.iter().map(|(row, _)| row);
        let about = rows().filter(|row| !is_own(row) && !is_uninvited(row));
        let about = about.filter_map(|row| row.id.as_deref());
        let held = rows().flat_map(|row| match &row.now {
            Now::Held(held) => held.people.as_slice(),
            _ => &[],
        });
        Self {
            org,
            people,
            now,
            apart: about.chain(held.flat_map(Person::about)).collect(),
            admins: OnceLock::new(),
        }
    }

    /// The messages. Admins are told everything, managers only the leave dates of their people, invited users only
    /// of the invitation, the address for escalations of holds, and whoever is no admin of a change of their own power,
    /// as is the address of before. A digest does not go to a person without access. Nobody is told of their own departure,
    /// return or leave date, or that a hold keeps them.
    pub(super) fn of(&self) -> Vec<Letter<'a>> {
        let mut letters = Vec::new();
        if !self.people.rows.is_empty() {
            letters.extend(self.admins().filter_map(|to| {
                Some(Letter {
                    to: Recipient::User(to),
                    claim: to.to_string(),
                    content: self.to_admin(to)?,
                })
            }));
        }
        let mut managers: BTreeMap<&EmployeeId, Vec<&Row>> = BTreeMap::new();
        for (row, manager) in &self.people.rows {
            if let Some(manager) = manager
                && !self.people.admins.contains(manager)
                && row.id.as_deref() != Some(manager.as_str())
            {
                managers.entry(manager).or_default().push(row);
            }
        }
        let managers = managers
            .into_iter()
            .filter(|(id, _)| self.here(id).is_some());
        letters.extend(managers.map(|(to, rows)| Letter {
            to: Recipient::User(to),
            claim: to.to_string(),
            content: Content::Manager(rows),
        }));
        letters.extend(self.people.invited.iter().map(|(to, back)| Letter {
            to: Recipient::User(to),
            claim: invite(to),
            content: Content::Invitation { back: *back },
        }));
        letters.extend(self.escalation());
        letters.extend(self.of_power());
        letters
    }

    /// The messages to the people whose role, login or address changed, where they are sent no digest as admins, and to the
    /// addresses at which they were known before, where nobody is mailed there anyway.
    fn of_power(&self) -> Vec<Letter<'a>> {
        let mut own: BTreeMap<&EmployeeId, Vec<&Row>> = BTreeMap::new();
        let mut before: BTreeMap<String, (&Email, Vec<&Row>)> = BTreeMap::new();
        let rows = self.people.rows.iter().map(|(row, _)| row);
        for row in rows.filter(|row| is_own(row)) {
            let id = row.id.as_deref().and_then(|id| EmployeeId::new(id).ok());
            let known = id.and_then(|id| self.people.users.get_key_value(&id));
            if let Some((id, _)) = known.filter(|(id, _)| self.here(id).is_some()) {
                own.entry(id).or_default().push(row);
            }
            for address in &row.former {
                let of = before.entry(address.folded());
                of.or_insert((address, Vec::new())).1.push(row);
            }
        }
        let admins: BTreeSet<&EmployeeId> = self.admins().collect();
        for id in admins.iter().copied().chain(own.keys().copied()) {
            let known = self.address(Recipient::User(id));
            known.map(|known| before.remove(&known.folded()));
        }
        own.retain(|id, _| !admins.contains(id));
        let own = own.into_iter().map(|(to, rows)| Letter {
            to: Recipient::User(to),
            claim: format!("own#{to}"),
            content: Content::Own(rows),
        });
        let before = before.into_values().map(|(to, rows)| Letter {
            to: Recipient::Former(to),
            claim: former(to),
            content: Content::Former(rows),
        });
        own.chain(before).collect()
    }

    /// The message to the address for escalations: the holds that wait too long, and those, and leave dates of a last admin,
    /// that no admin is told of. `None` if there are none, or if an admin has that address.
    fn escalation(&self) -> Option<Letter<'a>> {
        let to = self.people.policy.settings.escalation.as_ref()?;
        let rows = self.people.rows.iter().map(|(row, _)| row);
        let waits =
            |row: &Row| matches!(row.kind, NoticeKind::HoldWaits { escalated, .. } if escalated);
        let untold = |row: &Row| {
            let mut admins = self.admins();
            let of_admins = matches!(row.now, Now::Held(_)) || row.rank == Rank::LastAdmin;
            of_admins && admins.all(|id| for_reader(row, id).is_none())
        };
        let rows: Vec<&Row> = rows.filter(|row| waits(row) || untold(row)).collect();
        let mut addresses = self
            .admins()
            .filter_map(|id| self.address(Recipient::User(id)));
        let is_admins = addresses.any(|address| address.folded() == to.folded());
        (!rows.is_empty() && !is_admins).then(|| Letter {
            to: Recipient::Escalation(to),
            claim: ESCALATION.to_owned(),
            content: Content::Escalation(rows),
        })
    }

    /// The admins who are told.
    fn admins(&self) -> impl Iterator<Item = &'a EmployeeId> {
        let is_admin = |user: User| user.role == Role::Admin;
        let admins = self.people.admins.iter();
        admins.filter(move |id| self.here(id).is_some_and(is_admin))
    }

    /// What an admin reads; `None` if every row is about them alone.
    fn to_admin(&self, to: &'a EmployeeId) -> Option<Content<'a>> {
        if !self.apart.contains(to.as_str()) {
            return Some(Content::Admins);
        }
        let mut rows = self.people.rows.iter();
        let of_others = rows.any(|(row, _)| for_reader(row, to).is_some());
        of_others.then_some(Content::Admin(to))
    }

    /// Composes a message. The mail of the admins is composed for the first of them.
    pub(super) fn compose(&self, content: &Content<'_>) -> Arc<Mail> {
        let letter = |to| mail::Letter {
            org: self.org,
            zone: &self.people.policy.settings.time_zone,
            to,
        };
        match content {
            Content::Admins => {
                let compose = || {
                    let rows: Vec<&Row> = self.people.rows.iter().map(|(row, _)| row).collect();
                    Arc::new(mail::digest(&rows, letter(Reader::Admin)))
                };
                self.admins.get_or_init(compose).clone()
            }
            Content::Admin(to) => {
                let rows = self.people.rows.iter();
                let rows: Vec<Cow<'_, Row>> =
                    rows.filter_map(|(row, _)| for_reader(row, to)).collect();
                let rows: Vec<&Row> = rows.iter().map(|row| &**row).collect();
                Arc::new(mail::digest(&rows, letter(Reader::Admin)))
            }
            Content::Manager(rows) => Arc::new(mail::digest(rows, letter(Reader::Manager))),
            Content::Escalation(rows) => Arc::new(mail::digest(rows, letter(Reader::Escalation))),
            Content::Own(rows) => Arc::new(mail::digest(rows, letter(Reader::Own))),
            Content::Former(rows) => Arc::new(mail::digest(rows, letter(Reader::Former))),
            Content::Invitation { back } => Arc::new(mail::invitation(self.org, *back)),
        }
    }

    /// The e-mail address of a recipient.
    pub(super) fn address(&self, to: Recipient<'_>) -> Option<Email> {
        match to {
            Recipient::User(id) => self.people.users.get(id)?.mailed_at(),
            Recipient::Escalation(address) | Recipient::Former(address) => Some(address.clone()),
        }
    }

    /// A user with access.
    fn here(&self, id: &EmployeeId) -> Option<User> {
        self.people.here(id, self.now)
    }
}

/// True if the row is told to the person it is about, too.
fn is_own(row: &Row) -> bool {
    row.power().is_some_and(|power| !power.by_access)
}

/// True if the row says that the limit on invitations stops one. It is told to everybody.
fn is_uninvited(row: &Row) -> bool {
    matches!(row.kind, NoticeKind::Invited { .. })
}

/// A row as one reader is told it: a hold without the reader, and without whoever looks like them. `None` if it is about
/// nobody else.
fn for_reader<'a>(row: &'a Row, reader: &EmployeeId) -> Option<Cow<'a, Row>> {
    if !is_own(row) && !is_uninvited(row) && row.id.as_deref() == Some(reader.as_str()) {
        return None;
    }
    let Now::Held(held) = &row.now else {
        return Some(Cow::Borrowed(row));
    };
    let about = |person: &Person| person.about().any(|id| id == reader.as_str());
    let own = held.people.iter().filter(|person| about(person)).count();
    if own == 0 {
        return Some(Cow::Borrowed(row));
    }
    let mut others = held.clone();
    others.people.retain(|person| !about(person));
    others.count -= own;
    (others.count > 0).then(|| {
        Cow::Owned(Row {
            now: Now::Held(others),
            ..row.clone()
        })
    })
}

#[cfg(test)]
mod tests {
    use offramp_domain::{Cause, Field, Origin, Policy};

    use super::*;
    use crate::outbound::mail::{ROWS, counted};

    const LEAVERS: usize = 10_000;
    const ADMINS: usize = 1_000;
    const MANAGERS: usize = 20;

    fn id(text: &str) -> EmployeeId {
        EmployeeId::new(text).unwrap()
    }

    fn user(name: &str, role: Role) -> (EmployeeId, User) {
        let mut user = User::new(id(name), Origin::Manual, offramp_domain::Grounds::default());
        user.role = role;
        let address = format!("{name}@acme.example").to_lowercase();
        user.profile.insert(Field::Email, address);
        (id(name), user)
    }

    /// So many leavers, admins and managers. The first admin leaves too.
    fn people() -> People {
        let admins = (0..ADMINS).map(|n| user(&format!("A-{n:05}"), Role::Admin));
        let managers = (0..MANAGERS).map(|n| user(&format!("M-{n:05}"), Role::Member));
        let row = |n: usize| {
            let name = match n {
                0 => "A-00000".to_owned(),
                n => format!("L-{n:05}"),
            };
            let kind = NoticeKind::Scheduled {
                cause: Cause::LeaveDate,
                due_at: "2026-03-05T09:00:00Z".parse().unwrap(),
                active_cards: 1,
            };
            let row = Row {
                id: Some(name.clone()),
                name,
                kind,
                now: Now::Stands,
                keeps_access: false,
                rank: Rank::User,
                by: None,
                former: Vec::new(),
            };
            (row, Some(id(&format!("M-{:05}", n % MANAGERS))))
        };
        let users: BTreeMap<EmployeeId, User> = admins.chain(managers).collect();
        let is_admin =
            |(id, user): (&EmployeeId, &User)| (user.role == Role::Admin).then(|| id.clone());
        People {
            policy: Policy::default(),
            admins: users.iter().filter_map(is_admin).collect(),
            rows: (0..LEAVERS).map(row).collect(),
            users,
            invited: BTreeMap::new(),
        }
    }

    #[test]
    fn a_mail_is_composed_once_for_a_thousand_admins_and_writes_out_only_what_it_shows() {
        let (org, people) = (OrgId::new("acme").unwrap(), people());
        let letters = Letters::new(&org, &people, "2026-03-02T09:00:00Z".parse().unwrap());
        let before = counted::so_far();
        let of = letters.of();
        // Who is told is known before anything is composed. The admin who leaves is told of the others.
        assert_eq!(counted::so_far(), before);
        assert_eq!(of.len(), ADMINS + MANAGERS);
        let mails: Vec<Arc<Mail>> = of.iter().map(|one| letters.compose(&one.content)).collect();
        let (composed, written) = counted::so_far();
        assert_eq!(composed - before.0, 2 + MANAGERS);
        assert_eq!(written - before.1, (2 + MANAGERS) * ROWS);
        assert!(
            mails[0].subject.contains("9999 people"),
            "{}",
            mails[0].subject
        );
        assert!(!mails[0].text.contains("A-00000"));
        let text = &mails[1].text;
        assert_eq!(text.matches("\n- ").count(), ROWS);
        assert!(text.contains("and 9800 more"), "{text}");
        assert!(
            mails[1].subject.contains("10000 people"),
            "{}",
            mails[1].subject
        );
        // A manager reads of their own people alone.
        let of_manager = &mails[ADMINS];
        assert!(
            of_manager.subject.contains("500 people"),
            "{}",
            of_manager.subject
        );
        assert!(
            of_manager.text.contains("and 300 more"),
            "{}",
            of_manager.text
        );
    }
}
