//! Cards by hand: adding, reassigning, freezing and thawing. Cancelling is in [`crate::engine::terminate`].

use std::time::Instant;

use offramp_domain::{
    Actor, Card, CardId, CardStatus, Decision, EmployeeId, Event, Happening, Refusal, Status, User,
};

use crate::backoff::until_won;
use crate::engine::commit::{Armed, Landed, commit_decided};
use crate::engine::execute::decide_on;
use crate::ports::{CardWrite, Cards, Commit, Loaded, Receipt, Receipts, Users};
use crate::telemetry::Decided;
use crate::{Error, Ports, Result, Tenant};

/// The most cards of a person that are not cancelled. An item has at most 400 KB, and a round of cancelling 90 cards.
pub const MOST_CARDS: u32 = 1_000;

/// Adds a card to an active user, in one transaction with the user.
///
/// # Errors
/// [`Refusal::NotActive`], [`Error::TooMany`], [`Error::Exists`] if the issuer's card is a card here, [`Error::NotFound`], a
/// fault, or [`Error::Busy`].
pub async fn add<P: Ports>(
    tenant: &Tenant<'_, P>,
    card: &Card,
    by: &Actor,
    receipt: Option<&Receipt>,
) -> Result<()>
where
    P::Store: Users + Cards + Receipts,
{
    until_won(|| async {
        let loaded = load(tenant, std::slice::from_ref(&card.owner)).await?;
        takes_one_more(&loaded, &card.owner)?;
        let what = Happening::CardAdded {
            card: card.card_id.clone(),
        };
        let owner = Counting::of(tenant, &loaded, &card.owner, (by, what, 1))?;
        let beside = Commit {
            cards: vec![CardWrite::Add(card.clone())],
            receipt: receipt.cloned(),
            ..Commit::default()
        };
        if commit(tenant, &[owner], beside).await? == Landed::Done {
            return Ok(Some(()));
        }
        if let Some(receipt) = receipt
            && tenant
                .store
                .receipt(tenant.org, &receipt.key)
                .await?
                .is_some()
        {
            // The same request has won, and its answer is the answer to this one.
            return Err(Error::Busy);
        }
        // Two people with one card of an issuer: it would end with the first of them, and be thought alive for the other.
        if let Some(external) = &card.external_id
            && tenant.store.is_known(tenant.org, external).await?
        {
            return Err(Error::Exists("a card with this external_id"));
        }
        Ok(None)
    })
    .await
}

