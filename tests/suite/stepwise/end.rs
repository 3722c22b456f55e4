//! How a world ended, and what must be so at every end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use offramp_app::ports::{Cards, Histories, USERS_PER_READ, Users};
use offramp_domain::{
    Access, Actor, Cause, EmployeeId, Entry, Happening, IgnoredBy, OrgId, Policy, Status, User,
};
use serde_json::{Value, json};

use super::Town;
use super::requests::{ADA, MEMBERS, NEWCOMER, ORG, OTTO};

/// Everybody, with what does not depend on when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) people: BTreeMap<String, Person>,
    /// Who is in a hold that is open.
    pub(crate) held: BTreeSet<String>,
    /// Whether the sync is on, and the like.
    pub(crate) settings: String,
}

/// One person at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) status: Status,
    pub(crate) access: Access,
    /// Kind, state, reason and date of each ground.
    pub(crate) grounds: Vec<String>,
    /// HR's last word about status and fields, with the instants that HR gave them.
    pub(crate) hr: Value,
    pub(crate) leave_date: String,
    /// How many cards are alive, and how many are cancelled.
    pub(crate) cards: (usize, usize),
}

/// A person as they are stored.
pub(crate) struct Life {
    pub(crate) user: User,
    /// Cards that are alive.
    pub(crate) alive: usize,
    /// Cards that are cancelled.
    pub(crate) gone: usize,
    /// Whether the cancellation of a card has begun and not ended.
    half: bool,
    /// The newest first.
    pub(crate) history: Vec<Entry>,
}

/// An end with what stands behind it.
pub(crate) struct Whole {
    pub(crate) end: End,
    /// What is broken; empty where all is well.
    pub(crate) wrong: Vec<String>,
    /// The rows of all mails, without instants.
    pub(crate) told: Vec<String>,
    /// Histories, without instants.
    pub(crate) histories: BTreeMap<String, Vec<String>>,
}

impl Whole {
    /// The history of somebody. Cards may go in more than one round.
    pub(crate) fn merged(&self, id: &str) -> Vec<&String> {
        let mut merged: Vec<&String> = self.histories[id].iter().collect();
        merged.dedup_by(|one, other| one == other && one.contains("cards_terminated"));
        merged
    }
}

impl Town {
    /// Reads how all ended; `mailed` where the mails have gone out as well.
    pub(crate) async fn end(&mut self, mailed: bool) -> Whole {
        let ids: Vec<&str> = everybody().chain([NEWCOMER]).collect();
        let (users, policy) = self.users(&ids).await;
        let mut read = Vec::new();
        for user in users {
            read.push(self.life(user).await);
        }
        let mut whole = Whole {
            end: End {
                people: BTreeMap::new(),
                held: BTreeSet::new(),
                settings: settings(&policy),
            },
            wrong: self.wrong(mailed),
            told: self.told(),
            histories: BTreeMap::new(),
        };
        for life in read {
            let user = &life.user;
            let id = user.employee_id.to_string();
            whole.wrong.extend(wrong_with(&life, &policy));
            if user.hold.is_some() {
                whole.end.held.insert(id.clone());
            }
            let told = life.history.iter().rev().map(what).collect();
            whole.histories.insert(id.clone(), told);
            whole
                .end
                .people
                .insert(id, person(&user.as_of(&policy), (life.alive, life.gone)));
        }
        whole
    }

    /// Those of these people whom there are, with the policy.
    pub(crate) async fn users<I: AsRef<str>>(&mut self, ids: &[I]) -> (Vec<User>, Arc<Policy>) {
        let offramp = self.functions.offramp();
        let org = OrgId::new(ORG).unwrap();
        let ids = ids.iter().map(|id| EmployeeId::new(id.as_ref()).unwrap());
        let ids: Vec<EmployeeId> = ids.collect();
        let (mut users, mut policy) = (Vec::new(), Arc::default());
        for some in ids.chunks(USERS_PER_READ) {
            let loaded = self.reads(offramp.store.load(&org, some)).await.unwrap();
            let mut found = loaded.users;
            users.extend(some.iter().filter_map(|id| found.remove(id)));
            policy = loaded.policy;
        }
        (users, policy)
    }

