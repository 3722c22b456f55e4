//! Finds users by the beginning of a name, an address or an id, in pages.

use std::sync::Arc;

use offramp_domain::{EmployeeId, Field, Policy, User};

use super::{Query, wants};
use crate::ports::{Directory, Page, Users};
use crate::{Error, Ports, Result, Tenant};

/// The most reads of an index for one page. If few of the found users have the requested status, a page may be shorter
/// than requested, or empty. Its cursor continues.
const READS: usize = 8;

/// The property by which a user is found. The answers come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    Email,
    Id,
}

impl By {
    const ALL: [(Self, &'static str); 3] = [(Self::Name, "n"), (Self::Email, "m"), (Self::Id, "i")];

    fn next(self) -> Option<Self> {
        match self {
            Self::Name => Some(Self::Email),
            Self::Email => Some(Self::Id),
            Self::Id => None,
        }
    }

    async fn page<P: Ports>(
        self,
        tenant: &Tenant<'_, P>,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EmployeeId>>
    where
        P::Store: Directory,
    {
        let found = match self {
            Self::Name => {
                let all = offramp_domain::Status::ALL;
                tenant.store.people(tenant.org, all, q, after, limit).await
            }
            Self::Email => tenant.store.by_email(tenant.org, q, after, limit).await,
            Self::Id => tenant.store.by_id(tenant.org, q, after, limit).await,
        };
        Ok(found?)
    }

    /// True if an earlier property has found the user already.
    fn repeats(self, user: &User, q: &str) -> bool {
        let begins = |text: &str| text.to_lowercase().starts_with(q);
        // The directory has a user without a name under their id.
        let name = user.get(Field::Name).unwrap_or(user.employee_id.as_str());
        let by_name = || begins(name);
        let by_email = || user.get(Field::Email).is_some_and(begins);
        match self {
            Self::Name => false,
            Self::Email => by_name(),
            Self::Id => by_name() || by_email(),
        }
    }

    /// The position at which a page ended, as the cursor contains it.
    fn position(self, after: Option<&str>) -> String {
        let letter = Self::ALL.into_iter().find(|(by, _)| *by == self);
        format!(
            "{}{}",
            letter.map_or("", |(_, letter)| letter),
            after.unwrap_or_default()
        )
    }

    fn read(position: &str) -> Result<(Self, Option<&str>)> {
        Self::ALL
            .into_iter()
            .find_map(|(by, letter)| Some((by, position.strip_prefix(letter)?)))
            .map(|(by, after)| (by, Some(after).filter(|after| !after.is_empty())))
            .ok_or_else(|| Error::invalid("/cursor", "is not a cursor of this query"))
    }
}

/// A page of the found users. `q` is in folded form.
pub(super) async fn search<P: Ports>(
    tenant: &Tenant<'_, P>,
    query: &Query,
    q: &str,
) -> Result<(Page<User>, Policy)>
where
    P::Store: Users + Directory,
{
    let (mut by, after) = match &query.after {
        Some(position) => By::read(position)?,
        None => (By::Name, None),
    };
    let mut after = after.map(str::to_owned);
    let mut users: Vec<User> = Vec::new();
    let mut policy = Policy::default();
    for _ in 0..READS {
        let wanted = query.limit - users.len();
        let page = by.page(tenant, q, after.as_deref(), wanted).await?;
        let loaded = tenant.store.load(tenant.org, &page.items).await?;
        policy = Arc::unwrap_or_clone(loaded.policy);
        users.extend(
            page.items
                .iter()
                .filter_map(|id| loaded.users.get(id))
                .filter(|user| wants(query, user, &policy) && !by.repeats(user, q))
                .cloned(),
        );
        after = page.next;
        if after.is_none() {
            match by.next() {
                Some(next) => by = next,
                None => {
                    let next = None;
                    return Ok((Page { items: users, next }, policy));
                }
            }
        }
        if users.len() >= query.limit {
            break;
        }
    }
    let next = Some(by.position(after.as_deref()));
    Ok((Page { items: users, next }, policy))
}
