//! Cards and their issuer.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{Card, CardId, EmployeeId, Generation, OrgId};

use super::Committed;
use crate::Fault;

/// The change of a card in the same transaction as its owner's change.
#[derive(Debug, Clone)]
pub enum CardWrite {
    /// A new card.
    Add(Card),
    /// The issuer has cancelled the card.
    Cancelled {
        /// The owner of the card.
        owner: EmployeeId,
        /// The id of the card.
        card: CardId,
    },
    /// A new status, conditional on the card being changeable.
    Status {
        /// The card with its new status.
        card: Card,
    },
    /// A new owner, conditional on the card being changeable and belonging to `from`.
    Give {
        /// The card with its new owner.
        card: Card,
        /// The former owner.
        from: EmployeeId,
    },
}

/// Reads cards as Offramp records them.
pub trait Cards: Send + Sync {
    /// Every card of an owner, including cancelled ones, read consistently.
    fn cards_of(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Card>, Fault>> + Send;
    /// A card, read consistently.
    fn card(
        &self,
        org: &OrgId,
        card: &CardId,
    ) -> impl Future<Output = Result<Option<Card>, Fault>> + Send;
    /// True if somebody has a card with this id of an issuer, or had one that is cancelled, read consistently. Cards that
    /// were added by the releases before this check are not known.
    fn is_known(
        &self,
        org: &OrgId,
        external: &str,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
    /// Records that the issuer is about to be asked to cancel cards. It is conditional on the owner's deactivation in
    /// `generation` being in effect, and on each card being the owner's. It takes at most 90 cards.
    fn begin_cancelling(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        generation: Generation,
        cards: &[CardId],
        due: DateTime<Utc>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// One cancellation at the issuer. A second order with the same key is the same cancellation.
#[derive(Debug, Clone)]
pub struct CancelOrder<'a> {
    /// The organisation of the card.
    pub org: &'a OrgId,
    /// Offramp's id of the card.
    pub card_id: &'a CardId,
    /// The issuer's id of the card; `None` if it is unknown.
    pub external_id: Option<&'a str>,
    /// The same for every try of this cancellation, because a card is cancelled once.
    pub idempotency_key: String,
}

/// The answer of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerAnswer {
    /// The issuer has cancelled the card now.
    Cancelled,
    /// The card was cancelled before, which counts as success.
    AlreadyCancelled,
}

/// The service that a fault of an issuer names.
pub const ISSUER: &str = "issuer";

/// The issuer of the cards. It may be slow and may fail. After a retryable fault the finishing timer, Lambda's retries
/// and the sweep try again. A permanent fault ends as a dead letter.
pub trait CardIssuer: Send + Sync {
    /// Cancels a card for ever.
    fn cancel(
        &self,
        order: &CancelOrder<'_>,
    ) -> impl Future<Output = Result<IssuerAnswer, Fault>> + Send;
}