    /// What stands of a person.
    pub(crate) async fn life(&mut self, user: User) -> Life {
        let offramp = self.functions.offramp();
        let (org, id) = (OrgId::new(ORG).unwrap(), &user.employee_id);
        let store = &offramp.store;
        let cards = self.reads(store.cards_of(&org, id)).await.unwrap();
        let history = store.history(&org, id, None, 500);
        let history = self.reads(history).await.unwrap();
        let alive = cards.iter().filter(|card| card.is_alive()).count();
        Life {
            alive,
            gone: cards.len() - alive,
            half: cards.iter().any(|card| card.is_alive() && card.cancelling),
            history,
            user,
        }
    }

    /// What is wrong with the world as a whole.
    fn wrong(&self, mailed: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for card in &self.services.cancelled {
            if !seen.insert(card) {
                wrong.push(format!("the issuer has cancelled {card} twice"));
            }
        }
        // A hold that waits for an admin is looked at again and again, and so is whoever it keeps.
        if !self.a_hold_is_open() {
            let left = self.leftovers().into_iter();
            let left = left.filter(|left| mailed || !is_notice(left));
            wrong.extend(left.map(|left| format!("left over: {left}")));
        }
        for mail in &self.services.mails {
            let reader = if mail.to.starts_with("ada") {
                ADA
            } else {
                OTTO
            };
            for row in rows(&mail.text) {
                let departs = ["deactivat", "terminated", "deleted"]
                    .iter()
                    .any(|word| row.contains(word));
                if row.contains(&format!("({reader})")) && departs {
                    wrong.push(format!("{} is told of themselves: {row}", mail.to));
                }
            }
        }
        wrong
    }

    /// The breakers of all sources, as they are stored.
    pub(crate) fn breakers(&self) -> Vec<Value> {
        let items = self.services.scan(self.functions.table(), None);
        let breakers = items.iter().filter(|item| item["sk"]["S"] == "B");
        breakers
            .map(|item| serde_json::from_str(item["data"]["S"].as_str().unwrap()).unwrap())
            .collect()
    }

    /// Whether the cancellation of a card has begun.
    pub(crate) fn a_card_is_touched(&self) -> bool {
        let items = self.services.scan(self.functions.table(), None);
        items.iter().any(|item| item["cancelling"]["BOOL"] == true)
    }

    /// Whether a hold waits for an admin.
    pub(super) fn a_hold_is_open(&self) -> bool {
        let left = self.leftovers();
        left.iter().any(|left| left.contains("#HOLDS"))
    }

    /// Address, section and row of each row of each mail; without its instants.
    fn told(&self) -> Vec<String> {
        let mails = self.services.mails.iter();
        let mut told: Vec<String> = mails
            .flat_map(|mail| {
                rows(&mail.text)
                    .into_iter()
                    .map(move |row| format!("{} {row}", mail.to))
            })
            .collect();
        for row in &mut told {
            *row = unnamed(row);
        }
        told.sort();
        told
    }
}

/// Those whom a test moves about, and the admin who does not leave.
pub(crate) fn everybody() -> impl Iterator<Item = &'static str> {
    [ADA, OTTO].into_iter().chain(MEMBERS)
}

/// Whether a leftover is a mail to be.
pub(super) fn is_notice(left: &str) -> bool {
    left.starts_with("work \"O#acme#N#")
}

fn settings(policy: &Policy) -> String {
    let sync = &policy.settings.deactivation_sync;
    format!("sync {} {:?}", sync.enabled, sync.behaviour)
}

fn person(user: &User, cards: (usize, usize)) -> Person {
    let grounds = user.grounds.iter().map(|(kind, ground)| {
        // Where an admin undoes the run and turns the sync off at once, either is why.
        let why = match ground.why {
            Some(IgnoredBy::RunUndone | IgnoredBy::SyncOff) => "by an admin".to_owned(),
            other => format!("{other:?}"),
        };
        format!("{kind:?} {:?} {why} {:?}", ground.state, ground.date)
    });
    let mut hr = serde_json::to_value(&user.hr).unwrap();
    if let Some(hr) = hr.as_object_mut() {
        // Which deliveries were seen is how they came.
        hr.remove("seen");
    }
    Person {
        status: user.status(),
        access: user.access(),
        grounds: grounds.collect(),
        hr,
        leave_date: format!("{:?}", user.leave_date()),
        cards,
    }
}

