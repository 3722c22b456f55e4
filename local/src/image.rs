//! A stack's stored state, to start other stacks from: copying the seed takes milliseconds, making it takes seconds.

use aws_stand_ins::Keys;

use crate::stack::core::Seeded;
use crate::{Error, Stack};

/// What a stack stores: the items of its table, the keys of KMS, the seed's secret.
pub struct Image {
    pub(crate) items: Vec<u8>,
    pub(crate) keys: Keys,
    pub(crate) seeded: Option<Seeded>,
}

impl Stack {
    /// Copies what is stored. Schedules, mails, dead letters and logs are not in a copy.
    ///
    /// # Errors
    /// [`Error::StandIn`] where a schedule stands, which no copy would fire; [`Error::Database`] where the items are not in
    /// the embedded DynamoDB; [`Error::File`].
    pub fn image(&self) -> Result<Image, Error> {
        if !self.cloud().scheduler().schedules().is_empty() {
            let reason = "a stack is copied only while no schedule stands";
            return Err(Error::StandIn(reason.into()));
        }
        Ok(Image {
            items: self.core.store.image()?,
            keys: self.cloud().kms().keys(),
            seeded: self.core.seeded().cloned(),
        })
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Image")
            .field("bytes", &self.items.len())
            .finish_non_exhaustive()
    }
}
