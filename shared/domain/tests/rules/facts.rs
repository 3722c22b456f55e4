//! What the model looks up when a word comes: the settings, the clock, and how the word came.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use offramp_domain::settings::{Behaviour, OnMissing};
use offramp_domain::{Gate, GroundKind, RunId};

use crate::world::World;

/// The world at a moment, and how a word came.
pub(crate) struct Facts<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: DateTime<Utc>,
    pub(crate) observing: bool,
    pub(crate) run: Option<RunId>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        let run = match &world.gate {
            Gate::Open { run } => run.clone(),
            Gate::Held { .. } | Gate::Stopped => unreachable!("the model has no breaker"),
        };
        Self {
            world,
            now: world.now,
            observing: world.observing,
            run,
        }
    }

    pub(crate) fn is_undone(&self) -> bool {
        let mut undone = self.world.policy.undone.iter();
        undone.any(|undone| Some(&undone.run) == self.run.as_ref())
    }

    /// The policy does not act on a word of this kind.
    pub(crate) fn is_deaf_to(&self, kind: GroundKind) -> bool {
        let settings = &self.world.policy.settings;
        let missing = kind == GroundKind::Missing && settings.on_missing == OnMissing::Ignore;
        self.observing || !settings.deactivation_sync.enabled || missing
    }

    /// The settings ask an admin about a word of this kind.
    pub(crate) fn asks_about(&self, kind: GroundKind) -> bool {
        kind == GroundKind::Missing && self.world.policy.settings.on_missing == OnMissing::Hold
    }

    /// When cards end that begin to end now: as the source of the word says, else as the settings say. `from` is the
    /// source; an admin's word has none.
    pub(crate) fn end(&self, from: Option<&str>) -> DateTime<Utc> {
        let own = self.world.own.get(from.unwrap_or_default());
        let sync = self.world.policy.settings.deactivation_sync;
        let behaviour = own.and_then(|own| own.behaviour).unwrap_or(sync.behaviour);
        let days = own
            .and_then(|own| own.delay_days)
            .unwrap_or(sync.delay_days);
        match behaviour {
            Behaviour::Immediate => self.now,
            Behaviour::Delayed => self.days_on(days),
        }
    }

    /// When a grace period ends that an admin begins now.
    pub(crate) fn grace(&self) -> DateTime<Utc> {
        self.days_on(self.world.policy.settings.deactivation_sync.delay_days)
    }

    fn days_on(&self, days: u8) -> DateTime<Utc> {
        let second = self.now.duration_trunc(TimeDelta::seconds(1)).unwrap();
        second + TimeDelta::days(days.into())
    }
}
