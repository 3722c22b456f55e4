//! Grounds: the reasons against a person's access, and the state that follows from them.
//!
//! Each ground is kept by itself, with its own instants, state and run. A word about a person moves one ground and no
//! other. [`Grounds::lifecycle`] derives status, cause, grace period and timer from the set. Nothing else derives them,
//! so removing a ground never ends or keeps another.

mod ended;
mod ground;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{GivenReason, RunId};
use crate::lifecycle::{Access, AtEnd, Deactivation, Lifecycle, Schedule};
use crate::settings::Policy;

pub use ended::EndedBy;
pub use ground::{Ground, GroundKind, GroundState, IgnoredBy, LeaveGround};

/// Every ground against one person, and how far their end has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grounds {
    /// The grounds by kind.
    #[serde(flatten)]
    all: BTreeMap<GroundKind, Ground>,
    /// The end that took place: the person was deactivated or deleted, and the cards are cancelled or about to be.
    /// `None` while no ground is in force, and during the grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Deactivation>,
    /// When the timer looks again at a hold that was open at the end of the grace period; `None` if no hold keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits_until: Option<DateTime<Utc>>,
    /// An admin's postponement of the end of the cards; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    postponed: Option<Postponement>,
}

/// An admin has postponed the end of one person's cards. The grounds keep the ends that they had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postponement {
    /// The cards do not end before this instant, to the second.
    pub until: DateTime<Utc>,
    /// When a leave date ends the cards that began after the postponement; `None` while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<DateTime<Utc>>,
    /// Why, in the admin's words.
    pub reason: GivenReason,
}

impl Postponement {
    /// The end of the cards by this postponement: a later leave date cuts it short.
    #[must_use]
    pub fn end(&self) -> DateTime<Utc> {
        self.cut_at.map_or(self.until, |cut| cut.min(self.until))
    }
}

