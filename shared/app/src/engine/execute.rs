//! Load, decide, arm, commit: the one way in which a user changes. [`super::commit`] writes the decision.

use std::borrow::Cow;
use std::time::Instant;

use chrono::{DateTime, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::{
    AdminsChange, Context, Counted, Decision, EmployeeId, Event, Gate, OrgId, SourceId, User,
    decide,
};

use super::commit::{Landed, commit_decided};
use crate::backoff::until_won;
use crate::ports::{Commit, Loaded, Receipt, Users};
use crate::telemetry::Decided;
use crate::when::Days;
use crate::{Clock, Error, Ports, Result, Tenant};

pub use super::commit::Armed;

/// The result of an event.
#[derive(Debug)]
pub struct Executed {
    /// The final decision.
    pub decision: Decision,
    /// The user after the event; `None` if no user exists.
    pub user: Option<User>,
    /// The data that the decision was made on.
    pub loaded: Loaded,
    /// True if nothing was done, because the breaker must be asked first about `decision.counted`, or asked again since
    /// the hold that it had named is closed. Its answer is the gate of the next attempt.
    pub needs_admission: bool,
    /// The outcome if the source were active; `None` unless the source is in observation.
    pub would: Option<Outcome>,
}

/// The options of an execution.
#[derive(Debug, Default)]
pub struct ExecuteOptions<'a> {
    /// The data for the first attempt, if the caller has just read it.
    pub loaded: Option<Loaded>,
    /// The receipt of an idempotent request. It is written in the same transaction.
    pub receipt: Option<&'a Receipt>,
    /// The version of the user that the caller has seen. Another version is an error.
    pub if_match: Option<u64>,
    /// True if the source is in observation, so that it deactivates and restores nobody.
    pub observing: bool,
    /// The breaker's answer for this person; `None` if it was not asked.
    pub gate: Option<Gate>,
    /// True if the caller does the work that the change leaves, as only `terminate` may.
    pub own_work: bool,
    /// The user's source, if the caller knows it and the event has no source. Its breaker is then read in the same
    /// call.
    pub source: Option<&'a SourceId>,
    /// A decision that was made on `loaded` beforehand. It is committed, unless the breaker's answer differs from the
    /// one that it was made with.
    pub judgement: Option<Judgement>,
}

impl ExecuteOptions<'_> {
    /// Decides an event without committing it.
    ///
    /// # Errors
    /// A refusal, or [`Error::Unfinished`] if the event waits for a snapshot.
    pub fn judge<P: Ports>(
        &self,
        tenant: &Tenant<'_, P>,
        loaded: &Loaded,
        id: &EmployeeId,
        event: &Event,
    ) -> Result<Judgement> {
        let user = loaded.users.get(id);
        let gate = self.gate.as_ref().unwrap_or(&Gate::OPEN);
        let (decision, would, counted, admins) = if self.observing {
            let observed = observed(loaded, user, event, (tenant.org, &tenant.clock), gate)?;
            let would = Some(observed.would);
            (observed.decision, would, observed.counted, observed.admins)
        } else {
            let decision = decide_in(loaded, user, event, tenant.org, &tenant.clock, gate, false)?;
            let counted = decision.counted;
            let change = decision.change.as_ref();
            let admins = change.map_or(AdminsChange::None, |change| change.admins);
            (decision, None, counted, admins)
        };
        if decision.change.is_some() && waits(loaded, event, tenant.clock.now()) {
            return Err(Error::Unfinished(
                "a snapshot of a later instant is being applied",
            ));
        }
        Ok(Judgement {
            decision,
            would,
            counted,
            admins,
            gate: self.gate.clone(),
            armed: false,
        })
    }
}

