//! All that is stored of an organisation, whatever it is: what leaves with it, comes back, or goes.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, EmployeeId, OrgId, User};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Committed;
use crate::Fault;

/// Where a walk over an organisation goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// How many parts of the organisation are behind.
    pub part: usize,
    /// The last sort key that is behind, within the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The last sort key that is behind, within a person who has more than one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What belongs to the organisation itself first, then its people, each user after all that is theirs.
    In,
    /// The people first, each user after all that is theirs, and the organisation itself last.
    Out,
}

/// A part of a walk.
#[derive(Debug)]
pub struct Stretch<I> {
    /// What is there, in the order in which it may be written, and may go.
    pub items: Vec<I>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}

/// That somebody was erased: what the audit keeps of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Erasure {
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub by: Actor,
    /// Stands for the person: a hash of organisation and id.
    pub person: String,
}

/// How an organisation stands to an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// It is this import's.
    Open,
    /// This import has ended.
    Ended,
    /// There is something that is none of this import's.
    Taken,
}

/// All that is stored of an organisation. No read here is of the whole: an index or a key names each item.
pub trait Archive: Send + Sync {
    /// A stored item.
    type Item: Send + Sync;

    /// The next stretch of a walk: about 1 MB, or a person.
    fn stretch(
        &self,
        org: &OrgId,
        from: &Position,
        way: Way,
    ) -> impl Future<Output = Result<Stretch<Self::Item>, Fault>> + Send;
    /// What there is of one person but the user, or the next 200 of it: cards, history, objectives, notices that
    /// name them; in the order in which it may go. Consistent.
    fn of_person(
        &self,
        org: &OrgId,
        id: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Self::Item>, Fault>> + Send;
    /// The user, where the item is one.
    fn user(&self, item: &Self::Item) -> Result<Option<User>, Fault>;
    /// The item as a line of an export, without what is secret; `None` where it does not leave.
    fn line(&self, org: &OrgId, item: &Self::Item) -> Result<Option<Value>, Fault>;
    /// The item of a line, for this organisation; `None` where it does not come back.
    ///
    /// # Errors
    /// What is wrong with the line, safe to show.
    fn parse(&self, org: &OrgId, line: &Value) -> Result<Option<Self::Item>, String>;
    /// The item of a user.
    fn item(&self, org: &OrgId, user: &User) -> Result<Self::Item, Fault>;
    /// Writes an item, unless there is one under its key; says whether it did.
    fn restore(&self, item: &Self::Item) -> impl Future<Output = Result<bool, Fault>> + Send;
    /// Deletes the sources: HR is not heard any more.
    fn silence(&self, org: &OrgId) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes items, in their order.
    fn erase(&self, items: &[Self::Item]) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes items of a person, in their order, each conditional on the user's not having been written since.
    fn erase_of(
        &self,
        org: &OrgId,
        user: &User,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Deletes the user, conditional on their not having been written since, and keeps the erasure.
    fn erase_user(
        &self,
        org: &OrgId,
        user: &User,
        erasure: &Erasure,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Begins an import, or finds it begun. Only an organisation of which nothing is stored takes one.
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
