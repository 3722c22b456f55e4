//! Settings: their ranges, and which changes of them loosen something.

use offramp_domain::decide::Refusal;
use offramp_domain::{Card, CardId, CardKind, CardStatus, Epoch, Policy, Settings};

use crate::world::employee;

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

#[test]
fn every_range_has_two_ends() {
    let wrong = |change: fn(&mut Settings, u16), value: u16| {
        let checked = with(|settings| change(settings, value)).check();
        let wrong = checked.err().unwrap_or_default();
        assert!(wrong.len() <= 1);
        wrong.first().map(|(pointer, _)| *pointer)
    };
    let delay: fn(&mut Settings, u16) =
        |s, n| s.deactivation_sync.delay_days = n.try_into().unwrap();
    let users: fn(&mut Settings, u16) = |s, n| s.safeguards.max_users = n.into();
    let percent: fn(&mut Settings, u16) = |s, n| s.safeguards.max_percent = n.try_into().unwrap();
    let hours: fn(&mut Settings, u16) = |s, n| s.safeguards.window_hours = n;
    for (change, pointer, good, bad) in [
        (
            delay,
            "/deactivation_sync/delay_days",
            vec![1, 2, 3],
            vec![0, 4],
        ),
        (users, "/safeguards/max_users", vec![1, u16::MAX], vec![0]),
        (
            percent,
            "/safeguards/max_percent",
            vec![1, 100],
            vec![0, 101],
        ),
        (
            hours,
            "/safeguards/window_hours",
            vec![1, 720],
            vec![0, 721],
        ),
    ] {
        for value in good {
            assert_eq!(wrong(change, value), None, "{pointer} {value}");
        }
        for value in bad {
            assert_eq!(wrong(change, value), Some(pointer), "{value}");
        }
    }
}

#[test]
fn only_turning_off_ends_an_epoch() {
    let off = || with(|settings| settings.deactivation_sync.enabled = false);
    let policy = Policy::default();
    let numbers = |policy: &Policy| (policy.epoch, policy.version);
    assert_eq!(numbers(&policy), (Epoch(0), 0));
    let policy = policy.with(off());
    assert_eq!(numbers(&policy), (Epoch(1), 1));
    let policy = policy.with(off());
    assert_eq!(numbers(&policy), (Epoch(1), 2), "it was off");
    let policy = policy.with(Settings::default());
    assert_eq!(numbers(&policy), (Epoch(1), 3), "on again");
    assert_eq!(numbers(&policy.with(off())), (Epoch(2), 4));
}

#[test]
fn more_people_a_larger_share_or_a_shorter_memory_loosen() {
    let loosens = |change: fn(&mut Settings)| Settings::default().loosens_safeguards(&with(change));
    assert!(!loosens(|_| ()));
    assert!(loosens(|s| s.safeguards.max_users += 1));
    assert!(loosens(|s| s.safeguards.max_percent += 1));
    assert!(loosens(|s| s.safeguards.window_hours -= 1));
    assert!(!loosens(|s| s.safeguards.max_users -= 1));
    assert!(!loosens(|s| s.safeguards.max_percent -= 1));
    assert!(!loosens(|s| s.safeguards.window_hours += 1));
    assert!(!loosens(|s| s.deactivation_sync.enabled = false));
}

#[test]
fn a_card_is_changeable_until_its_cancellation_begins() {
    let card = |status, cancelling| Card {
        card_id: CardId::new("c-1").unwrap(),
        label: "Travel".to_owned(),
        kind: CardKind::Virtual,
        last4: "4242".to_owned(),
        external_id: None,
        status,
        owner: employee("E-7"),
        cancelling,
    };
    use CardStatus::{Active, Cancelled, Frozen};
    for (status, cancelling, alive, changeable) in [
        (Active, false, true, true),
        (Frozen, false, true, true),
        (Active, true, true, false),
        (Frozen, true, true, false),
        (Cancelled, false, false, false),
        (Cancelled, true, false, false),
    ] {
        let card = card(status, cancelling);
        assert_eq!(card.is_alive(), alive, "{card:?}");
        let want = if changeable {
            Ok(())
        } else {
            Err(Refusal::CardCancelled)
        };
        assert_eq!(card.changeable(), want, "{card:?}");
    }
}
