//! What is true after every step of a story, of the world and of each user.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate, TimeDelta};
use offramp_domain::decide::Zone;
use offramp_domain::{
    Access, GroundKind, HrRecord, LeavePlan, Lifecycle, NoticeKind, Role, Status, Timer, User,
};

use crate::model::{Person, View};
use crate::replay::replays;
use crate::stage::Stage;
use crate::world::World;

impl Stage {
    /// The world is as the model says, and as the invariants say.
    pub(crate) fn compare(&self) {
        let world = &self.world;
        assert!(world.users.keys().eq(self.model.people.keys()));
        for (id, person) in &self.model.people {
            let stored = &world.users[id];
            let user = world.user(id);
            let case = person.case();
            let told = || format!("{id} {:#?}", person.log);
            let stands: BTreeMap<_, _> = user
                .grounds
                .iter()
                .map(|(kind, ground)| (kind, ground.state))
                .collect();
            let want: BTreeMap<_, _> = case
                .reasons
                .iter()
                .map(|(kind, reason)| (*kind, reason.stand))
                .collect();
            assert_eq!(stands, want, "{}", told());
            assert_eq!(user.status(), case.status(), "{}", told());
            assert_eq!(user.due_at(), case.due(), "{}", told());
            assert_eq!(user.access(), case.access(), "{}", told());
            if self.lean {
                continue;
            }
            assert!(case.is_held() || !user.held, "{id}: held for nothing");
            if !self.changed_for.contains(id) {
                leave_dates(world, &user, person);
            }
            assert_eq!(user.role, person.role, "{id}");
            assert_eq!(user.profile, person.shown, "{id}");
            assert_eq!(user.hr.as_ref().map(values), person.view(), "{id}");
            invariants(world, stored);
        }
        if self.lean {
            return;
        }
        let acting = |user: &&User| user.is_acting_admin();
        let acting = world.users.values().filter(acting);
        let acting: BTreeSet<_> = acting.map(|user| user.employee_id.clone()).collect();
        assert_eq!(world.admins, acting, "the admins' item");
        let settled = world.users.keys().map(|id| world.user(id));
        let settled: BTreeSet<_> = settled
            .filter(User::is_acting_admin)
            .map(|user| user.employee_id)
            .collect();
        assert_eq!(settled, self.model.admins(), "who is an admin");
        for notice in world.notices.values() {
            if let (NoticeKind::Scheduled { due_at, .. }, Some(id)) =
                (&notice.kind, &notice.employee_id)
            {
                let user = &world.users[id];
                assert_eq!(user.notice, Some(notice.key()), "a notice of nothing");
                assert_eq!(user.due_at(), Some(*due_at), "told another date");
            }
        }
    }
}

/// Access, the plan and its timer, of somebody whom rules and settings have reached.
fn leave_dates(world: &World, user: &User, person: &Person) {
    let id = &user.employee_id;
    let case = person.case();
    let known = case
        .reasons
        .get(&GroundKind::LeaveDate)
        .and_then(|reason| reason.date);
    let counts = person.counting(world).map(|(date, _)| date);
    // What the calendar says counts from its first second, even if its timer has not fired; but not for an admin.
    let open = counts.filter(|date| known.map(|(known, _)| known) != Some(*date));
    let come = open.is_some_and(|date| world.zone.start_of_day(date) <= world.now);
    let granted = user.access_at(world.now) == Access::Granted;
    let admin = person.role == Role::Admin && case.status() == Status::Active;
    let want = case.access() == Access::Granted && (!come || admin);
    assert_eq!(granted, want, "{id}: access");
    let Some(date) = open else {
        assert_eq!(user.leave.plan, None, "{id}: planned for nothing");
        return;
    };
    let begins = world.zone.start_of_day(date);
    if begins <= world.now || case.status() == Status::Deleted {
        return;
    }
    let plan = LeavePlan { date, at: begins };
    assert_eq!(user.leave.plan, Some(plan), "{id}");
    let armed = world.standing.iter().any(|timer| match timer {
        Timer::Leave {
            employee_id,
            plan,
            due,
            ..
        } => {
            let late = *due - begins;
            let in_time = (TimeDelta::zero()..=TimeDelta::minutes(2)).contains(&late);
            employee_id == id && *plan == user.leave.count && in_time
        }
        _ => false,
    });
    assert!(armed, "{id}: no timer for {date}");
    reminder(world, user, date);
}

