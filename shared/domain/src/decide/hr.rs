//! The decisions on HR's statements.

use chrono::{DateTime, Utc};

use super::change::{Draft, bring_back, show};
use super::context::{AHEAD_OF_CLOCK, Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, nothing};
use super::{held, leave};
use crate::actor::Actor;
use crate::breaker::Counted;
use crate::digest::NoticeKind;
use crate::employee::{HrEvent, HrRecord, HrStatus, HrWord, Merge, Watermark};
use crate::history::{Happening, Ignored};
use crate::ids::{EventId, SnapshotId, SourceId};
use crate::lifecycle::{Cause, Deactivation, Lifecycle, Origin};
use crate::settings::{Invitations, OnMissing, RestoreDeletedOn};
use crate::user::User;

/// Decides one event of one source.
pub(super) fn decide(
    stored: Option<&User>,
    settled: Option<User>,
    source: &SourceId,
    event: &HrEvent,
    ctx: &Context<'_>,
) -> Decision {
    if event.occurred_at > ctx.now + AHEAD_OF_CLOCK {
        return reject("occurred_at is more than 10 minutes in the future");
    }
    let by = Actor::Hr {
        source: source.clone(),
        event_id: event.id.clone(),
        occurred_at: event.occurred_at,
    };
    let (Some(stored), Some(settled)) = (stored, settled) else {
        return unknown(source, event, &by, ctx);
    };
    if matches!(&stored.origin, Origin::Source(owner) if owner != source) {
        return reject("the employee belongs to another source");
    }
    let none = Watermark::default();
    let mark = ctx.breaker.map_or(&none, |breaker| &breaker.mark);
    let merged = match &stored.hr {
        Some(record) => record.merge_after(event, mark),
        // HR's first statement about a user that an admin added.
        None => {
            let record = HrRecord::first(event);
            Merge::Changed {
                fields: event.fields.keys().copied().collect(),
                record,
                mutation: true,
            }
        }
    };
    let deleted = matches!(stored.lifecycle, Lifecycle::Deleted { .. });
    let (record, mutation) = match merged {
        Merge::Stale => return nothing(Answered::of(Outcome::Stale)),
        Merge::Replay if deleted => return nothing(still_deleted()),
        Merge::Replay => return nothing(Answered::of(Outcome::Unchanged)),
        Merge::Unchanged(record) => {
            let mut draft = Draft::of(ctx, stored, stored.clone());
            draft.user().hr = Some(record);
            return draft.commit_silently(if deleted {
                still_deleted()
            } else {
                Answered::of(Outcome::Unchanged)
            });
        }
        Merge::Changed {
            record, mutation, ..
        } => (record, mutation),
    };
    let included = match ctx.rule.includes(&stored.employee_id, &record) {
        Ok(included) => included,
        Err(reason) => return reject(reason),
    };
    let said = stored.hr_word();
    let says = record.says();
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().hr = Some(record);
    draft.user().origin = Origin::Source(source.clone());
    if !included {
        return excluded(draft, &by);
    }
    if deleted {
        return of_deleted(draft, &by, mutation, said, says, ctx);
    }
    show(draft.user());
    lifecycle(draft, &by, mutation, said, says, ctx)
}

