//! What a snapshot comes to. Before it is applied the numbers say what is planned; each partition's are replaced by what
//! was done once it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::admins::{self, AdminMove, Fate};
use crate::breaker::Counted;
use crate::decide::Outcome;
use crate::ids::EmployeeId;

/// The number of people by outcome.
pub type Words = BTreeMap<Outcome, u64>;

/// The people who differ, by partition of the roster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally(BTreeMap<u8, Part>);

/// The people who differ in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// Everybody, by outcome. For a source in observation, by the outcome that an active source would have had.
    pub words: Words,
    /// Those of them whose change the breaker counts, without admins.
    pub counted: Vec<(Counted, Outcome, u64)>,
    /// The changes of admins, in order.
    pub admins: Vec<AdminMove>,
}

impl Part {
    /// Adds the planned change of one person.
    pub fn add(&mut self, word: Outcome, counted: Option<Counted>, of_admin: Option<AdminMove>) {
        *self.words.entry(word).or_default() += 1;
        if let Some(of_admin) = of_admin {
            self.admins.push(of_admin);
        } else if let Some(counted) = counted {
            let same = |one: &&mut (Counted, Outcome, u64)| (one.0, one.1) == (counted, word);
            match self.counted.iter_mut().find(same) {
                Some((_, _, people)) => *people += 1,
                None => self.counted.push((counted, word, 1)),
            }
        }
    }

    fn move_to(&mut self, from: Outcome, to: Outcome, people: u64) {
        let moved = match self.words.get_mut(&from) {
            Some(count) => {
                let moved = people.min(*count);
                *count -= moved;
                moved
            }
            None => 0,
        };
        *self.words.entry(to).or_default() += moved;
        self.words.retain(|_, count| *count > 0);
    }
}

impl Tally {
    /// True if nothing is planned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets what a partition is planned to come to.
    pub fn plan(&mut self, part: u8, planned: Part) {
        self.0.insert(part, planned);
    }

    /// The sum of all partitions.
    #[must_use]
    pub fn words(&self) -> Words {
        sum(self.0.values().map(|part| &part.words))
    }

    /// The changes of admins, in the order in which they are made.
    #[must_use]
    pub fn admins(&self) -> Vec<AdminMove> {
        let all = self.0.values().flat_map(|part| &part.admins);
        all.cloned().collect()
    }

    /// Notes about which admins the breaker is asked: about all whose change it counts, but for the last one with access.
    /// Returns the change that it is asked about, by person; `None` for the last admin.
    pub fn ask(&mut self, admins: &BTreeSet<EmployeeId>) -> BTreeMap<EmployeeId, Option<Counted>> {
        let mut fates = admins::fates(&self.admins(), admins, |_| false).into_iter();
        let mut asked = BTreeMap::new();
        let all = self.0.values_mut().flat_map(|part| &mut part.admins);
        for (one, fate) in all.zip(&mut fates) {
            let Some(counted) = one.counted else { continue };
            one.asked = fate == Fate::Happens;
            let what = counted.departure().unwrap_or(counted);
            asked.insert(one.id.clone(), one.asked.then_some(what));
        }
        asked
    }

    /// Takes in what stops whom: `is_held` says whether a change that the breaker counts is stopped, `admins` are those with
    /// access, and `ended` is the outcome of a departure that nothing stops.
    pub fn stop(
        &mut self,
        admins: &BTreeSet<EmployeeId>,
        ended: Outcome,
        is_held: impl Fn(Counted) -> bool,
    ) {
        let mut fates = admins::fates(&self.admins(), admins, &is_held).into_iter();
        for part in self.0.values_mut() {
            for (counted, word, people) in part.counted.clone() {
                if is_held(counted) {
                    part.move_to(word, Outcome::Held, people);
                }
            }
            for (place, fate) in (0..part.admins.len()).zip(&mut fates) {
                let Some(one) = part.admins.get_mut(place) else {
                    continue;
                };
                one.fate = Some(fate);
                let (word, counted) = (one.word, one.counted);
                match (fate, counted) {
                    (Fate::Held | Fate::LastAdmin, _) => part.move_to(word, Outcome::Held, 1),
                    (Fate::Happens, Some(Counted::LastAdmin(_))) => part.move_to(word, ended, 1),
                    (Fate::Happens, _) => {}
                }
            }
        }
    }

