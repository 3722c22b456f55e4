//! The decisions on an admin's actions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::change::{Draft, whole_second};
use super::context::{Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use super::leave::By;
use super::role::Appointment;
use crate::actor::Actor;
use crate::digest::NoticeKind;
use crate::employee::{Field, HrWord};
use crate::grounds::{Ground, GroundKind, Grounds};
use crate::history::Happening;
use crate::ids::{EmployeeId, GivenReason};
use crate::lifecycle::{Access, AtEnd, Cause, Deactivation, Lifecycle, Origin, Role, Status};
use crate::settings::Invitations;
use crate::user::User;

/// The longest time that an admin may give the cards of a leaver, in days from the beginning of the ground.
const LONGEST_GRACE: i32 = 45;

/// Adds a user that HR need not know.
pub(super) fn add(
    stored: Option<&User>,
    by: &Actor,
    employee_id: &EmployeeId,
    profile: &BTreeMap<Field, String>,
    wanted: &Appointment<'_>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if stored.is_some_and(|stored| stored.look_alike.is_none()) {
        return Err(Refusal::Exists);
    }
    let mut user = User::new(employee_id.clone(), Origin::Manual, Grounds::default());
    user.profile = profile.clone();
    user.bound = wanted.login_of(&user, ctx)?;
    user.role = wanted.role;
    let mut draft = Draft::new(ctx, user, stored);
    if ctx.policy.settings.invitations == Invitations::All {
        draft.tell(NoticeKind::invited(false));
    }
    draft.leave_date(By::Admin);
    Ok(draft.commit(Answered::of(Outcome::Created), by, Happening::Created))
}

/// Ends access at once, whatever stands, and has the cards cancelled. `then` is what happens to the account.
pub(super) fn deactivate_now(
    stored: &User,
    settled: User,
    by: &Actor,
    then: AtEnd,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    let over = match settled.lifecycle() {
        Lifecycle::Deleted { .. } => return Err(Refusal::Deleted),
        Lifecycle::Deactivated(_) => true,
        Lifecycle::Active | Lifecycle::Scheduled(_) => false,
    };
    if over && settled.grounds.counts(GroundKind::Admin) {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    if is_last_admin(&settled, ctx) {
        return Err(Refusal::LastAdmin);
    }
    // A list asked for more at the end, which comes now.
    let listed = settled.grounds.get(GroundKind::Admin);
    let then = match listed.filter(|ground| ground.counts()) {
        Some(ground) if then.is_deactivate() => ground.then,
        _ => then,
    };
    let mut draft = Draft::of(ctx, stored, settled);
    draft.ends_by_hand(GroundKind::Admin, then);
    if over {
        // Their access has ended before. From now on HR's word alone does not bring them back.
        let answered = Answered::of(Outcome::Unchanged);
        return Ok(draft.commit(answered, by, Happening::Updated));
    }
    Ok(draft.commit(
        Answered::of(Outcome::Deactivated),
        by,
        Happening::Deactivated,
    ))
}

impl Draft<'_> {
    /// An admin ends the account now, on this ground.
    fn ends_by_hand(&mut self, kind: GroundKind, then: AtEnd) {
        let ground = Ground {
            then,
            ..Ground::in_force(self.ctx.now, self.ctx.now, self.ctx.policy.epoch)
        };
        let end = self.end_by_hand();
        self.change(|grounds| {
            grounds.set(kind, ground);
            grounds.end(end);
        });
    }

    /// The end that an admin decided. It is not taken back.
    pub(super) fn end_by_hand(&self) -> Deactivation {
        Deactivation {
            cause: Cause::Admin,
            at: self.ctx.now,
            policy: None,
        }
    }
}

