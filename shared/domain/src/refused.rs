//! What admins are told of records that were rejected. Somebody whom HR does not call active, and whose record was
//! rejected, may have left and keep their access and cards.
//!
//! A source repeats what it says: nightly, or with every webhook. So each person is told of once a week, and a source that
//! speaks of many is told of at most [`MOST_IN_A_DAY`] times a day by person, and once a week for all others.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::digest::{Notice, NoticeKind};
use crate::employee::PersonHash;
use crate::ids::{EmployeeId, Generation, SourceId};

/// How long a person is not told of again.
const TOLD_FOR: TimeDelta = TimeDelta::days(7);
/// The most people of whom one notice each is written in one go. They are one transaction.
pub const MOST_AT_ONCE: usize = 20;
/// The most people of whom admins are told one by one within a day.
pub const MOST_IN_A_DAY: usize = 100;
/// The most people who are remembered, the newest ones.
const REMEMBERED: usize = 300;
/// How long it is remembered that a source called somebody inactive whom it does not have.
const SAID_FOR: TimeDelta = TimeDelta::days(30);
/// How old that is before it is written down anew.
const SAID_AGAIN: TimeDelta = TimeDelta::days(1);
/// The most people of whom that is remembered, the newest ones.
pub const MOST_SAID: usize = 50;
/// Stands for everybody beyond [`MOST_IN_A_DAY`].
const OTHERS: &str = "others";
/// Stands for the people of another source, of whom this one speaks, whatever it says.
const FOREIGN: &str = "foreign";

/// A rejected record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The employee; `None` if the id could not be read.
    pub employee_id: Option<EmployeeId>,
    /// Why, in a sentence without values.
    pub reason: String,
    /// True unless HR calls the employee active.
    pub gone: bool,
    /// True if the employee belongs to another source.
    pub foreign: bool,
}

/// Of whom admins were told, for one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refusals {
    /// When somebody was told of last, by the hash of their id.
    told: BTreeMap<String, DateTime<Utc>>,
    /// When the source last called somebody inactive whom another source has, by the hash of their id. To the day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    said: BTreeMap<String, DateTime<Utc>>,
    /// Counts writes. Each write is conditional on it. 0 if nothing is stored yet.
    pub rev: u64,
}

impl Refusals {
    /// The refusals after admins are told of these, and the notices, which may be none. `None` if there is nothing new.
    #[must_use]
    pub fn telling(
        &self,
        source: &SourceId,
        refused: &[Refused],
        now: DateTime<Utc>,
    ) -> Option<(Self, Vec<Notice>)> {
        let mut after = Self {
            told: self.told.clone(),
            said: self.saying(refused, now),
            rev: self.rev + 1,
        };
        after.told.retain(|_, at| now < *at + TOLD_FOR);
        let generation = Generation(after.rev);
        let notice = |employee_id: Option<&EmployeeId>, reason: &str, others| Notice {
            at: now,
            kind: NoticeKind::Refused {
                source: source.clone(),
                reason: reason.to_owned(),
                others,
            },
            employee_id: employee_id.cloned(),
            name: None,
            generation,
        };
        let mut notices = Vec::new();
        let mut others = 0;
        for one in refused.iter().filter(|one| one.gone) {
            let id = one.employee_id.as_ref();
            let whom = id.map_or(String::new(), |id| PersonHash::of(id).to_string());
            if after.told.contains_key(&whom) {
                continue;
            }
            let room = notices.len() < MOST_AT_ONCE && after.in_a_day(now) < MOST_IN_A_DAY;
            match id.filter(|_| room) {
                Some(_) => notices.push(notice(id, &one.reason, 0)),
                None => others += 1,
            }
            after.told.insert(whom, now);
        }
        let foreign = refused.iter().filter(|one| one.foreign && !one.gone);
        if let Some(one) = foreign.clone().next()
            && !after.told.contains_key(FOREIGN)
        {
            after.told.insert(FOREIGN.to_owned(), now);
            let count = u32::try_from(foreign.count()).unwrap_or(u32::MAX);
            notices.push(notice(None, &one.reason, count));
        } else if others > 0 && !after.told.contains_key(OTHERS) {
            after.told.insert(OTHERS.to_owned(), now);
            notices.push(notice(None, "", others));
        }
        while after.told.len() > REMEMBERED {
            let people = after.told.iter();
            let people = people.filter(|(whom, _)| ![OTHERS, FOREIGN].contains(&whom.as_str()));
            let oldest = people.min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(whom, _)| whom.clone()) else {
                break;
            };
            after.told.remove(&oldest);
        }
        (!notices.is_empty() || after.said != self.said).then_some((after, notices))
    }

    /// When the source last called this person inactive, and was not heard since another source has them; `None` if it has
    /// not within a month, or has called them active since.
    #[must_use]
    pub fn called_gone(&self, id: &EmployeeId) -> Option<DateTime<Utc>> {
        self.said.get(&PersonHash::of(id).to_string()).copied()
    }

    /// What is remembered after these records.
    fn saying(&self, refused: &[Refused], now: DateTime<Utc>) -> BTreeMap<String, DateTime<Utc>> {
        let mut said = self.said.clone();
        said.retain(|_, at| now < *at + SAID_FOR);
        for one in refused.iter().filter(|one| one.foreign) {
            let Some(id) = &one.employee_id else { continue };
            let whom = PersonHash::of(id).to_string();
            if !one.gone {
                said.remove(&whom);
            } else if said.get(&whom).is_none_or(|at| now >= *at + SAID_AGAIN) {
                said.insert(whom, now);
            }
        }
        while said.len() > MOST_SAID {
            let oldest = said.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(whom, _)| whom.clone()) else {
                break;
            };
            said.remove(&oldest);
        }
        said
    }

    fn in_a_day(&self, now: DateTime<Utc>) -> usize {
        let day = TimeDelta::days(1);
        self.told.values().filter(|at| now < **at + day).count()
    }
}
