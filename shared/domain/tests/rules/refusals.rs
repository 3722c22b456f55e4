//! Of whom admins are told whose records were rejected.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::refused::{MOST_AT_ONCE, MOST_IN_A_DAY};
use offramp_domain::{Notice, NoticeKind, Refusals, Refused};
use proptest::prelude::*;

use crate::world::{employee, instant, source};

fn refused(id: &str, gone: bool, foreign: bool) -> Refused {
    Refused {
        employee_id: Some(employee(id)),
        reason: "is wrong".to_owned(),
        gone,
        foreign,
    }
}

/// The notices, and how many others they count.
fn told(known: &mut Refusals, all: &[Refused], now: DateTime<Utc>) -> (Vec<String>, u32) {
    let Some((after, notices)) = known.telling(&source("hris"), all, now) else {
        return (Vec::new(), 0);
    };
    assert_eq!(after.rev, known.rev + 1);
    let keys: BTreeSet<_> = notices.iter().map(Notice::key).collect();
    assert_eq!(keys.len(), notices.len(), "each has a key of its own");
    assert!(keys.iter().all(|key| key.kind.is_apart()));
    *known = after;
    let count = |notice: &Notice| match notice.kind {
        NoticeKind::Refused { others, .. } => others,
        _ => panic!("{notice:?}"),
    };
    let others = notices.iter().map(count).sum();
    let names = notices.into_iter().filter_map(|one| one.employee_id);
    (names.map(String::from).collect(), others)
}

#[test]
fn who_may_have_left_is_told_once_a_week_and_who_is_here_is_not() {
    let mut known = Refusals::default();
    let now = instant(0);
    let all = [refused("A", true, false), refused("B", false, false)];
    assert_eq!(told(&mut known, &all, now), (vec!["A".to_owned()], 0));
    for minutes in [0, 1, 60 * 24 * 7 - 1] {
        let later = now + TimeDelta::minutes(minutes);
        assert_eq!(told(&mut known, &all, later), (vec![], 0), "{minutes}");
    }
    let week = now + TimeDelta::days(7);
    assert_eq!(told(&mut known, &all, week), (vec!["A".to_owned()], 0));
}

#[test]
fn a_source_that_speaks_of_anothers_people_is_told_of_once_a_week() {
    let mut known = Refusals::default();
    let now = instant(0);
    let all = [refused("A", false, true), refused("B", false, true)];
    assert_eq!(told(&mut known, &all, now), (vec![], 2));
    assert_eq!(told(&mut known, &all, now), (vec![], 0));
    // A leaver among them is news.
    let gone = [refused("C", true, true)];
    assert_eq!(told(&mut known, &gone, now), (vec!["C".to_owned()], 0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However many there are and however they come: nobody is told of twice, no transaction is too large, and whoever is
    /// not told of by name is counted, once.
    #[test]
    fn many_are_told_by_name_up_to_a_number_and_the_others_are_counted(
        requests in proptest::collection::vec((0..400u32, 1..80u32), 1..40),
    ) {
        let (mut known, mut names, mut others) = (Refusals::default(), Vec::new(), 0);
        let mut all = BTreeSet::new();
        for (minute, (from, count)) in requests.iter().enumerate() {
            let ids: Vec<String> = (*from..from + count).map(|n| format!("E-{n}")).collect();
            let some: Vec<_> = ids.iter().map(|id| refused(id, true, false)).collect();
            all.extend(ids);
            let now = instant(i64::try_from(minute).unwrap());
            let (named, counted) = told(&mut known, &some, now);
            prop_assert!(named.len() <= MOST_AT_ONCE);
            prop_assert!(others == 0 || counted == 0, "the others are told of once");
            others += counted;
            names.extend(named);
        }
        let distinct: BTreeSet<_> = names.iter().collect();
        prop_assert_eq!(distinct.len(), names.len(), "twice");
        prop_assert!(names.len() <= MOST_IN_A_DAY);
        prop_assert!(names.len() == all.len() || others > 0, "{} of {}", names.len(), all.len());
        prop_assert!(serde_json::to_vec(&known).unwrap().len() < 20_000);
    }
}
