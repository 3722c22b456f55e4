//! Payment cards, and the changes that they allow.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::decide::Refusal;
use crate::ids::{CardId, EmployeeId};

/// The form of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CardKind {
    /// A card number without plastic.
    Virtual,
    /// A plastic card.
    Physical,
}

/// Whether a card pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[strum(serialize_all = "snake_case")]
pub enum CardStatus {
    /// The card pays.
    Active,
    /// The card does not pay until it is thawed.
    Frozen,
    /// The card never pays again.
    Cancelled,
}

impl CardStatus {
    /// The name in JSON, and in the table. [`str::parse`] reads it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A payment card and its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The id that Offramp gave the card.
    pub card_id: CardId,
    /// The name that people see.
    pub label: String,
    /// The form of the card.
    pub kind: CardKind,
    /// The last four digits.
    pub last4: String,
    /// The issuer's id of the card; `None` if the issuer's id is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the card pays.
    pub status: CardStatus,
    /// The employee who holds the card.
    pub owner: EmployeeId,
    /// True once the issuer is asked to cancel the card. From here the cancellation goes on, even if the owner is
    /// reactivated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelling: bool,
}

impl Card {
    /// True unless the card is cancelled. A frozen card counts as one of the owner's active cards.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.status != CardStatus::Cancelled
    }

    /// Checks that the owner and the status may still be changed.
    ///
    /// # Errors
    /// [`Refusal::CardCancelled`] once the cancellation has begun.
    pub fn changeable(&self) -> Result<(), Refusal> {
        if self.is_alive() && !self.cancelling {
            Ok(())
        } else {
            Err(Refusal::CardCancelled)
        }
    }
}
