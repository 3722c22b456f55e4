//! Cards by hand: adding, reassigning, freezing. Terminating is in [`crate::engine::terminate`].

use std::time::Instant;

use offramp_domain::{
    Actor, Card, CardId, CardStatus, Change, EmployeeId, Event, Happening, OrgId, Refusal, Status,
};

use crate::backoff::pauses;
use crate::engine::execute::decide_on;
use crate::ports::{CardWrite, Cards, Commit, Committed, Loaded, Receipt, Receipts, Users};
use crate::{Env, Error, Result, telemetry};

/// Adds a card to somebody who is active, in one transaction with them.
///
/// # Errors
/// [`Refusal::NotActive`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn add<S: Users + Receipts, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    card: &Card,
    by: &Actor,
    receipt: Option<&Receipt>,
) -> Result<()> {
    let begun = Instant::now();
    for pause in pauses() {
        let loaded = env
            .store
            .load(org, std::slice::from_ref(&card.owner))
            .await?;
        active(&loaded, &card.owner)?;
        let what = Happening::CardAdded {
            card: card.card_id.clone(),
        };
        let change = counted(env, org, &loaded, &card.owner, by, what, 1)?;
        let commit = Commit {
            changes: vec![&change],
            cards: vec![CardWrite::Add(card.clone())],
            receipt: receipt.cloned(),
        };
        if env.store.commit(org, &commit).await? == Committed::Done {
            telemetry::counted(env, org, &change, begun);
            return Ok(());
        }
        if let Some(receipt) = receipt
            && env.store.receipt(org, &receipt.key).await?.is_some()
        {
            // The same request has won: its answer is this one's.
            return Err(Error::Busy);
        }
        pause.wait().await;
    }
    Err(Error::Busy)
}

/// Gives a card to somebody who is active; a leaver's card too, until its cancellation has begun.
///
/// # Errors
/// [`Refusal::NotActive`], [`Refusal::CardCancelled`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn reassign<S: Users + Cards, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    card: &CardId,
    to: &EmployeeId,
    by: &Actor,
) -> Result<Card> {
    let begun = Instant::now();
    for pause in pauses() {
        let Some(card) = env.store.card(org, card).await? else {
            return Err(Error::NotFound("card"));
        };
        card.changeable()?;
        let loaded = env
            .store
            .load(org, &[card.owner.clone(), to.clone()])
            .await?;
        active(&loaded, to)?;
        if card.owner == *to {
            return Ok(card);
        }
        let given = Happening::CardGiven {
            card: card.card_id.clone(),
            to: to.clone(),
        };
        let taken = Happening::CardTaken {
            card: card.card_id.clone(),
            from: card.owner.clone(),
        };
        let from = counted(env, org, &loaded, &card.owner, by, given, -1)?;
        let onto = counted(env, org, &loaded, to, by, taken, 1)?;
        let moved = Card {
            owner: to.clone(),
            ..card.clone()
        };
        let commit = Commit {
            changes: vec![&from, &onto],
            cards: vec![CardWrite::Give {
                card: moved.clone(),
                from: card.owner.clone(),
            }],
            receipt: None,
        };
        match env.store.commit(org, &commit).await? {
            Committed::Done => {
                telemetry::counted(env, org, &from, begun);
                telemetry::counted(env, org, &onto, begun);
                return Ok(moved);
            }
            Committed::Conflict => pause.wait().await,
        }
    }
    Err(Error::Busy)
}

/// Freezes or thaws a card.
///
/// # Errors
/// [`Refusal::CardCancelled`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn set_status<S: Users + Cards, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    card: &CardId,
    status: CardStatus,
    by: &Actor,
) -> Result<Card> {
    let begun = Instant::now();
    for pause in pauses() {
        let Some(card) = env.store.card(org, card).await? else {
            return Err(Error::NotFound("card"));
        };
        card.changeable()?;
        if card.status == status {
            return Ok(card);
        }
        let loaded = env
            .store
            .load(org, std::slice::from_ref(&card.owner))
            .await?;
        let what = match status {
            CardStatus::Frozen => Happening::CardFrozen {
                card: card.card_id.clone(),
            },
            CardStatus::Active | CardStatus::Cancelled => Happening::CardThawed {
                card: card.card_id.clone(),
            },
        };
        let change = counted(env, org, &loaded, &card.owner, by, what, 0)?;
        let card = Card { status, ..card };
        let commit = Commit {
            changes: vec![&change],
            cards: vec![CardWrite::Status { card: card.clone() }],
            receipt: None,
        };
        match env.store.commit(org, &commit).await? {
            Committed::Done => {
                telemetry::counted(env, org, &change, begun);
                return Ok(card);
            }
            Committed::Conflict => pause.wait().await,
        }
    }
    Err(Error::Busy)
}

/// Cards go to active users only.
fn active(loaded: &Loaded, id: &EmployeeId) -> Result<()> {
    let user = loaded.users.get(id).ok_or(Error::NotFound("user"))?;
    match user.settled(&loaded.policy).status() {
        Status::Active => Ok(()),
        _ => Err(Refusal::NotActive.into()),
    }
}

/// The change of an owner whose cards came or went.
fn counted<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    loaded: &Loaded,
    id: &EmployeeId,
    by: &Actor,
    what: Happening,
    difference: i32,
) -> Result<Change> {
    let event = Event::CardsCounted {
        by: by.clone(),
        what,
        difference,
    };
    let decision = decide_on(loaded, loaded.users.get(id), &event, org, &env.clock)?;
    decision
        .change
        .map(|change| *change)
        .ok_or(Error::NotFound("user"))
}