impl Grounds {
    /// The state of a person: **the one function** that derives it from their grounds.
    ///
    /// | grounds in force | the end took place | state |
    /// |---|---|---|
    /// | none | | active |
    /// | any, not `deleted` | no | scheduled: due when the first of them is due, or later where an admin has postponed it |
    /// | any, not `deleted` | yes | deactivated |
    /// | `deleted` | | deleted |
    ///
    /// The decisive ground gives the cause: a deletion, else the ground that the end took place on, else the ground
    /// that is due first.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        let Some((kind, ground)) = self.in_order().next().filter(|(_, first)| first.counts())
        else {
            return Lifecycle::Active;
        };
        let in_force = self.all.values().filter(|ground| ground.counts());
        let since = in_force.map(|ground| ground.since).min();
        match (kind, &self.ended) {
            (GroundKind::Deleted, _) => Lifecycle::Deleted { at: ground.since },
            (_, Some(end)) => Lifecycle::Deactivated(Deactivation {
                cause: kind.cause(),
                ..end.clone()
            }),
            (_, None) => Lifecycle::Scheduled(Schedule {
                cause: kind.cause(),
                at: since.unwrap_or(ground.since),
                due_at: self
                    .first_due()
                    .max(self.postponed.as_ref().map(Postponement::end))
                    .unwrap_or(ground.since),
                epoch: ground.epoch,
                run: ground.run.clone(),
                waits_until: self.waits_until,
            }),
        }
    }

    /// When the grounds in force end the cards by themselves, which is what was announced first; `None` if there is none.
    #[must_use]
    pub fn first_due(&self) -> Option<DateTime<Utc>> {
        let in_force = self.all.values().filter(|ground| ground.counts());
        in_force.filter_map(|ground| ground.due_at).min()
    }

    /// When an admin's own word ends the cards, of the grounds in force; `None` if only HR's words are. No hold of HR's
    /// people keeps that end.
    #[must_use]
    pub fn due_by_hand(&self) -> Option<DateTime<Utc>> {
        let by_hand = self
            .all
            .iter()
            .filter(|(kind, ground)| ground.counts() && !kind.is_of_hr(ground.date));
        by_hand.filter_map(|(_, ground)| ground.due_at).min()
    }

    /// Access: granted where no ground in force ends it yet. During the grace period a ground may leave it
    /// ([`Ground::keeps_access`]); the deactivation ends it.
    #[must_use]
    pub fn access(&self) -> Access {
        let over = self.ended.is_some();
        let ends = |ground: &Ground| ground.ends_access() || (over && ground.counts());
        match self.all.values().any(ends) {
            true => Access::Revoked,
            false => Access::Granted,
        }
    }

    /// When access ended in the grace period: when the first ground that ends it began. `None` if none does.
    #[must_use]
    pub fn access_ended_at(&self) -> Option<DateTime<Utc>> {
        let ends = self.all.values().filter(|ground| ground.ends_access());
        ends.map(|ground| ground.since).min()
    }

    /// What ends the user's access beside a leave date; `None` if nothing else does.
    #[must_use]
    pub fn beside_leave_date(&self) -> Option<GroundKind> {
        let counts = self.in_order().filter(|(_, ground)| ground.counts());
        let mut others = counts.map(|(kind, _)| kind);
        others.find(|kind| *kind != GroundKind::LeaveDate)
    }

    /// The grounds, the decisive one first. Grounds in force come before the others.
    pub fn in_order(&self) -> impl Iterator<Item = (GroundKind, &Ground)> {
        let ended = self.ended.as_ref().map(|end| GroundKind::from(end.cause));
        let mut all: Vec<(GroundKind, &Ground)> = self.iter().collect();
        all.sort_by_key(|(kind, ground)| {
            (
                !ground.counts(),
                *kind != GroundKind::Deleted,
                Some(*kind) != ended,
                ground.due_at,
                ground.since,
                *kind,
            )
        });
        all.into_iter()
    }

    /// The grounds, in the order of their kinds.
    pub fn iter(&self) -> impl Iterator<Item = (GroundKind, &Ground)> {
        self.all.iter().map(|(kind, ground)| (*kind, ground))
    }

    /// The ground of a kind.
    #[must_use]
    pub fn get(&self, kind: GroundKind) -> Option<&Ground> {
        self.all.get(&kind)
    }

    /// The state of the ground of a kind; `None` if there is none.
    #[must_use]
    pub fn state(&self, kind: GroundKind) -> Option<GroundState> {
        self.get(kind).map(|ground| ground.state)
    }

    /// True if the ground of a kind is in force.
    #[must_use]
    pub fn counts(&self, kind: GroundKind) -> bool {
        self.get(kind).is_some_and(Ground::counts)
    }

    /// The end that took place; `None` if there was none.
    #[must_use]
    pub fn ended(&self) -> Option<&Deactivation> {
        self.ended.as_ref()
    }

    /// True if a ground in force came with this run.
    #[must_use]
    pub fn is_of(&self, run: &RunId) -> bool {
        self.all
            .values()
            .any(|ground| ground.counts() && ground.run.as_ref() == Some(run))
    }

    /// Adds a ground, in place of an earlier one of its kind.
    pub fn set(&mut self, kind: GroundKind, ground: Ground) {
        self.all.insert(kind, ground);
        self.settle();
    }

    /// Removes a ground.
    pub fn remove(&mut self, kind: GroundKind) {
        self.all.remove(&kind);
        self.settle();
    }

    /// Moves a ground to a state in which it does not count. Nothing happens if there is no such ground.
    pub fn put(&mut self, kind: GroundKind, state: GroundState) {
        if let Some(ground) = self.all.remove(&kind) {
            self.all.insert(kind, ground.without_force(state));
        }
        self.settle();
    }

    /// The ground is not acted on any more. Nothing happens if there is no such ground.
    pub fn ignore(&mut self, kind: GroundKind, why: IgnoredBy) {
        self.put(kind, GroundState::Ignored);
        if let Some(ground) = self.all.get_mut(&kind) {
            ground.why = Some(why);
        }
    }

    /// HR calls the person active. HR's own grounds go. An admin's ground goes with them if HR had called the person
    /// inactive or missing in a word that was taken.
    pub fn hear_active(&mut self) {
        self.hear_back(&[GroundKind::Hr, GroundKind::Missing]);
    }

    /// HR takes back what it said against the person in words of these kinds. An admin's ground goes with them if one
    /// of the words was taken.
    pub fn hear_back(&mut self, kinds: &[GroundKind]) {
        let taken = |kind| {
            matches!(
                self.state(kind),
                Some(GroundState::InForce | GroundState::Overridden)
            )
        };
        let taken = kinds.iter().any(|kind| taken(*kind));
        self.all.retain(|kind, _| !kinds.contains(kind));
        if taken {
            self.all.remove(&GroundKind::Admin);
        }
        self.settle();
    }

    /// HR takes back what it said against a person whom the sync rule leaves out. The grounds that do not count go.
    pub fn forget_idle(&mut self, kinds: &[GroundKind]) {
        self.all
            .retain(|kind, ground| !kinds.contains(kind) || ground.counts());
    }

    /// An admin restores the person. What stands is overridden, what is held is refused, and an admin's own ground or
    /// deletion goes.
    pub fn restore(&mut self) {
        self.all.remove(&GroundKind::Admin);
        self.all.remove(&GroundKind::Deleted);
        self.move_all(GroundState::InForce, GroundState::Overridden);
        self.move_all(GroundState::Held, GroundState::Refused);
        self.settle();
    }

    /// An admin answered no: what is held is refused.
    pub fn refuse(&mut self) {
        self.move_all(GroundState::Held, GroundState::Refused);
    }

    fn move_all(&mut self, from: GroundState, to: GroundState) {
        for ground in self.all.values_mut().filter(|ground| ground.state == from) {
            *ground = ground.clone().without_force(to);
        }
    }

    /// No ground asks for more than a deactivation any longer.
    pub fn forget_then(&mut self) {
        for ground in self.all.values_mut() {
            ground.then = AtEnd::Deactivate;
        }
    }

    /// The ground of the leave date is about another date.
    pub fn redate(&mut self, date: LeaveGround) {
        if let Some(ground) = self.all.get_mut(&GroundKind::LeaveDate) {
            ground.date = Some(date);
        }
    }

    /// True if a safeguard holds a ground.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let mut all = self.all.values();
        all.any(|ground| ground.state == GroundState::Held)
    }

    /// Ends the grace period: what is in force has come to its end. Where a machine has ended it before and an admin
    /// does now, the end is an admin's, which is not taken back.
    pub fn end(&mut self, end: Deactivation) {
        let by_hand = end.policy.is_none();
        let ended = self.ended.get_or_insert(end);
        if by_hand {
            ended.policy = None;
        }
        self.waits_until = None;
        self.settle();
    }

    /// The end has become final, since cards may be touched. Nothing of the grace period is kept.
    pub fn forget_postponement(&mut self) {
        self.postponed = None;
    }

    /// An admin's postponement that moves the end of the cards; `None` if there is none.
    #[must_use]
    pub fn postponed(&self) -> Option<&Postponement> {
        let moves = |postponed: &&Postponement| Some(postponed.end()) > self.first_due();
        self.postponed
            .as_ref()
            .filter(moves)
            .filter(|_| self.ended.is_none())
    }

    /// An admin moves the end of the cards to `until`, which is no earlier than what was announced first.
    pub fn move_end(&mut self, until: DateTime<Utc>, reason: GivenReason) {
        self.postponed = Some(Postponement {
            until,
            cut_at: None,
            reason,
        });
        self.waits_until = None;
        self.settle();
    }

    /// A leave date has begun that ends the cards at `due`: no postponement of before reaches beyond that, as long as
    /// the date stands.
    pub fn cut_postponement(&mut self, due: DateTime<Utc>) {
        if let Some(postponed) = &mut self.postponed {
            postponed.cut_at = Some(due);
        }
    }

    /// Takes back an end before a card was touched. The grace period goes on.
    pub fn take_back_end(&mut self) {
        self.ended = None;
    }

    /// The timer of the grace period looks again at `until`, because a hold keeps the cards alive.
    pub fn wait(&mut self, until: DateTime<Utc>) {
        self.waits_until = Some(until);
    }

    /// No ground ends the cards before `until`, to the second.
    pub fn postpone(&mut self, until: DateTime<Utc>) {
        for ground in self.all.values_mut() {
            ground.due_at = ground.due_at.map(|due| due.max(until));
        }
        self.waits_until = None;
        self.settle();
    }

    /// The grounds as the policy has made them: a policy ends the grounds of people who are not deactivated yet.
    #[must_use]
    pub fn as_of(&self, policy: &Policy) -> Self {
        if self.ended.is_some() {
            return self.clone();
        }
        let mut after = self.clone();
        for (kind, ground) in &self.all {
            match policy.ends(*kind, ground) {
                Some(EndedBy::Refused) => after.put(*kind, GroundState::Refused),
                Some(EndedBy::Ignored(why)) => after.ignore(*kind, why),
                None => {}
            }
        }
        after
    }

    /// Without a ground in force there is neither an end nor a wait, nothing is postponed to an end that stands by
    /// itself, and a leave date cuts nothing that is gone. An end whose own ground has gone is that of the ground that is
    /// decisive now, and stays so: a ground that joins later does not become its cause.
    fn settle(&mut self) {
        let decisive = self.in_order().next();
        let Some((kind, _)) = decisive.filter(|(_, first)| first.counts()) else {
            self.ended = None;
            self.waits_until = None;
            self.postponed = None;
            return;
        };
        if let Some(end) = &mut self.ended {
            end.cause = kind.cause();
        }
        let (first, dated) = (self.first_due(), self.counts(GroundKind::LeaveDate));
        self.postponed = self
            .postponed
            .take()
            .filter(|postponed| Some(postponed.until) > first);
        if let Some(postponed) = self.postponed.as_mut().filter(|_| !dated) {
            postponed.cut_at = None;
        }
    }
}
