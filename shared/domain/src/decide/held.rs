//! Users that a safeguard has stopped, and the effect of an admin's answer on them.

use super::change::{Draft, bring_back};
use super::context::{Context, is_last_admin};
use super::decision::{Decision, Outcome, Word, nothing};
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
        Some(hold) => draft.commit(outcome(), by, Happening::Stopped { hold }),
        None => draft.commit(outcome(), by, Happening::Updated),
    }
}

/// The outcome for a held user.
pub(super) fn outcome() -> Outcome {
    Outcome::because(
        Word::Held,
        "a safeguard stopped it until an admin answers the hold",
    )
}

/// What the hold `hold` stopped for this user. `None` if the user is not in it, or joined after roll number `until`.
fn asked(stored: &User, hold: &HoldId, until: u64) -> Option<Counted> {
    let held = stored.hold.as_ref()?;
    (held.hold == *hold && held.seq <= until).then_some(held.what)
}

fn not_in_it() -> Decision {
    nothing(Outcome::because(
        Word::Unchanged,
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
        Err(Stays::In(outcome)) => return nothing(outcome),
        Err(Stays::Out(outcome)) => {
            let mut draft = Draft::of(ctx, stored, settled);
            draft.user().hold = None;
            draft.user().held = false;
            return draft.commit(outcome, by, Happening::Kept { hold: hold.clone() });
        }
    };
    let mut draft = Draft::of(ctx, stored, settled);
    let Some(cause) = cause else {
        bring_back(&mut draft);
        return draft.commit(Outcome::of(Word::Restored), by, Happening::Restored);
    };
    draft.end(cause);
    match draft.so_far().due_at() {
        Some(due_at) => {
            let outcome = Outcome {
                word: Word::Scheduled,
                due_at: Some(due_at),
                reason: None,
            };
            draft.commit(outcome, by, Happening::Scheduled { due_at })
        }
        None => draft.commit(Outcome::of(Word::Deactivated), by, Happening::Deactivated),
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
    draft.commit(Outcome::of(Word::Updated), by, kept)
}

/// Why a user stays although an admin has approved the hold.
enum Stays {
    /// The user stays in the hold.
    In(Outcome),
    /// The user leaves the hold.
    Out(Outcome),
}

/// Whether the stopped change would still happen. `Ok` has the cause of the departure, or `None` for a return from a
/// deletion.
fn still(user: &User, what: Counted, ctx: &Context<'_>) -> Result<Option<Cause>, Stays> {
    let out = |word, why: &str| Err(Stays::Out(Outcome::because(word, why)));
    let word = user.hr_word();
    let included = user.hr.as_ref().map_or(Ok(true), |record| {
        ctx.rule.includes(&user.employee_id, record)
    });
    match included {
        Ok(true) => {}
        Ok(false) => return out(Word::Excluded, "the sync rule leaves this employee out"),
        Err(reason) => return Err(Stays::In(Outcome::because(Word::Rejected, reason))),
    }
    let (Counted::Departure(cause) | Counted::LastAdmin(cause)) = what else {
        return match (&user.lifecycle, word) {
            (Lifecycle::Deleted { .. }, Some(HrWord::Active)) => Ok(None),
            (Lifecycle::Deleted { .. }, _) => out(Word::Ignored, "HR does not say active any more"),
            _ => out(Word::Unchanged, "is back already"),
        };
    };
    if !matches!(user.lifecycle, Lifecycle::Active) {
        return out(Word::Unchanged, "is not active any more");
    }
    let cause = match (cause, word) {
        (Cause::LeaveDate, _) if leave::has_come(user, ctx) => Cause::LeaveDate,
        (_, Some(HrWord::Inactive)) => Cause::Hr,
        (_, Some(HrWord::Missing)) => Cause::Missing,
        _ => return out(Word::Unchanged, "HR says active again"),
    };
    if cause != Cause::LeaveDate && !ctx.policy.settings.deactivation_sync.enabled {
        return out(Word::Ignored, "deactivation sync is off");
    }
    if is_last_admin(user, ctx) {
        return Err(Stays::In(Outcome::because(
            Word::Held,
            "this is the last admin with access",
        )));
    }
    Ok(Some(cause))
}
