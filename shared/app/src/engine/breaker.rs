//! Asks the breaker before a machine ends a person's access or restores a deleted person.
//!
//! The breaker is asked first, and the user is committed second. Before a user is written, an admitted person has a
//! place in the window. An unused place has no effect. If a run asks again, its people have their places already. A
//! held person joins the hold in the transaction that writes the user, on the condition that the hold is open
//! ([`super::commit`]); the breaker names the hold, and opens one that nobody is in yet.

mod asking;
mod last_admin;
mod look_alikes;
mod not_moved;
mod roll;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use offramp_domain::digest::{DigestMinute, Notice, NoticeKind};
use offramp_domain::settings::Safeguards;
use offramp_domain::{
    Breaker, Counted, EmployeeId, Event, Figures, Gate, Generation, Hold, HoldId, HoldState, Run,
    Timer, Tripped, Verdict,
};

use crate::backoff::until_won;
use crate::engine::commit::{Armed, arm_all};
use crate::engine::execute::{ExecuteOptions, Executed, execute};
use crate::metrics::Metric;
use crate::ports::{BreakerCommit, Breakers, Committed, RollOf, Users};
use crate::{Error, Ports, Result, Tenant};
use asking::{asking_first, new_hold};
use last_admin::last_admin;
use look_alikes::look_alikes;
use roll::on_roll;

pub use asking::{RunRequest, new_run};
pub(crate) use not_moved::not_moved;
pub use roll::rolls;
pub use watched::watched;

/// Attempts for one person. A held person is never asked about again, so this bounds only races for the last admin.
const ASKED_AT_MOST: usize = 4;

/// Calls [`execute`] for an event of a machine, and asks the breaker about the person if the decision needs its answer.
///
/// # Errors
/// As [`execute`], and [`Error::Busy`] if other writers came first at every attempt.
pub async fn execute_guarded<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
    mut how: ExecuteOptions<'_>,
    asking: &RunRequest,
) -> Result<Executed>
where
    P::Store: Users + Breakers,
{
    let (receipt, if_match, observing) = (how.receipt, how.if_match, how.observing);
    let (own_work, source) = (how.own_work, how.source);
    let mut asked_with_others = matches!(how.gate, Some(Gate::Held { .. }));
    // A person who has become the last admin in the meantime is asked about a second time.
    for _ in 0..ASKED_AT_MOST {
        let executed = execute(tenant, id, event, armed, how).await?;
        let Some(counted) = executed
            .decision
            .counted
            .filter(|_| executed.needs_admission)
        else {
            return Ok(executed);
        };
        if asked_with_others {
            return Err(answered_meanwhile());
        }
        asked_with_others = false;
        let people = BTreeMap::from([(id.clone(), counted)]);
        let settings = &executed.loaded.policy.settings;
        let asking = asking_first(asking, settings.on_missing, counted);
        let mut gates = ask(tenant, &asking, &people, settings.safeguards, None).await?;
        how = ExecuteOptions {
            loaded: Some(executed.loaded),
            receipt,
            if_match,
            observing,
            gate: Some(gates.remove(id).unwrap_or(Gate::OPEN)),
            own_work,
            source,
            judgement: None,
        };
    }
    Err(Error::Busy)
}

/// Asks the breaker about all the people of a run at once: it admits all or none. Only a last admin is asked about
/// alone, and look-alikes are held apart.
///
/// `read` is the source's breaker, if the caller has just read it for a run that has not asked before. The first
/// attempt uses it, and assumes that no run of that id is stored. Each write is conditional on both, so an attempt on
/// outdated data writes nothing. The next attempt reads again.
///
/// # Errors
/// A fault, or [`Error::Busy`].
pub async fn ask<P: Ports>(
    tenant: &Tenant<'_, P>,
    asking: &RunRequest,
    people: &BTreeMap<EmployeeId, Counted>,
    safeguards: Safeguards,
    read: Option<&Breaker>,
) -> Result<BTreeMap<EmployeeId, Gate>>
where
    P::Store: Users + Breakers,
{
    let mut gates = BTreeMap::new();
    let (mut leaving, mut returning) = (BTreeSet::new(), BTreeSet::new());
    let mut unknown = BTreeSet::new();
    for (id, counted) in people {
        match counted {
            Counted::LastAdmin(cause) => {
                let gate = last_admin(tenant, asking, (id, *cause), safeguards).await?;
                gates.insert(id.clone(), gate);
            }
            Counted::Departure(_) => {
                leaving.insert(id.clone());
            }
            Counted::Return => {
                returning.insert(id.clone());
            }
            Counted::LookAlike => {
                unknown.insert(id.clone());
            }
        }
    }
    if !unknown.is_empty() {
        let gate = look_alikes(tenant, asking, &unknown, safeguards).await?;
        gates.extend(unknown.into_iter().map(|id| (id, gate.clone())));
    }
    let both = !leaving.is_empty() && !returning.is_empty();
    for (people, returns) in [(leaving, false), (returning, true)] {
        if people.is_empty() {
            continue;
        }
        // The first group changes the breaker, so the second reads it anew.
        let read = read.filter(|_| !both);
        let gate = ask_group(tenant, asking, &people, returns, safeguards, read).await?;
        gates.extend(people.into_iter().map(|id| (id, gate.clone())));
    }
    Ok(gates)
}

