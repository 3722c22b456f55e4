//! What a user takes in the table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use offramp_app::Clock;
use offramp_app::engine::execute::decide_on;
use offramp_domain::settings::Objectives;
use offramp_domain::{Actor, Arrival, CardId, Event, GroundKind, HrEvent, HrStatus, RunId};

use super::*;

/// A kilobyte, by which DynamoDB counts a write.
const KILOBYTE: usize = 1024;

/// A size by the rules of DynamoDB: names and texts by their bytes, numbers by two digits a byte and one more, a flag one.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn bytes(item: &Item) -> usize {
    let of = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 1,
    };
    item.attributes()
        .map(|(name, value)| name.len() + of(value))
        .sum()
}

/// Nine fields of usual lengths.
fn fields() -> BTreeMap<Field, Option<String>> {
    [
        (Field::Name, "Grace Hopper-Murray"),
        (Field::Email, "grace.hopper@example.com"),
        (Field::Team, "Compilers"),
        (Field::Department, "Engineering"),
        (Field::CostCentre, "CC-1042"),
        (Field::ManagerId, "E-1007"),
        (Field::StartDate, "2019-07-01"),
        (Field::Birthday, "12-09"),
        (Field::LeaveDate, "2026-12-31"),
    ]
    .map(|(field, value)| (field, Some(value.to_owned())))
    .into()
}

/// One person, from the first event to the end, as each step of it is stored.
fn life() -> Vec<(&'static str, User)> {
    let org = OrgId::new("acme").unwrap();
    let source = SourceId::new("hris").unwrap();
    let id = EmployeeId::new("E-1042").unwrap();
    let start: DateTime<Utc> = "2026-03-02T09:00:00.123Z".parse().unwrap();
    let now = Arc::new(Mutex::new(start));
    let clock = Clock::from_fn({
        let now = now.clone();
        move || *now.lock().unwrap()
    });
    let mut loaded = Loaded::default();
    let mut policy = (*loaded.policy).clone();
    policy.settings.objectives = Objectives::Complete;
    loaded.policy = Arc::new(policy);
    let hr = |after: i64, status, fields| Event::Hr {
        source: source.clone(),
        event: HrEvent {
            id: None,
            occurred_at: start + TimeDelta::milliseconds(after),
            employee_id: id.clone(),
            status,
            fields,
            unread: Vec::new(),
            arrival: Arrival::default(),
        },
    };
    let mut lives = Vec::new();
    let mut next = |name, later, event: Event| {
        *now.lock().unwrap() += later;
        let user = loaded.users.get(&id);
        let change = decide_on(&loaded, user, &event, &org, &clock)
            .unwrap()
            .change;
        let change = change.unwrap_or_else(|| panic!("{name} changes nothing"));
        let mut user = change.user;
        // What an execution adds: the run that the breaker counted it in.
        if let Some(mut ground) = user.grounds.get(GroundKind::Hr).cloned() {
            ground.run = Some(RunId::new("run_0d5c4bd14ac84d4e9f8f1a4b7a1f4d3e").unwrap());
            user.grounds.set(GroundKind::Hr, ground);
        }
        loaded.users.insert(id.clone(), user.clone());
        lives.push((name, user.clone()));
        user
    };
    let minute = TimeDelta::minutes(1);
    next("told", TimeDelta::zero(), hr(0, HrStatus::Active, fields()));
    let moved = BTreeMap::from([(Field::Team, Some("Languages".to_owned()))]);
    next("moved", minute, hr(60_000, HrStatus::Active, moved));
    let card = Event::CardsCounted {
        by: Actor::SettingsChanged,
        what: offramp_domain::Happening::CardAdded {
            card: CardId::new("card_1").unwrap(),
        },
        difference: 2,
    };
    next("carded", minute, card);
    let left = next(
        "scheduled",
        minute,
        hr(240_000, HrStatus::Inactive, BTreeMap::new()),
    );
    let due = left.due_at().unwrap();
    let ended = next(
        "ended",
        TimeDelta::days(3),
        Event::Due {
            generation: left.generation,
            due,
        },
    );
    let generation = ended.generation;
    let by = Actor::SettingsChanged;
    let (count, all) = (3, true);
    next(
        "objectives closed",
        minute,
        Event::ObjectivesClosed {
            generation,
            count,
            all,
            by: by.clone(),
        },
    );
    next("finished", minute, Event::Finished { generation, by });
    lives
}

/// Every write of a person at rest then counts one unit, and two in a transaction. The grounds against somebody who is
/// leaving may take more, and so may a record that HR has changed often.
#[test]
fn a_person_with_nine_fields_takes_less_than_a_kilobyte() {
    let org = OrgId::new("acme").unwrap();
    for (name, user) in life() {
        let [first, compact] = [StoredForm::First, StoredForm::Compact].map(|form| {
            let item = user_item(&org, &user, form).unwrap();
            assert_eq!(item.read_user().unwrap(), user);
            bytes(&item)
        });
        let most = match user.status() {
            Status::Active => KILOBYTE,
            // What the first form takes at rest.
            _ => KILOBYTE * 5 / 4,
        };
        let sizes = format!("{name}: {compact} bytes, in the first form {first}");
        assert!(compact < most && first > KILOBYTE, "{sizes}");
    }
}
