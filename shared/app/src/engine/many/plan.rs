//! The result of a request, decided in memory: the people to ask the breaker about, and the answer to a dry run.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join;
use offramp_domain::decide::Outcome;
use offramp_domain::settings::Safeguards;
use offramp_domain::{
    Breaker, Counted, Decision, EmployeeId, Event, Gate, HoldId, RunKind, SourceId, Verdict,
};

use super::{Answer, Answers, Events, TIME_FOR_EVENTS, answer, answers};
use crate::engine::breaker::{RunRequest, ask};
use crate::engine::commit::{Armed, arm_all};
use crate::engine::execute::{ExecuteOptions, Judgement};
use crate::ports::{Breakers, Loaded, USERS_PER_READ, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// The most people whose timers are armed while the breaker is asked about them. If the breaker then holds them, each
/// armed timer fires without effect.
const ARMED_AHEAD: usize = 4;

/// The tenant, source and deadline of a plan.
#[derive(Debug)]
pub struct Plan<'a, P: Ports> {
    /// The organisation with store, timers and clock.
    pub tenant: Tenant<'a, P>,
    /// The source of the events.
    pub source: &'a SourceId,
    /// True if the source is in observation.
    pub observing: bool,
    /// The moment by which the request must have ended.
    pub deadline: Deadline,
}

