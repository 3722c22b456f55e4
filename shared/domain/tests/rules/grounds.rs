//! What is promised of grounds, each promise by itself: short histories of one person, E-2, and the many of them that
//! are held against the model.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::settings::{Behaviour, LeaveDates};
use offramp_domain::{
    Access, Actor, CardId, CompactUser, Event, Field, GroundKind, GroundState, Happening, HrEvent,
    HrStatus, Lifecycle, SnapshotId, Status, Timer, User,
};
use proptest::prelude::*;

use crate::stage::Stage;
use crate::stories::{ByHand, Op, cases, events, ops};
use crate::world::{World, admin, employee, hr, instant, source};

/// The one person whom the histories are about, as the stories count them.
const WHOM: usize = 1;

fn person() -> offramp_domain::EmployeeId {
    employee("E-2")
}

/// A word of HR's about the person.
fn word() -> impl Strategy<Value = HrEvent> {
    events(0..12_i64).prop_map(|event| HrEvent {
        employee_id: person(),
        ..event
    })
}

/// Words, snapshots, lists, policies and timers, about the person.
fn history() -> impl Strategy<Value = (Vec<HrEvent>, Vec<Op>)> {
    let about = |op: Op| match op {
        Op::ByHand { what, .. } => Op::ByHand {
            what,
            whom: WHOM,
            by: Some(0),
        },
        Op::Missing { minute, how, .. } => Op::Missing {
            whom: WHOM,
            minute,
            how,
        },
        Op::Objective { .. } | Op::CardAdded(_) | Op::CardCancelled(_) | Op::Tidy(_) => {
            Op::Tidy(WHOM)
        }
        op => op,
    };
    (
        prop::collection::vec(word(), 1..5),
        prop::collection::vec(ops().prop_map(about), 1..16),
    )
}

/// A person whom HR has called active, and a stage that compares only what the model says.
fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.lean = true;
    let known = HrEvent {
        employee_id: person(),
        ..hr(-1)
    };
    stage.act(|stage| stage.deliver("hris", &known));
    stage
}

/// Plays a history, and shows each step: the user as the policy had them before, the step, and the user after.
fn watch(events: &[HrEvent], ops: &[Op], mut see: impl FnMut(&World, &User, &Op, &User)) -> Stage {
    let mut stage = stage();
    for op in ops {
        let before = stage.world.user(&person());
        stage.play(events, std::slice::from_ref(op));
        see(&stage.world, &before, op, &stage.world.user(&person()));
    }
    stage
}

fn in_force(user: &User) -> Vec<GroundKind> {
    let grounds = user.grounds.iter();
    let in_force = grounds.filter(|(_, ground)| ground.counts());
    in_force.map(|(kind, _)| kind).collect()
}

proptest! {
    #![proptest_config(cases(HISTORIES))]

    /// The pure function and the model agree on every ground, on status and end, after each step.
    #[test]
    fn histories_end_as_the_model_says((events, ops) in history()) {
        watch(&events, &ops, |_, _, _, after| {
            // What is postponed ends later than it would by itself.
            let postponed = after.grounds.postponed();
            assert!(postponed.is_none_or(|to| Some(to.end()) > after.grounds.first_due()));
        });
    }
}

/// How many histories are told. `PROPTEST_CASES` tells another number.
const HISTORIES: u32 = 100_000;