/// What is wrong with one person, once all is settled.
fn wrong_with(life: &Life, policy: &Policy) -> Vec<String> {
    let (user, alive, history) = (&life.user, life.alive, &life.history);
    let mut wrong = Vec::new();
    let mut broken = |what: String| wrong.push(format!("{}: {what}", user.employee_id));
    let seen = user.as_of(policy);
    if seen.status() != user.status() {
        broken(format!(
            "stored {:?}, settled {:?}",
            user.status(),
            seen.status()
        ));
    }
    let in_force = user.grounds.iter().any(|(_, ground)| ground.counts());
    if in_force == (user.access() == Access::Granted) {
        broken(format!("{:?} with {:?}", user.access(), user.grounds));
    }
    let over = matches!(user.status(), Status::Deactivated | Status::Deleted);
    if over && alive > 0 {
        broken(format!("{:?} with {alive} living cards", user.status()));
    }
    if life.half {
        broken("a card is half cancelled".to_owned());
    }
    if usize::try_from(user.active_cards).unwrap() != alive {
        broken(format!(
            "counts {} cards, {alive} are alive",
            user.active_cards
        ));
    }
    if !user.pending.is_done() || user.reopening.is_some() {
        broken(format!("pending: {:?} {:?}", user.pending, user.reopening));
    }
    if let Some(entry) = acted_early(history) {
        broken(format!(
            "a timer acted before the end of the grace period: {entry:?} in {history:#?}"
        ));
    }
    let versions: Vec<u64> = history.iter().map(|entry| entry.version).collect();
    let wanted: Vec<u64> = (1..=user.version).rev().collect();
    if versions != wanted {
        broken(format!(
            "version {} with the history {versions:?}",
            user.version
        ));
    }
    wrong
}

/// The entry by which a timer ended a grace period, or announced its end again, before the end that was announced last. Those of HR's grounds alone: an
/// admin and a leave date may bring an end forward.
fn acted_early(history: &[Entry]) -> Option<&Entry> {
    let mut announced = None;
    for entry in history.iter().rev() {
        match &entry.happening {
            Happening::Scheduled { due_at } => announced = Some(*due_at),
            // A timer of another grace period than this does nothing at all.
            Happening::Postponed { until } if announced == Some(*until) => return Some(entry),
            Happening::Postponed { until } => announced = Some(*until),
            Happening::Deactivated => {
                let of_hr = matches!(entry.cause, Some(Cause::Hr | Cause::Missing));
                let by_timer = matches!(entry.by, Actor::Timer { .. });
                let early = announced.is_some_and(|due| entry.at + TimeDelta::minutes(1) < due);
                if of_hr && by_timer && early {
                    return Some(entry);
                }
            }
            _ if entry.to == Status::Active => announced = None,
            _ => {}
        }
    }
    None
}

/// What an entry says, without instants and ids.
fn what(entry: &Entry) -> String {
    let shown = serde_json::to_value(entry).unwrap();
    json!([shown["what"], shown["from"], shown["to"], shown["cause"]]).to_string()
}

/// Without the names that are made anew each time.
fn unnamed(row: &str) -> String {
    let words = row.split(' ').map(|word| match word.split_once('_') {
        Some((kind @ ("run" | "hold" | "snap"), _)) => kind,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// True if the same was told. A change of the policy is committed before the people are counted whom it makes active again:
/// where the process ends in between, the mail says that everybody is, and no number; and an admin among them, who is none
/// until a timer has rewritten them, may not be told of it.
pub(crate) fn told_alike(one: &[String], other: &[String]) -> bool {
    let change = |row: &str| {
        let (told, _) = row.rsplit_once("; ")?;
        let (_reader, told) = told.split_once(' ')?;
        Some(told.to_owned())
    };
    let uncounted = |row: &&String| row.contains("; everybody whom it concerns is active again");
    let all = one.iter().chain(other);
    let early: BTreeSet<String> = all
        .filter(uncounted)
        .filter_map(|row| change(row))
        .collect();
    let is_early = |row: &&String| change(row).is_some_and(|told| early.contains(&told));
    let rest = |rows: &[String]| -> Vec<String> {
        let rest = rows.iter().filter(|row| !is_early(row));
        rest.cloned().collect()
    };
    let told = |rows: &[String]| -> BTreeSet<String> {
        let told = rows.iter().filter(is_early);
        told.filter_map(|row| change(row)).collect()
    };
    rest(one) == rest(other) && told(one) == told(other)
}

/// Section and row of each row of a mail, without its instants.
fn rows(text: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut section = "";
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_some_and(|next| next.starts_with("==")) {
            section = line.trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some(row) = line.strip_prefix("- ") {
            let (who, what) = row.split_once(": ").unwrap_or((row, ""));
            let what = what.rsplit_once(", ").map_or(what, |(_, what)| what);
            rows.push(format!(
                "{}: {who}: {what}",
                section.replace("people", "person")
            ));
        }
    }
    rows
}
