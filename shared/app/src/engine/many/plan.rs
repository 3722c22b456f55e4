//! The result of a request, decided in memory: the people to ask the breaker about, and the answer to a dry run.

use std::collections::BTreeMap;

use futures_util::future::join;
use offramp_domain::decide::Outcome;
use offramp_domain::settings::Safeguards;
use offramp_domain::{
    AdminsChange, Breaker, Counted, Decision, EmployeeId, Event, Gate, RunKind, SourceId, Verdict,
};

use super::admins::{Admins, in_turn};
use super::alike::Alike;
use super::trial::{Breaks, Trial, is_last, stop_the_others};
use super::{Answer, Answers, Events, TIME_FOR_EVENTS, answer, answers};
use crate::engine::breaker::{RunRequest, ask};
use crate::engine::commit::{Armed, arm_all};
use crate::engine::execute::{ExecuteOptions, Judgement, was_asked};
use crate::ports::{Breakers, Loaded, Lookalikes, USERS_PER_READ, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// The most people whose timers are armed while the breaker is asked about them. If the breaker then holds them, each
/// armed timer fires without effect.
const ARMED_AHEAD: usize = 4;

/// How often the breaker is asked about admins whom its last answers have left open.
const ROUNDS: usize = 3;

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
    /// Whom unknown people look like.
    pub alike: Alike<'a>,
}

