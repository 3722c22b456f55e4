//! What a change of a user does to their power, and the notice of it.

use chrono::TimeDelta;

use super::change::Draft;
use crate::actor::Actor;
use crate::digest::{Notice, NoticeKind};
use crate::employee::Field;
use crate::history::Entry;
use crate::ids::{Generation, folded};
use crate::lifecycle::{Role, Status};
use crate::power::{PersonPower, Power};
use crate::user::User;

/// The change of the power of a user; `None` if that stays.
fn between(before: Option<&User>, after: &User) -> Option<PersonPower> {
    // Whoever comes back from a deletion is a member. Admins were told when the deletion ended the role.
    let before = before.filter(|user| user.status() != Status::Deleted);
    let counts = |user: &User| user.role.signs_in() && user.status() == Status::Active;
    let (was, is) = (before.map_or(Role::Member, |user| user.role), after.role);
    let (counted, counts) = (before.is_some_and(counts), counts(after));
    let by_access = was == is && counted != counts;
    let logins = (before.and_then(User::login), after.login());
    // A deletion ends the login with the access.
    let rebound = logins.0 != logins.1 && after.status() != Status::Deleted;
    let address = |user: &User| user.get(Field::Email).map(str::to_owned);
    let addresses = (before.and_then(address), address(after));
    let same = addresses.0.as_deref().map(folded) == addresses.1.as_deref().map(folded);
    // Also of somebody in their grace period: the role may count again.
    let known = before.is_some_and(|user| user.role.signs_in());
    let moved = known && after.role.signs_in() && !same;
    if was == is && !by_access && !rebound && !moved {
        return None;
    }
    Some(PersonPower {
        was,
        is,
        by_access,
        was_login: logins.0.cloned().filter(|_| rebound),
        is_login: logins.1.cloned().filter(|_| rebound),
        was_address: addresses.0.filter(|_| moved),
        is_address: addresses.1.filter(|_| moved),
        counts,
        fresh: false,
    })
}

/// Who has had an address for less than this is not mailed there any more: HR might have given it to them to have it mailed.
const SETTLED: TimeDelta = TimeDelta::days(1);

impl Draft<'_> {
    /// The notice of what this change, with its entry, does to the user's power, and the timer of its digest. The user is
    /// as they are written. What a machine does to access has notices of its own, but for a role that counts again after a
    /// deactivation.
    pub(super) fn tell_power(&mut self, entry: Option<&Entry>) -> Option<Notice> {
        let before = self.stored.map(|stored| stored.as_of(self.ctx.policy));
        let mut what = between(before.as_ref(), &self.user)?;
        let changed = before.as_ref().and_then(|user| user.address_changed);
        what.fresh = changed.is_some_and(|at| self.ctx.now - at < SETTLED);
        let was_out = before.is_some_and(|user| user.lifecycle().is_over());
        let by = entry.map_or(Actor::SettingsChanged, |entry| entry.by.clone());
        let by_hand = matches!(by, Actor::Admin { .. } | Actor::Operator { .. });
        if what.by_access && !by_hand && !(what.counts && was_out) {
            return None;
        }
        if self.notice.is_none() {
            self.arm_digest();
        }
        Some(Notice {
            at: self.ctx.now,
            kind: NoticeKind::Power {
                by,
                what: Power::Person(what),
            },
            employee_id: Some(self.user.employee_id.clone()),
            name: self.user.get(Field::Name).map(str::to_owned),
            generation: Generation(self.user.rev),
        })
    }
}