proptest! {
    #![proptest_config(cases(1_000))]

    /// A word moves its own ground and no other.
    #[test]
    fn removing_a_ground_never_ends_another((events, ops) in history()) {
        watch(&events, &ops, |_, before, op, after| {
            use GroundKind::{Admin, Deleted, Hr, LeaveDate, Missing};
            // HR's active ends an admin's ground, too, where it takes back what HR had said.
            let may: &[GroundKind] = match op {
                Op::Deliver { .. } if before.status() == Status::Deleted => return,
                Op::Deliver { .. } => &[Hr, Missing, LeaveDate, Admin],
                Op::Missing { .. } | Op::Tidy(_) | Op::Fire { .. } => &[Hr, Missing, LeaveDate],
                Op::ByHand { what: ByHand::LeaveDate(_), .. } => &[LeaveDate],
                Op::ByHand { what: ByHand::Leave | ByHand::Now, .. } => &[Admin],
                Op::ByHand { what: ByHand::Delete, .. } => &[Deleted],
                _ => return,
            };
            for kind in in_force(before) {
                let same = after.grounds.get(kind) == before.grounds.get(kind);
                assert!(same || may.contains(&kind), "{kind:?} by {op:?}");
            }
            // Whatever has gone, who has a reason left has no access, or has it until the end only.
            let kept = after.status() == Status::DeactivationScheduled;
            assert_eq!(after.access() == Access::Granted && !kept, in_force(after).is_empty());
        });
    }

    /// An admin overrides what stood when they restored the person, whoever repeats it, and nothing that is said later.
    #[test]
    fn a_restore_overrides_what_stood_then_and_nothing_later((events, ops) in history()) {
        let mut stage = watch(&events, &ops, |_, _, _, _| {});
        let world = &mut stage.world;
        world.settings(|settings| {
            settings.deactivation_sync.enabled = true;
            settings.deactivation_sync.behaviour = Behaviour::Delayed;
        });
        world.rule.except = None;
        world.happens(&person(), &Event::Tidy).unwrap();
        world.happens(&person(), &Event::Restore { by: admin(Some("E-1")) }).unwrap();
        prop_assert_eq!(world.user(&person()).status(), Status::Active);
        let said = world.users[&person()].hr.clone().unwrap();
        let mut again = events.clone();
        again.push(HrEvent { status: said.status(), fields: BTreeMap::new(), occurred_at: world.now, ..events[0].clone() });
        // A date or a status that is new to the record is a later word, and so is a return of somebody missing.
        again.retain(|event| event.status == said.status() && event.occurred_at >= said.status_at());
        again.iter_mut().for_each(|event| drop(event.fields.remove(&Field::LeaveDate)));
        for event in again.into_iter().filter(|_| said.missing_since().is_none()) {
            let event = Event::Hr { source: source("hris"), event };
            world.happens(&person(), &event).unwrap();
        }
        world.happens(&person(), &Event::Tidy).unwrap();
        prop_assert_eq!(world.user(&person()).status(), Status::Active);
        for timer in world.armed.clone() {
            if let Timer::Deactivate { employee_id, generation, due, .. } = timer {
                world.now = world.now.max(due);
                world.happens(&employee_id, &Event::Due { generation, due }).unwrap();
            }
        }
        prop_assert_eq!(world.user(&person()).status(), Status::Active);
        for (minute, status) in [(1, HrStatus::Active), (2, HrStatus::Inactive)] {
            let occurred_at = world.now + TimeDelta::minutes(minute);
            let event = HrEvent { status, occurred_at, employee_id: person(), ..hr(0) };
            world.happens(&person(), &Event::Hr { source: source("hris"), event }).unwrap();
        }
        prop_assert!(world.user(&person()).grounds.counts(GroundKind::Hr), "a later word");
    }

    /// Cards that have ended stay ended: access comes back without them, whoever gives it back.
    #[test]
    fn nothing_that_is_taken_back_brings_cards_back((events, ops) in history(), cancelled in 1..16_usize) {
        let mut stage = stage();
        let by = || Actor::SyncTurnedOff;
        let card = |card: &str| CardId::new(card).unwrap();
        for name in ["c-1", "c-2"] {
            let what = Happening::CardAdded { card: card(name) };
            let event = Event::CardsCounted { by: admin(None), what, difference: 1 };
            stage.world.happens(&person(), &event).unwrap();
        }
        for (at, op) in ops.iter().enumerate() {
            let before = stage.world.users[&person()].clone();
            stage.play(&events, std::slice::from_ref(op));
            let after = &stage.world.users[&person()];
            prop_assert!(after.active_cards <= before.active_cards);
            // Who is back has nothing to end any more, and whose cards are to end is not here.
            prop_assert!(after.pending.is_done() || after.lifecycle().is_over());
            if at == cancelled && after.active_cards == 2 {
                let event = Event::CardsCancelled { cards: vec![card("c-1")], by: by() };
                stage.world.happens(&person(), &event).unwrap();
            }
        }
    }

    /// The end of the cards that the admins know comes no sooner, but where an admin ends it, or a leave date.
    #[test]
    fn an_announced_end_is_never_brought_forward((events, ops) in history()) {
        watch(&events, &ops, |world, before, op, after| {
            let Some(announced) = before.due_at() else { return };
            let by_hand = matches!(op, Op::ByHand { what: ByHand::Now | ByHand::Delete | ByHand::Postpone(_), .. });
            let sooner = match after.status() {
                Status::Active => false,
                Status::DeactivationScheduled => after.due_at() < Some(announced),
                Status::Deactivated | Status::Deleted => {
                    world.now + TimeDelta::seconds(30) < announced
                }
            };
            let of_date = after.grounds.counts(GroundKind::LeaveDate)
                && after.grounds.get(GroundKind::LeaveDate) != before.grounds.get(GroundKind::LeaveDate);
            assert!(!sooner || by_hand || of_date, "{announced} by {op:?}");
        });
    }

    /// What is stored is read as it was; and an older release, which does not know grounds, sees the same state in it.
    #[test]
    fn both_forms_and_both_releases_read_what_is_stored((events, ops) in history()) {
        watch(&events, &ops, |world, _, _, _| {
            let user = &world.users[&person()];
            let mut stored = serde_json::to_value(user).unwrap();
            assert_eq!(&serde_json::from_value::<User>(stored.clone()).unwrap(), user);
            let compact = serde_json::to_string(&CompactUser::from(user)).unwrap();
            assert_eq!(&User::from(serde_json::from_str::<CompactUser>(&compact).unwrap()), user);
            stored.as_object_mut().unwrap().remove("grounds");
            // An older release reads the state, and derives what it shows from that.
            let lifecycle: Lifecycle = serde_json::from_value(stored["lifecycle"].clone()).unwrap();
            assert_eq!(lifecycle, user.lifecycle());
            // Where it has written the user, the grounds are those that follow from the state.
            let written: User = serde_json::from_value(stored).unwrap();
            let seen = |user: &User| (user.status(), user.due_at());
            assert_eq!(seen(&written), seen(user), "{:#?}", user.grounds);
            // It knows nothing of access that is kept. For it access has ended with the first ground.
            let granted = user.access() == Access::Granted && user.status() == Status::Active;
            assert_eq!(written.access() == Access::Granted, granted);
        });
    }

    /// Any order of words ends alike, for somebody whom no admin has touched. Nobody who is out has cards that the order
    /// of the instants would have ended.
    #[test]
    fn the_order_of_words_does_not_matter(
        (words, order) in prop::collection::vec(word(), 1..7).prop_flat_map(|mut words| {
            for (minute, word) in (0..).zip(&mut words) {
                word.occurred_at = instant(2 * minute);
            }
            let order: Vec<usize> = (0..=words.len()).collect();
            (Just(words), Just(order).prop_shuffle())
        }),
        lacked in 0..7_i64,
        immediate in any::<bool>(),
        dates in prop::sample::select(vec![LeaveDates::All, LeaveDates::Manual]),
    ) {
        // The snapshot lies between the words; `order` has it as its last.
        let missing = Event::Missing {
            source: source("hris"),
            snapshot: SnapshotId::new("snap_1").unwrap(),
            at: instant(2 * lacked + 1),
        };
        let mut told: Vec<(DateTime<Utc>, Event)> = Vec::new();
        for event in words {
            told.push((event.occurred_at, Event::Hr { source: source("hris"), event }));
        }
        told.push((instant(2 * lacked + 1), missing));
        let shuffled: Vec<Event> = order.iter().map(|at| told[*at].1.clone()).collect();
        told.sort_by_key(|(at, _)| *at);
        let in_order: Vec<Event> = told.into_iter().map(|(_, event)| event).collect();
        let [first, other] = [in_order, shuffled].map(|told| {
            let mut world = stage().world;
            world.settings(|settings| {
                settings.leave_dates = dates;
                if immediate {
                    settings.deactivation_sync.behaviour = Behaviour::Immediate;
                }
            });
            for event in &told {
                world.happens(&person(), event).unwrap();
            }
            world.user(&person())
        });
        let record = |user: &User| {
            let record = user.hr.as_ref().unwrap();
            let sent = record.sent().map(|(field, value)| (field, value.map(str::to_owned)));
            let status = (record.status(), record.status_at(), record.missing_since());
            (record.says(), status, sent.collect::<Vec<_>>())
        };
        prop_assert_eq!(record(&first), record(&other));
        prop_assert_eq!(in_force(&first), in_force(&other));
        prop_assert_eq!(first.access(), other.access());
        let alive = |user: &User| user.status() == Status::DeactivationScheduled;
        prop_assert!(alive(&first) || !alive(&other), "more cards alive than in order");
    }
}

/// A held word and a refused one are no reason against access.
#[test]
fn only_what_is_in_force_counts() {
    for state in [
        GroundState::InForce,
        GroundState::Held,
        GroundState::Refused,
        GroundState::Overridden,
        GroundState::Ignored,
    ] {
        let mut grounds = offramp_domain::Grounds::default();
        let ground = offramp_domain::Ground::idle(state, instant(0));
        grounds.set(GroundKind::Hr, ground);
        let active = grounds.lifecycle().status() == Status::Active;
        assert_eq!(active, state != GroundState::InForce, "{state:?}");
    }
}