/// Decides that an employee that the source knows is missing from its snapshot.
pub(super) fn missing(
    stored: Option<&User>,
    settled: Option<User>,
    source: &SourceId,
    (snapshot, at): (&SnapshotId, DateTime<Utc>),
    ctx: &Context<'_>,
) -> Decision {
    let (Some(stored), Some(settled)) = (stored, settled) else {
        return nothing(Answered::of(Outcome::Unchanged));
    };
    // Other sources' employees, and users that no source has ever mentioned, are never missing.
    if !matches!(&stored.origin, Origin::Source(owner) if owner == source) {
        return nothing(Answered::of(Outcome::Unchanged));
    }
    let by = Actor::Hr {
        source: source.clone(),
        event_id: EventId::new(snapshot.as_str()).ok(),
        occurred_at: at,
    };
    let said = stored.hr_word();
    let Some(record) = stored.hr.as_ref().and_then(|record| record.missing(at)) else {
        return nothing(Answered::of(Outcome::Unchanged));
    };
    let included = match ctx.rule.includes(&stored.employee_id, &record) {
        Ok(included) => included,
        Err(reason) => return reject(reason),
    };
    let deleted = matches!(stored.lifecycle, Lifecycle::Deleted { .. });
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().hr = Some(record);
    if !included {
        return excluded(draft, &by);
    }
    if deleted {
        draft.user().hold = None;
        return draft.commit_silently(still_deleted());
    }
    lifecycle(draft, &by, true, said, HrWord::Missing, ctx)
}

/// Decides the first event about an employee.
fn unknown(source: &SourceId, event: &HrEvent, by: &Actor, ctx: &Context<'_>) -> Decision {
    // The last snapshot did not contain the employee, and is newer than this event.
    if ctx
        .breaker
        .is_some_and(|breaker| breaker.mark.outdates(event.occurred_at))
    {
        return nothing(Answered::of(Outcome::Stale));
    }
    let record = HrRecord::first(event);
    match ctx.rule.includes(&event.employee_id, &record) {
        Ok(true) => {}
        Ok(false) => return nothing(Answered::of(Outcome::Excluded)),
        Err(reason) => return reject(reason),
    }
    let lifecycle = match event.status {
        HrStatus::Active => Lifecycle::Active,
        // The employee left before the source was connected. The user is stored, so that a return is recognised, and
        // nobody is mailed.
        HrStatus::Inactive => Lifecycle::Deactivated(Deactivation {
            cause: Cause::Hr,
            at: ctx.now,
        }),
    };
    let mut user = User::new(
        event.employee_id.clone(),
        Origin::Source(source.clone()),
        lifecycle,
    );
    user.hr = Some(record);
    show(&mut user);
    let answered = match event.status {
        HrStatus::Active => Answered::of(Outcome::Created),
        HrStatus::Inactive => Answered::because(Outcome::Created, "inactive from the start"),
    };
    let mut draft = Draft::new(ctx, user);
    if event.status == HrStatus::Active && ctx.policy.settings.invitations == Invitations::All {
        draft.tell(NoticeKind::Invited { back: false });
    }
    draft.commit(answered, by, Happening::Created)
}

/// Decides the lifecycle of a user who is in the sync and not deleted.
fn lifecycle(
    mut draft: Draft<'_>,
    by: &Actor,
    mutation: bool,
    said: Option<HrWord>,
    says: HrWord,
    ctx: &Context<'_>,
) -> Decision {
    // An event that says inactive may also take the leave date back. Then the statement counts, not the date.
    if says != HrWord::Active && draft.so_far().cause() == Some(Cause::LeaveDate) {
        draft.leave_date();
    }
    match (&draft.so_far().lifecycle, says) {
        (Lifecycle::Active, HrWord::Inactive | HrWord::Missing) if mutation => {
            let cause = if says == HrWord::Missing {
                Cause::Missing
            } else {
                Cause::Hr
            };
            leave(draft, by, cause, ctx)
        }
        (Lifecycle::Scheduled(schedule), HrWord::Active) if schedule.cause.is_sync() => {
            draft.activate();
            draft.commit(
                Answered::of(Outcome::Reactivated),
                by,
                Happening::Reactivated,
            )
        }
        // HR's word alone does not reactivate a user whose leave date has been reached. Otherwise only a change of HR's
        // word does: what an admin did, an admin undoes.
        (Lifecycle::Deactivated(_), HrWord::Active)
            if said.is_some() && said != Some(says) && !leave::has_come(draft.so_far(), ctx) =>
        {
            draft.activate();
            draft.commit(
                Answered::of(Outcome::Reactivated),
                by,
                Happening::Reactivated,
            )
        }
        _ => {
            if says == HrWord::Active {
                draft.user().held = false;
                draft.user().hold = None;
            }
            let answered = Answered {
                outcome: Outcome::Updated,
                due_at: draft.user().due_at(),
                reason: None,
            };
            draft.commit(answered, by, Happening::Updated)
        }
    }
}

