//! The work of a deactivation or deletion: cancel the cards, close the objectives, notify the admins.
//!
//! A round takes up to 90 cards. It marks them (*begin*), tells the issuer, and commits the issuer's answers
//! (*settle*). If nothing is left, the same commit closes the objectives and finishes. Every write is conditional on
//! the user's state, so an interrupted round can be repeated.

mod last_look;
mod seen;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::{join, try_join3};
use futures_util::stream::{self, StreamExt};
use offramp_domain::{
    Actor, Card, CardId, Decision, DigestMinute, EmployeeId, Event, Generation, Objective,
    SourceId, Timer,
};

use crate::backoff::until_won;
use crate::engine::closing;
use crate::engine::commit::{Armed, Landed, arm_all, commit_decided};
use crate::engine::execute::decide_on;
use crate::engine::terminate::Person;
use crate::ports::{
    CancelOrder, CardIssuer, CardWrite, Cards, Commit, Committed, Objectives, Users,
};
use crate::telemetry::Decided;
use crate::{Deadline, Fault, Ports, Result, Tenant};
use seen::Seen;

/// The most cards of one round, and the most cards and objectives of one commit. A transaction has at most 100 items,
/// and the user needs a few of them.
const ITEMS_PER_ROUND: usize = 90;
/// How many cancellations are under way at once at an issuer.
const CANCELLING_AT_ONCE: usize = 8;
/// A round with cards begins only if this much time is left.
const ROUND_TIME: Duration = Duration::from_secs(3);
/// After this time the sweep continues a cancellation that was begun.
const CARD_WORK_AFTER: TimeDelta = TimeDelta::minutes(2);

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// True if no work is left for that generation.
    pub done: bool,
    /// How many cards this run cancelled.
    pub cancelled: u32,
    /// The user's present generation, if it is later and has pending work of its own.
    pub next: Option<Generation>,
}

/// Does the work of `generation`. If the deactivation is still the user's state, it cancels the cards, closes the
/// objectives and notifies the admins. If the deactivation has ended, it reopens the objectives. A card whose
/// cancellation has begun is cancelled in either case.
///
/// # Errors
/// Any fault, after all other cards were tried; or [`crate::Error::Busy`] if other writers came first at every attempt.
pub async fn finish<P: Ports>(
    tenant: &Tenant<'_, P>,
    person: Person<'_>,
    generation: Generation,
    by: &Actor,
    deadline: Deadline,
) -> Result<Finished>
where
    P::Store: Users + Cards + Objectives,
    P::Issuer: CardIssuer,
{
    let run = Run {
        tenant: *tenant,
        id: person.id,
        source: person.source,
        generation,
        by,
        deadline,
        armed: Armed::default(),
    };
    let mut cancelled = 0;
    loop {
        let (seen, alive) = match until_won(|| run.begin()).await? {
            Begun::Nobody | Begun::TakenBack => {
                return Ok(Finished {
                    done: true,
                    cancelled,
                    next: None,
                });
            }
            Begun::OutOfTime(next) => {
                return Ok(Finished {
                    done: false,
                    cancelled,
                    next,
                });
            }
            Begun::Round(seen, alive) => (seen, alive),
        };
        let told = run.tell_issuer(&seen, &alive).await;
        let settled = run.settle(*seen, told).await?;
        cancelled += settled.cancelled;
        if let Some(done) = settled.over {
            return Ok(Finished {
                done,
                cancelled,
                next: settled.next,
            });
        }
    }
}

/// One call of [`finish`].
struct Run<'a, P: Ports> {
    tenant: Tenant<'a, P>,
    id: &'a EmployeeId,
    /// The user's source, if the caller knows it.
    source: Option<&'a SourceId>,
    generation: Generation,
    by: &'a Actor,
    deadline: Deadline,
    armed: Armed,
}

/// The beginning of a round.
enum Begun {
    /// No user exists.
    Nobody,
    /// The policy or the breaker has changed since the deactivation was decided, and it is taken back.
    TakenBack,
    /// No time is left for another round. The value is [`Finished::next`].
    OutOfTime(Option<Generation>),
    /// These cards are marked as being cancelled; empty if no card is left.
    Round(Box<Seen>, Vec<Card>),
}

/// The issuer's answers: the cancelled cards, and the last fault.
#[derive(Default)]
struct Told {
    gone: Vec<CardId>,
    fault: Option<Fault>,
}

