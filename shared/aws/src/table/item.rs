//! Items: attributes that DynamoDB looks at, and `data`, the JSON of what we look at.
//!
//! `v` is the version of the stored form; a reader refuses what it does not know.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use offramp_app::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{Index, Key, PK, SK};

/// The version of the stored form.
const FORM: u64 = 1;
const DATA: &str = "data";

/// One item.
#[derive(Debug, Clone, Default)]
pub(super) struct Item(HashMap<String, AttributeValue>);

impl From<HashMap<String, AttributeValue>> for Item {
    fn from(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
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
            .number("v", FORM)
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

    /// Makes the item found by an index.
    pub(super) fn indexed(self, index: Index, key: Key) -> Self {
        self.text(index.pk, key.pk).text(index.sk, key.sk)
    }

    pub(super) fn data<T: Serialize>(self, value: &T) -> Result<Self, Fault> {
        let json = serde_json::to_string(value)
            .map_err(|error| Fault::corrupt("serialise", error.to_string()))?;
        Ok(self.text(DATA, json))
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        match self.get_number("v") {
            Some(FORM) => {}
            version => {
                return Err(Fault::corrupt(
                    "read",
                    format!("an item of version {version:?}"),
                ));
            }
        }
        let json = self
            .get_text(DATA)
            .ok_or_else(|| Fault::corrupt("read", "an item without data"))?;
        serde_json::from_str(json).map_err(|error| Fault::corrupt("read", error.to_string()))
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
}

/// The key of an item, for a request.
pub(super) fn key_map(key: &Key) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (PK.to_owned(), AttributeValue::S(key.pk.clone())),
        (SK.to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}
