//! Payment cards, and what may be done with them.

use serde::{Deserialize, Serialize};

use crate::decide::Refusal;
use crate::ids::{CardId, EmployeeId};

/// Plastic, or a number only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CardKind {
    /// A number only.
    Virtual,
    /// Plastic.
    Physical,
}

/// What a card can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CardStatus {
    /// Pays.
    Active,
    /// Pays again once it is thawed.
    Frozen,
    /// Never pays again.
    Cancelled,
}

/// A card of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Ours.
    pub card_id: CardId,
    /// What people call it.
    pub label: String,
    /// Plastic, or a number only.
    pub kind: CardKind,
    /// The last four digits.
    pub last4: String,
    /// The issuer's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What it can do.
    pub status: CardStatus,
    /// Whose it is.
    pub owner: EmployeeId,
    /// The issuer is being told to cancel it: past the point of no return, whatever becomes of the owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelling: bool,
}

impl Card {
    /// Whether it counts as one of the owner's active cards: not cancelled (a frozen card counts).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.status != CardStatus::Cancelled
    }

    /// Whether its owner or its status may still be changed.
    ///
    /// # Errors
    /// [`Refusal::CardCancelled`] once its cancellation has begun.
    pub fn changeable(&self) -> Result<(), Refusal> {
        if self.is_alive() && !self.cancelling {
            Ok(())
        } else {
            Err(Refusal::CardCancelled)
        }
    }
}