/// An uncommitted decision, with the breaker's answer that it was made with.
#[derive(Debug)]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// The outcome if the source were active; `None` unless the source is in observation.
    pub would: Option<Outcome>,
    /// The change that the breaker counts, or would count if the source were active.
    pub counted: Option<Counted>,
    /// The change of the admins with access, or that of an active source.
    pub admins: AdminsChange,
    /// The breaker's answer that the decision was made with; `None` if it was not asked.
    pub gate: Option<Gate>,
    /// True if the decision's timers are armed already.
    pub armed: bool,
}

/// Decides an event for one user, and commits the decision.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault of a service, or [`Error::Busy`] if other writers came first at every
/// attempt. After a fault the change has taken place wholly or not at all.
pub async fn execute<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
    mut how: ExecuteOptions<'_>,
) -> Result<Executed>
where
    P::Store: Users,
{
    let begun = Instant::now();
    let mut first = how
        .loaded
        .take()
        .map(|loaded| (loaded, how.judgement.take()));
    let how = &how;
    let alike = first.as_ref().map(|(loaded, _)| loaded.alike.clone());
    let alike = &alike.unwrap_or_default();
    until_won(|| {
        let first = first.take();
        async move {
            let (loaded, judgement) = match first {
                Some((loaded, judgement)) => (loaded, judgement),
                None => {
                    let mut loaded = read(tenant, id, event, how.source).await?;
                    loaded.alike.clone_from(alike);
                    (loaded, None)
                }
            };
            let user = loaded.users.get(id);
            if let (Some(version), Some(user)) = (how.if_match, user)
                && user.version != version
            {
                return Err(Error::VersionMismatch);
            }
            let judgement = match judgement.filter(|one| one.gate == how.gate) {
                Some(judgement) => judgement,
                None => how.judge(tenant, &loaded, id, event)?,
            };
            let Judgement {
                decision, would, ..
            } = judgement;
            if let Some(change) = decision.change.as_ref().filter(|_| judgement.armed) {
                armed.note(&change.arm);
            }
            let unasked = |counted| !was_asked(how.gate.as_ref(), counted);
            let asks = |counted: &Counted| event.asks_about(*counted);
            let mut needs_admission = decision.counted.filter(asks).is_some_and(unasked);
            let decided = Decided {
                employee_id: id,
                event,
                decision: &decision,
                user,
                begun,
            };
            if decision.change.is_none() || needs_admission {
                // The decision is not final until the breaker has answered.
                if !needs_admission {
                    decided.tell(tenant);
                }
            } else {
                let beside = Commit {
                    receipt: how.receipt.cloned(),
                    own_work: how.own_work,
                    ..Commit::default()
                };
                match commit_decided(tenant, &[decided], beside, armed).await? {
                    Landed::Done => {}
                    Landed::Conflict => return Ok(None),
                    Landed::HoldClosed => needs_admission = true,
                }
            }
            let change = decision.change.as_ref().filter(|_| !needs_admission);
            let user = change.map(|change| &change.user).or(user).cloned();
            Ok(Some(Executed {
                decision,
                user,
                loaded,
                needs_admission,
                would,
            }))
        }
    })
    .await
}

/// True if the breaker's answer covers this change. The breaker never admits a last admin or a look-alike, so an admission
/// from before the user became one does not cover it.
pub(crate) fn was_asked(gate: Option<&Gate>, counted: Counted) -> bool {
    match gate {
        Some(Gate::Open { .. }) => !counted.is_always_held(),
        Some(Gate::Held { .. }) => true,
        Some(Gate::Stopped) | None => false,
    }
}

/// Reads the data for deciding an event, with one breaker: that of the event's source, or for a timer that of the
/// user's source.
async fn read<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    expected: Option<&SourceId>,
) -> Result<Loaded>
where
    P::Store: Users,
{
    let ids = std::slice::from_ref(id);
    let asked = event.source().or(expected);
    let loaded = tenant.store.load_of(tenant.org, asked, ids).await?;
    let of_a_timer = event.needs_breaker_of_user();
    let origin = loaded.users.get(id).and_then(|user| user.origin.source());
    match origin.filter(|source| of_a_timer && asked != Some(*source)) {
        Some(source) => Ok(tenant.store.load_of(tenant.org, Some(source), ids).await?),
        None => Ok(loaded),
    }
}