/// Moves the end of the grace period to `due_at`: no earlier than the end that was announced first, and no later than
/// [`LONGEST_GRACE`] after the ground began.
pub(super) fn postpone(
    stored: &User,
    settled: User,
    by: &Actor,
    due_at: DateTime<Utc>,
    reason: &GivenReason,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    let due_at = whole_second(due_at);
    let schedule = match settled.lifecycle() {
        Lifecycle::Deleted { .. } => return Err(Refusal::Deleted),
        Lifecycle::Scheduled(schedule) => schedule,
        Lifecycle::Active | Lifecycle::Deactivated(_) => return Err(Refusal::NotScheduled),
    };
    let first = settled.grounds.first_due().unwrap_or(schedule.due_at);
    let earliest = first.max(whole_second(ctx.now));
    let latest = whole_second(schedule.at + ctx.day * LONGEST_GRACE);
    if due_at < earliest || due_at > latest {
        return Err(Refusal::EndOutOfRange { earliest, latest });
    }
    let mut answered = Answered::of(Outcome::Updated);
    answered.due_at = Some(due_at);
    let mut draft = Draft::of(ctx, stored, settled);
    draft.change(|grounds| grounds.move_end(due_at, reason.clone()));
    if draft.so_far().grounds == stored.grounds {
        answered.outcome = Outcome::Unchanged;
        return Ok(nothing(answered));
    }
    let reason = reason.clone();
    Ok(draft.commit(answered, by, Happening::DueMoved { due_at, reason }))
}

/// Deletes the user. The sync does not restore the user while the HR record stays as it is.
pub(super) fn delete(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    if matches!(settled.lifecycle(), Lifecycle::Deleted { .. }) {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    if is_last_admin(&settled, ctx) {
        return Err(Refusal::LastAdmin);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.ends_by_hand(GroundKind::Deleted, AtEnd::Deactivate);
    draft.forget_then();
    draft.plan_date();
    Ok(draft.commit(Answered::of(Outcome::Deactivated), by, Happening::Deleted))
}

/// Undoes a deletion, a deactivation or a schedule: what stands against the user is overridden. It works even if HR says
/// inactive or missing; the outcome then says so. For a user that a safeguard has stopped it is a rejection.
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
    let hold = settled.hold.as_ref().map(|held| held.hold.clone());
    let (outcome, happening) = match (settled.lifecycle(), hold) {
        (Lifecycle::Active, hold) if stored.generation == settled.generation => {
            if !settled.grounds.is_held() {
                return Ok(nothing(Answered {
                    reason,
                    ..Answered::of(Outcome::Unchanged)
                }));
            }
            let kept = hold.map_or(Happening::Updated, |hold| Happening::Kept { hold });
            (Outcome::Updated, kept)
        }
        (Lifecycle::Deleted { .. }, _) => (Outcome::Restored, Happening::Restored),
        _ => (Outcome::Reactivated, Happening::Reactivated),
    };
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().hold = None;
    draft.forget_then();
    draft.change(Grounds::restore);
    draft.overrule_leave_date();
    if outcome == Outcome::Restored {
        draft.user().role = Role::Member;
    }
    draft.plan_date();
    Ok(draft.commit(
        Answered {
            reason,
            ..Answered::of(outcome)
        },
        by,
        happening,
    ))
}

/// Confirms the present address for a user, so that they answer for it although somebody had it whom an admin put out. It
/// may be said before there is anybody like that.
pub(super) fn confirm_address(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if matches!(settled.lifecycle(), Lifecycle::Deleted { .. }) {
        return Err(Refusal::Deleted);
    }
    let Some(address) = settled.email().map(|email| email.folded()) else {
        return Err(Refusal::NoAddressYet);
    };
    if settled.confirmed_address.as_ref() == Some(&address) {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().confirmed_address = Some(address);
    Ok(draft.commit(
        Answered::of(Outcome::Updated),
        by,
        Happening::AddressConfirmed,
    ))
}

/// Has an active user invited, by a mail that the limit on invitations does not count. A second word within the minute is one
/// mail, since its notice has the same key.
pub(super) fn invite(
    stored: &User,
    settled: User,
    by: &Actor,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let access = settled.access_at(ctx.now);
    if settled.status() != Status::Active || access == Access::Revoked {
        return Err(Refusal::NotActive);
    }
    if settled.mailed_at().is_none() {
        return Err(Refusal::NoAddressYet);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.tell(NoticeKind::Invited {
        back: false,
        by_hand: true,
    });
    Ok(draft.commit(Answered::of(Outcome::Updated), by, Happening::Invited))
}

pub(super) fn not_on_self(by: &Actor, user: &User) -> Result<(), Refusal> {
    match by.is_admin(&user.employee_id) {
        true => Err(Refusal::OnSelf),
        false => Ok(()),
    }
}