impl<P: Ports> Plan<'_, P>
where
    P::Store: Users + Breakers,
{
    /// Asks the breaker about all people that the events would end or restore. `at_hand` is the data for a request of
    /// one chunk, if the caller has just read it.
    ///
    /// Returns the breaker's answers by person. Beside them it returns, for each chunk, what was read and decided. That
    /// is `None` if the request has several chunks and the chunk would write more than newer instants: such changes are
    /// decided on a fresh read.
    ///
    /// # Errors
    /// A fault, [`Error::Busy`], or [`Error::Unfinished`].
    pub async fn ask(
        &self,
        asking: &RunRequest,
        people: &[(EmployeeId, Events)],
        mut at_hand: Option<Loaded>,
    ) -> Result<(BTreeMap<EmployeeId, Gate>, Vec<Option<Read>>)> {
        let one = people.len() <= USERS_PER_READ;
        let admitted = Gate::Open {
            run: Some(asking.run.clone()),
        };
        let (mut counted, mut read) = (BTreeMap::new(), Vec::new());
        let mut breaker = None;
        let mut safeguards = None;
        for chunk in people.chunks(USERS_PER_READ) {
            let loaded = match at_hand.take() {
                Some(loaded) => loaded,
                None => self.read(chunk).await?,
            };
            let mut chunk_read = Read::of(loaded);
            let loaded = &chunk_read.loaded;
            safeguards = Some(loaded.policy.settings.safeguards);
            breaker.clone_from(&loaded.breaker);
            let mut changes = false;
            for (id, events) in chunk {
                let mut planned = self.person(loaded, id, events, None)?;
                changes |= planned.changes;
                if let Some(counts) = planned.counted.filter(|_| !self.observing) {
                    counted.insert(id.clone(), counts);
                    // The decision with the breaker's consent. The breaker never admits the last admin.
                    if one && !matches!(counts, Counted::LastAdmin(_)) {
                        let first = events.iter().take(1).cloned().collect::<Events>();
                        planned = self.person(loaded, id, &first, Some(&admitted))?;
                    }
                }
                let first = planned.first.map(|first| (id.clone(), first));
                chunk_read.judgements.extend(first);
            }
            read.push((one || !changes).then_some(chunk_read));
        }
        let (false, Some(safeguards)) = (counted.is_empty(), safeguards) else {
            return Ok((BTreeMap::new(), read));
        };
        // Only a delivery is certain to ask for the first time, because its run id is new. A snapshot may have asked
        // before it died.
        let just_read = breaker.filter(|_| asking.kind == RunKind::Delivery);
        let just_read = just_read.as_deref();
        let asked = ask(&self.tenant, asking, &counted, safeguards, just_read);
        let ahead = just_read.filter(|breaker| {
            let verdicts = self.verdicts(asking, &counted, breaker, safeguards);
            counted.len() <= ARMED_AHEAD
                && verdicts
                    .iter()
                    .all(|(_, verdict)| *verdict == Verdict::Admitted)
        });
        let judgements = read.iter_mut().flatten();
        let mut judgements: Vec<&mut Judgement> = judgements
            .flat_map(|read| read.judgements.values_mut())
            .filter(|one| ahead.is_some() && one.gate.as_ref() == Some(&admitted))
            .collect();
        let arm = judgements
            .iter()
            .filter_map(|one| one.decision.change.as_ref())
            .flat_map(|change| &change.arm);
        let none = Armed::default();
        let arm = arm_all(&self.tenant.timers, arm, &none);
        // Both calls run to their ends. If one were cancelled half-way, only a retry would find out how far it came.
        let (gates, armed) = join(asked, arm).await;
        armed?;
        for one in &mut judgements {
            one.armed = true;
        }
        let mut gates = gates?;
        // What a run says counts for all of its people, or for none of them.
        let stopped = counted.iter().any(|(id, what)| {
            matches!(what, Counted::Departure(_))
                && matches!(gates.get(id), Some(Gate::Held { .. }))
        });
        if stopped {
            for (id, _) in people {
                gates.entry(id.clone()).or_insert(Gate::Stopped);
            }
        }
        Ok((gates, read))
    }

    /// Reads the data for deciding the events of a few people.
    ///
    /// # Errors
    /// A fault, or [`Error::Unfinished`].
    pub async fn read(&self, people: &[(EmployeeId, Events)]) -> Result<Loaded> {
        if !self.deadline.leaves(TIME_FOR_EVENTS) {
            return Err(Error::Unfinished("more events than there was time for"));
        }
        let ids: Vec<EmployeeId> = people.iter().map(|(id, _)| id.clone()).collect();
        let source = Some(self.source);
        Ok(self
            .tenant
            .store
            .load_of(self.tenant.org, source, &ids)
            .await?)
    }

    /// The outcome for each person, and the change that the breaker would count. Nothing is written.
    ///
    /// # Errors
    /// A refusal.
    pub fn words(&self, loaded: &Loaded, people: &[(EmployeeId, Events)]) -> Result<Vec<Planning>> {
        let mut all = Vec::with_capacity(people.len());
        for (id, events) in people {
            let planned = self.person(loaded, id, events, None)?;
            if let Some((_, last)) = planned.answers.last() {
                all.push(Planning {
                    id: id.clone(),
                    word: last.outcome,
                    would: last.would,
                    counted: planned.counted,
                });
            }
        }
        Ok(all)
    }

    /// The people that the events would end or restore, with the change that the breaker counts.
    ///
    /// # Errors
    /// A refusal.
    fn counted(
        &self,
        loaded: &Loaded,
        people: &[(EmployeeId, Events)],
    ) -> Result<BTreeMap<EmployeeId, Counted>> {
        let mut all = BTreeMap::new();
        for (id, events) in people {
            let planned = self.person(loaded, id, events, None)?;
            all.extend(planned.counted.map(|counted| (id.clone(), counted)));
        }
        Ok(all)
    }

    /// The answers that a request would get. Nothing is written.
    pub(crate) async fn dry_run(
        &self,
        asking: &RunRequest,
        people: &[(EmployeeId, Events)],
        mut results: Vec<Option<Answer>>,
    ) -> Result<Answers> {
        let (mut counted, mut read) = (BTreeMap::new(), Vec::new());
        for chunk in people.chunks(USERS_PER_READ) {
            let loaded = self.read(chunk).await?;
            if !self.observing {
                counted.extend(self.counted(&loaded, chunk)?);
            }
            read.push((chunk, loaded));
        }
        let verdicts = match read.last() {
            Some((_, loaded)) => {
                let breaker = loaded.breaker.clone().unwrap_or_default();
                let safeguards = loaded.policy.settings.safeguards;
                self.verdicts(asking, &counted, &breaker, safeguards)
            }
            None => Vec::new(),
        };
        let held = |what: Counted| {
            let of = |(returns, _): &&(bool, Verdict)| *returns == (what == Counted::Return);
            match verdicts.iter().find(of) {
                Some((_, Verdict::Joins(hold))) => Some(hold.clone()),
                Some((_, Verdict::Trips(..))) => HoldId::new("hold_that_it_would_open").ok(),
                _ => None,
            }
        };
        for (chunk, loaded) in &read {
            for (id, events) in *chunk {
                let hold = counted.get(id).and_then(|what| held(*what));
                let gate = hold.map(|hold| Gate::Held { hold, seq: 0 });
                for (position, answer) in self.person(loaded, id, events, gate.as_ref())?.answers {
                    if let Some(slot) = results.get_mut(position) {
                        *slot = Some(answer);
                    }
                }
            }
        }
        Ok(Answers {
            breaker: worst(verdicts),
            ..answers(results)
        })
    }

    /// The breaker's verdict on the people who leave, and on those who return (true). A group of nobody has none, and
    /// neither has a last admin, whom the breaker never admits.
    fn verdicts(
        &self,
        asking: &RunRequest,
        counted: &BTreeMap<EmployeeId, Counted>,
        breaker: &Breaker,
        safeguards: Safeguards,
    ) -> Vec<(bool, Verdict)> {
        let now = self.tenant.clock.now();
        let tripped = asking.tripped.map(|(tripped, _)| tripped);
        let group = |returns: bool| -> BTreeSet<EmployeeId> {
            let of = |what: &Counted| match what {
                Counted::Departure(_) => !returns,
                Counted::Return => returns,
                Counted::LastAdmin(_) => false,
            };
            let people = counted.iter().filter(|(_, what)| of(what));
            people.map(|(id, _)| id.clone()).collect()
        };
        let (leaving, returning) = (group(false), group(true));
        let mut verdicts = Vec::new();
        if !leaving.is_empty() {
            verdicts.push((false, breaker.weigh(&leaving, safeguards, tripped, now)));
        }
        if !returning.is_empty() {
            verdicts.push((true, breaker.weigh_returns(&returning, safeguards, now)));
        }
        verdicts
    }

    /// The events of one person, in order. Each is decided on the user that the event before would have written.
    fn person(
        &self,
        loaded: &Loaded,
        id: &EmployeeId,
        events: &[(usize, Event)],
        gate: Option<&Gate>,
    ) -> Result<Planned> {
        let how = ExecuteOptions {
            observing: self.observing,
            gate: gate.cloned(),
            ..ExecuteOptions::default()
        };
        let mut so_far: Option<Loaded> = None;
        let mut planned = Planned {
            answers: Vec::with_capacity(events.len()),
            counted: None,
            changes: false,
            first: None,
        };
        for (position, event) in events {
            let on = so_far.as_ref().unwrap_or(loaded);
            let judgement = how.judge(&self.tenant, on, id, event)?;
            let Decision {
                answered, change, ..
            } = &judgement.decision;
            planned.counted = planned.counted.or(judgement.counted);
            planned
                .answers
                .push((*position, answer(id, answered, judgement.would)));
            if let Some(change) = change {
                planned.changes |= change.entry.is_some();
                if events.len() > 1 {
                    let next = so_far.get_or_insert_with(|| loaded.only(id));
                    next.users.insert(id.clone(), change.user.clone());
                }
            }
            planned.first.get_or_insert(judgement);
        }
        Ok(planned)
    }
}

