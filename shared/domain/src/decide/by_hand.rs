//! The decisions on an admin's actions.

use std::collections::BTreeMap;

use super::change::Draft;
use super::context::{Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use crate::actor::{Actor, SubjectKind};
use crate::digest::NoticeKind;
use crate::employee::{Field, HrWord};
use crate::history::Happening;
use crate::ids::EmployeeId;
use crate::lifecycle::{Cause, Lifecycle, Origin, Role};
use crate::settings::Invitations;
use crate::user::User;

/// Adds a user that HR need not know.
pub(super) fn add(
    stored: Option<&User>,
    by: &Actor,
    employee_id: &EmployeeId,
    profile: &BTreeMap<Field, String>,
    (role, signs_in_by): (Role, SubjectKind),
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if stored.is_some() {
        return Err(Refusal::Exists);
    }
    let mut user = User::new(employee_id.clone(), Origin::Manual, Lifecycle::Active);
    user.profile = profile.clone();
    can_be_named(&user, role, signs_in_by)?;
    user.role = role;
    let mut draft = Draft::new(ctx, user);
    if ctx.policy.settings.invitations == Invitations::All {
        draft.tell(NoticeKind::Invited { back: false });
    }
    Ok(draft.commit(Answered::of(Outcome::Created), by, Happening::Created))
}

/// Ends access at once, and has the cards cancelled.
pub(super) fn deactivate_now(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    match settled.lifecycle {
        Lifecycle::Deleted { .. } => return Err(Refusal::Deleted),
        Lifecycle::Deactivated(_) => return Ok(nothing(Answered::of(Outcome::Unchanged))),
        Lifecycle::Active | Lifecycle::Scheduled(_) => {}
    }
    if is_last_admin(&settled, ctx) {
        return Err(Refusal::LastAdmin);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.deactivate(Cause::Admin);
    Ok(draft.commit(
        Answered::of(Outcome::Deactivated),
        by,
        Happening::Deactivated,
    ))
}

/// Begins the grace period of a leaver that an admin has reported.
pub(super) fn leave(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    if !matches!(settled.lifecycle, Lifecycle::Active) {
        let due_at = settled.due_at();
        return Ok(nothing(Answered {
            outcome: Outcome::Unchanged,
            due_at,
            reason: None,
        }));
    }
    if is_last_admin(&settled, ctx) {
        return Err(Refusal::LastAdmin);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.schedule(Cause::Admin);
    let due_at = draft.so_far().due_at().unwrap_or(ctx.now);
    let answered = Answered {
        outcome: Outcome::Scheduled,
        due_at: Some(due_at),
        reason: None,
    };
    Ok(draft.commit(answered, by, Happening::Scheduled { due_at }))
}

/// Deletes the user. The sync does not restore the user while the HR record stays as it is.
pub(super) fn delete(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    if matches!(settled.lifecycle, Lifecycle::Deleted { .. }) {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    if is_last_admin(&settled, ctx) {
        return Err(Refusal::LastAdmin);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.delete();
    Ok(draft.commit(Answered::of(Outcome::Deactivated), by, Happening::Deleted))
}

/// Undoes a deletion, a deactivation or a schedule. It works even if HR says inactive or missing; the outcome then says
/// so.
pub(super) fn restore(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    let reason = match settled.hr_word() {
        Some(HrWord::Inactive) => Some("HR still says inactive".to_owned()),
        Some(HrWord::Missing) => Some("missing from the last snapshot".to_owned()),
        Some(HrWord::Active) | None => None,
    };
    let (outcome, happening) = match settled.lifecycle {
        Lifecycle::Active if stored.generation == settled.generation => {
            return Ok(nothing(Answered {
                outcome: Outcome::Unchanged,
                due_at: None,
                reason,
            }));
        }
        Lifecycle::Deleted { .. } => (Outcome::Restored, Happening::Restored),
        Lifecycle::Active | Lifecycle::Scheduled(_) | Lifecycle::Deactivated(_) => {
            (Outcome::Reactivated, Happening::Reactivated)
        }
    };
    let mut draft = Draft::of(ctx, stored, settled);
    draft.activate();
    draft.overrule_leave_date();
    if outcome == Outcome::Restored {
        draft.user().role = Role::Member;
    }
    Ok(draft.commit(
        Answered {
            outcome,
            due_at: None,
            reason,
        },
        by,
        happening,
    ))
}

/// Makes the user an admin or a member.
pub(super) fn set_role(
    stored: &User,
    settled: User,
    by: &Actor,
    (role, signs_in_by): (Role, SubjectKind),
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if matches!(settled.lifecycle, Lifecycle::Deleted { .. }) {
        return Err(Refusal::Deleted);
    }
    if settled.role == role {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    if role == Role::Member {
        not_on_self(by, stored)?;
        if is_last_admin(&settled, ctx) {
            return Err(Refusal::LastAdmin);
        }
    }
    can_be_named(&settled, role, signs_in_by)?;
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().role = role;
    Ok(draft.commit(
        Answered::of(Outcome::Updated),
        by,
        Happening::RoleChanged { role },
    ))
}

/// Where tokens name people by address, an admin without one could never act, and would yet count as the last.
fn can_be_named(user: &User, role: Role, signs_in_by: SubjectKind) -> Result<(), Refusal> {
    let nameless = signs_in_by == SubjectKind::Email && user.email().is_none();
    if role == Role::Admin && nameless {
        return Err(Refusal::NoAddress);
    }
    Ok(())
}

pub(super) fn not_on_self(by: &Actor, user: &User) -> Result<(), Refusal> {
    match by {
        Actor::Admin {
            employee_id: Some(actor),
            ..
        } if *actor == user.employee_id => Err(Refusal::OnSelf),
        _ => Ok(()),
    }
}
