//! HR's statements about users whom the sync does not move: those that an admin deleted, and those that the sync rule
//! leaves out.

use super::heard::Heard;
use super::{active, still_deleted, words_against};
use crate::actor::Actor;
use crate::decide::change::{Draft, bring_back, by_policy, show};
use crate::decide::context::Context;
use crate::decide::decision::{Answered, Decision, Outcome};
use crate::decide::held;
use crate::decide::leave::{self, By};
use crate::employee::{HrStatus, HrWord};
use crate::grounds::{Ground, GroundKind, GroundState, IgnoredBy};
use crate::history::Happening;
use crate::lifecycle::Lifecycle;
use crate::settings::RestoreDeletedOn;

/// Decides a change of the HR record of a user that an admin deleted. The word moves its ground all the same.
pub(super) fn of_deleted(
    mut draft: Draft<'_>,
    by: &Actor,
    heard: Heard,
    ctx: &Context<'_>,
) -> Decision {
    let taken = |kind| {
        let state = draft.so_far().grounds.state(kind);
        matches!(state, Some(GroundState::InForce | GroundState::Overridden))
    };
    // A word that a safeguard stopped, or that the policy ignored, counts for nobody: neither does its end.
    let returned = heard.said.is_some_and(|said| said != heard.says)
        && (taken(GroundKind::Hr) || taken(GroundKind::Missing));
    let comes_back = !ctx.observing
        && heard.says == HrWord::Active
        && match ctx.policy.settings.restore_deleted_on {
            // A first statement is no change, so a newly connected source restores nobody.
            RestoreDeletedOn::AnyChange => (heard.fields && heard.said.is_some()) || returned,
            RestoreDeletedOn::Reactivation => returned,
            RestoreDeletedOn::Never => false,
        };
    words_against(&mut draft, heard, ctx);
    if !comes_back {
        active(&mut draft, heard, ctx);
        if heard.says != HrWord::Active {
            draft.user().hold = None;
        }
        return draft.commit_silently(still_deleted());
    }
    let mut shown = draft.so_far().clone();
    show(&mut shown);
    if leave::has_come(&shown, ctx) {
        active(&mut draft, heard, ctx);
        return draft.commit_silently(Answered::because(
            Outcome::Ignored,
            "their leave date has come",
        ));
    }
    let mut after = draft.so_far().grounds.clone();
    after.hear_back(heard.takes_back());
    // HR calls them active, and the date that counted before the deletion was moved or removed, or it has not come.
    let gone = [
        GroundKind::Deleted,
        GroundKind::Hr,
        GroundKind::Missing,
        GroundKind::LeaveDate,
    ];
    for kind in gone {
        after.remove(kind);
    }
    if !matches!(after.lifecycle(), Lifecycle::Active) {
        active(&mut draft, heard, ctx);
        return draft.commit_silently(Answered::because(
            Outcome::Ignored,
            "an admin ended their access before the deletion",
        ));
    }
    if draft.waits_in_hold() {
        return draft.commit_silently(held::answered());
    }
    if !draft.may_return() {
        let stopped = held::stopped(draft.so_far());
        return draft.commit(held::answered(), by, stopped);
    }
    bring_back(&mut draft);
    draft.leave_date(By::Machine);
    draft.commit(Answered::of(Outcome::Restored), by, Happening::Restored)
}

/// Decides for an employee that the sync rule leaves out. The record is stored, the profile stays, and HR's grounds are
/// ignored. Who is deactivated or deleted stays so.
pub(super) fn excluded(mut draft: Draft<'_>, by: &Actor, heard: Heard) -> Decision {
    let answered = Answered::because(Outcome::Excluded, held::EXCLUDED);
    let now = draft.ctx.now;
    let kind = match heard.says {
        HrWord::Missing if heard.said != Some(heard.says) => Some(GroundKind::Missing),
        _ if heard.status && heard.last == HrStatus::Inactive => Some(GroundKind::Hr),
        _ => None,
    };
    if let Some(kind) = kind.filter(|kind| !draft.so_far().grounds.counts(*kind)) {
        let ground = Ground::ignored(IgnoredBy::Rule, now);
        draft.change(|grounds| grounds.set(kind, ground));
    }
    let moved = draft.leave_out();
    let not_so: &[GroundKind] = match (heard.says, heard.last) {
        (HrWord::Active, _) => &[GroundKind::Hr, GroundKind::Missing],
        (HrWord::Missing, HrStatus::Active) => &[GroundKind::Hr],
        _ => &[],
    };
    draft.change(|grounds| grounds.forget_idle(not_so));
    // HR's leave date counts no longer. An admin's date is independent of the sync rule.
    draft.leave_date(By::Machine);
    if moved {
        let happening = by_policy(&draft.so_far().lifecycle());
        return Decision {
            answered: answered.clone(),
            ..draft.commit(answered, by, happening)
        };
    }
    let visible = draft.moved.is_some();
    let decision = match visible {
        true => draft.commit_date(by),
        false => draft.commit_silently(answered.clone()),
    };
    Decision {
        answered,
        ..decision
    }
}
