//! Users that a safeguard has stopped, and the effect of an admin's answer on them.

use super::change::{Draft, bring_back};
use super::context::{Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, nothing};
use super::leave;
use crate::actor::Actor;
use crate::breaker::Counted;
use crate::employee::HrWord;
use crate::history::Happening;
use crate::ids::HoldId;
use crate::lifecycle::{Cause, Lifecycle};
use crate::user::User;

/// Records that a safeguard stopped the change. The HR record is stored, and the user is in a hold.
pub(super) fn stop(draft: Draft<'_>, by: &Actor) -> Decision {
    match draft.so_far().hold.as_ref().map(|held| held.hold.clone()) {
        Some(hold) => draft.commit(answered(), by, Happening::Stopped { hold }),
        None => draft.commit(answered(), by, Happening::Updated),
    }
}

/// The outcome for a held user.
pub(super) fn answered() -> Answered {
    Answered::because(
        Outcome::Held,
        "a safeguard stopped it until an admin answers the hold",
    )
}

/// What the hold `hold` stopped for this user. `None` if the user is not in it, or joined after roll number `until`.
fn asked(stored: &User, hold: &HoldId, until: u64) -> Option<Counted> {
    let held = stored.hold.as_ref()?;
    (held.hold == *hold && held.seq <= until).then_some(held.what)
}

fn not_in_it() -> Decision {
    nothing(Answered::because(
        Outcome::Unchanged,
        "is not in this hold any more",
    ))
}

/// Approves the hold for this user. The change is decided again on present facts, without the breaker.
pub(super) fn approve(
    stored: &User,
    settled: User,
    (hold, until): (&HoldId, u64),
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    let Some(what) = asked(stored, hold, until) else {
        return not_in_it();
    };
    let cause = match still(&settled, what, ctx) {
        Ok(cause) => cause,
        Err(Stays::In(answered)) => return nothing(answered),
        Err(Stays::Out(answered)) => {
            let mut draft = Draft::of(ctx, stored, settled);
            draft.user().hold = None;
            draft.user().held = false;
            return draft.commit(answered, by, Happening::Kept { hold: hold.clone() });
        }
    };
    let mut draft = Draft::of(ctx, stored, settled);
    let Some(cause) = cause else {
        bring_back(&mut draft);
        return draft.commit(Answered::of(Outcome::Restored), by, Happening::Restored);
    };
    draft.end(cause);
    match draft.so_far().due_at() {
        Some(due_at) => {
            let answered = Answered {
                outcome: Outcome::Scheduled,
                due_at: Some(due_at),
                reason: None,
            };
            draft.commit(answered, by, Happening::Scheduled { due_at })
        }
        None => draft.commit(
            Answered::of(Outcome::Deactivated),
            by,
            Happening::Deactivated,
        ),
    }
}

/// Rejects the hold for this user. The same HR record does not stop the user again.
pub(super) fn keep(
    stored: &User,
    settled: User,
    (hold, until): (&HoldId, u64),
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    if asked(stored, hold, until).is_none() {
        return not_in_it();
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().hold = None;
    draft.user().held = false;
    let kept = Happening::Kept { hold: hold.clone() };
    draft.commit(Answered::of(Outcome::Updated), by, kept)
}

/// Why a user stays although an admin has approved the hold.
enum Stays {
    /// The user stays in the hold.
    In(Answered),
    /// The user leaves the hold.
    Out(Answered),
}

/// Whether the stopped change would still happen. `Ok` has the cause of the departure, or `None` for a return from a
/// deletion.
fn still(user: &User, what: Counted, ctx: &Context<'_>) -> Result<Option<Cause>, Stays> {
    let out = |word, why: &str| Err(Stays::Out(Answered::because(word, why)));
    let word = user.hr_word();
    let included = user.hr.as_ref().map_or(Ok(true), |record| {
        ctx.rule.includes(&user.employee_id, record)
    });
    match included {
        Ok(true) => {}
        Ok(false) => return out(Outcome::Excluded, "the sync rule leaves this employee out"),
        Err(reason) => return Err(Stays::In(Answered::because(Outcome::Rejected, reason))),
    }
    let (Counted::Departure(cause) | Counted::LastAdmin(cause)) = what else {
        return match (&user.lifecycle, word) {
            (Lifecycle::Deleted { .. }, Some(HrWord::Active)) => Ok(None),
            (Lifecycle::Deleted { .. }, _) => {
                out(Outcome::Ignored, "HR does not say active any more")
            }
            _ => out(Outcome::Unchanged, "is back already"),
        };
    };
    if !matches!(user.lifecycle, Lifecycle::Active) {
        return out(Outcome::Unchanged, "is not active any more");
    }
    let cause = match (cause, word) {
        (Cause::LeaveDate, _) if leave::has_come(user, ctx) => Cause::LeaveDate,
        (_, Some(HrWord::Inactive)) => Cause::Hr,
        (_, Some(HrWord::Missing)) => Cause::Missing,
        _ => return out(Outcome::Unchanged, "HR says active again"),
    };
    if cause != Cause::LeaveDate && !ctx.policy.settings.deactivation_sync.enabled {
        return out(Outcome::Ignored, "deactivation sync is off");
    }
    if is_last_admin(user, ctx) {
        return Err(Stays::In(Answered::because(
            Outcome::Held,
            "this is the last admin with access",
        )));
    }
    Ok(Some(cause))
}
