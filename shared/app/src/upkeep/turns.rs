//! The order in which the sweep takes overdue work.
//!
//! The organisations take turns, and an organisation's work goes by age. Work that an attempt did not end is pushed
//! back: it counts as due only after a pause, which doubles with each attempt up to [`LONGEST_PAUSE`]. It is not left
//! out, so it is tried in each sweep that has time for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::OrgId;

use crate::ports::{Attempt, Attempts, Due, Work};

/// The pause after the first attempt: the time between two sweeps.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// The longest pause.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// How long work is pushed back after so many attempts in a row.
fn pause(tries: u32) -> TimeDelta {
    let doubled = 2_i32.saturating_pow(tries.saturating_sub(1));
    FIRST_PAUSE
        .checked_mul(doubled)
        .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

/// The instant by which work has its place.
fn place(due: &Due, last: Option<Attempt>) -> DateTime<Utc> {
    match last {
        Some(Attempt { at, tries }) => due.at.max(at + pause(tries)),
        None => due.at,
    }
}

/// The work in turns: one piece of each organisation, the organisation with the oldest work first. So no organisation
/// waits behind a thousand pieces of another.
pub(super) fn turns(found: Vec<Due>, attempts: &BTreeMap<OrgId, Attempts>) -> Vec<Work> {
    let mut placed: Vec<(DateTime<Utc>, Work)> = found
        .into_iter()
        .map(|due| {
            let last = attempts.get(due.work.org());
            let last = last.and_then(|attempts| attempts.at(&due.work));
            (place(&due, last), due.work)
        })
        .collect();
    placed.sort();
    let mut seen = BTreeSet::new();
    let mut queues: Vec<VecDeque<Work>> = Vec::new();
    let mut queue_of: BTreeMap<OrgId, usize> = BTreeMap::new();
    for (_, work) in placed {
        // One digest mails all unsent notices, so the oldest minute is enough. A person with three cards that are being
        // cancelled has four entries.
        let same = match &work {
            Work::Notice { org, .. } => (org.clone(), None),
            other => (other.org().clone(), Some(other.clone())),
        };
        if !seen.insert(same) {
            continue;
        }
        let next = queues.len();
        let queue = *queue_of.entry(work.org().clone()).or_insert(next);
        if queue == next {
            queues.push(VecDeque::new());
        }
        if let Some(queue) = queues.get_mut(queue) {
            queue.push_back(work);
        }
    }
    let mut turns = Vec::new();
    while !queues.is_empty() {
        queues.retain_mut(|queue| {
            turns.extend(queue.pop_front());
            !queue.is_empty()
        });
    }
    turns
}

#[cfg(test)]
mod tests {
    use offramp_domain::{DigestMinute, EmployeeId, HoldId, SourceId};

    use super::*;

    fn org(name: &str) -> OrgId {
        OrgId::new(name).unwrap()
    }

    fn minute(n: i64) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
        start + TimeDelta::minutes(n)
    }

    fn user(of: &str, id: &str) -> Work {
        let employee_id = EmployeeId::new(id).unwrap();
        Work::User {
            org: org(of),
            employee_id,
        }
    }

    fn notice(of: &str, at: i64) -> Work {
        let minute = DigestMinute::of(minute(at));
        Work::Notice {
            org: org(of),
            minute,
        }
    }

    fn hold(of: &str) -> Work {
        let hold = HoldId::new("hold_1").unwrap();
        Work::Hold { org: org(of), hold }
    }

    fn source(of: &str) -> Work {
        let source = SourceId::new("hris").unwrap();
        Work::Source {
            org: org(of),
            source,
        }
    }

    fn due(at: i64, work: Work) -> Due {
        Due {
            at: minute(at),
            work,
        }
    }

    /// Orders the work of one organisation after some attempts at some of it.
    fn order(found: &[(i64, &Work)], tried: &[(i64, &Work)]) -> Vec<Work> {
        let mut attempts = Attempts::default();
        for (at, work) in tried {
            attempts.remember(work, minute(*at));
        }
        let found = found.iter().map(|(at, work)| due(*at, (*work).clone()));
        let attempts = BTreeMap::from([(org("acme"), attempts)]);
        turns(found.collect(), &attempts)
    }

    #[test]
    fn the_oldest_goes_first_whatever_kind_it_is() {
        let (a, z) = (user("acme", "A-1"), user("acme", "Z-1"));
        let (notice, hold, source) = (notice("acme", 2), hold("acme"), source("acme"));
        let found = [(9, &a), (2, &notice), (5, &hold), (1, &z), (7, &source)];
        assert_eq!(order(&found, &[]), [z, notice, hold, source, a]);
    }

    #[test]
    fn what_was_tried_in_vain_comes_after_what_is_new_and_is_never_left_out() {
        let (stuck, new) = (user("acme", "A-1"), user("acme", "Z-1"));
        let tried_once = order(&[(0, &stuck), (14, &new)], &[(10, &stuck)]);
        assert_eq!(tried_once, [new.clone(), stuck.clone()]);
        // The pause is bounded: after an hour the place is that of the last attempt, however many there were.
        let often: Vec<(i64, &Work)> = (0..40).map(|n| (n * 5, &stuck)).collect();
        assert_eq!(
            order(&[(0, &stuck), (256, &new)], &often),
            [stuck.clone(), new.clone()]
        );
        assert_eq!(order(&[(0, &stuck), (254, &new)], &often), [new, stuck]);
    }

    #[test]
    fn whoever_is_slow_in_each_sweep_lets_everybody_else_through() {
        // A sweep does three pieces. Four never end, and one more falls due in each sweep.
        let slow: Vec<Work> = (1..=4).map(|n| user("acme", &format!("A-{n}"))).collect();
        let (mut attempts, mut waiting) = (Attempts::default(), Vec::new());
        let mut tried: BTreeMap<Work, u32> = BTreeMap::new();
        for sweep in 0..40_i64 {
            let now = sweep * 5;
            waiting.push((now - 3, user("acme", &format!("Z-{sweep:02}"))));
            let found = slow.iter().map(|one| due(-60, one.clone()));
            let fresh = waiting.iter().map(|(at, one)| due(*at, one.clone()));
            let memory = BTreeMap::from([(org("acme"), attempts.clone())]);
            for work in turns(found.chain(fresh).collect(), &memory)
                .into_iter()
                .take(3)
            {
                if slow.contains(&work) {
                    attempts.remember(&work, minute(now));
                    *tried.entry(work).or_default() += 1;
                } else {
                    waiting.retain(|(_, one)| *one != work);
                }
            }
            // Two sweeps are the longest that anybody waits behind them.
            assert!(
                waiting.iter().all(|(at, _)| *at > now - 10),
                "{sweep}: {waiting:?}"
            );
        }
        assert!(tried.values().all(|times| *times > 5), "{tried:?}");
    }

    #[test]
    fn no_organisation_waits_behind_another_and_a_digest_is_one_piece() {
        let acme: Vec<Work> = (1..=3).map(|n| user("acme", &format!("A-{n}"))).collect();
        let mut found: Vec<Due> = acme.iter().map(|one| due(1, one.clone())).collect();
        found.extend((2..50).map(|n| due(n, notice("globex", n))));
        // A card that is being cancelled is found beside its owner.
        found.push(due(3, acme[0].clone()));
        let order = turns(found, &BTreeMap::new());
        let wanted = [
            acme[0].clone(),
            notice("globex", 2),
            acme[1].clone(),
            acme[2].clone(),
        ];
        assert_eq!(order, wanted);
    }

    #[test]
    fn memory_is_bounded_forgets_the_oldest_and_holds_no_id() {
        let mut attempts = Attempts::default();
        let all: Vec<Work> = (0..=Attempts::MOST)
            .map(|n| user("acme", &format!("E-{n}")))
            .collect();
        for (n, work) in all.iter().enumerate() {
            attempts.remember(work, minute(n as i64));
        }
        assert_eq!(attempts.at(&all[0]), None);
        assert_eq!(attempts.at(&all[1]).map(|attempt| attempt.tries), Some(1));
        let json = serde_json::to_string(&attempts).unwrap();
        assert!(
            json.len() < 200_000 && !json.contains("E-1"),
            "{}",
            json.len()
        );
        attempts.forget(&all[1]);
        attempts.forget_before(minute(Attempts::MOST as i64));
        assert_eq!(attempts.at(&all[1]), None);
        assert_eq!(
            attempts.at(&all[Attempts::MOST]).map(|one| one.tries),
            Some(1)
        );
    }
}