/// Asks about the people who leave, or about those who return.
async fn ask_group<P: Ports>(
    tenant: &Tenant<'_, P>,
    asking: &RunRequest,
    people: &BTreeSet<EmployeeId>,
    returns: bool,
    safeguards: Safeguards,
    read: Option<&Breaker>,
) -> Result<Gate>
where
    P::Store: Users + Breakers,
{
    let mut read = read.cloned();
    until_won(|| {
        let read = read.take();
        async move {
            let unused = read.is_some();
            let breaker = match read {
                Some(breaker) => breaker,
                None => tenant.store.breaker(tenant.org, &asking.source).await?,
            };
            let now = tenant.clock.now();
            let tripped = asking.tripped.map(|(tripped, _)| tripped);
            let asked = Asked {
                tenant: *tenant,
                asking,
                people,
                returns,
                safeguards,
                now,
            };
            let verdict = match returns {
                true => breaker.weigh_returns(people, safeguards, now),
                false => breaker.weigh(people, safeguards, tripped, now),
            };
            match verdict {
                Verdict::Admitted => asked.admit(&breaker, unused).await,
                Verdict::Joins(hold) => asked.join(hold).await,
                Verdict::Trips(tripped, figures) => asked.trip(&breaker, tripped, figures).await,
            }
        }
    })
    .await
}

struct Asked<'a, P: Ports> {
    tenant: Tenant<'a, P>,
    asking: &'a RunRequest,
    people: &'a BTreeSet<EmployeeId>,
    /// True if these people return, false if they leave.
    returns: bool,
    safeguards: Safeguards,
    now: DateTime<Utc>,
}

