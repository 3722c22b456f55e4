//! The decisions on HR's statements.

mod apart;
mod heard;

use chrono::{DateTime, Utc};

use super::alike;
use super::change::{Draft, show};
use super::context::{AHEAD_OF_CLOCK, Context, Gate, is_last_admin};
use super::decision::{Answered, Decision, Outcome, nothing};
use super::held;
use super::leave::By;
use crate::actor::Actor;
use crate::breaker::Counted;
use crate::digest::NoticeKind;
use crate::employee::{HrEvent, HrRecord, HrStatus, HrWord, Merge, Watermark};
use crate::grounds::{Ground, GroundKind, GroundState, Grounds, IgnoredBy};
use crate::history::{Happening, Ignored};
use crate::hold::Held;
use crate::ids::{EmployeeId, EventId, SnapshotId, SourceId};
use crate::lifecycle::{Deactivation, Lifecycle, Origin};
use crate::settings::{Invitations, OnMissing};
use crate::user::User;
use apart::{excluded, of_deleted};
use heard::{Heard, based};

/// Decides one event of one source. What of it could not be read, or is not believed, is left out and named.
pub(super) fn decide(
    stored: Option<&User>,
    settled: Option<User>,
    source: &SourceId,
    event: &HrEvent,
    ctx: &Context<'_>,
) -> Decision {
    let record = stored.and_then(|stored| stored.hr.as_ref());
    let believed = event.disbelieved(record, ctx.zone.day_of(ctx.now));
    let event = believed.as_ref().unwrap_or(event);
    let mut decision = heard(stored, settled, source, event, ctx);
    decision.answered.warnings.clone_from(&event.unread);
    decision
}

