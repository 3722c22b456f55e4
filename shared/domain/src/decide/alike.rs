//! Employees who look like somebody who is here.
//!
//! An id that is new and arrives inactive is most likely another spelling of a known one: HR has called that person
//! inactive, and they would keep their access. So nobody is created, and an admin is asked. What HR says of them meanwhile is
//! kept; its *active* creates them, as it would have without all this.

use super::change::Draft;
use super::context::Context;
use super::decision::{Answered, Decision, Outcome, nothing};
use super::held;
use super::hr::{newcomer, reject};
use crate::actor::Actor;
use crate::breaker::Counted;
use crate::employee::{HrEvent, HrRecord, HrStatus};
use crate::history::Happening;
use crate::ids::{EmployeeId, HoldId, SourceId};
use crate::user::{LookAlike, User};

/// The outcome for somebody who looks like `of`.
fn answered(of: &EmployeeId) -> Answered {
    Answered::because(
        Outcome::Held,
        format!("is unknown, and looks like {of}, who is here: an admin is asked"),
    )
}

/// Decides HR's first word about `user`, who is not stored and looks like `of`.
pub(super) fn first(mut user: User, of: &EmployeeId, by: &Actor, ctx: &Context<'_>) -> Decision {
    if ctx.observing {
        return nothing(Answered::because(
            Outcome::Ignored,
            "the source is only observed",
        ));
    }
    user.look_alike = Some(LookAlike {
        of: of.clone(),
        refused: false,
    });
    let mut draft = Draft::new(ctx, user, None);
    draft.counts(Counted::LookAlike);
    if let Some(held) = &mut draft.user().hold {
        // The release before reads users who wait, and knows no look-alikes.
        held.what = Counted::Return;
    }
    let stopped = held::stopped(draft.so_far());
    draft.commit(answered(of), by, stopped)
}

/// Decides what HR says next about a look-alike.
pub(super) fn heard(
    (stored, settled): (&User, User),
    look_alike: &LookAlike,
    (source, event): (&SourceId, &HrEvent),
    record: HrRecord,
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    let id = &stored.employee_id;
    match ctx.rule.includes(id, &record) {
        Ok(true) => {}
        Ok(false) => return nothing(Answered::of(Outcome::Excluded)),
        Err(reason) => return reject(reason),
    }
    if event.status == HrStatus::Active {
        return newcomer(Some(stored), source, id, record, by, ctx);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.hears(record);
    draft.commit_silently(match look_alike.refused {
        true => Answered::because(
            Outcome::Ignored,
            format!(
                "an admin has kept them out: they look like {}",
                look_alike.of
            ),
        ),
        false => answered(&look_alike.of),
    })
}

/// Lets a look-alike in. They are created as HR describes them by now.
pub(super) fn approve(
    stored: &User,
    settled: User,
    hold: &HoldId,
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    let (Some(source), Some(record)) = (stored.origin.source(), &stored.hr) else {
        return nothing(Answered::of(Outcome::Unchanged));
    };
    let id = &stored.employee_id;
    match ctx.rule.includes(id, record) {
        Ok(true) => newcomer(Some(stored), source, id, record.clone(), by, ctx),
        Ok(false) => {
            let answered = Answered::because(Outcome::Excluded, held::EXCLUDED);
            refuse(Draft::of(ctx, stored, settled), answered, hold, by)
        }
        Err(reason) => reject(reason),
    }
}

/// Keeps a look-alike out.
pub(super) fn refuse(
    mut draft: Draft<'_>,
    answered: Answered,
    hold: &HoldId,
    by: &Actor,
) -> Decision {
    draft.user().hold = None;
    if let Some(look_alike) = &mut draft.user().look_alike {
        look_alike.refused = true;
    }
    draft.commit(answered, by, Happening::Kept { hold: hold.clone() })
}
