//! The decision that gives a user to another HR source.

use super::change::Draft;
use super::context::Context;
use super::decision::{Answered, Decision, Outcome, nothing};
use crate::actor::Actor;
use crate::history::Happening;
use crate::ids::SourceId;
use crate::lifecycle::Origin;
use crate::user::User;

/// Gives a user of the source `from` to the source `to`. Nothing else of the user changes. The first record of the new source
/// is the base of what it says from then on.
pub(super) fn hand_over(
    stored: &User,
    settled: User,
    by: &Actor,
    (from, to): (&SourceId, &SourceId),
    ctx: &Context<'_>,
) -> Decision {
    if !matches!(&stored.origin, Origin::Source(owner) if owner == from) || from == to {
        return nothing(Answered::of(Outcome::Unchanged));
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().origin = Origin::Source(to.clone());
    draft.user().awaits_base = draft.so_far().hr.is_some();
    let happening = Happening::HandedOver {
        from: from.clone(),
        to: to.clone(),
    };
    draft.commit(Answered::of(Outcome::Updated), by, happening)
}