/// Each method returns `None` if another write came first.
impl<P: Ports> Asked<'_, P>
where
    P::Store: Users + Breakers,
{
    async fn admit(&self, breaker: &Breaker, unused: bool) -> Result<Option<Gate>> {
        let after = match self.returns {
            true => breaker.admitting_returns(self.people, self.safeguards, self.now),
            false => breaker.admitting(self.people, self.safeguards, self.now),
        };
        let after = looked_at(after, self.now);
        let window = match self.returns {
            true => &breaker.returns.window,
            false => &breaker.window,
        };
        let mut run = Run {
            run: self.asking.run.clone(),
            kind: self.asking.kind.clone(),
            source: self.asking.source.clone(),
            at: self.now,
            by: None,
            people: count(self.people),
            not_moved: 0,
            rev: 0,
            undone: None,
        };
        // The run is stored already if it asks again, for a person that it had not seen or because it died after an
        // earlier answer. In the second case everybody has a place and is on the roll.
        let known = match unused {
            true => None,
            false => self.tenant.store.run(self.tenant.org, &run.run).await?,
        };
        let of = RollOf::Run(run.run.clone());
        let mut fresh = self.people.clone();
        if let Some(known) = known {
            let on_roll = on_roll(&self.tenant, &of).await?;
            fresh.retain(|id| !on_roll.contains_key(id));
            if fresh.is_empty() && self.people.iter().all(|id| window.has(id)) {
                return Ok(Some(Gate::Open { run: Some(run.run) }));
            }
            run = Run {
                people: known.people.saturating_add(count(&fresh)),
                rev: known.rev + 1,
                ..known
            };
        }
        let commit = BreakerCommit {
            breaker: Some((&self.asking.source, &after)),
            run: Some(&run),
            rolls: rolls(&of, 1, &fresh, self.now),
            ..BreakerCommit::default()
        };
        let open = Gate::Open {
            run: Some(self.asking.run.clone()),
        };
        Ok(done(
            self.tenant
                .store
                .commit_breaker(self.tenant.org, &commit)
                .await?,
        )
        .then_some(open))
    }

    async fn join(&self, hold: HoldId) -> Result<Option<Gate>> {
        let Some(before) = self.tenant.store.hold(self.tenant.org, &hold).await? else {
            return Err(crate::Fault::corrupt("hold", "a breaker's hold is not there").into());
        };
        if before.state != HoldState::Open {
            // The hold was answered after the breaker was read.
            return Ok(None);
        }
        Ok(Some(Gate::Held {
            hold,
            seq: before.version + 1,
        }))
    }

    async fn trip(
        &self,
        breaker: &Breaker,
        rule: Tripped,
        figures: Figures,
    ) -> Result<Option<Gate>> {
        let figures = match &self.asking.tripped {
            Some((_, snapshot)) => Figures {
                employees: snapshot.employees,
                expected: snapshot.expected,
                ..figures
            },
            None => figures,
        };
        let hold = self.open(rule, figures);
        // A rule that says nothing about the connection does not change the breaker. So its hold stops nobody else.
        let after = match rule {
            Tripped::MaxReturns => Some(breaker.tripping_returns(hold.hold.clone())),
            rule => rule
                .quarantines()
                .then(|| breaker.tripping(hold.hold.clone(), self.safeguards, self.now)),
        };
        let after = after.map(|after| looked_at(after, self.now));
        self.write(after.as_ref(), &hold, count(self.people)).await
    }

    /// A hold that nobody is in yet.
    fn open(&self, rule: Tripped, figures: Figures) -> Hold {
        Hold {
            hold: new_hold(),
            source: self.asking.source.clone(),
            rule,
            figures,
            state: HoldState::Open,
            run: Some(self.asking.run.clone()),
            opened_at: self.now,
            told_at: self.now,
            escalated: false,
            people: 0,
            version: 0,
            answered: 0,
            by: None,
            last: None,
            answers: Vec::new(),
            unfinished: Vec::new(),
            alone: 0,
            first_approval: None,
        }
    }

    async fn write(
        &self,
        breaker: Option<&Breaker>,
        hold: &Hold,
        people: u32,
    ) -> Result<Option<Gate>> {
        let notice = Notice {
            at: self.now,
            kind: NoticeKind::HoldOpened {
                hold: hold.hold.clone(),
                source: hold.source.clone(),
                rule: hold.rule,
                people,
            },
            employee_id: None,
            name: None,
            generation: Generation(hold.version),
        };
        tell(&self.tenant, &notice).await?;
        let commit = BreakerCommit {
            breaker: breaker.map(|breaker| (&self.asking.source, breaker)),
            hold: Some((hold, None)),
            notices: vec![notice],
            ..BreakerCommit::default()
        };
        if !done(
            self.tenant
                .store
                .commit_breaker(self.tenant.org, &commit)
                .await?,
        ) {
            return Ok(None);
        }
        self.tenant.meter.record(Metric::HoldsOpened, 1_u32);
        tracing::warn!(
            org = %self.tenant.org,
            source = %hold.source,
            hold = %hold.hold,
            rule = hold.rule.as_str(),
            people,
            "a safeguard stopped a run"
        );
        Ok(Some(Gate::Held {
            hold: hold.hold.clone(),
            seq: hold.version + 1,
        }))
    }
}

/// The hold, if it is closed, so that nobody can join it any more; `None` if it is open.
///
/// # Errors
/// A fault.
pub(crate) async fn closed<P: Ports>(tenant: &Tenant<'_, P>, hold: &HoldId) -> Result<Option<Hold>>
where
    P::Store: Breakers,
{
    let Some(hold) = tenant.store.hold(tenant.org, hold).await? else {
        return Err(crate::Fault::corrupt("hold", "a hold that was joined is not there").into());
    };
    Ok((hold.state != HoldState::Open).then_some(hold))
}

/// People who were asked about together are asked about together again, if their hold was closed before they joined it.
pub(super) fn answered_meanwhile() -> Error {
    Error::Unfinished("the hold was answered meanwhile")
}

/// Arms the digest that mails a notice. This comes before the notice is committed.
///
/// # Errors
/// A fault.
pub async fn tell<P: Ports>(tenant: &Tenant<'_, P>, notice: &Notice) -> Result<()> {
    let digest = Timer::Digest {
        org: tenant.org.clone(),
        minute: DigestMinute::of(notice.at),
    };
    arm_all(&tenant.timers, &[digest], &Armed::default()).await
}

/// Makes the sweep look at the source, unless it already does.
fn looked_at(mut breaker: Breaker, now: DateTime<Utc>) -> Breaker {
    breaker.look_at.get_or_insert(now);
    breaker
}

fn count(people: &BTreeSet<EmployeeId>) -> u32 {
    u32::try_from(people.len()).unwrap_or(u32::MAX)
}

fn done(committed: Committed) -> bool {
    committed == Committed::Done
}
