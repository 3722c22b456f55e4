//! Whom a rejection spared.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use offramp_domain::HoldId;
use offramp_domain::breaker::{Breaker, Keeps};

use crate::breaker::{limits, people};
use crate::world::start;

#[test]
fn whoever_a_rejection_spared_keeps_the_date_whatever_is_rejected_later() {
    let limits = limits(u32::MAX, 100);
    let mut breaker = Breaker::default();
    let mut promised = BTreeMap::new();
    // Some of the people are spared once, some again and again.
    for (day, (from, to)) in [(0, 6), (4, 9), (20, 22), (1, 3), (22, 60), (5, 6)]
        .into_iter()
        .enumerate()
    {
        let now = start() + TimeDelta::days(i64::try_from(day).unwrap());
        let leaving = people(from, to);
        breaker = breaker.admitting(&leaving, limits, now);
        let hold = HoldId::new(format!("hold_{day}")).unwrap();
        breaker = breaker.tripping(hold, limits, now);
        let at = now + TimeDelta::hours(1);
        breaker = breaker.answering(true, at);
        promised.extend(leaving.into_iter().map(|id| (id, at)));
        for (id, at) in &promised {
            let kept = breaker.keeps(id, start());
            assert_eq!(
                kept,
                Some(Keeps::AGracePeriodFrom(*at)),
                "{id} on day {day}"
            );
            assert_eq!(breaker.keeps(id, *at + TimeDelta::minutes(1)), None);
        }
    }
    // An approval spares nobody, and takes nothing back.
    let now = start() + TimeDelta::days(9);
    let approved = breaker
        .admitting(&people(70, 80), limits, now)
        .answering(false, now);
    for (id, at) in &promised {
        let kept = approved.keeps(id, start());
        assert_eq!(kept, Some(Keeps::AGracePeriodFrom(*at)));
    }
}