/// Gives a card to an active user. A leaver's card can be given too, until its cancellation has begun.
///
/// # Errors
/// [`Error::Forbidden`] for a machine where the owner is in the grace period, [`Refusal::NotActive`],
/// [`Refusal::CardCancelled`], [`Error::TooMany`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn reassign<P: Ports>(
    tenant: &Tenant<'_, P>,
    card: &CardId,
    to: &EmployeeId,
    by: &Actor,
) -> Result<Card>
where
    P::Store: Users + Cards,
{
    until_won(|| async {
        let Some(card) = tenant.store.card(tenant.org, card).await? else {
            return Err(Error::NotFound("card"));
        };
        card.changeable()?;
        let loaded = load(tenant, &[card.owner.clone(), to.clone()]).await?;
        active(&loaded, to)?;
        // A card that is given away outlives its owner's grace period.
        let leaves =
            |user: &User| user.as_of(&loaded.policy).status() == Status::DeactivationScheduled;
        let of_leaver = loaded.users.get(&card.owner).is_some_and(leaves);
        if of_leaver && matches!(by, Actor::Service { .. }) {
            return Err(Error::Forbidden);
        }
        if card.owner == *to {
            return Ok(Some(card));
        }
        takes_one_more(&loaded, to)?;
        let given = Happening::CardGiven {
            card: card.card_id.clone(),
            to: to.clone(),
        };
        let taken = Happening::CardTaken {
            card: card.card_id.clone(),
            from: card.owner.clone(),
        };
        let owners = [
            Counting::of(tenant, &loaded, &card.owner, (by, given, -1))?,
            Counting::of(tenant, &loaded, to, (by, taken, 1))?,
        ];
        let from = card.owner.clone();
        let card = Card {
            owner: to.clone(),
            ..card
        };
        let beside = Commit {
            cards: vec![CardWrite::Give {
                card: card.clone(),
                from,
            }],
            ..Commit::default()
        };
        let committed = commit(tenant, &owners, beside).await?;
        Ok((committed == Landed::Done).then_some(card))
    })
    .await
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
    until_won(|| async {
        let Some(card) = tenant.store.card(tenant.org, card).await? else {
            return Err(Error::NotFound("card"));
        };
        card.changeable()?;
        if card.status == status {
            return Ok(Some(card));
        }
        let loaded = load(tenant, std::slice::from_ref(&card.owner)).await?;
        let what = match status {
            CardStatus::Frozen => Happening::CardFrozen {
                card: card.card_id.clone(),
            },
            CardStatus::Active | CardStatus::Cancelled => Happening::CardThawed {
                card: card.card_id.clone(),
            },
        };
        let owner = Counting::of(tenant, &loaded, &card.owner, (by, what, 0))?;
        let card = Card { status, ..card };
        let beside = Commit {
            cards: vec![CardWrite::Status { card: card.clone() }],
            ..Commit::default()
        };
        let committed = commit(tenant, &[owner], beside).await?;
        Ok((committed == Landed::Done).then_some(card))
    })
    .await
}

/// Checks that the user is active, since only active users receive cards.
fn active(loaded: &Loaded, id: &EmployeeId) -> Result<()> {
    let user = loaded.users.get(id).ok_or(Error::NotFound("user"))?;
    match user.as_of(&loaded.policy).status() {
        Status::Active => Ok(()),
        _ => Err(Refusal::NotActive.into()),
    }
}

/// Checks that an active user may have another card. The write is conditional on the user that was counted.
fn takes_one_more(loaded: &Loaded, id: &EmployeeId) -> Result<()> {
    active(loaded, id)?;
    let cards = loaded.users.get(id).map_or(0, |user| user.active_cards);
    match cards < MOST_CARDS {
        true => Ok(()),
        false => Err(Error::TooMany("1,000 cards of this person")),
    }
}

async fn load<P: Ports>(tenant: &Tenant<'_, P>, owners: &[EmployeeId]) -> Result<Loaded>
where
    P::Store: Users,
{
    Ok(tenant.store.load(tenant.org, owners).await?)
}

/// An owner whose cards come, go or change.
struct Counting {
    id: EmployeeId,
    event: Event,
    decision: Decision,
    begun: Instant,
}

impl Counting {
    /// Decides the change: the actor, the event, and the difference in the number of the owner's cards.
    fn of<P: Ports>(
        tenant: &Tenant<'_, P>,
        loaded: &Loaded,
        id: &EmployeeId,
        (by, what, difference): (&Actor, Happening, i32),
    ) -> Result<Self> {
        let begun = Instant::now();
        let event = Event::CardsCounted {
            by: by.clone(),
            what,
            difference,
        };
        let user = loaded.users.get(id);
        let decision = decide_on(loaded, user, &event, tenant.org, &tenant.clock)?;
        Ok(Self {
            id: id.clone(),
            event,
            decision,
            begun,
        })
    }
}

/// Commits cards with their owners.
async fn commit<P: Ports>(
    tenant: &Tenant<'_, P>,
    owners: &[Counting],
    beside: Commit<'_>,
) -> Result<Landed>
where
    P::Store: Users,
{
    let decided: Vec<Decided<'_>> = owners
        .iter()
        .map(|owner| Decided {
            employee_id: &owner.id,
            event: &owner.event,
            decision: &owner.decision,
            user: None,
            begun: owner.begun,
        })
        .collect();
    commit_decided(tenant, &decided, beside, &Armed::default()).await
}
