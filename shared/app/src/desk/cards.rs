//! Cards by hand: adding, reassigning, freezing. Terminating is in [`crate::engine::terminate`].

use std::time::Instant;

use offramp_domain::{
    Actor, Card, CardId, CardStatus, Change, EmployeeId, Event, Happening, Refusal, Status,
};

use crate::backoff::pauses;
use crate::engine::execute::decide_on;
use crate::ports::{CardWrite, Cards, Commit, Committed, Loaded, Receipt, Receipts, Users};
use crate::{Error, Ports, Result, Tenant, telemetry};

/// Adds a card to somebody who is active, in one transaction with them.
///
/// # Errors
/// [`Refusal::NotActive`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn add<P: Ports>(
    tenant: &Tenant<'_, P>,
    card: &Card,
    by: &Actor,
    receipt: Option<&Receipt>,
) -> Result<()>
where
    P::Store: Users + Receipts,
{
    let begun = Instant::now();
    for pause in pauses() {
        let loaded = tenant
            .store
            .load(tenant.org, std::slice::from_ref(&card.owner))
            .await?;
        active(&loaded, &card.owner)?;
        let what = Happening::CardAdded {
            card: card.card_id.clone(),
        };
        let change = counted(tenant, &loaded, &card.owner, by, what, 1)?;
        let commit = Commit {
            changes: vec![&change],
            cards: vec![CardWrite::Add(card.clone())],
            receipt: receipt.cloned(),
            ..Commit::default()
        };
        if tenant.store.commit(tenant.org, &commit).await? == Committed::Done {
            telemetry::counted(tenant, &change, begun);
            return Ok(());
        }
        if let Some(receipt) = receipt
            && tenant
                .store
                .receipt(tenant.org, &receipt.key)
                .await?
                .is_some()
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
pub async fn reassign<P: Ports>(
    tenant: &Tenant<'_, P>,
    card: &CardId,
    to: &EmployeeId,
    by: &Actor,
) -> Result<Card>
where
    P::Store: Users + Cards,
{
    let begun = Instant::now();
    for pause in pauses() {
        let Some(card) = tenant.store.card(tenant.org, card).await? else {
            return Err(Error::NotFound("card"));
        };
        card.changeable()?;
        let loaded = tenant
            .store
            .load(tenant.org, &[card.owner.clone(), to.clone()])
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
        let from = counted(tenant, &loaded, &card.owner, by, given, -1)?;
        let onto = counted(tenant, &loaded, to, by, taken, 1)?;
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
            ..Commit::default()
        };
        match tenant.store.commit(tenant.org, &commit).await? {
            Committed::Done => {
                telemetry::counted(tenant, &from, begun);
                telemetry::counted(tenant, &onto, begun);
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
pub async fn set_status<P: Ports>(
    tenant: &Tenant<'_, P>,
    card: &CardId,
    status: CardStatus,
    by: &Actor,
) -> Result<Card>
where
    P::Store: Users + Cards,
{
    let begun = Instant::now();
    for pause in pauses() {
        let Some(card) = tenant.store.card(tenant.org, card).await? else {
            return Err(Error::NotFound("card"));
        };
        card.changeable()?;
        if card.status == status {
            return Ok(card);
        }
        let loaded = tenant
            .store
            .load(tenant.org, std::slice::from_ref(&card.owner))
            .await?;
        let what = match status {
            CardStatus::Frozen => Happening::CardFrozen {
                card: card.card_id.clone(),
            },
            CardStatus::Active | CardStatus::Cancelled => Happening::CardThawed {
                card: card.card_id.clone(),
            },
        };
        let change = counted(tenant, &loaded, &card.owner, by, what, 0)?;
        let card = Card { status, ..card };
        let commit = Commit {
            changes: vec![&change],
            cards: vec![CardWrite::Status { card: card.clone() }],
            receipt: None,
            ..Commit::default()
        };
        match tenant.store.commit(tenant.org, &commit).await? {
            Committed::Done => {
                telemetry::counted(tenant, &change, begun);
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
fn counted<P: Ports>(
    tenant: &Tenant<'_, P>,
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
    let decision = decide_on(
        loaded,
        loaded.users.get(id),
        &event,
        tenant.org,
        &tenant.clock,
    )?;
    decision
        .change
        .map(|change| *change)
        .ok_or(Error::NotFound("user"))
}