/// The next reminder of the leave date and its timer.
fn reminder(world: &World, user: &User, date: NaiveDate) {
    let id = &user.employee_id;
    let days = &world.policy.settings.reminders.before_leave_days;
    let of_admin = (user.role == Role::Admin).then_some(&7);
    let instants = days
        .iter()
        .chain(of_admin)
        .map(|days| world.zone.start_of_day(date - Days::new((*days).into())));
    let passed = world.now + TimeDelta::seconds(30);
    let next = instants.clone().filter(|at| *at > passed).min();
    let planned = user.leave.remind_at;
    let owed = planned.is_some_and(|at| at <= passed && instants.clone().any(|it| it == at));
    assert!(planned == next || owed, "{id}: {planned:?}, not {next:?}");
    let armed = planned.is_none_or(|at| {
        world.standing.iter().any(|timer| match timer {
            Timer::Remind {
                employee_id,
                plan,
                due,
                ..
            } => {
                // One that was owed when its date moved comes as soon as it can.
                let late = *due - at;
                let soon = late <= TimeDelta::minutes(2) || at <= passed;
                employee_id == id && *plan == user.leave.count && late >= TimeDelta::zero() && soon
            }
            _ => false,
        })
    });
    assert!(armed, "{id}: no timer for the reminder");
}

/// What is true of every stored user.
fn invariants(world: &World, user: &User) {
    let id = &user.employee_id;
    if !user.pending.is_done() {
        assert!(
            matches!(
                user.lifecycle(),
                Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. }
            ),
            "{id}: cards are pending"
        );
        let finish = Timer::Finish {
            org: world.org.clone(),
            employee_id: id.clone(),
            generation: user.generation,
            due: user.pending.due.unwrap(),
            swept: false,
        };
        assert!(world.stands(&finish), "{id}: no {finish:?}");
        assert!(user.work_due() <= user.pending.due && user.work_due().is_some());
    }
    if let Lifecycle::Scheduled(schedule) = &user.lifecycle() {
        let deactivate = Timer::Deactivate {
            org: world.org.clone(),
            employee_id: id.clone(),
            source: None,
            generation: user.generation,
            due: schedule.fires_at(),
        };
        assert!(world.stands(&deactivate), "{id}: no {deactivate:?}");
        let reopening = user.reopening.map(|reopening| reopening.due);
        let plan = user.leave.plan.map(|plan| plan.at);
        let others = reopening
            .into_iter()
            .chain(plan)
            .chain(user.leave.remind_at);
        let due = others.chain([schedule.fires_at()]).min();
        assert_eq!(user.work_due(), due);
        let notice = user.notice.as_ref().unwrap();
        assert!(world.notices.contains_key(notice), "{id}: nobody is told");
    } else {
        assert_eq!(user.notice, None, "{id}");
    }
    for timer in user.timers(&world.org) {
        // A leave date's may be later than the day; what is to be reopened outlives the generation of its timer.
        let exact = match timer {
            Timer::Deactivate { .. } => true,
            Timer::Finish { .. } => user.reopening.is_none(),
            _ => false,
        };
        assert!(!exact || world.stands(&timer), "{id}: no {timer:?}");
    }
    replays(&world.history[id], user);
}

fn values(record: &HrRecord) -> View {
    View {
        status: record.status(),
        word: record.says(),
        fields: record
            .sent()
            .map(|(field, value)| (field, value.map(str::to_owned)))
            .collect(),
    }
}