/// Decides the departure of an active user that HR calls inactive, or that a snapshot lacks.
fn leave(mut draft: Draft<'_>, by: &Actor, cause: Cause, ctx: &Context<'_>) -> Decision {
    let settings = &ctx.policy.settings;
    if !settings.deactivation_sync.enabled {
        draft.ignores(Ignored::SyncOff);
        let answered = Answered::because(Outcome::Ignored, "deactivation sync is off");
        return draft.commit(answered, by, Happening::Updated);
    }
    if cause == Cause::Missing && settings.on_missing == OnMissing::Ignore {
        draft.ignores(Ignored::Missing);
        let answered = Answered::because(Outcome::Ignored, "missing people are ignored");
        return draft.commit(answered, by, Happening::Updated);
    }
    if draft.waits_in_hold() {
        return draft.commit(held::answered(), by, Happening::Updated);
    }
    if is_last_admin(draft.user(), ctx) {
        draft.user().held = true;
        draft.counts(Counted::LastAdmin(cause));
        let answered = Answered::because(Outcome::Held, "this is the last admin with access");
        return draft.commit(answered, by, Happening::Held);
    }
    if !draft.counts(Counted::Departure(cause)) {
        return held::stop(draft, by);
    }
    draft.end(cause);
    let due_at = draft.user().due_at();
    match due_at {
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

/// Decides a change of the HR record of a user that an admin deleted.
fn of_deleted(
    mut draft: Draft<'_>,
    by: &Actor,
    mutation: bool,
    said: Option<HrWord>,
    says: HrWord,
    ctx: &Context<'_>,
) -> Decision {
    let comes_back = says == HrWord::Active
        && match ctx.policy.settings.restore_deleted_on {
            // A first statement is no change, so a newly connected source restores nobody.
            RestoreDeletedOn::AnyChange => mutation && said.is_some(),
            RestoreDeletedOn::Reactivation => said.is_some() && said != Some(says),
            RestoreDeletedOn::Never => false,
        };
    if !comes_back {
        if says != HrWord::Active {
            draft.user().hold = None;
        }
        return draft.commit_silently(still_deleted());
    }
    let mut shown = draft.so_far().clone();
    show(&mut shown);
    if leave::has_come(&shown, ctx) {
        return draft.commit_silently(Answered::because(
            Outcome::Ignored,
            "their leave date has come",
        ));
    }
    if draft.waits_in_hold() {
        return draft.commit_silently(held::answered());
    }
    if !draft.counts(Counted::Restore) {
        return held::stop(draft, by);
    }
    bring_back(&mut draft);
    draft.commit(Answered::of(Outcome::Restored), by, Happening::Restored)
}

/// Decides for an employee that the sync rule leaves out. The record is stored, the profile stays, and a schedule of
/// the sync is undone.
fn excluded(mut draft: Draft<'_>, by: &Actor) -> Decision {
    let answered = Answered::because(Outcome::Excluded, "the sync rule leaves this employee out");
    match &draft.so_far().lifecycle {
        Lifecycle::Scheduled(schedule) if schedule.cause.is_sync() => {
            draft.activate();
            draft.commit(answered, by, Happening::Reactivated)
        }
        // HR's leave date counts no longer. An admin's date is independent of the sync rule.
        _ if draft.so_far().leave.by_hand.is_none() => Decision {
            answered,
            ..draft.commit_leave(by)
        },
        _ => draft.commit_silently(answered),
    }
}

fn still_deleted() -> Answered {
    Answered::because(Outcome::Ignored, "the account was deleted by hand")
}

fn reject(reason: impl Into<String>) -> Decision {
    nothing(Answered::because(Outcome::Rejected, reason))
}
