//! Users that a safeguard has stopped, and the effect of an admin's answer on them.

use super::alike;
use super::change::{Draft, bring_back};
use super::context::{Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, nothing};
use super::leave::{self, By};
use crate::actor::Actor;
use crate::breaker::Counted;
use crate::employee::HrWord;
use crate::grounds::{GroundKind, GroundState, Grounds};
use crate::history::Happening;
use crate::ids::HoldId;
use crate::lifecycle::Lifecycle;
use crate::user::User;

/// What happened to a user that a safeguard has stopped, for the history.
pub(super) fn stopped(user: &User) -> Happening {
    match user.hold.as_ref().map(|held| held.hold.clone()) {
        Some(hold) => Happening::Stopped { hold },
        None => Happening::Updated,
    }
}

/// The outcome and the happening of a user whose access has just ended.
pub(super) fn ended(user: &User) -> (Answered, Happening) {
    match user.due_at() {
        Some(due_at) => {
            let answered = Answered {
                due_at: Some(due_at),
                ..Answered::of(Outcome::Scheduled)
            };
            (answered, Happening::Scheduled { due_at })
        }
        None => (Answered::of(Outcome::Deactivated), Happening::Deactivated),
    }
}

/// The outcome for a user whose run an admin has undone before it came to them.
pub(super) fn run_undone() -> Answered {
    Answered::because(Outcome::Unchanged, "the run was taken back")
}

/// Why a word has no effect yet.
pub(super) const STOPPED: &str = "a safeguard stopped it until an admin answers the hold";

/// Why the sync does not act on an employee.
pub(super) const EXCLUDED: &str = "the sync rule leaves this employee out";

/// Why the access of the last admin does not end.
pub(super) const LAST_ADMIN: &str = "this is the last admin with access";

/// The outcome for a held user.
pub(super) fn answered() -> Answered {
    Answered::because(Outcome::Held, STOPPED)
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
    if stored.look_alike.is_some() {
        return alike::approve(stored, settled, hold, by, ctx);
    }
    let kinds = match still(&settled, what, ctx) {
        Ok(kinds) => kinds,
        Err(Stays::In(answered)) => return nothing(answered),
        Err(Stays::Out(answered)) => {
            let mut draft = Draft::of(ctx, stored, settled);
            draft.user().hold = None;
            draft.user().held = false;
            draft.change(Grounds::refuse);
            return draft.commit(answered, by, Happening::Kept { hold: hold.clone() });
        }
    };
    let out = !matches!(settled.lifecycle(), Lifecycle::Active);
    let mut draft = Draft::of(ctx, stored, settled);
    draft.approved = true;
    let deleted = matches!(draft.so_far().lifecycle(), Lifecycle::Deleted { .. });
    let Some(kinds) = kinds else {
        draft.user().hold = None;
        if deleted {
            bring_back(&mut draft);
            return draft.commit(Answered::of(Outcome::Restored), by, Happening::Restored);
        }
        let date = draft.so_far().leave_date();
        draft.change(|grounds| {
            grounds.hear_active();
            let of = grounds
                .get(GroundKind::LeaveDate)
                .and_then(|ground| ground.date);
            if of.is_some_and(|of| Some((of.date, of.by)) != date) {
                grounds.remove(GroundKind::LeaveDate);
            }
        });
        draft.leave_date(By::Admin);
        let answered = Answered::of(Outcome::Reactivated);
        return draft.commit(answered, by, Happening::Reactivated);
    };
    for kind in kinds {
        let date = draft
            .so_far()
            .grounds
            .get(kind)
            .and_then(|ground| ground.date);
        if !draft.begin(kind, date) {
            let kept = Happening::Kept { hold: hold.clone() };
            draft.change(Grounds::refuse);
            return draft.commit(run_undone(), by, kept);
        }
    }
    if out {
        // Another ground has ended their access before. HR's word stands beside it from now on.
        draft.user().hold = None;
        let mut answered = Answered::because(Outcome::Unchanged, "was out already");
        answered.due_at = draft.so_far().due_at();
        return draft.commit(answered, by, Happening::Updated);
    }
    let (answered, happening) = ended(draft.so_far());
    draft.commit(answered, by, happening)
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
    let answered = Answered::of(Outcome::Updated);
    if stored.look_alike.is_some() {
        return alike::refuse(draft, answered, hold, by);
    }
    draft.user().hold = None;
    draft.user().held = false;
    draft.change(Grounds::refuse);
    let kept = Happening::Kept { hold: hold.clone() };
    draft.commit(answered, by, kept)
}

/// Why a user stays although an admin has approved the hold.
enum Stays {
    /// The user stays in the hold.
    In(Answered),
    /// The user leaves the hold.
    Out(Answered),
}

/// Whether the stopped change would still happen. `Ok` has the grounds that begin to count, or `None` for a return.
fn still(user: &User, what: Counted, ctx: &Context<'_>) -> Result<Option<Vec<GroundKind>>, Stays> {
    let out = |word, why: &str| Err(Stays::Out(Answered::because(word, why)));
    let word = user.hr_word();
    let included = user.hr.as_ref().map_or(Ok(true), |record| {
        ctx.rule.includes(&user.employee_id, record)
    });
    match included {
        Ok(true) => {}
        Ok(false) => return out(Outcome::Excluded, EXCLUDED),
        Err(reason) => return Err(Stays::In(Answered::because(Outcome::Rejected, reason))),
    }
    if what == Counted::Return {
        return match (user.lifecycle(), word) {
            (Lifecycle::Active | Lifecycle::Scheduled(_), _) => {
                out(Outcome::Unchanged, "is back already")
            }
            (_, Some(HrWord::Active)) => Ok(None),
            _ => out(Outcome::Ignored, "HR does not say active any more"),
        };
    }
    let stands = |kind: &GroundKind| match kind {
        GroundKind::LeaveDate => leave::has_come(user, ctx),
        _ => ctx.policy.settings.deactivation_sync.enabled,
    };
    let held: Vec<GroundKind> = user
        .grounds
        .in_order()
        .filter(|(_, ground)| ground.state == GroundState::Held)
        .map(|(kind, _)| kind)
        .collect();
    if held.is_empty() {
        return out(Outcome::Unchanged, "HR says active again");
    }
    let kinds: Vec<GroundKind> = held.into_iter().filter(stands).collect();
    if kinds.is_empty() {
        return match ctx.policy.settings.deactivation_sync.enabled {
            true => out(Outcome::Unchanged, "the leave date has not come"),
            false => out(Outcome::Ignored, "deactivation sync is off"),
        };
    }
    if is_last_admin(user, ctx) {
        return Err(Stays::In(Answered::because(Outcome::Held, LAST_ADMIN)));
    }
    Ok(Some(kinds))
}
