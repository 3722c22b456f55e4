//! Who answers for an e-mail address: a login page that knows an address alone asks whether its owner has access.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::employee::Field;
use crate::ids::{self, EmployeeId};
use crate::lifecycle::Access;
use crate::user::User;

/// An address that HR has taken from somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerAddress {
    /// The folded address.
    pub address: String,
    /// From when until when it was theirs.
    pub had: Had,
}

/// From when until when somebody had an address that they do not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Had {
    /// When HR gave it to them; the Unix epoch where they had it from the first.
    pub from: DateTime<Utc>,
    /// When HR last took it from them.
    pub until: DateTime<Utc>,
}

impl Had {
    /// Both times of one person with one address, as one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }
}

/// Who answers for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering<'a> {
    /// This person: their access is the answer.
    Of(&'a User),
    /// Nobody until an admin decides. The address is that of somebody who is here, and of somebody whom an admin deleted or
    /// put out.
    Disputed {
        /// Who would answer otherwise.
        here: &'a User,
        /// Who was deleted or put out.
        out: &'a User,
    },
    /// Nobody has the address, or has had it.
    Nobody,
}

/// Says who answers for a folded address. `users` are the people who have or had it, as of the policy; others are passed
/// over. `had` says when somebody had it who may not have it any more.
///
/// | has it and is here | had it, is here, and nobody who was here has had it since | answers |
/// |---|---|---|
/// | yes | | whoever has it |
/// | no | yes | whoever had it last |
/// | no | no | nobody who has access: whoever has it, or had it last |
///
/// Whoever is here does not answer as long as an admin's own word stands against another who had the address when it was
/// said, unless an admin has confirmed the address for whoever is here.
#[must_use]
pub fn who_answers<'a>(
    address: &str,
    users: &'a [User],
    had: &BTreeMap<EmployeeId, Had>,
    now: DateTime<Utc>,
) -> Answering<'a> {
    let holders: Vec<Holder<'a>> = users
        .iter()
        .map(|user| Holder::of(user, address, had.get(&user.employee_id), now))
        .filter(|holder| holder.has.is_some() || holder.had.is_some())
        .collect();
    let present = || holders.iter().filter(|holder| holder.has.is_some());
    let former = || holders.iter().filter(|holder| holder.has.is_none());
    let last = |holder: &&Holder<'_>| holder.had.map(|had| had.until);
    let here = present()
        .filter(|holder| holder.is_here())
        .max_by_key(|holder| (holder.is_confirmed(address), Reverse(holder.user.status())))
        .or_else(|| {
            let claims = former().filter(|holder| holder.still_claims(&holders));
            claims.max_by_key(last)
        });
    let Some(here) = here else {
        let gone = present().min_by_key(|holder| holder.user.status());
        let gone = gone.or_else(|| former().max_by_key(last));
        return gone.map_or(Answering::Nobody, |holder| Answering::Of(holder.user));
    };
    let out = holders.iter().find(|holder| holder.is_out());
    match out.filter(|_| !here.is_confirmed(address)) {
        Some(out) => Answering::Disputed {
            here: here.user,
            out: out.user,
        },
        None => Answering::Of(here.user),
    }
}

/// Somebody who has or had the address.
struct Holder<'a> {
    user: &'a User,
    /// Since when they have it; `None` if they do not.
    has: Option<DateTime<Utc>>,
    /// When they had it before; `None` if they did not.
    had: Option<Had>,
    /// Since when they have no access; `None` if they have.
    gone: Option<DateTime<Utc>>,
}

impl<'a> Holder<'a> {
    fn of(user: &'a User, address: &str, had: Option<&Had>, now: DateTime<Utc>) -> Self {
        let present = user.get(Field::Email).map(ids::folded);
        let since = user.address_changed.unwrap_or(DateTime::UNIX_EPOCH);
        let gone = (user.access_at(now) != Access::Granted).then(|| {
            let plan = user.leave.plan.map(|plan| plan.at).filter(|at| *at <= now);
            let ended = user.grounds.ended().map(|end| end.at);
            let first = user.grounds.access_ended_at().into_iter();
            first.chain(ended).chain(plan).min().unwrap_or(now)
        });
        Self {
            user,
            has: (present.as_deref() == Some(address)).then_some(since),
            had: had.copied(),
            gone,
        }
    }

    fn is_here(&self) -> bool {
        self.gone.is_none()
    }

    fn is_confirmed(&self, address: &str) -> bool {
        self.user.confirmed_address.as_deref() == Some(address)
    }

    /// True if the person is here, and no other who was here has had the address since it was taken from them.
    fn still_claims(&self, all: &[Self]) -> bool {
        let Some(had) = self.had else { return false };
        let others = all
            .iter()
            .filter(|other| other.user.employee_id != self.user.employee_id);
        self.is_here() && !others.into_iter().any(|other| other.came_after(had.until))
    }

    /// True if the person had the address after an instant, and was here then.
    fn came_after(&self, at: DateTime<Utc>) -> bool {
        let was_here = |from: DateTime<Utc>| match self.gone {
            // Whoever was gone when HR first spoke of them was never here.
            Some(_) if self.user.never_was_here() => false,
            Some(gone) => gone > at.max(from),
            None => true,
        };
        let has = self.has.is_some_and(was_here);
        has || self
            .had
            .is_some_and(|had| had.until > at && was_here(had.from))
    }

    /// True if an admin's own word stands against the person, who had the address when it was said. An address that HR gives
    /// them later shuts nobody out.
    fn is_out(&self) -> bool {
        let since = self.has.into_iter().chain(self.had.map(|had| had.from));
        match (self.user.put_out_at(), since.min()) {
            (Some(at), Some(since)) => since <= at,
            _ => false,
        }
    }
}