    /// Replaces what these partitions were planned to come to by what was done. An earlier attempt may have ended before it
    /// could say what it did. For the people whom it has left to nobody, the plan stands.
    pub fn done(&mut self, parts: &[u8], done: &Words) {
        let planned = sum(parts
            .iter()
            .filter_map(|part| Some(&self.0.get(part)?.words)));
        let mut earlier = total(&planned).saturating_sub(total(done));
        let mut so = done.clone();
        for (word, count) in &planned {
            let rest = count.saturating_sub(done.get(word).copied().unwrap_or_default());
            let rest = rest.min(earlier);
            earlier -= rest;
            *so.entry(*word).or_default() += rest;
        }
        so.retain(|_, count| *count > 0);
        for (place, part) in parts.iter().enumerate() {
            let words = if place == 0 { so.clone() } else { Words::new() };
            let part = self.0.entry(*part).or_default();
            part.words = words;
            part.counted = Vec::new();
        }
    }
}

fn total(words: &Words) -> u64 {
    words.values().sum()
}

fn sum<'a>(all: impl Iterator<Item = &'a Words>) -> Words {
    let mut sum = Words::new();
    for words in all {
        for (word, count) in words {
            *sum.entry(*word).or_default() += count;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Cause;

    fn part(words: &[(Outcome, u64)]) -> Part {
        Part {
            words: words.iter().copied().collect(),
            ..Part::default()
        }
    }

    #[test]
    fn what_was_done_takes_the_place_of_what_was_planned() {
        let mut tally = Tally::default();
        tally.plan(0, part(&[(Outcome::Scheduled, 3), (Outcome::Updated, 1)]));
        tally.plan(4, part(&[(Outcome::Scheduled, 1)]));
        tally.plan(9, part(&[(Outcome::Created, 2)]));
        let done = Words::from([
            (Outcome::Scheduled, 3),
            (Outcome::Held, 1),
            (Outcome::Updated, 1),
        ]);
        tally.done(&[0, 4], &done);
        let mut all = done;
        all.insert(Outcome::Created, 2);
        assert_eq!(tally.words(), all);
        // An attempt that died had scheduled two; the next one found the other two.
        let mut tally = Tally::default();
        tally.plan(0, part(&[(Outcome::Scheduled, 3), (Outcome::Updated, 1)]));
        tally.done(
            &[0],
            &Words::from([(Outcome::Scheduled, 1), (Outcome::Updated, 1)]),
        );
        let all = Words::from([(Outcome::Scheduled, 3), (Outcome::Updated, 1)]);
        assert_eq!(tally.words(), all);
    }

    #[test]
    fn whoever_is_stopped_is_counted_as_held() {
        let mut planned = Part::default();
        let leaves = Counted::Departure(Cause::Hr);
        for _ in 0..3 {
            planned.add(Outcome::Deactivated, Some(leaves), None);
        }
        planned.add(Outcome::Reactivated, Some(Counted::Return), None);
        planned.add(Outcome::Restored, Some(Counted::Return), None);
        let admins = ["A", "B"].map(|id| EmployeeId::new(id).unwrap());
        for id in &admins {
            let of_admin = AdminMove {
                id: id.clone(),
                joins: false,
                counted: Some(leaves),
                word: Outcome::Deactivated,
                asked: false,
                fate: None,
            };
            planned.add(Outcome::Deactivated, Some(leaves), Some(of_admin));
        }
        let stopped = |held: &dyn Fn(Counted) -> bool| {
            let mut tally = Tally::default();
            tally.plan(3, planned.clone());
            let admins = admins.iter().cloned().collect();
            tally.stop(&admins, Outcome::Deactivated, held);
            tally.words()
        };
        let (ended, held) = (Outcome::Deactivated, Outcome::Held);
        let back = [(Outcome::Reactivated, 1), (Outcome::Restored, 1)];
        let with = |more: &[(Outcome, u64)]| back.iter().chain(more).copied().collect::<Words>();
        assert_eq!(stopped(&|_| false), with(&[(ended, 4), (held, 1)]));
        assert_eq!(stopped(&|what| what == leaves), with(&[(held, 5)]));
        let returns = Words::from([(ended, 4), (held, 3)]);
        assert_eq!(stopped(&|what| what == Counted::Return), returns);
    }
}
