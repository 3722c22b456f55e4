//! A day of the grace period, on a staging stack where it is short.

use chrono::TimeDelta;
use offramp_domain::decide::Zone;
use offramp_domain::{Decision, Event, HrEvent};

use crate::world::{Says, World, admin, day, hr, source, start};

#[test]
fn the_grace_period_is_so_many_of_its_days() {
    for (seconds, days) in [(120, 1), (120, 3), (3_600, 2), (86_400, 3)] {
        let mut world = World::new();
        world.day = TimeDelta::seconds(seconds);
        world.settings(|settings| settings.deactivation_sync.delay_days = days);
        says(&mut world, hr(1));
        let decision = says(&mut world, hr(2).inactive());
        let due = start() + TimeDelta::seconds(seconds * i64::from(days));
        assert_eq!(decision.answered.due_at, Some(due), "{days} of {seconds} s");
    }
}

#[test]
fn a_leave_date_is_a_day_of_the_calendar_all_the_same() {
    let mut world = World::new();
    world.day = TimeDelta::seconds(120);
    let id = hr(1).employee_id;
    says(&mut world, hr(1));
    let date = day("2026-03-20");
    let set = Event::SetLeaveDate {
        by: admin(None),
        date: Some(date),
    };
    world.happens(&id, &set).unwrap();
    let begins = world.zone.start_of_day(date);
    assert_eq!(world.user(&id).leave.plan.map(|plan| plan.at), Some(begins));
}

fn says(world: &mut World, event: HrEvent) -> Decision {
    let id = event.employee_id.clone();
    let source = source("hris");
    world.happens(&id, &Event::Hr { source, event }).unwrap()
}