/// The result of a round.
struct Settled {
    cancelled: u32,
    /// `Some(true)` if nothing is left, `Some(false)` if time ran out; `None` if another round is needed.
    over: Option<bool>,
    next: Option<Generation>,
}

impl<P: Ports> Run<'_, P>
where
    P::Store: Users + Cards + Objectives,
{
    /// Reads the person, the cards and the objectives at once. While the user is in this generation, nothing is missed.
    /// The deactivation was committed before this run started, and a deactivated user receives no new cards or
    /// objectives.
    async fn read(&self) -> Result<Option<Seen>> {
        let (store, org, id) = (&self.tenant.store, self.tenant.org, self.id);
        let (mut loaded, cards, objectives) = try_join3(
            store.load_of(org, self.source, std::slice::from_ref(id)),
            store.cards_of(org, id),
            store.objectives_of(org, id),
        )
        .await?;
        let Some(user) = loaded.users.remove(id) else {
            return Ok(None);
        };
        Ok(Some(Seen {
            loaded,
            user,
            cards,
            objectives,
        }))
    }

    /// Reads the remaining work, and marks the cards before the issuer is told.
    async fn begin(&self) -> Result<Option<Begun>> {
        let Some(seen) = self.read().await? else {
            return Ok(Some(Begun::Nobody));
        };
        if seen.may_be_taken_back(self.generation) && self.takes_back(&seen).await? {
            return Ok(Some(Begun::TakenBack));
        }
        let alive: Vec<Card> = seen
            .to_cancel(self.generation)
            .take(ITEMS_PER_ROUND)
            .cloned()
            .collect();
        if !alive.is_empty() && !self.deadline.leaves(ROUND_TIME) {
            return Ok(Some(Begun::OutOfTime(seen.next(self.generation))));
        }
        let fresh: Vec<CardId> = alive
            .iter()
            .filter(|card| !card.cancelling)
            .map(|card| card.card_id.clone())
            .collect();
        if !fresh.is_empty() {
            let due = self.tenant.clock.now() + CARD_WORK_AFTER;
            let begun = self.tenant.store.begin_cancelling(
                self.tenant.org,
                self.id,
                self.generation,
                &fresh,
                due,
            );
            if begun.await? == Committed::Conflict {
                return Ok(None);
            }
        }
        Ok(Some(Begun::Round(Box::new(seen), alive)))
    }

    /// Tells the issuer of each card. At the same time it arms the digest for the admins. If that fails, or its minute
    /// passes, the commit arms the digest.
    async fn tell_issuer(&self, seen: &Seen, alive: &[Card]) -> Told
    where
        P::Issuer: CardIssuer,
    {
        if alive.is_empty() {
            return Told::default();
        }
        let tenant = &self.tenant;
        let answers = stream::iter(alive)
            .map(|card| async move {
                let order = CancelOrder {
                    org: tenant.org,
                    card_id: &card.card_id,
                    external_id: card.external_id.as_deref(),
                    idempotency_key: format!("cancel:{}:{}", tenant.org, card.card_id),
                };
                (card.card_id.clone(), tenant.issuer.cancel(&order).await)
            })
            .buffer_unordered(CANCELLING_AT_ONCE)
            .collect::<Vec<_>>();
        let digest = Timer::Digest {
            org: tenant.org.clone(),
            minute: DigestMinute::of(tenant.clock.now()),
        };
        // If all cards were marked before, this is a retry, and only the commit arms the digest.
        let first = alive.iter().any(|card| !card.cancelling);
        let told_of = (first && seen.stands(self.generation)).then_some(&digest);
        let (answers, _) = join(answers, arm_all(&tenant.timers, told_of, &self.armed)).await;
        let mut told = Told::default();
        for (card, answer) in answers {
            match answer {
                Ok(_) => told.gone.push(card),
                Err(fault) => {
                    tracing::warn!(org = %tenant.org, %card, %fault, "the issuer did not cancel a card");
                    told.fault = Some(fault);
                }
            }
        }
        told.gone.sort();
        told
    }

    /// Records the cancelled cards, and finishes if nothing is left. Another run may have recorded them first.
    async fn settle(&self, seen: Seen, told: Told) -> Result<Settled> {
        let mut first = Some(seen);
        let answered = &told;
        let settled = until_won(|| {
            let seen = first.take();
            async move {
                let seen = match seen {
                    Some(seen) => Some(seen),
                    None => self.read().await?,
                };
                match seen {
                    Some(seen) => self.commit(&seen, answered).await,
                    None => Ok(Some(Settled {
                        cancelled: 0,
                        over: Some(true),
                        next: None,
                    })),
                }
            }
        })
        .await?;
        match told.fault {
            Some(fault) => Err(fault.into()),
            None => Ok(settled),
        }
    }

    /// One attempt of [`Self::settle`].
    async fn commit(&self, seen: &Seen, told: &Told) -> Result<Option<Settled>> {
        let begun = Instant::now();
        let alive = |gone: &&CardId| {
            let mut cards = seen.cards.iter();
            cards.any(|card| card.card_id == **gone && card.is_alive())
        };
        let gone: Vec<CardId> = told.gone.iter().filter(alive).cloned().collect();
        let left = seen
            .to_cancel(self.generation)
            .any(|card| !gone.contains(&card.card_id));
        let stands = seen.stands(self.generation);
        let close = self.to_close(seen);
        let fits = gone.len() + close.len() <= ITEMS_PER_ROUND;
        let finishes = stands && !left && told.fault.is_none() && fits;

        let mut events = Vec::new();
        let by = || self.by.clone();
        if !gone.is_empty() {
            events.push(Event::CardsCancelled {
                cards: gone.clone(),
                by: by(),
            });
        }
        if finishes && seen.user.pending.objectives {
            events.push(Event::ObjectivesClosed {
                generation: self.generation,
                count: closing::closed_by(self.generation, &seen.objectives) + total(close.len()),
                all: true,
                by: by(),
            });
        }
        if finishes {
            events.push(Event::Finished {
                generation: self.generation,
                by: by(),
            });
        }
        let decisions = self.decide(seen, &events)?;
        let decided: Vec<Decided<'_>> = events
            .iter()
            .zip(&decisions)
            .map(|(event, decision)| Decided {
                employee_id: self.id,
                event,
                decision,
                user: None,
                begun,
            })
            .collect();
        let cards = gone.iter().map(|card| CardWrite::Cancelled {
            owner: self.id.clone(),
            card: card.clone(),
        });
        let beside = Commit {
            cards: cards.collect(),
            objectives: if finishes { close } else { Vec::new() },
            ..Commit::default()
        };
        if decisions.iter().any(|decision| decision.change.is_some())
            && commit_decided(&self.tenant, &decided, beside, &self.armed).await? != Landed::Done
        {
            return Ok(None);
        }
        let over = if finishes {
            Some(true)
        } else if left || told.fault.is_some() {
            None
        } else {
            self.rest(seen, stands).await?
        };
        Ok(Some(Settled {
            cancelled: total(gone.len()),
            over,
            next: seen.next(self.generation),
        }))
    }

    /// The open objectives, closed as the present settings say.
    fn to_close(&self, seen: &Seen) -> Vec<Objective> {
        if !(seen.stands(self.generation) && seen.user.pending.objectives) {
            return Vec::new();
        }
        let how = seen.loaded.policy.settings.objectives;
        let closed = |one: &Objective| one.closed(how, self.generation);
        seen.objectives.iter().filter_map(closed).collect()
    }

    /// Decides the events in order, each on the user that the event before would have written.
    fn decide(&self, seen: &Seen, events: &[Event]) -> Result<Vec<Decision>> {
        let mut user = seen.user.clone();
        let mut decisions = Vec::with_capacity(events.len());
        for event in events {
            let decision = decide_on(
                &seen.loaded,
                Some(&user),
                event,
                self.tenant.org,
                &self.tenant.clock,
            )?;
            if let Some(change) = &decision.change {
                user = change.user.clone();
            }
            decisions.push(decision);
        }
        Ok(decisions)
    }

    /// The remaining work once no card is left. Either there are more objectives than one commit takes, or the
    /// deactivation has ended and its objectives are reopened. `None` if another round is needed.
    async fn rest(&self, seen: &Seen, stands: bool) -> Result<Option<bool>> {
        let Self {
            tenant,
            id,
            by,
            deadline,
            ..
        } = self;
        if stands {
            let closed = closing::close(tenant, &seen.user, by, *deadline).await?;
            return Ok(if closed { None } else { Some(false) });
        }
        // The reopening began when the owner was reactivated. It stays valid if the owner was scheduled again since.
        match seen.user.reopening {
            Some(reopening) if reopening.generation < self.generation => {
                let reopened = closing::reopen(tenant, id, by, *deadline).await?;
                Ok(Some(reopened.done))
            }
            _ => Ok(Some(true)),
        }
    }
}

fn total(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
