//! The work of a deactivation or deletion: cards cancelled, objectives closed, the admins told.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::stream::{self, StreamExt};
use offramp_domain::{Actor, Card, CardId, EmployeeId, Event, Generation, User};

use crate::backoff::pauses;
use crate::engine::closing;
use crate::engine::execute::{Armed, How, execute};
use crate::ports::{CancelOrder, CardIssuer, CardWrite, Cards, Committed, Objectives, Users};
use crate::{Deadline, Error, Fault, Ports, Result, Tenant};

/// Cards that are cancelled in one round: a transaction has at most 100 items.
const CARDS_PER_ROUND: usize = 90;
/// Cancellations under way at once at an issuer.
const CANCELLING_AT_ONCE: usize = 8;
/// A round is begun only while this much time is left.
const ROUND_TIME: Duration = Duration::from_secs(3);
/// When the sweep takes up a card whose cancellation was begun.
const CARD_WORK_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Nothing is left to do for that generation.
    pub done: bool,
    /// Cards that this run has cancelled.
    pub cancelled: u32,
    /// A later deactivation or deletion of the same user, which has something left to do.
    pub next: Option<Generation>,
}

/// Cancels what is alive while the deactivation of `generation` stands, closes the objectives, and
/// tells the admins; opens again what a deactivation that has ended had closed. A card whose
/// cancellation has begun is cancelled whatever has become of its owner since.
///
/// # Errors
/// Any fault, after all other cards were tried.
pub async fn finish<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    generation: Generation,
    by: &Actor,
    deadline: Deadline,
) -> Result<Finished>
where
    P::Store: Users + Cards + Objectives,
    P::Issuer: CardIssuer,
{
    let armed = Armed::default();
    let mut cancelled = 0;
    for pause in pauses() {
        let mut loaded = tenant
            .store
            .load(tenant.org, std::slice::from_ref(id))
            .await?;
        let Some(user) = loaded.users.remove(id) else {
            return Ok(Finished {
                done: true,
                cancelled,
                next: None,
            });
        };
        let stands = stands(&user, generation);
        let later = user.generation > generation && !user.pending.is_done();
        let next = later.then_some(user.generation);
        let alive: Vec<Card> = tenant
            .store
            .cards_of(tenant.org, id)
            .await?
            .into_iter()
            .filter(|card| card.is_alive() && (card.cancelling || (stands && user.pending.cards)))
            .take(CARDS_PER_ROUND)
            .collect();
        if alive.is_empty() {
            let done = rest(tenant, &user, generation, by, deadline).await?;
            return Ok(Finished {
                done,
                cancelled,
                next,
            });
        }
        if !deadline.leaves(ROUND_TIME) {
            return Ok(Finished {
                done: false,
                cancelled,
                next,
            });
        }
        if begin(tenant, id, generation, &alive).await? == Committed::Conflict {
            pause.wait().await;
            continue;
        }
        cancelled += round(tenant, id, &alive, by, &armed).await?;
    }
    Err(Error::Busy)
}

/// What comes after the cards: objectives are closed and the admins told while the deactivation
/// stands, and once it has ended what it had closed is opened again. Says whether nothing is left.
async fn rest<P: Ports>(
    tenant: &Tenant<'_, P>,
    user: &User,
    generation: Generation,
    by: &Actor,
    deadline: Deadline,
) -> Result<bool>
where
    P::Store: Users + Objectives,
{
    if stands(user, generation) {
        if user.pending.objectives && !closing::close(tenant, user, by, deadline).await? {
            return Ok(false);
        }
        let event = Event::Finished {
            generation,
            by: by.clone(),
        };
        let armed = Armed::default();
        execute(tenant, &user.employee_id, &event, &armed, How::default()).await?;
        return Ok(true);
    }
    // Armed when the owner came back; it is theirs still when they have been scheduled since.
    match user.reopening {
        Some(reopening) if reopening.generation < generation => {
            Ok(closing::reopen(tenant, &user.employee_id, by, deadline)
                .await?
                .done)
        }
        _ => Ok(true),
    }
}

/// Whether the deactivation or deletion of that generation is the user's present state.
fn stands(user: &User, generation: Generation) -> bool {
    user.generation == generation && !user.pending.is_done()
}

/// Writes down what the issuer is about to be told.
async fn begin<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    generation: Generation,
    alive: &[Card],
) -> Result<Committed>
where
    P::Store: Users + Cards,
{
    let fresh: Vec<CardId> = alive
        .iter()
        .filter(|card| !card.cancelling)
        .map(|card| card.card_id.clone())
        .collect();
    if fresh.is_empty() {
        return Ok(Committed::Done);
    }
    let due = tenant.clock.now() + CARD_WORK_AFTER;
    Ok(tenant
        .store
        .begin_cancelling(tenant.org, id, generation, &fresh, due)
        .await?)
}

/// Tells the issuer of each card, and writes down what it has cancelled.
async fn round<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    alive: &[Card],
    by: &Actor,
    armed: &Armed,
) -> Result<u32>
where
    P::Store: Users + Cards,
    P::Issuer: CardIssuer,
{
    let answers: Vec<(CardId, std::result::Result<_, Fault>)> = stream::iter(alive)
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
        .collect()
        .await;
    let mut gone = Vec::new();
    let mut fault = None;
    for (card, answer) in answers {
        match answer {
            Ok(_) => gone.push(card),
            Err(failed) => {
                tracing::warn!(org = %tenant.org, %card, fault = %failed, "the issuer did not cancel a card");
                fault = Some(failed);
            }
        }
    }
    gone.sort();
    let count = u32::try_from(gone.len()).unwrap_or(u32::MAX);
    if !gone.is_empty() {
        record(tenant, id, gone, by, armed).await?;
    }
    match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(count),
    }
}

/// Writes down what the issuer has cancelled. Another run may have done so for some of them.
async fn record<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    mut gone: Vec<CardId>,
    by: &Actor,
    armed: &Armed,
) -> Result<()>
where
    P::Store: Users + Cards,
{
    for _ in pauses() {
        let event = Event::CardsCancelled {
            cards: gone.clone(),
            by: by.clone(),
        };
        let fill = |commit: &mut crate::ports::Commit<'_>| {
            commit
                .cards
                .extend(gone.iter().map(|card| CardWrite::Cancelled {
                    owner: id.clone(),
                    card: card.clone(),
                }));
        };
        let once = crate::engine::execute::once(tenant, id, &event, armed, fill).await?;
        if once == Committed::Done {
            return Ok(());
        }
        let alive = tenant.store.cards_of(tenant.org, id).await?;
        gone.retain(|card| {
            alive
                .iter()
                .any(|other| other.card_id == *card && other.is_alive())
        });
        if gone.is_empty() {
            return Ok(());
        }
    }
    Err(Error::Busy)
}
