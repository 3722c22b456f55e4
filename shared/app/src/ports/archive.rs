//! The archive: everything that is stored of an organisation, for export, import and erasure.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, EmployeeId, OrgId, User};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Committed;
use crate::Fault;

/// The position at which a walk over an organisation continues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// How many parts of the organisation are done.
    pub part: usize,
    /// The last sort key that is done within the part; `None` at the beginning of the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The last sort key that is done within a person's partition; `None` if no person is half done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// The direction of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The organisation's own items first, then its people. Each user comes after all other items of that person.
    In,
    /// The people first, the organisation's own items last. Each user comes after all other items of that person.
    Out,
}

/// A stretch of a walk.
#[derive(Debug)]
pub struct Stretch<I> {
    /// The items, in an order in which they may be written and deleted.
    pub items: Vec<I>,
    /// The position of the next stretch; `None` at the end.
    pub next: Option<Position>,
}

/// The record of an erasure, which is all that the audit keeps of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Erasure {
    /// When the person was erased.
    pub at: DateTime<Utc>,
    /// The admin who erased the person.
    pub by: Actor,
    /// A hash of the organisation and the employee id.
    pub person: String,
}

/// The state of an organisation with regard to an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// This import has begun, and may go on.
    Open,
    /// This import has ended.
    Ended,
    /// Data is stored that does not come from this import.
    Taken,
}

/// Reads, writes and deletes everything that is stored of an organisation. No method scans the table: an index or a key
/// leads to each item.
pub trait Archive: Send + Sync {
    /// A stored item.
    type Item: Send + Sync;

    /// The next stretch of a walk: about 1 MB, or one person.
    fn stretch(
        &self,
        org: &OrgId,
        from: &Position,
        way: Way,
    ) -> impl Future<Output = Result<Stretch<Self::Item>, Fault>> + Send;
    /// The items of one person except the user: cards, history, objectives, and notices that name them. It returns at
    /// most 200 of them and the items that hang on these, in an order in which they may be deleted. The read is
    /// consistent.
    fn of_person(
        &self,
        org: &OrgId,
        id: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Self::Item>, Fault>> + Send;
    /// The user, if the item is one.
    fn user(&self, item: &Self::Item) -> Result<Option<User>, Fault>;
    /// The item as a line of an export, without secrets; `None` if an export leaves it out.
    fn line(&self, org: &OrgId, item: &Self::Item) -> Result<Option<Value>, Fault>;
    /// The item of a line, for this organisation; `None` if an import does not restore it.
    ///
    /// # Errors
    /// The error in the line. The text is safe to show to a client.
    fn parse(&self, org: &OrgId, line: &Value) -> Result<Option<Self::Item>, String>;
    /// The item of a user.
    fn item(&self, org: &OrgId, user: &User) -> Result<Self::Item, Fault>;
    /// Writes an item unless one with its key exists. Returns true if it was written.
    fn restore(&self, item: &Self::Item) -> impl Future<Output = Result<bool, Fault>> + Send;
    /// Deletes the sources, so that no more HR data is accepted.
    fn silence(&self, org: &OrgId) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes items, in their order.
    fn erase(&self, items: &[Self::Item]) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes items of a person, in their order. Each transaction is conditional on the user's `rev`.
    fn erase_of(
        &self,
        org: &OrgId,
        user: &User,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Deletes the user and writes the record of the erasure, conditional on the user's `rev`.
    fn erase_user(
        &self,
        org: &OrgId,
        user: &User,
        erasure: &Erasure,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Begins an import, or finds it begun. Only an organisation without stored data can begin one.
    fn begin_import(
        &self,
        org: &OrgId,
        export: &str,
    ) -> impl Future<Output = Result<Import, Fault>> + Send;
    /// Ends an import that was begun.
    fn end_import(
        &self,
        org: &OrgId,
        export: &str,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}
