//! What a deactivation or deletion leaves to do, and what the admins are told of it.

use chrono::TimeDelta;
use offramp_domain::{Cause, Notice};

use crate::objectives::closed;
use crate::steps::{Step, cancelled, cards, delete, done, now, off, restore, table};
use crate::world::{Says, World, hr, start};

#[test]
fn what_a_deactivation_leaves_to_do() {
    table! {
        "a card is cancelled": [hr(1), cards(2), now()] => cancelled(&["c-1"])
            => "updated; deactivated > deactivated by admin; terminating";
        "all is done: the admins are told": [hr(1), cards(1), now(), cancelled(&["c-1"]), closed(2, 0, true)] => done(2)
            => "deactivated; deactivated > deactivated by admin; arms digest t+2m; disarms finish t+2m; tells terminated";
        "of a deletion as well": [hr(1), delete(), closed(2, 0, true)] => done(2)
            => "deactivated; deleted > deleted by admin; arms digest t+2m; disarms finish t+2m; tells terminated";
        "once": [hr(1), now(), closed(2, 0, true), done(2)] => done(2)
            => "unchanged (nothing is pending for this deactivation); nothing";
        "not for a deactivation of before": [hr(1), now(), restore(), now()] => done(2)
            => "unchanged (nothing is pending for this deactivation); nothing";
        "not after a return": [hr(1), now(), restore()] => done(3)
            => "unchanged (nothing is pending for this deactivation); nothing";
        "what the issuer has cancelled is written down whatever became of the owner": [hr(1), cards(1), now(), restore()]
            => cancelled(&["c-1"])
            => "updated; active > active";
        "who is inactive from the start has nothing to do": [hr(1).inactive()] => done(1)
            => "unchanged (nothing is pending for this deactivation); nothing";
        "a card for somebody active": [hr(1)] => cards(1) => "updated; active > active";
        "in the grace period": [hr(1), hr(2).inactive()] => cards(1) => "refused: the user is not active";
        "after it": [hr(1), now()] => cards(1) => "refused: the user is not active";
        "after a deletion": [hr(1), delete()] => cards(1) => "refused: the user is not active";
        "once the sync is off": [hr(1), hr(2).inactive(), off()] => cards(1)
            => "updated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "away, in the grace period": [hr(1), cards(1), hr(2).inactive()] => cards(-1)
            => "updated; scheduled > scheduled by hr";
    }
}

/// The figures in the mail, however the deactivation went on.
#[test]
fn the_admins_are_told_of_every_card() {
    use offramp_domain::NoticeKind::{Scheduled, Terminated};
    let told = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in steps {
            (step.0)(&mut world);
        }
        // The world's first admin was told, too.
        let of_power = |notice: &&Notice| notice.key().kind.is_power();
        let notices = world.notices.values().filter(|notice| !of_power(notice));
        let mut kinds: Vec<_> = notices.map(|notice| notice.kind.clone()).collect();
        assert_eq!(kinds.len(), 1);
        kinds.remove(0)
    };
    let (cause, due_at) = (Cause::Hr, start() + TimeDelta::days(3));
    assert_eq!(
        told(vec![hr(1).into(), cards(3).into(), hr(2).inactive().into()]),
        Scheduled {
            cause,
            due_at,
            active_cards: 3
        }
    );
    let two_steps = || {
        vec![
            Step::from(hr(1)),
            cards(3).into(),
            now().into(),
            cancelled(&["c-1", "c-2"]).into(),
        ]
    };
    let cause = Cause::Admin;
    let mut at_once = two_steps();
    at_once.extend([cancelled(&["c-3"]), closed(2, 0, true), done(2)].map(Step::from));
    assert_eq!(told(at_once), Terminated { cause, cards: 3 });
    let mut deleted_meanwhile = two_steps();
    let then = [delete(), cancelled(&["c-3"]), closed(3, 0, true), done(3)];
    deleted_meanwhile.extend(then.map(Step::from));
    assert_eq!(told(deleted_meanwhile), Terminated { cause, cards: 3 });
}
