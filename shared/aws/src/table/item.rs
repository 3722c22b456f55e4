//! Items: attributes that DynamoDB compares, and `data`, the JSON that only this code reads.
//!
//! `v` is the version of the stored form. Code reads every form that was ever written: [`UPGRADES`] turn an item of an
//! older form into one of the newest form when it is read. An item of a form that is newer than the code is refused.
//!
//! Of a user there are two forms at present. [`StoredForm`] says which one is written.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use offramp_app::Fault;
use offramp_domain::{CompactUser, User};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{Index, Key, PK, SK};

/// Turns an item of one form into an item of the next form.
pub(super) type Upgrade = fn(Item) -> Item;

/// The first upgrade makes form 2 of form 1, and so on. A new form needs one more upgrade here, and a file with items
/// of the previous form in `tests/previous`.
const UPGRADES: &[Upgrade] = &[];
/// The form that is written, but for a user in the compact form.
pub(super) const FORM: u64 = 1 + UPGRADES.len() as u64;
/// The form of a user whose `data` is a [`CompactUser`]. Items of other kinds do not have it.
pub(super) const COMPACT: u64 = FORM + 1;
/// The attribute of the form.
pub(super) const VERSION: &str = "v";
pub(super) const DATA: &str = "data";

/// The form in which users are written. Both forms are read.
///
/// A release that does not know the compact form refuses it. CloudFormation replaces the code of functions one by one,
/// and an invocation that has begun ends in the old code, so the form changes in a deployment of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoredForm {
    /// What every release reads.
    #[default]
    First,
    /// What releases from this one on read. A user takes about two thirds of the bytes.
    Compact,
}

impl StoredForm {
    /// The form with the number `1` or `2`, which is also the `v` of the items.
    #[must_use]
    pub fn numbered(number: &str) -> Option<Self> {
        match number {
            "1" => Some(Self::First),
            "2" => Some(Self::Compact),
            _ => None,
        }
    }
}

/// One item.
#[derive(Debug, Clone, Default)]
pub(super) struct Item(HashMap<String, AttributeValue>);

impl From<HashMap<String, AttributeValue>> for Item {
    fn from(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes).upgraded(UPGRADES)
    }
}

impl From<Item> for HashMap<String, AttributeValue> {
    fn from(item: Item) -> Self {
        item.0
    }
}

impl Item {
    pub(super) fn new(key: Key) -> Self {
        Self::default()
            .text(PK, key.pk)
            .text(SK, key.sk)
            .number(VERSION, FORM)
    }

    pub(super) fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0
            .insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        self.0
            .insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    pub(super) fn flag(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    pub(super) fn bytes(mut self, name: &str, value: Vec<u8>) -> Self {
        self.0
            .insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }

    /// Adds the attributes by which an index finds the item.
    pub(super) fn indexed(self, index: Index, key: Key) -> Self {
        self.text(index.pk, key.pk).text(index.sk, key.sk)
    }

    pub(super) fn data<T: Serialize>(self, value: &T) -> Result<Self, Fault> {
        let json = serde_json::to_string(value)
            .map_err(|error| Fault::corrupt("serialise", error.to_string()))?;
        Ok(self.text(DATA, json))
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        self.known()?;
        self.data_as()
    }

    fn data_as<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let json = self
            .get_text(DATA)
            .ok_or_else(|| Fault::corrupt("read", "an item without data"))?;
        serde_json::from_str(json).map_err(|error| Fault::corrupt("read", error.to_string()))
    }

    /// Adds the data of a user.
    pub(super) fn user(self, user: &User, form: StoredForm) -> Result<Self, Fault> {
        match form {
            StoredForm::First => self.data(user),
            StoredForm::Compact => {
                let compact = CompactUser::from(user);
                self.number(VERSION, COMPACT).data(&compact)
            }
        }
    }

    /// Reads a user of either form.
    pub(super) fn read_user(&self) -> Result<User, Fault> {
        match self.form() {
            Some(COMPACT) => Ok(self.data_as::<CompactUser>()?.into()),
            _ => self.read(),
        }
    }

    /// Refuses an item of a form that is newer than this code, or that is unknown.
    pub(super) fn known(&self) -> Result<(), Fault> {
        match self.form() {
            Some(FORM) => Ok(()),
            form => Err(Fault::corrupt("read", format!("an item of form {form:?}"))),
        }
    }