/// The verdict to tell of several: one that stops people, if there is one.
fn worst(verdicts: Vec<(bool, Verdict)>) -> Option<Verdict> {
    let mut verdicts: Vec<Verdict> = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    let stops = verdicts
        .iter()
        .position(|verdict| *verdict != Verdict::Admitted);
    (!verdicts.is_empty()).then(|| verdicts.swap_remove(stops.unwrap_or(0)))
}

/// The data that was read for a chunk of people, and the decision on each person's first event.
#[derive(Debug)]
pub struct Read {
    pub(super) loaded: Loaded,
    pub(super) judgements: BTreeMap<EmployeeId, Judgement>,
}

impl Read {
    /// A read without decisions.
    pub(super) fn of(loaded: Loaded) -> Self {
        Self {
            loaded,
            judgements: BTreeMap::new(),
        }
    }
}

/// The planned outcome for one person.
#[derive(Debug)]
pub struct Planning {
    /// The employee id of the person.
    pub id: EmployeeId,
    /// The outcome of the last event.
    pub word: Outcome,
    /// The outcome of the last event if the source were active; `None` unless the source is in observation.
    pub would: Option<Outcome>,
    /// The change that the breaker counts, or would count if the source were active.
    pub counted: Option<Counted>,
}

/// The planned result of the events of one person.
struct Planned {
    answers: Vec<(usize, Answer)>,
    /// The first change that the breaker counts.
    counted: Option<Counted>,
    /// True if an event would write more than a newer instant.
    changes: bool,
    /// The decision on the first event.
    first: Option<Judgement>,
}
