//! Cards, and who issued them.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{Card, CardId, EmployeeId, Generation, OrgId};

use super::Committed;
use crate::Fault;

/// What happens to a card in the same transaction as its owner's change.
#[derive(Debug, Clone)]
pub enum CardWrite {
    /// A new card.
    Add(Card),
    /// The issuer has cancelled it.
    Cancelled {
        /// Whose.
        owner: EmployeeId,
        /// Which.
        card: CardId,
    },
    /// Another status; conditional on its being changeable.
    Status {
        /// The card with its new status.
        card: Card,
    },
    /// Another owner; conditional on its being changeable and the old owner's.
    Give {
        /// The card with its new owner.
        card: Card,
        /// Whose it was.
        from: EmployeeId,
    },
}

/// The record of the cards.
pub trait Cards: Send + Sync {
    /// Every card of an owner, cancelled ones too; a consistent read.
    fn cards_of(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Card>, Fault>> + Send;
    /// A card; a consistent read.
    fn card(
        &self,
        org: &OrgId,
        card: &CardId,
    ) -> impl Future<Output = Result<Option<Card>, Fault>> + Send;
    /// Writes down that the issuer is about to be told: conditional on the owner's deactivation still
    /// standing in that generation, and on each card being theirs. At most 90 cards.
    fn begin_cancelling(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        generation: Generation,
        cards: &[CardId],
        due: DateTime<Utc>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// One cancellation at the issuer. Sent again with the same key, it is the same cancellation.
#[derive(Debug, Clone)]
pub struct CancelOrder<'a> {
    /// Whose organisation.
    pub org: &'a OrgId,
    /// Our card.
    pub card_id: &'a CardId,
    /// The issuer's name for it.
    pub external_id: Option<&'a str>,
    /// The same for every try of this cancellation: a card is cancelled once.
    pub idempotency_key: String,
}

/// What an issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerAnswer {
    /// Cancelled now.
    Cancelled,
    /// It was cancelled before: as good.
    AlreadyCancelled,
}

/// What a fault of an issuer names as its service.
pub const ISSUER: &str = "issuer";

/// Who issued the cards. `terminate` alone speaks to them. May be slow and may fail; a retryable fault is tried again by the
/// finishing timer, Lambda's retries and the sweep, a permanent one ends as a dead letter.
pub trait CardIssuer: Send + Sync {
    /// Cancels a card for ever.
    fn cancel(
        &self,
        order: &CancelOrder<'_>,
    ) -> impl Future<Output = Result<IssuerAnswer, Fault>> + Send;
}