    /// The form; `None` if the item is an entry of an index, which has only keys.
    pub(super) fn form(&self) -> Option<u64> {
        self.get_number(VERSION)
    }

    pub(super) fn upgraded(mut self, upgrades: &[Upgrade]) -> Self {
        while let Some(form) = self.form()
            && let Some(step) = form
                .checked_sub(1)
                .and_then(|behind| upgrades.get(usize::try_from(behind).ok()?))
        {
            self = step(self).number(VERSION, form + 1);
        }
        self
    }

    /// Adds an attribute in DynamoDB's own type.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Every attribute, in no order.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&String, &AttributeValue)> {
        self.0.iter()
    }

    /// The key of the item. Its parts are empty if the item has none.
    pub(super) fn key(&self) -> Key {
        let text = |name| self.get_text(name).unwrap_or_default().to_owned();
        Key {
            pk: text(PK),
            sk: text(SK),
        }
    }

    /// The approximate size in bytes: names and texts.
    pub(super) fn size(&self) -> usize {
        let of = |value: &AttributeValue| value.as_s().map_or(8, String::len);
        self.0
            .iter()
            .map(|(name, value)| name.len() + of(value))
            .sum()
    }

    pub(super) fn get_text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(super) fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name)?.as_b().ok().map(Blob::as_ref)
    }

    pub(super) fn get_number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(super) fn get_flag(&self, name: &str) -> bool {
        self.0
            .get(name)
            .and_then(|value| value.as_bool().ok())
            .copied()
            .unwrap_or(false)
    }

    pub(super) fn get_texts(&self, name: &str) -> &[String] {
        self.0
            .get(name)
            .and_then(|value| value.as_ss().ok())
            .map_or(&[], Vec::as_slice)
    }

    /// The texts whose names begin with `prefix`, by the rest of the name.
    pub(super) fn texts_below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let below = move |(name, value): (&'a String, &'a AttributeValue)| {
            Some((name.strip_prefix(prefix)?, value.as_s().ok()?.as_str()))
        };
        self.0.iter().filter_map(below)
    }
}

/// The present stored form, for an update that writes it together with its change. A literal would mark an item of a
/// new form as one of an old form. The upgrade would then run on that item again.
pub(crate) fn form() -> AttributeValue {
    AttributeValue::N(FORM.to_string())
}

/// The key of an item, as a request wants it.
pub(crate) fn key_map(key: &Key) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (PK.to_owned(), AttributeValue::S(key.pk.clone())),
        (SK.to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::admins;

    fn item() -> Item {
        Item::new(admins(&offramp_domain::OrgId::new("acme").unwrap()))
    }

    /// A second and a third form, as they could come about: a field is renamed, then an attribute is added.
    const LATER: &[Upgrade] = &[
        |item| {
            let text = item.get_text(DATA).unwrap_or_default();
            let text = text.replace("\"colour\"", "\"hue\"");
            item.text(DATA, text)
        },
        |item| item.flag("seen", true),
    ];

    #[test]
    fn an_item_of_an_older_form_is_read_as_one_of_the_newest() {
        let first = item().text(DATA, r#"{"colour":"red"}"#).number(VERSION, 1);
        let third = first.clone().upgraded(LATER);
        assert_eq!(third.form(), Some(3));
        assert_eq!(third.get_text(DATA), Some(r#"{"hue":"red"}"#));
        assert!(third.get_flag("seen"));
        let second = first.upgraded(&LATER[..1]);
        assert!(!second.get_flag("seen"));
        assert_eq!(
            third.attributes().count(),
            second.upgraded(LATER).attributes().count()
        );
    }

    #[test]
    fn an_item_that_is_newer_than_the_code_is_left_alone_and_refused() {
        let newer = item().text(DATA, "{}").number(VERSION, FORM + 1);
        let read = Item::from(HashMap::from(newer));
        assert_eq!(read.form(), Some(FORM + 1));
        assert!(read.known().is_err());
        assert!(read.read::<serde_json::Value>().is_err());
        assert!(item().text(DATA, "{}").number(VERSION, 0).known().is_err());
    }

    #[test]
    fn an_entry_of_an_index_has_no_form_and_stays_as_it_is() {
        let keys = key_map(&item().key());
        assert_eq!(Item::from(keys).upgraded(LATER).form(), None);
    }
}
