//! The limit on invitations: within any window no more are granted, and whoever fits is granted one.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::settings::Safeguards;
use offramp_domain::{EmployeeId, Event, Grant, Happening, HrEvent, Invited, NoticeKind, Refusal};
use proptest::prelude::*;

use crate::breaker::limits;
use crate::world::{Says, World, admin, employee, hr, source, start};

fn says(event: HrEvent) -> Event {
    Event::Hr {
        source: source("hris"),
        event,
    }
}

fn people(count: usize) -> BTreeSet<EmployeeId> {
    (0..count).map(|n| employee(&format!("E-{n:04}"))).collect()
}

fn within(max_invitations: u32, window_hours: u16) -> Safeguards {
    Safeguards {
        max_invitations,
        window_hours,
        ..limits(50, 20)
    }
}

fn count(grant: &Grant, wanted: &BTreeSet<EmployeeId>) -> usize {
    wanted.iter().filter(|id| grant.includes(id)).count()
}

/// At which hour how many invitations are asked for, and how many are granted.
type Asked = (i64, usize, usize);

#[test]
fn the_first_ids_are_invited_up_to_the_limit() {
    let table: [(u32, &[Asked]); 5] = [
        (2, &[(0, 5, 2), (1, 1, 0), (23, 1, 0), (24, 3, 2)]),
        (3, &[(0, 2, 2), (1, 2, 1), (24, 3, 2), (25, 3, 1)]),
        (5, &[(0, 5, 5), (0, 1, 0), (24, 9, 5)]),
        (5, &[(0, 0, 0), (0, 5, 5)]),
        (1, &[(0, 0, 0), (30, 1, 1), (53, 1, 0), (54, 1, 1)]),
    ];
    for (limit, asked) in table {
        let (limits, mut invited) = (within(limit, 24), Invited::default());
        for (hour, wanted, granted) in asked {
            let now = start() + TimeDelta::hours(*hour);
            let wanted = people(*wanted);
            let grant = invited.grant(&wanted, limits, now);
            let first: Vec<_> = wanted.iter().take(*granted).collect();
            let has: Vec<_> = wanted.iter().filter(|id| grant.includes(id)).collect();
            assert_eq!(has, first, "limit {limit}, hour {hour}");
        }
    }
}

#[test]
fn a_grant_is_of_the_same_people_when_some_have_left() {
    let wanted = people(5);
    let grant = Invited::default().grant(&wanted, within(2, 24), start());
    let rest: BTreeSet<_> = wanted.iter().skip(1).cloned().collect();
    assert_eq!(count(&grant, &rest), 1);
    assert!(!Grant::default().includes(&employee("E-0000")));
}

#[test]
fn the_count_is_small_however_many_digests_there_are() {
    let (limits, mut invited) = (within(u32::MAX, 720), Invited::default());
    for minute in 0..60 * 24 * 40 {
        let now = start() + TimeDelta::minutes(minute);
        let _ = invited.grant(&people(1), limits, now);
    }
    let json = serde_json::to_string(&invited).unwrap();
    assert!(json.len() < 4_096, "{}", json.len());
}

proptest! {
    /// Against a list of every single invitation.
    #[test]
    fn no_window_has_more_than_the_limit(
        limit in 1_u32..20,
        window in 1_u16..48,
        asked in proptest::collection::vec((0_i64..6_000, 0_usize..15), 1..60),
    ) {
        let limits = within(limit, window);
        let long = TimeDelta::hours(window.into());
        let (mut invited, mut all) = (Invited::default(), Vec::<DateTime<Utc>>::new());
        let mut now = start();
        for (seconds, wanted) in asked {
            now += TimeDelta::seconds(seconds);
            let wanted = people(wanted);
            let granted = count(&invited.grant(&wanted, limits, now), &wanted);
            let since = |long: TimeDelta| all.iter().filter(|at| **at > now - long).count();
            let most = usize::try_from(limit).unwrap();
            let (exact, careful) = (since(long), since(long + long / 48));
            prop_assert!(granted <= wanted.len().min(most - exact));
            // Careful by one part of the window at most.
            prop_assert!(granted >= wanted.len().min(most.saturating_sub(careful)));
            all.extend(std::iter::repeat_n(now, granted));
        }
    }
}

#[test]
fn an_admin_invites_who_is_active_whatever_the_settings_say() {
    let (mut world, id) = (World::new(), employee("E-7"));
    world.settings(|s| s.invitations = offramp_domain::settings::Invitations::None);
    let invite = Event::Invite {
        by: admin(Some("E-1")),
    };
    assert_eq!(world.happens(&id, &invite), Err(Refusal::NotFound));
    world.happens(&id, &says(hr(1))).unwrap();
    assert_eq!(world.happens(&id, &invite), Err(Refusal::NoAddressYet));
    let given = says(hr(2).set(offramp_domain::Field::Email, "e7@acme.example"));
    world.happens(&id, &given).unwrap();
    let change = world.happens(&id, &invite).unwrap().change.unwrap();
    assert_eq!(change.entry.unwrap().happening, Happening::Invited);
    let notice = change.notice.unwrap();
    assert!(notice.kind.invites() && notice.kind.invites_by_hand());
    assert!(!NoticeKind::invited(true).invites_by_hand());
    assert_eq!(change.arm.len(), 1, "the digest");
    world.happens(&id, &says(hr(3).inactive())).unwrap();
    assert_eq!(world.happens(&id, &invite), Err(Refusal::NotActive));
}
