//! Stories of many people and one breaker: whatever comes in whatever order, it keeps what it promises.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use offramp_domain::breaker::{Breaker, Counted, Verdict};
use offramp_domain::decide::Gate;
use offramp_domain::settings::Safeguards;
use offramp_domain::{EmployeeId, Event, Held, HoldId, HrWord, SnapshotId, Status, Timer};
use proptest::prelude::*;

use crate::breaker::limits;
use crate::world::{Says, World, admin, employee, hr, instant, source};

/// What can happen in a story of many people and one breaker.
#[derive(Debug, Clone)]
enum Step {
    Says {
        who: usize,
        minute: i64,
        inactive: bool,
    },
    Missing {
        who: usize,
        minute: i64,
    },
    Approve,
    Reject,
    Wait {
        hours: i64,
    },
    Fire {
        which: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..8_usize, 0..60_i64, any::<bool>())
            .prop_map(|(who, minute, inactive)| Step::Says { who, minute, inactive }),
        3 => (0..8_usize, 0..60_i64).prop_map(|(who, minute)| Step::Missing { who, minute }),
        1 => Just(Step::Approve),
        1 => Just(Step::Reject),
        2 => (1..60_i64).prop_map(|hours| Step::Wait { hours }),
        4 => any::<usize>().prop_map(|which| Step::Fire { which }),
    ];
    prop::collection::vec(step, 1..60)
}

/// The breaker around the rules, as the use cases have it.
struct Story {
    world: World,
    hold: Option<(HoldId, u64)>,
    holds: usize,
    limits: Safeguards,
}

impl Story {
    fn machine(&mut self, id: &EmployeeId, event: &Event) {
        self.world.gate = Gate::OPEN;
        let decision = self.world.decide(id, event).unwrap();
        let counted = matches!(
            decision.counted,
            Some(Counted::Departure(_) | Counted::Return)
        );
        if counted {
            let breaker = self.world.breaker.clone().unwrap();
            let (now, ids) = (self.world.now, BTreeSet::from([id.clone()]));
            match breaker.weigh(&ids, self.limits, None, now) {
                Verdict::Admitted => {
                    let after = breaker.admitting(&ids, self.limits, now);
                    assert!(
                        after.window.len() <= 3,
                        "the window holds no more than its limit"
                    );
                    self.world.breaker = Some(after);
                }
                Verdict::Joins(hold) => {
                    let (open, seq) = self.hold.as_mut().unwrap();
                    assert_eq!(*open, hold);
                    *seq += 1;
                    self.world.gate = Gate::Held { hold, seq: *seq };
                }
                Verdict::Trips(..) => {
                    self.holds += 1;
                    let hold = HoldId::new(format!("hold_{}", self.holds)).unwrap();
                    self.world.breaker = Some(breaker.tripping(hold.clone(), self.limits, now));
                    self.hold = Some((hold.clone(), 1));
                    self.world.gate = Gate::Held { hold, seq: 1 };
                }
            }
        }
        self.world.happens(id, event).unwrap();
    }

    fn answer(&mut self, approve: bool) {
        let Some((hold, until)) = self.hold.take() else {
            return;
        };
        let now = self.world.now;
        let breaker = self.world.breaker.take().unwrap();
        self.world.breaker = Some(breaker.answering(!approve, now));
        self.world.gate = Gate::OPEN;
        for id in self.world.users.keys().cloned().collect::<Vec<_>>() {
            let by = admin(Some("E-1"));
            let hold = hold.clone();
            let event = match approve {
                true => Event::Approve { by, hold, until },
                false => Event::Keep { by, hold, until },
            };
            self.world.happens(&id, &event).unwrap();
        }
    }

    fn step(&mut self, step: &Step) {
        let who = |n: usize| employee(&format!("P-{n}"));
        match step {
            Step::Says {
                who: n,
                minute,
                inactive,
            } => {
                let mut event = hr(*minute);
                event.employee_id = who(*n);
                if *inactive {
                    event = event.inactive();
                }
                let event = Event::Hr {
                    source: source("hris"),
                    event,
                };
                self.machine(&who(*n), &event);
            }
            Step::Missing { who: n, minute } => {
                let event = Event::Missing {
                    source: source("hris"),
                    snapshot: SnapshotId::new("snap_1").unwrap(),
                    at: instant(*minute),
                };
                self.machine(&who(*n), &event);
            }
            Step::Approve => self.answer(true),
            Step::Reject => self.answer(false),
            Step::Wait { hours } => self.world.now += TimeDelta::hours(*hours),
            Step::Fire { which } => {
                let timers = &self.world.standing;
                let Some(timer) = timers.get(which % timers.len().max(1)).cloned() else {
                    return;
                };
                let Timer::Deactivate {
                    employee_id,
                    generation,
                    due,
                    ..
                } = timer
                else {
                    return;
                };
                self.world.now = self.world.now.max(due);
                let before = self.world.users[&employee_id].clone();
                self.machine(&employee_id, &Event::Due { generation, due });
                let after = &self.world.users[&employee_id];
                if after.status() == Status::Deactivated && before.status() != after.status() {
                    let breaker = self.world.breaker.as_ref().unwrap();
                    assert_ne!(
                        before.hr_word(),
                        Some(HrWord::Active),
                        "cards of the active"
                    );
                    let waits = breaker.hold.is_some() && breaker.window.has(&employee_id);
                    assert!(!waits, "a timer of the window did not wait");
                }
            }
        }
        for user in self.world.users.values() {
            if let Some(held) = &user.hold {
                let returns = held.what == Counted::Return;
                assert_eq!(returns, user.status() != Status::Active, "{user:?}");
            }
            if user.hr_word() == Some(HrWord::Active) {
                let returns = |held: &Held| held.what == Counted::Return;
                assert!(user.hold.as_ref().is_none_or(returns), "{user:?}");
                assert_ne!(user.status(), Status::DeactivationScheduled);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes in whatever order: the window never holds more than its limit, whoever is held
    /// has lost nothing, nobody whom HR calls active loses a card, and the timers of the window wait.
    #[test]
    fn in_every_story_the_breaker_keeps_what_it_promises(steps in steps()) {
        let mut world = World::new();
        world.breaker = Some(Breaker::default());
        let mut story = Story { world, hold: None, holds: 0, limits: limits(3, 100) };
        for n in 0..8 {
            let mut event = hr(-1);
            event.employee_id = employee(&format!("P-{n}"));
            let id = event.employee_id.clone();
            story.machine(&id, &Event::Hr { source: source("hris"), event });
        }
        for step in &steps {
            story.step(step);
        }
    }
}
