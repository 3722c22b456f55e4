//! Cards, as Offramp records them. The issuer's side is in `ledger.rs`.

use chrono::{DateTime, Utc};
use offramp_app::Fault;
use offramp_app::ports::{Cards, Committed};
use offramp_domain::{Card, CardId, EmployeeId, Generation, OrgId};

use super::Table;
use super::item::Item;
use super::transaction::{Expression, Parts};
use crate::keys;

/// The condition that a card may still be changed: it is not cancelled, and its cancellation has not begun.
pub(super) const ALIVE: &str =
    "attribute_exists(pk) AND #status <> :cancelled AND cancelling <> :true";

impl Cards for Table {
    async fn cards_of(&self, org: &OrgId, owner: &EmployeeId) -> Result<Vec<Card>, Fault> {
        let items = self.all(&keys::person(org, owner), keys::CARD).await?;
        items.iter().map(card_of).collect()
    }

    async fn card(&self, org: &OrgId, card: &CardId) -> Result<Option<Card>, Fault> {
        let mut before = None;
        loop {
            let Some(owner) = self.get(&keys::card_owner(org, card)).await? else {
                return Ok(None);
            };
            let owner = owner.get_text("owner").unwrap_or_default().to_owned();
            let owner = EmployeeId::new(owner)
                .map_err(|error| Fault::corrupt("read", error.to_string()))?;
            if let Some(item) = self.get(&keys::card(org, &owner, card)).await? {
                return card_of(&item).map(Some);
            }
            // Between the two reads the card may have been given to another user.
            if before.as_ref() == Some(&owner) {
                return Ok(None);
            }
            before = Some(owner);
        }
    }

    async fn is_known(&self, org: &OrgId, external: &str) -> Result<bool, Fault> {
        let taken = self.get(&keys::card_external(org, external)).await?;
        Ok(taken.is_some())
    }

    async fn begin_cancelling(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        generation: Generation,
        cards: &[CardId],
        due: DateTime<Utc>,
    ) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        let stands = Expression::new("generation = :generation AND terminating = :true")
            .number(":generation", generation.0)
            .flag(":true", true);
        parts.check(self, &keys::user(org, owner), stands)?;
        for card in cards {
            let work = keys::work(org, card.as_str(), due);
            let begin = Expression::new("SET cancelling = :true, work_pk = :pk, work_sk = :sk")
                .text(":pk", &work.pk)
                .text(":sk", &work.sk)
                .text(":cancelled", "cancelled")
                .flag(":true", true);
            let alive = "attribute_exists(pk) AND #status <> :cancelled";
            parts.update(self, &keys::card(org, owner, card), begin, Some(alive))?;
        }
        self.write(parts).await
    }
}

/// The item of a card. The attributes that change during a card's life stand beside `data`.
pub(super) fn card_item(org: &OrgId, card: &Card) -> Result<Item, Fault> {
    Item::new(keys::card(org, &card.owner, &card.card_id))
        .text("status", card.status.as_str())
        .flag("cancelling", card.cancelling)
        .data(card)
}

fn card_of(item: &Item) -> Result<Card, Fault> {
    let mut card: Card = item.read()?;
    let status = item.get_text("status").unwrap_or_default();
    card.status = status
        .parse()
        .map_err(|_| Fault::corrupt("read", format!("a card of status {status:?}")))?;
    card.cancelling = item.get_flag("cancelling");
    Ok(card)
}