impl<P: Ports> Plan<'_, P>
where
    P::Store: Users + Breakers + Lookalikes,
{
    /// Asks the breaker about all people that the events would end or restore. `at_hand` is the data for a request of
    /// one chunk, if the caller has just read it. For a source in observation the answers are those that it would have got.
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
        let several = people.len() > 1;
        let admitted = Gate::Open {
            run: Some(asking.run.clone()),
        };
        let (mut counted, mut read) = (BTreeMap::new(), Vec::new());
        let mut admins = Admins::default();
        let mut breaker = None;
        let mut safeguards = None;
        for chunk in people.chunks(USERS_PER_READ) {
            let loaded = match at_hand.take() {
                Some(mut loaded) => {
                    self.alike.note(&self.tenant, chunk, &mut loaded).await?;
                    loaded
                }
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
                if several && in_turn(loaded, id) {
                    admins.push((id, events), loaded);
                    continue;
                }
                if let Some(counts) = planned.counted {
                    counted.insert(id.clone(), counts);
                    // The decision with the breaker's consent, which it never gives about some.
                    if one && !counts.is_always_held() {
                        let first = events.iter().take(1).cloned().collect::<Events>();
                        planned = self.person(loaded, id, &first, Some(&admitted))?;
                    }
                }
                let first = planned.first.map(|first| (id.clone(), first));
                chunk_read.judgements.extend(first);
            }
            read.push((one || !changes).then_some(chunk_read));
        }
        let all_but_the_last = self.unasked(&admins, &BTreeMap::new())?.into_iter();
        counted.extend(all_but_the_last.filter(|(_, what)| !is_last(*what)));
        let Some(safeguards) = safeguards else {
            return Ok((BTreeMap::new(), read));
        };
        let mut answers = match self.observing {
            true => {
                let trial = self.trial(asking, breaker.as_deref(), safeguards);
                Breaks::Trial(Box::new(trial))
            }
            false => Breaks::Asks(self.tenant, asking, safeguards),
        };
        let mut gates = match counted.is_empty() {
            true => BTreeMap::new(),
            false if self.observing => answers.about(&counted).await?,
            false => {
                let breaker = breaker.as_deref();
                let consent = (&admitted, read.iter_mut().flatten());
                self.asked(asking, &counted, (safeguards, breaker), consent)
                    .await?
            }
        };
        self.all_asked(&admins, &mut gates, &mut answers).await?;
        stop_the_others(&mut gates, people, &counted);
        Ok((gates, read))
    }

    /// Asks the breaker about people together. If it is certain to admit them, what their decisions need is armed
    /// meanwhile.
    async fn asked<'r>(
        &self,
        asking: &RunRequest,
        counted: &BTreeMap<EmployeeId, Counted>,
        (safeguards, breaker): (Safeguards, Option<&Breaker>),
        (admitted, read): (&Gate, impl Iterator<Item = &'r mut Read>),
    ) -> Result<BTreeMap<EmployeeId, Gate>> {
        // Only a delivery is certain to ask for the first time, because its run id is new. A snapshot may have asked
        // before it died.
        let just_read = breaker.filter(|_| asking.kind == RunKind::Delivery);
        let asked = ask(&self.tenant, asking, counted, safeguards, just_read);
        let ahead = just_read.filter(|breaker| {
            let mut trial = self.trial(asking, Some(*breaker), safeguards);
            trial.ask(counted);
            let mut verdicts = trial.verdicts.iter();
            counted.len() <= ARMED_AHEAD && verdicts.all(|verdict| *verdict == Verdict::Admitted)
        });
        let mut judgements: Vec<&mut Judgement> = read
            .flat_map(|read| read.judgements.values_mut())
            .filter(|one| ahead.is_some() && one.gate.as_ref() == Some(admitted))
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
        gates
    }

    /// Asks the breaker about the admins whom its answers so far leave open: the last of them, and admins who are not the
    /// last because others are held.
    async fn all_asked(
        &self,
        admins: &Admins<'_>,
        gates: &mut BTreeMap<EmployeeId, Gate>,
        answers: &mut Breaks<'_, P>,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            let unasked = self.unasked(admins, gates)?;
            if unasked.is_empty() {
                break;
            }
            gates.extend(answers.about(&unasked).await?);
        }
        Ok(())
    }

    /// What becomes of each admin, with the breaker's answers so far.
    fn in_turn<'e>(
        &self,
        admins: &Admins<'e>,
        gates: &BTreeMap<EmployeeId, Gate>,
    ) -> Result<Vec<(&'e EmployeeId, Planned)>> {
        admins.each(|loaded, id, events| {
            let planned = self.person(loaded, id, events, gates.get(id))?;
            let change = planned.admins;
            Ok((planned, change))
        })
    }

    /// The admins about whom the breaker must be asked, with the change that it counts. `gates` are its answers so far.
    fn unasked(
        &self,
        admins: &Admins<'_>,
        gates: &BTreeMap<EmployeeId, Gate>,
    ) -> Result<BTreeMap<EmployeeId, Counted>> {
        let planned = self.in_turn(admins, gates)?.into_iter();
        let counted = planned.filter_map(|(id, planned)| Some((id.clone(), planned.counted?)));
        let unasked = counted.filter(|(id, what)| !was_asked(gates.get(id), *what));
        Ok(unasked.collect())
    }

    fn trial(
        &self,
        asking: &RunRequest,
        breaker: Option<&Breaker>,
        safeguards: Safeguards,
    ) -> Trial {
        Trial {
            breaker: breaker.cloned().unwrap_or_default(),
            safeguards,
            run: asking.run.clone(),
            now: self.tenant.clock.now(),
            verdicts: Vec::new(),
        }
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
        let (tenant, source) = (&self.tenant, Some(self.source));
        let mut loaded = tenant.store.load_of(tenant.org, source, &ids).await?;
        self.alike.note(tenant, people, &mut loaded).await?;
        Ok(loaded)
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
                    admins: planned.admins,
                });
            }
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
        let mut admins = Admins::default();
        for chunk in people.chunks(USERS_PER_READ) {
            let loaded = self.read(chunk).await?;
            for (id, events) in chunk {
                if in_turn(&loaded, id) {
                    admins.push((id, events), &loaded);
                    continue;
                }
                let planned = self.person(&loaded, id, events, None)?;
                counted.extend(planned.counted.map(|counted| (id.clone(), counted)));
            }
            read.push((chunk, loaded));
        }
        let Some((_, last)) = read.last() else {
            return Ok(answers(results));
        };
        let all_but_the_last = self.unasked(&admins, &BTreeMap::new())?.into_iter();
        counted.extend(all_but_the_last.filter(|(_, what)| !is_last(*what)));
        let safeguards = last.policy.settings.safeguards;
        let mut trial = self.trial(asking, last.breaker.as_deref(), safeguards);
        let mut gates = trial.ask(&counted);
        let mut breaks = Breaks::Trial(Box::new(trial));
        self.all_asked(&admins, &mut gates, &mut breaks).await?;
        stop_the_others(&mut gates, people, &counted);
        let mut planned = self.in_turn(&admins, &gates)?;
        for (chunk, loaded) in &read {
            let others = chunk.iter().filter(|(id, _)| !in_turn(loaded, id));
            for (id, events) in others {
                planned.push((id, self.person(loaded, id, events, gates.get(id))?));
            }
        }
        for (position, answer) in planned.into_iter().flat_map(|(_, one)| one.answers) {
            if let Some(slot) = results.get_mut(position) {
                *slot = Some(answer);
            }
        }
        let verdict = match breaks {
            Breaks::Trial(trial) if !self.observing => trial.worst(),
            _ => None,
        };
        Ok(Answers {
            breaker: verdict,
            ..answers(results)
        })
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
            admins: AdminsChange::None,
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
            if judgement.admins != AdminsChange::None {
                planned.admins = judgement.admins;
            }
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
    /// The change of the admins with access, or that of an active source.
    pub admins: AdminsChange,
}

/// The planned result of the events of one person.
struct Planned {
    answers: Vec<(usize, Answer)>,
    /// The first change that the breaker counts.
    counted: Option<Counted>,
    /// The last change of the admins with access.
    admins: AdminsChange,
    /// True if an event would write more than a newer instant.
    changes: bool,
    /// The decision on the first event.
    first: Option<Judgement>,
}