/// Decides what the source said of an employee.
fn heard(
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
    // Nobody owns a look-alike, whom nobody has let in.
    let owned = stored.look_alike.is_none();
    if owned && matches!(&stored.origin, Origin::Source(owner) if owner != source) {
        return reject(
            "the employee belongs to another source: a hand-over by an admin moves them",
        );
    }
    let none = Watermark::default();
    let mark = ctx.breaker.map_or(&none, |breaker| &breaker.mark);
    let merged = match &stored.hr {
        Some(record) if stored.awaits_base => based(record, event),
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
    let deleted = matches!(stored.lifecycle(), Lifecycle::Deleted { .. });
    let (record, mutation) = match merged {
        Merge::Stale => return nothing(Answered::of(Outcome::Stale)),
        Merge::Replay if deleted => return nothing(still_deleted()),
        Merge::Replay => return nothing(Answered::of(Outcome::Unchanged)),
        Merge::Unchanged(record) => {
            let mut draft = Draft::of(ctx, stored, stored.clone());
            draft.user().hr = Some(record);
            draft.user().awaits_base = false;
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
    if let Some(look_alike) = &stored.look_alike {
        let users = (stored, settled);
        return alike::heard(users, look_alike, (source, event), record, &by, ctx);
    }
    let included = match ctx.rule.includes(&stored.employee_id, &record) {
        Ok(included) => included,
        Err(reason) => return reject(reason),
    };
    let heard = Heard::of(stored.hr.as_ref(), &record, mutation);
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().hr = Some(record);
    draft.user().awaits_base = false;
    draft.user().origin = Origin::Source(source.clone());
    if !included {
        return excluded(draft, &by, heard);
    }
    if deleted {
        return of_deleted(draft, &by, heard, ctx);
    }
    show(draft.user());
    heed(draft, &by, heard, ctx)
}

/// Decides that an employee that the source knows is missing from its snapshot.
pub(super) fn missing(
    stored: Option<&User>,
    settled: Option<User>,
    source: &SourceId,
    (snapshot, at): (&SnapshotId, DateTime<Utc>),
    ctx: &Context<'_>,
) -> Decision {
    let stored = stored.filter(|stored| stored.look_alike.is_none());
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
    let before = stored.hr.as_ref().map(|record| match stored.awaits_base {
        true => record.rebased(at),
        false => record.clone(),
    });
    let Some(record) = before.as_ref().and_then(|record| record.missing(at)) else {
        if !stored.awaits_base {
            return nothing(Answered::of(Outcome::Unchanged));
        }
        // They were missing from the last snapshot of the source before, too.
        let mut draft = Draft::of(ctx, stored, stored.clone());
        draft.user().hr = before;
        draft.user().awaits_base = false;
        return draft.commit_silently(Answered::of(Outcome::Unchanged));
    };
    let heard = Heard::of(stored.hr.as_ref(), &record, true);
    let included = match ctx.rule.includes(&stored.employee_id, &record) {
        Ok(included) => included,
        Err(reason) => return reject(reason),
    };
    let deleted = matches!(stored.lifecycle(), Lifecycle::Deleted { .. });
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().hr = Some(record);
    draft.user().awaits_base = false;
    if !included {
        return excluded(draft, &by, heard);
    }
    if deleted {
        return of_deleted(draft, &by, heard, ctx);
    }
    heed(draft, &by, heard, ctx)
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
    newcomer(None, source, &event.employee_id, record, by, ctx)
}

/// Creates the user of an employee whom nobody has let in yet: an unknown one, or the look-alike `stored`. Of an unknown
/// one who is inactive, and looks like somebody who is here, an admin is asked instead.
pub(super) fn newcomer(
    stored: Option<&User>,
    source: &SourceId,
    employee_id: &EmployeeId,
    record: HrRecord,
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    let status = record.status();
    let mut grounds = Grounds::default();
    if status == HrStatus::Inactive {
        // The employee left before the source was connected. The user is stored, so that a return is recognised, and
        // nobody is mailed.
        let epoch = ctx.policy.epoch_of(GroundKind::Hr);
        let ground = Ground::in_force(ctx.now, ctx.now, epoch);
        grounds.set(GroundKind::Hr, ground);
        grounds.end(Deactivation {
            cause: GroundKind::Hr.cause(),
            at: ctx.now,
            policy: None,
        });
    }
    let origin = Origin::Source(source.clone());
    let mut user = User::new(employee_id.clone(), origin, grounds);
    user.hr = Some(record);
    show(&mut user);
    if let (HrStatus::Inactive, None, Some(of)) = (status, stored, ctx.alike) {
        return alike::first(user, of, by, ctx);
    }
    let answered = match status {
        HrStatus::Active => Answered::of(Outcome::Created),
        HrStatus::Inactive => Answered::because(Outcome::Created, "inactive from the start"),
    };
    let mut draft = Draft::new(ctx, user, stored);
    if status == HrStatus::Active && ctx.policy.settings.invitations == Invitations::All {
        draft.tell(NoticeKind::invited(false));
    }
    draft.leave_date(By::Machine);
    draft.commit(answered, by, Happening::Created)
}

/// Moves the grounds of a user who is in the sync and not deleted, as HR's word says: what HR says against the user is
/// a ground, what HR takes back is none any more.
fn heed(mut draft: Draft<'_>, by: &Actor, heard: Heard, ctx: &Context<'_>) -> Decision {
    let answered = words_against(&mut draft, heard, ctx);
    draft.leave_date(By::Machine);
    active(&mut draft, heard, ctx);
    let returns = |held: &Held| held.what == Counted::Return;
    if heard.says != HrWord::Active && draft.so_far().hold.as_ref().is_some_and(returns) {
        // A return that waited for an answer is off.
        draft.user().hold = None;
    }
    if let Some((answered, happening)) = answered {
        return draft.commit(answered, by, happening);
    }
    let answered = Answered {
        due_at: draft.so_far().due_at(),
        reason: gives_nothing_back(&draft, heard),
        ..Answered::of(Outcome::Updated)
    };
    draft.commit(answered, by, Happening::Updated)
}

/// Why HR's active gives no access back; `None` if it does, or if nothing was to be given.
fn gives_nothing_back(draft: &Draft<'_>, heard: Heard) -> Option<String> {
    let user = draft.so_far();
    let returned =
        heard.says == HrWord::Active && heard.said.is_some_and(|said| said != heard.says);
    if !returned || matches!(user.lifecycle(), Lifecycle::Active) {
        return None;
    }
    let (kind, _) = user.grounds.in_order().next()?;
    let reason = match kind {
        GroundKind::LeaveDate => "their leave date has come",
        GroundKind::Admin | GroundKind::Deleted => "an admin ended their access",
        GroundKind::Hr | GroundKind::Missing => "what ended their access still stands",
    };
    Some(reason.to_owned())
}

/// HR's words against the person. A word that says what HR said before is none.
fn words_against(
    draft: &mut Draft<'_>,
    heard: Heard,
    ctx: &Context<'_>,
) -> Option<(Answered, Happening)> {
    match heard.says {
        HrWord::Active => None,
        HrWord::Inactive => inactive(draft, heard, ctx),
        HrWord::Missing if heard.said != Some(HrWord::Missing) => {
            Some(against(draft, GroundKind::Missing, ctx))
        }
        HrWord::Missing if heard.status && heard.last == HrStatus::Inactive => {
            Some(against(draft, GroundKind::Hr, ctx))
        }
        HrWord::Missing => still_held(draft, GroundKind::Missing),
    }
}

/// The answer to a change of somebody whom a safeguard keeps; `None` if it does not keep this ground.
fn still_held(draft: &Draft<'_>, kind: GroundKind) -> Option<(Answered, Happening)> {
    if draft.so_far().grounds.state(kind) != Some(GroundState::Held) {
        return None;
    }
    let answered = match is_last_admin(draft.so_far(), draft.ctx) {
        true => Answered::because(Outcome::Held, held::LAST_ADMIN),
        false => held::answered(),
    };
    Some((answered, Happening::Updated))
}

/// HR calls the person inactive. They are not missing any more. But inactive gives nobody access back: where the word
/// does not count, as with the sync off, the ground `missing` stays.
fn inactive(
    draft: &mut Draft<'_>,
    heard: Heard,
    ctx: &Context<'_>,
) -> Option<(Answered, Happening)> {
    let known = draft.so_far().grounds.state(GroundKind::Hr);
    let answered = match known {
        Some(GroundState::Held) if !heard.status => still_held(draft, GroundKind::Hr),
        Some(_) if !heard.status => None,
        _ => Some(against(draft, GroundKind::Hr, ctx)),
    };
    let grounds = &draft.so_far().grounds;
    let needed = grounds.counts(GroundKind::Missing) && !grounds.counts(GroundKind::Hr);
    if heard.said != Some(HrWord::Inactive) && !ctx.observing && !needed {
        draft.take_away(By::Machine, None, |grounds| {
            grounds.remove(GroundKind::Missing)
        });
    }
    answered
}

/// HR calls the person active: its grounds go, unless its source is only observed.
fn active(draft: &mut Draft<'_>, heard: Heard, ctx: &Context<'_>) {
    let kinds = heard.takes_back();
    if kinds.is_empty() {
        return;
    }
    if ctx.observing {
        draft.change(|grounds| {
            for kind in kinds {
                if grounds.state(*kind) == Some(GroundState::Ignored) {
                    grounds.remove(*kind);
                }
            }
        });
        return;
    }
    draft.take_away(By::Machine, None, |grounds| grounds.hear_back(kinds));
}

/// HR calls the person inactive, or a snapshot lacks them. The word becomes a ground.
fn against(draft: &mut Draft<'_>, kind: GroundKind, ctx: &Context<'_>) -> (Answered, Happening) {
    if draft.so_far().grounds.counts(kind) {
        // What was said between was not taken, so the end that was announced stands.
        return (updated(draft), Happening::Updated);
    }
    if let Some((why, told, reason)) = not_acted_on(kind, ctx) {
        let ground = Ground::ignored(why, ctx.now);
        draft.change(|grounds| grounds.set(kind, ground));
        draft.ignores(told);
        let answered = match draft.so_far().lifecycle() {
            Lifecycle::Active => Answered::because(Outcome::Ignored, reason),
            _ => updated(draft),
        };
        return (answered, Happening::Updated);
    }
    let waits = ctx.breaker.is_some_and(|breaker| breaker.hold.is_some());
    let asks_first =
        kind == GroundKind::Missing && ctx.policy.settings.on_missing == OnMissing::Hold;
    let stopped = waits || asks_first || !matches!(ctx.gate, Gate::Open { .. });
    if !matches!(draft.so_far().lifecycle(), Lifecycle::Active) {
        // Nothing ends, so the breaker does not count it. But a word that a safeguard has stopped counts for nobody, until
        // the answer, where the user is in the hold.
        match stopped {
            true if draft.waits_in_hold() => draft.note(kind, GroundState::Held, None),
            true => {
                let ground = Ground::ignored(IgnoredBy::Stopped, ctx.now);
                draft.change(|grounds| grounds.set(kind, ground));
            }
            false => {
                draft.begin(kind, None);
            }
        }
        return (updated(draft), Happening::Updated);
    }
    if draft.waits_in_hold() {
        draft.note(kind, GroundState::Held, None);
        return (held::answered(), Happening::Updated);
    }
    if is_last_admin(draft.so_far(), ctx) {
        draft.note(kind, GroundState::Held, None);
        draft.user().held = true;
        draft.counts(Counted::LastAdmin(kind.cause()));
        let answered = Answered::because(Outcome::Held, held::LAST_ADMIN);
        return (answered, Happening::Held);
    }
    if !draft.counts(Counted::Departure(kind.cause())) {
        draft.note(kind, GroundState::Held, None);
        return (held::answered(), held::stopped(draft.so_far()));
    }
    if !draft.begin(kind, None) {
        return (held::run_undone(), Happening::Updated);
    }
    held::ended(draft.so_far())
}

/// Why the policy does not act on a word; `None` if it does.
fn not_acted_on(kind: GroundKind, ctx: &Context<'_>) -> Option<(IgnoredBy, Ignored, &'static str)> {
    let settings = &ctx.policy.settings;
    if ctx.observing {
        let reason = "the source is only observed";
        return Some((IgnoredBy::Observing, Ignored::Observing, reason));
    }
    if !settings.deactivation_sync.enabled {
        let reason = "deactivation sync is off";
        return Some((IgnoredBy::SyncOff, Ignored::SyncOff, reason));
    }
    if kind == GroundKind::Missing && settings.on_missing == OnMissing::Ignore {
        let reason = "missing people are ignored";
        return Some((IgnoredBy::OnMissing, Ignored::Missing, reason));
    }
    None
}

fn updated(draft: &Draft<'_>) -> Answered {
    Answered {
        due_at: draft.so_far().due_at(),
        ..Answered::of(Outcome::Updated)
    }
}

fn still_deleted() -> Answered {
    Answered::because(Outcome::Ignored, "the account was deleted by hand")
}

pub(super) fn reject(reason: impl Into<String>) -> Decision {
    nothing(Answered::because(Outcome::Rejected, reason))
}
