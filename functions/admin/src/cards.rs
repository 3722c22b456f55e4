//! The routes of cards.

use offramp_api::http::Reply;
use offramp_api::view::CardView;
use offramp_app::desk::{cards, users};
use offramp_app::{Error, Result};
use offramp_domain::{Card, CardId, CardKind, CardStatus, EmployeeId};
use serde::{Deserialize, Serialize};

use crate::Call;
use crate::idempotency::Once;

/// The most characters in a label, or in an issuer's id of a card.
const TEXT_CHARS: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewCard {
    #[cfg_attr(
        feature = "schema",
        schema(
            min_length = 1,
            max_length = 128,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
        )
    )]
    label: String,
    kind: CardKind,
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9]{4}$"))]
    last4: String,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(
            min_length = 1,
            max_length = 128,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
        )
    )]
    external_id: Option<String>,
}

impl NewCard {
    fn check(&self) -> Result<()> {
        let text = |text: &str| {
            let is_short = text.chars().count() <= TEXT_CHARS;
            is_short && !text.trim().is_empty() && !text.chars().any(char::is_control)
        };
        if !text(&self.label) {
            return Err(Error::invalid("/label", "must be 1 to 128 characters"));
        }
        if self.last4.len() != 4 || !self.last4.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::invalid("/last4", "must be four digits"));
        }
        if self.external_id.as_deref().is_some_and(|id| !text(id)) {
            return Err(Error::invalid(
                "/external_id",
                "must be 1 to 128 characters",
            ));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct Reassign {
    to: EmployeeId,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = WantedCardStatus))]
pub(crate) enum Wanted {
    Active,
    Frozen,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = NewCardStatus))]
pub(crate) struct NewStatus {
    status: Wanted,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Cards))]
pub(crate) struct CardsView {
    cards: Vec<CardView>,
    next_cursor: Option<String>,
}

impl Call<'_> {
    fn card(&self) -> Result<CardId> {
        CardId::new(self.request.path("card")).map_err(|_| Error::NotFound("card"))
    }

    pub(crate) async fn cards(&self) -> Result<Reply> {
        let owner = self.employee()?;
        let (_, cards, _) = users::show(&self.tenant(), &owner).await?;
        let bound = ["cards", owner.as_str()];
        let (cards, next_cursor) = self.part(&bound, cards, |card| card.card_id.to_string())?;
        let cards = cards.iter().map(CardView::of).collect();
        Reply::json(200, &CardsView { cards, next_cursor })
    }

    pub(crate) async fn add_card(&self) -> Result<Reply> {
        let once = match self.once().await? {
            Ok(once) => once,
            Err(before) => return Ok(before),
        };
        let done = self.add_new_card(once.as_ref()).await;
        self.once_answered(once.as_ref(), done).await
    }

    async fn add_new_card(&self, once: Option<&Once>) -> Result<Reply> {
        let new: NewCard = self.request.json()?;
        new.check()?;
        let id = format!("card_{}", uuid::Uuid::now_v7().simple());
        let card = Card {
            card_id: CardId::new(id).map_err(|error| Error::invalid("", error.to_string()))?,
            label: new.label,
            kind: new.kind,
            last4: new.last4,
            external_id: new.external_id,
            status: CardStatus::Active,
            owner: self.employee()?,
            cancelling: false,
        };
        let reply = Reply::json(201, &CardView::of(&card))?;
        let receipt = once.map(|once| once.receipt(&reply));
        let by = self.caller.actor();
        cards::add(&self.tenant(), &card, &by, receipt.as_ref()).await?;
        Ok(reply)
    }

    pub(crate) async fn reassign(&self) -> Result<Reply> {
        let Reassign { to } = self.request.json()?;
        let by = self.caller.actor();
        let card = cards::reassign(&self.tenant(), &self.card()?, &to, &by).await?;
        Reply::json(200, &CardView::of(&card))
    }

    pub(crate) async fn set_card_status(&self) -> Result<Reply> {
        let NewStatus { status } = self.request.json()?;
        let status = match status {
            Wanted::Active => CardStatus::Active,
            Wanted::Frozen => CardStatus::Frozen,
        };
        let by = self.caller.actor();
        let card = cards::set_status(&self.tenant(), &self.card()?, status, &by).await?;
        Reply::json(200, &CardView::of(&card))
    }
}