/// The result of an event of a source in observation.
#[derive(Debug)]
pub struct Observed {
    /// The decision that is carried out.
    pub decision: Decision,
    /// The outcome if the source were active.
    pub would: Outcome,
    /// The change that the breaker would count if the source were active.
    pub counted: Option<Counted>,
    /// The change of the admins with access if the source were active.
    pub admins: AdminsChange,
}

/// Decides an event of a source in observation. The decision deactivates and restores nobody. Its reason says what an
/// active source would have done, with the breaker's answer `gate`.
///
/// # Errors
/// A refusal.
pub fn observed(
    loaded: &Loaded,
    user: Option<&User>,
    event: &Event,
    (org, clock): (&OrgId, &Clock),
    gate: &Gate,
) -> Result<Observed> {
    let active = decide_in(loaded, user, event, org, clock, gate, false)?;
    let (would, counted) = (active.answered.outcome, active.counted);
    let change = active.change.as_ref();
    let admins = change.map_or(AdminsChange::None, |change| change.admins);
    let mut decision = decide_in(loaded, user, event, org, clock, &Gate::OPEN, true)?;
    decision.counted = None;
    let quiet = matches!(
        (decision.answered.outcome, would),
        (Outcome::Ignored, _) | (Outcome::Updated, Outcome::Reactivated)
    );
    if quiet {
        decision.answered.reason = Some(match would {
            Outcome::Scheduled
            | Outcome::Deactivated
            | Outcome::Reactivated
            | Outcome::Restored
            | Outcome::Held => {
                format!(
                    "the source is only observed; active, it would have {}",
                    would.done()
                )
            }
            _ => "the source is only observed".to_owned(),
        });
    }
    Ok(Observed {
        decision,
        would,
        counted,
        admins,
    })
}

/// True if the event waits until its source has applied a snapshot of a later instant. Whether the event is news is
/// known only then: the snapshot may have found the person equal, which writes nothing.
fn waits(loaded: &Loaded, event: &Event, now: DateTime<Utc>) -> bool {
    let Event::Hr { event, .. } = event else {
        return false;
    };
    let pending = loaded.breaker.as_ref();
    let pending = pending.and_then(|breaker| breaker.pending.as_ref());
    pending.is_some_and(|mark| mark.delays(event.occurred_at, now))
}

/// Decides on the loaded data, without an answer of the breaker.
///
/// # Errors
/// A refusal.
pub fn decide_on(
    loaded: &Loaded,
    user: Option<&User>,
    event: &Event,
    org: &OrgId,
    clock: &Clock,
) -> Result<Decision> {
    decide_in(loaded, user, event, org, clock, &Gate::OPEN, false)
}

/// Decides on the loaded data and the breaker's answer. `observing` is true if the source is only observed.
fn decide_in(
    loaded: &Loaded,
    user: Option<&User>,
    event: &Event,
    org: &OrgId,
    clock: &Clock,
    gate: &Gate,
    observing: bool,
) -> Result<Decision> {
    let rule = crate::rules::of(&loaded.policy);
    let breaker = loaded.breaker.as_deref().map(|breaker| match event {
        Event::Hr { event, .. } => breaker.of(&event.employee_id),
        _ => Cow::Borrowed(breaker),
    });
    let context = Context {
        org,
        policy: &loaded.policy,
        rule: &*rule,
        zone: &Days::of(&loaded.policy.settings.time_zone),
        admins: &loaded.admins,
        logins: &loaded.logins,
        alike: event.employee().and_then(|id| loaded.alike.get(id)),
        breaker: breaker.as_deref(),
        gate,
        observing,
        day: clock.day(),
        now: clock.now(),
    };
    Ok(decide(user, event, &context)?)
}
