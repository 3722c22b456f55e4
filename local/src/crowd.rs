//! A large organisation at once, for what is tested or measured on one: creating a million people by the API takes
//! hours on a laptop, and is not what is looked at.

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::{AttributeValue as Stored, Item};
use offramp_app::engine::execute::decide_on;
use offramp_app::ports::Loaded;
use offramp_aws::table::Table;
use offramp_domain::{Event, HrEvent, OrgId, SourceId, User};

use crate::{Error, Stack, acme};

/// Items in one import.
const AT_ONCE: usize = 10_000;

impl Stack {
    /// Puts people into the seed's organisation, by its source: what HR's events would create, written straight into
    /// the database. They have no history, and nobody is told of them. Says how many.
    ///
    /// # Errors
    /// [`Error::Database`], also where an event creates nobody.
    pub fn settle(&self, people: impl IntoIterator<Item = HrEvent>) -> Result<u64, Error> {
        let org = OrgId::new(acme::ORG).map_err(refused)?;
        let source = SourceId::new(acme::SOURCE).map_err(refused)?;
        let clock = self.core.cloud.clock().clone();
        let clock = offramp_app::Clock::from_fn(move || clock.now());
        let nobody = Loaded::default();
        let table = self.core.offramp("hr-sync")?.store;
        let (mut items, mut count) = (Vec::with_capacity(AT_ONCE), 0);
        for event in people {
            let event = Event::Hr {
                source: source.clone(),
                event,
            };
            let decided = decide_on(&nobody, None, &event, &org, &clock).map_err(refused)?;
            let Some(change) = decided.change else {
                return Err(refused("an event that creates nobody"));
            };
            items.push(item(&table, &org, &change.user)?);
            count += 1;
            if items.len() == AT_ONCE {
                let full = std::mem::replace(&mut items, Vec::with_capacity(AT_ONCE));
                self.core.store.import(full)?;
            }
        }
        self.core.store.import(items)?;
        Ok(count)
    }
}

fn item(table: &Table, org: &OrgId, user: &User) -> Result<Item, Error> {
    let attributes = table.stored_user(org, user).map_err(refused)?;
    attributes
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) => Stored::S(text),
                AttributeValue::N(number) => Stored::N(number),
                AttributeValue::B(bytes) => Stored::B(bytes.into_inner()),
                AttributeValue::Bool(flag) => Stored::BOOL(flag),
                _ => return Err(refused("an attribute of a kind that no user has")),
            };
            Ok((name, value))
        })
        .collect()
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Database(error.to_string())
}
