//! What must be true of every single change of a story, and the work that deactivations leave.

use chrono::TimeDelta;
use offramp_domain::decide::{Decision, Refusal};
use offramp_domain::{
    Access, Actor, CardId, Cause, EmployeeId, Event, Happening, HrWord, Status, Timer, User,
};

use crate::replay::mails;
use crate::stage::Stage;
use crate::world::admin;

impl Stage {
    /// An event happens in the world, and what must be true of every single change is checked.
    pub(crate) fn happens(&mut self, id: &EmployeeId, event: &Event) -> Result<Decision, Refusal> {
        if self.lean {
            return self.world.happens(id, event);
        }
        let before = self.world.users.get(id).cloned();
        let admins = self.world.admins.clone();
        let first = self.world.decide(id, event);
        assert_eq!(first, self.world.decide(id, event), "the same twice");
        let decision = self.world.happens(id, event)?;
        if !matches!(
            event,
            Event::CardsCounted { .. }
                | Event::CardsCancelled { .. }
                | Event::ObjectivesClosed { all: false, .. }
                | Event::ObjectivesReopened { all: false, .. }
        ) {
            let again = self.world.decide(id, event);
            let writes = again.is_ok_and(|decision| decision.change.is_some());
            assert!(!writes, "planning again plans something: {event:?}");
        }
        let by_machine = matches!(
            event,
            Event::Hr { .. }
                | Event::Missing { .. }
                | Event::Due { .. }
                | Event::LeaveDue { .. }
                | Event::RemindDue { .. }
                | Event::Tidy
        );
        if by_machine && !admins.is_empty() {
            assert!(
                !self.world.admins.is_empty(),
                "a machine takes the last admin"
            );
        }
        assert!(!self.world.admins.is_empty(), "nobody is left");
        let Some(change) = &decision.change else {
            return Ok(decision);
        };
        let after = &change.user;
        self.seen.insert(format!("{:?}", decision.answered.outcome));
        if let Some(entry) = &change.entry {
            self.seen
                .insert(format!("{:?} > {:?}", entry.from, entry.to));
        }
        let grace = |user: &User| (user.status(), user.access());
        let kept = (Status::DeactivationScheduled, Access::Granted);
        let gone = (Status::DeactivationScheduled, Access::Revoked);
        let moved = (before.as_ref().map(grace), grace(after));
        if moved == (Some(kept), gone) {
            let what = "access ends in a grace period";
            self.seen.insert(what.to_owned());
        } else if moved == (Some(gone), kept) {
            let what = "access is given back in a grace period";
            self.seen.insert(what.to_owned());
        }
        let stored = serde_json::to_string(after).unwrap();
        let read: User = serde_json::from_str(&stored).unwrap();
        assert_eq!(&read, after, "what is stored is read");
        // Counters.
        let version = before.as_ref().map_or(0, |user| user.version);
        assert_eq!(after.rev, before.as_ref().map_or(0, |user| user.rev) + 1);
        assert_eq!(after.version, version + u64::from(change.entry.is_some()));
        if let Some(before) = &before {
            assert!(after.generation >= before.generation);
            // A policy may have ended a state in between. Where only an instant is newer, that is not written yet.
            let settled = before.as_of(&self.world.policy).status();
            let mut was = [before.status(), settled].into_iter();
            let moved = was.any(|was| was != after.status());
            let silent = change.entry.is_none() && before.lifecycle() == after.lifecycle();
            let renumbered = after.generation > before.generation;
            assert!(renumbered || !moved || silent, "moved: {event:?}");
            // One grace period may end and another begin.
            let other = before.lifecycle() != after.lifecycle();
            assert!(moved || other || !renumbered, "not moved: {event:?}");
        }
        // Cards: a machine begins to terminate them for a reason only.
        let began = !after.pending.is_done()
            && before
                .as_ref()
                .is_none_or(|user| user.generation < after.generation);
        if began && by_machine {
            let sync = after.cause().is_some_and(Cause::is_sync);
            let active = after.hr_word() == Some(HrWord::Active);
            let heard = !self.observed.contains(id);
            assert!(!(sync && active && heard), "HR says active");
            let enabled = self.world.policy.settings.deactivation_sync.enabled;
            assert!(enabled || !sync, "the sync is off");
        }
        // Timers: in time, and never one that the change itself needs.
        for timer in &change.arm {
            let ahead = timer.due() - self.world.now;
            assert!(ahead >= TimeDelta::minutes(1), "{timer:?} in {ahead}");
            assert!(
                !change.disarm.contains(timer),
                "armed and disarmed: {timer:?}"
            );
        }
        for notice in change.notice.iter().chain(&change.power) {
            let told = |timer: &Timer| matches!(timer, Timer::Digest { minute, .. } if *minute == notice.key().minute);
            assert!(change.arm.iter().any(told), "no digest for {notice:?}");
            mails(&self.world.policy, before.as_ref(), after, notice);
        }
        Ok(decision)
    }

    /// Objectives are closed with a deactivation, and opened again with its end.
    pub(crate) fn objective(&mut self, id: &EmployeeId, all: bool) {
        let Some(user) = self.world.users.get(id).cloned() else {
            return;
        };
        let (count, lost, by) = (1, 0, Actor::SyncTurnedOff);
        let close = Event::ObjectivesClosed {
            generation: user.generation,
            count,
            all,
            by: by.clone(),
        };
        let closes = user.pending.objectives;
        let closed = self.happens(id, &close).unwrap();
        assert_eq!(closed.change.is_some(), closes, "{id}: pending objectives");
        let open = Event::ObjectivesReopened {
            generation: user.reopening.map_or(user.generation, |it| it.generation),
            count,
            lost,
            all,
            by,
        };
        let opened = self.happens(id, &open).unwrap();
        assert_eq!(
            opened.change.is_some(),
            user.reopening.is_some(),
            "{id}: reopening"
        );
    }

    pub(crate) fn card_added(&mut self, whom: &EmployeeId) {
        let event = Event::CardsCounted {
            by: admin(None),
            what: Happening::CardAdded {
                card: CardId::new("c").unwrap(),
            },
            difference: 1,
        };
        let now = self.world.now;
        let want = match self.world.users.contains_key(whom) {
            false => Err(Refusal::NotFound),
            true if !self.world.user(whom).is_active_at(now) => Err(Refusal::NotActive),
            true => Ok(()),
        };
        assert_eq!(self.happens(whom, &event).map(|_| ()), want);
    }

    pub(crate) fn cards_cancelled(&mut self, whom: &EmployeeId, count: u32) {
        let cards = (0..count).map(|at| CardId::new(format!("c-{at}")).unwrap());
        let event = Event::CardsCancelled {
            cards: cards.collect(),
            by: Actor::SyncTurnedOff,
        };
        let before = self.world.users[whom].active_cards;
        self.happens(whom, &event).unwrap();
        assert_eq!(self.world.users[whom].active_cards, before - count);
    }
}
