//! The breaker's answers to a request, and those to one that is only tried, or whose source is only observed: for these
//! nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use offramp_domain::settings::Safeguards;
use offramp_domain::{Breaker, Counted, EmployeeId, Gate, HoldId, RunId, Tripped, Verdict};

use super::Events;
use crate::engine::breaker::{RunRequest, ask};
use crate::ports::{Breakers, Users};
use crate::{Ports, Result, Tenant};

/// A breaker that is asked without being written.
pub(super) struct Trial {
    pub(super) breaker: Breaker,
    pub(super) safeguards: Safeguards,
    /// The run that is tried.
    pub(super) run: RunId,
    pub(super) now: DateTime<Utc>,
    /// The answers so far.
    pub(super) verdicts: Vec<Verdict>,
}

impl Trial {
    /// The answers about these people, as [`crate::engine::breaker::ask`] would give them.
    pub(super) fn ask(
        &mut self,
        counted: &BTreeMap<EmployeeId, Counted>,
    ) -> BTreeMap<EmployeeId, Gate> {
        let mut gates = BTreeMap::new();
        let (mut leaving, mut returning) = (BTreeSet::new(), BTreeSet::new());
        for (id, what) in counted {
            match what {
                Counted::LastAdmin(_) | Counted::LookAlike => {
                    gates.insert(id.clone(), held(opened()));
                }
                Counted::Departure(_) => {
                    leaving.insert(id.clone());
                }
                Counted::Return => {
                    returning.insert(id.clone());
                }
            }
        }
        for (people, returns) in [(leaving, false), (returning, true)] {
            if people.is_empty() {
                continue;
            }
            let gate = self.weigh(&people, returns);
            gates.extend(people.into_iter().map(|id| (id, gate.clone())));
        }
        gates
    }

    fn weigh(&mut self, people: &BTreeSet<EmployeeId>, returns: bool) -> Gate {
        let (breaker, safeguards, now) = (&self.breaker, self.safeguards, self.now);
        let verdict = match returns {
            true => breaker.weigh_returns(people, safeguards, now),
            false => breaker.weigh(people, safeguards, None, now),
        };
        let (gate, after) = match (&verdict, returns) {
            (Verdict::Admitted, true) => {
                let after = breaker.admitting_returns(people, safeguards, now);
                (self.open(), Some(after))
            }
            (Verdict::Admitted, false) => {
                let after = breaker.admitting(people, safeguards, now);
                (self.open(), Some(after))
            }
            (Verdict::Joins(hold), _) => (held(Some(hold.clone())), None),
            (Verdict::Trips(rule, _), _) => {
                let hold = opened();
                let after = hold.clone().map(|hold| match rule {
                    Tripped::MaxReturns => breaker.tripping_returns(hold),
                    _ => breaker.tripping(hold, safeguards, now),
                });
                (held(hold), after)
            }
        };
        self.verdicts.push(verdict);
        self.breaker = after.unwrap_or_else(|| self.breaker.clone());
        gate
    }

    fn open(&self) -> Gate {
        Gate::Open {
            run: Some(self.run.clone()),
        }
    }

    /// The verdict to tell of several: one that stops people, if there is one.
    pub(super) fn worst(mut self) -> Option<Verdict> {
        let stops = |verdict: &Verdict| *verdict != Verdict::Admitted;
        let place = self.verdicts.iter().position(stops).unwrap_or(0);
        (!self.verdicts.is_empty()).then(|| self.verdicts.swap_remove(place))
    }
}

fn held(hold: Option<HoldId>) -> Gate {
    match hold {
        Some(hold) => Gate::Held { hold, seq: 0 },
        None => Gate::Stopped,
    }
}

fn opened() -> Option<HoldId> {
    HoldId::new("hold_that_it_would_open").ok()
}

/// Who answers for the breaker.
pub(super) enum Breaks<'a, P: Ports> {
    /// The breaker itself.
    Asks(Tenant<'a, P>, &'a RunRequest, Safeguards),
    /// Nobody: nothing is written.
    Trial(Box<Trial>),
}

impl<P: Ports> Breaks<'_, P>
where
    P::Store: Users + Breakers,
{
    pub(super) async fn about(
        &mut self,
        counted: &BTreeMap<EmployeeId, Counted>,
    ) -> Result<BTreeMap<EmployeeId, Gate>> {
        match self {
            Self::Asks(tenant, asking, safeguards) => {
                ask(tenant, asking, counted, *safeguards, None).await
            }
            Self::Trial(trial) => Ok(trial.ask(counted)),
        }
    }
}

/// What a run says counts for all of its people, or for none of them.
pub(super) fn stop_the_others(
    gates: &mut BTreeMap<EmployeeId, Gate>,
    people: &[(EmployeeId, Events)],
    counted: &BTreeMap<EmployeeId, Counted>,
) {
    let stopped = counted.iter().any(|(id, what)| {
        matches!(what, Counted::Departure(_)) && matches!(gates.get(id), Some(Gate::Held { .. }))
    });
    if stopped {
        for (id, _) in people {
            gates.entry(id.clone()).or_insert(Gate::Stopped);
        }
    }
}

pub(super) fn is_last(what: Counted) -> bool {
    matches!(what, Counted::LastAdmin(_))
}
