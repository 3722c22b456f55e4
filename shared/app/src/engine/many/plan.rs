//! What a request would come to, decided in memory: who is to be asked about, and what a dry run answers.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join;
use offramp_domain::decide::Word;
use offramp_domain::{
    Counted, Decision, EmployeeId, Event, Gate, HoldId, RunKind, SourceId, Verdict,
};

use super::{Answer, Answers, Events, TIME_FOR_EVENTS, answer, answers};
use crate::engine::breaker::{Asking, ask};
use crate::engine::commit::{Armed, arm_all};
use crate::engine::execute::{How, Judgement};
use crate::ports::{Breakers, Loaded, USERS_PER_READ, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// People whose timers are armed while the breaker is asked about them. Of more, a hold would leave as many timers that find
/// nothing to do.
const ARMED_AHEAD: usize = 4;

/// Where a plan is made, and until when.
#[derive(Debug)]
pub struct Plan<'a, P: Ports> {
    /// Store, timers and clock.
    pub tenant: Tenant<'a, P>,
    /// Who speaks.
    pub source: &'a SourceId,
    /// The source is only observed.
    pub observing: bool,
    /// Until when there is time.
    pub deadline: Deadline,
}

impl<P: Ports> Plan<'_, P>
where
    P::Store: Users + Breakers,
{
    /// Asks the breaker for all whom the events would end or bring back. `at_hand` is what the people of a request that is one
    /// read are decided on, where the caller has just read it. What was read and decided is given back for a
    /// request that is one read, and for a chunk of people of whom at most the instant is newer. Whatever else is written is
    /// decided on a read of its own moment.
    ///
    /// # Errors
    /// A fault, [`Error::Busy`], or [`Error::Unfinished`].
    pub async fn ask(
        &self,
        asking: &Asking,
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
                    // As it will be if they are admitted. The last admin never is.
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
        // Of a delivery alone the name was made a moment ago; a snapshot may have died after it had asked.
        let just_read = breaker.filter(|_| asking.kind == RunKind::Delivery);
        let just_read = just_read.as_deref();
        let asked = ask(&self.tenant, asking, &counted, safeguards, just_read);
        let ahead = just_read.filter(|breaker| {
            let people: BTreeSet<_> = counted.keys().cloned().collect();
            let tripped = asking.tripped.map(|(tripped, _)| tripped);
            let now = self.tenant.clock.now();
            people.len() <= ARMED_AHEAD
                && breaker.weigh(&people, safeguards, tripped, now) == Verdict::Admitted
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
        // Both to their ends: what is half done of one would be found out by a retry only.
        let (gates, armed) = join(asked, arm).await;
        armed?;
        for one in &mut judgements {
            one.armed = true;
        }
        Ok((gates?, read))
    }

    /// Reads what a few people's events are decided on.
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

    /// What the events would come to, in a word for each, and what the breaker would be asked about.
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

    /// Whom the events would end or bring back.
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

    /// What a request would come to. Nothing is written.
    pub(crate) async fn dry_run(
        &self,
        asking: &Asking,
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
        let verdict = self.weigh(asking, &counted, read.last().map(|(_, loaded)| loaded))?;
        let held = match &verdict {
            Some(Verdict::Joins(hold)) => Some(hold.clone()),
            Some(Verdict::Trips(..)) => HoldId::new("hold_that_it_would_open").ok(),
            _ => None,
        };
        for (chunk, loaded) in &read {
            for (id, events) in *chunk {
                let gate = match &held {
                    Some(hold) if counted.contains_key(id) => Some(Gate::Held {
                        hold: hold.clone(),
                        seq: 0,
                    }),
                    _ => None,
                };
                for (position, answer) in self.person(loaded, id, events, gate.as_ref())?.answers {
                    if let Some(slot) = results.get_mut(position) {
                        *slot = Some(answer);
                    }
                }
            }
        }
        Ok(Answers {
            breaker: verdict,
            ..answers(results)
        })
    }

    /// What the breaker would say; `None` where it would not be asked.
    fn weigh(
        &self,
        asking: &Asking,
        counted: &BTreeMap<EmployeeId, Counted>,
        loaded: Option<&Loaded>,
    ) -> Result<Option<Verdict>> {
        let people: BTreeSet<EmployeeId> = counted
            .iter()
            .filter(|(_, counted)| !matches!(counted, Counted::LastAdmin(_)))
            .map(|(id, _)| id.clone())
            .collect();
        let Some(loaded) = loaded.filter(|_| !people.is_empty()) else {
            return Ok(None);
        };
        let breaker = loaded.breaker.clone().unwrap_or_default();
        let tripped = asking.tripped.map(|(tripped, _)| tripped);
        let safeguards = loaded.policy.settings.safeguards;
        Ok(Some(breaker.weigh(
            &people,
            safeguards,
            tripped,
            self.tenant.clock.now(),
        )))
    }

    /// The events of one person, in order, each decided on what the one before would have written.
    fn person(
        &self,
        loaded: &Loaded,
        id: &EmployeeId,
        events: &[(usize, Event)],
        gate: Option<&Gate>,
    ) -> Result<Planned> {
        let how = How {
            observing: self.observing,
            gate: gate.cloned(),
            ..How::default()
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
                outcome, change, ..
            } = &judgement.decision;
            planned.counted = planned.counted.or(judgement.counted);
            planned
                .answers
                .push((*position, answer(id, outcome, judgement.would)));
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

/// What was read for a chunk of people, and what was decided on it of the first event of each.
#[derive(Debug)]
pub struct Read {
    pub(super) loaded: Loaded,
    pub(super) judgements: BTreeMap<EmployeeId, Judgement>,
}

impl Read {
    /// Of which nothing is decided yet.
    pub(super) fn of(loaded: Loaded) -> Self {
        Self {
            loaded,
            judgements: BTreeMap::new(),
        }
    }
}

/// What the events of one person would come to, in a word.
#[derive(Debug)]
pub struct Planning {
    /// Whose.
    pub id: EmployeeId,
    /// What would be done.
    pub word: Word,
    /// What would be done if the source were active, where it is only observed.
    pub would: Option<Word>,
    /// What the breaker is asked about, or would be.
    pub counted: Option<Counted>,
}

/// What the events of one person would come to.
struct Planned {
    answers: Vec<(usize, Answer)>,
    /// What the breaker is asked about.
    counted: Option<Counted>,
    /// Whether anything but a newer instant would be written.
    changes: bool,
    /// What was decided of the first event.
    first: Option<Judgement>,
}
