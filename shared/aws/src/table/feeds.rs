//! Birthdays and first days: a query of each shard of a day, to the end of each.

use chrono::NaiveDate;
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Celebrations, Occasion};
use offramp_domain::{EmployeeId, Field, Lifecycle, OrgId, User};

use super::Table;
use super::item::Item;
use crate::fault::fault;
use crate::keys::{self, Index, PK, SHARDS};

/// Sorts after every id.
const LAST: char = '\u{10ffff}';

impl Celebrations for Table {
    async fn on_day(
        &self,
        org: &OrgId,
        occasion: Occasion,
        day: NaiveDate,
    ) -> Result<Vec<EmployeeId>, Fault> {
        let index = match occasion {
            Occasion::Birthday => keys::BIRTHDAYS,
            Occasion::Start => keys::STARTS,
        };
        let shards = try_join_all(
            (0..SHARDS).map(|shard| self.whole(index, keys::yearly_shard(org, day, shard))),
        )
        .await?;
        Ok(shards.into_iter().flatten().collect())
    }
}

impl Table {
    /// Every person in a partition of an index, page after page.
    async fn whole(&self, index: Index, pk: String) -> Result<Vec<EmployeeId>, Fault> {
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let output = self
                .between(index, pk.clone(), "\u{1}".to_owned(), LAST.to_string())
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| fault("dynamodb", "Query", &error))?;
            let people = output.items.unwrap_or_default().into_iter();
            found.extend(people.filter_map(|item| {
                let (_, id) = keys::whose(Item::from(item).get_text(PK)?)?;
                Some(id)
            }));
            from = output.last_evaluated_key;
            if from.is_none() {
                return Ok(found);
            }
        }
    }
}

/// Adds the index keys of a user's birthday and first day. A scheduled user has them, because an epoch may end the
/// schedule without a write. A deactivated or deleted user has none.
pub(super) fn celebrated(org: &OrgId, user: &User, mut item: Item) -> Item {
    if !matches!(
        user.lifecycle(),
        Lifecycle::Active | Lifecycle::Scheduled(_)
    ) {
        return item;
    }
    // 2000 is a leap year, so 29 February is a valid birthday.
    let birthday = user.get(Field::Birthday).map(|day| format!("2000-{day}"));
    let start = user.get(Field::StartDate).map(str::to_owned);
    for (index, date) in [(keys::BIRTHDAYS, birthday), (keys::STARTS, start)] {
        if let Some(day) = date.and_then(|date| date.parse().ok()) {
            item = item.indexed(index, keys::yearly(org, day, &user.employee_id));
        }
    }
    item
}
