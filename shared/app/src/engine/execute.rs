//! Load → decide → arm → commit: the one way in which a user changes. What is decided becomes true in [`super::commit`].

use std::sync::Arc;
use std::time::Instant;

use offramp_domain::decide::Word;
use offramp_domain::settings::RestoreDeletedOn;
use offramp_domain::{
    Context, Counted, Decision, EmployeeId, Event, Gate, Ignored, OrgId, SourceId, User, decide,
};

use super::commit::commit_decided;
use crate::backoff::until_won;
use crate::ports::{Commit, Committed, Loaded, Receipt, Users};
use crate::telemetry::Decided;
use crate::when::Days;
use crate::{Clock, Error, Ports, Result, Tenant};

pub use super::commit::Armed;

/// What became of an event.
#[derive(Debug)]
pub struct Executed {
    /// What was decided, in the end.
    pub decision: Decision,
    /// The user after it; `None` where there is still nobody.
    pub user: Option<User>,
    /// What it was decided on.
    pub loaded: Loaded,
    /// Nothing was done: the breaker is to be asked first (`decision.counted`), and its answer is the
    /// gate of the next try.
    pub asks: bool,
    /// What would have become of it, where the source is only observed.
    pub would: Option<Word>,
}

/// What an execution knows beforehand, and what belongs to it.
#[derive(Debug, Default)]
pub struct How<'a> {
    /// The first read, where the caller has just made it.
    pub loaded: Option<Loaded>,
    /// The receipt of an idempotent request, for the same transaction.
    pub receipt: Option<&'a Receipt>,
    /// The version that the caller has seen.
    pub if_match: Option<u64>,
    /// The source is only observed: it deactivates and restores nobody.
    pub observing: bool,
    /// What the breaker has said of this person; `None` where it was not asked.
    pub gate: Option<Gate>,
    /// The caller goes on with the work that the change makes, as only `terminate` may.
    pub own_work: bool,
    /// The user's source, as far as the caller knows, where no source speaks: its breaker is read in the same call.
    pub source: Option<&'a SourceId>,
    /// What was decided on `loaded` beforehand. It is committed, unless the breaker has said something else since than it
    /// was decided with.
    pub judgement: Option<Judgement>,
}

impl How<'_> {
    /// Decides an event, and commits nothing.
    ///
    /// # Errors
    /// A refusal.
    pub fn judge<P: Ports>(
        &self,
        tenant: &Tenant<'_, P>,
        loaded: &Loaded,
        id: &EmployeeId,
        event: &Event,
    ) -> Result<Judgement> {
        let user = loaded.users.get(id);
        let (decision, would, counted) = if self.observing {
            let observed = observed(loaded, user, event, tenant.org, &tenant.clock)?;
            (observed.decision, Some(observed.would), observed.counted)
        } else {
            let gate = self.gate.as_ref().unwrap_or(&Gate::OPEN);
            let decision = decide_at(loaded, user, event, tenant.org, &tenant.clock, gate)?;
            let counted = decision.counted;
            (decision, None, counted)
        };
        Ok(Judgement {
            decision,
            would,
            counted,
            gate: self.gate.clone(),
            armed: false,
        })
    }
}

/// A decision that is not committed yet, and what it was made with.
#[derive(Debug)]
pub struct Judgement {
    /// What was decided.
    pub decision: Decision,
    /// What would be done, where the source is only observed.
    pub would: Option<Word>,
    /// What the breaker is asked about; or would be, where the source is only observed.
    pub counted: Option<Counted>,
    /// What the breaker had said.
    pub gate: Option<Gate>,
    /// Its timers stand already.
    pub armed: bool,
}

/// Decides an event for one user and makes it so.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault of a service, or [`Error::Busy`] when others
/// kept writing first. After a fault the change has taken place wholly or not at all.
pub async fn execute<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
    mut how: How<'_>,
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
    until_won(|| {
        let first = first.take();
        async move {
            let (loaded, judgement) = match first {
                Some((loaded, judgement)) => (loaded, judgement),
                None => (read(tenant, id, event, how.source).await?, None),
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
            let asks = event.is_a_machines() && decision.counted.is_some_and(unasked);
            let decided = Decided {
                employee_id: id,
                event,
                decision: &decision,
                user,
                begun,
            };
            if decision.change.is_none() || asks {
                // What is asked about is not decided yet.
                if !asks {
                    decided.tell(tenant);
                }
            } else {
                let beside = Commit {
                    receipt: how.receipt.cloned(),
                    own_work: how.own_work,
                    ..Commit::default()
                };
                if commit_decided(tenant, &[decided], beside, armed).await? == Committed::Conflict {
                    return Ok(None);
                }
            }
            let change = decision.change.as_ref().filter(|_| !asks);
            let user = change.map(|change| &change.user).or(user).cloned();
            Ok(Some(Executed {
                decision,
                user,
                loaded,
                asks,
                would,
            }))
        }
    })
    .await
}

/// Whether what the breaker has said is about this. Of the last admin it never says that they may go:
/// whoever has become the last since it was asked is asked about anew.
pub(crate) fn was_asked(gate: Option<&Gate>, counted: Counted) -> bool {
    match gate {
        Some(Gate::Open { .. }) => !matches!(counted, Counted::LastAdmin(_)),
        Some(Gate::Held { .. }) => true,
        None => false,
    }
}

/// Reads what an event is decided on: with the breaker of the source that speaks, or of the source
/// whose user a timer fires for.
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
    let of_a_timer = event.is_a_machines() && event.source().is_none();
    let origin = loaded.users.get(id).and_then(|user| user.origin.source());
    match origin.filter(|source| of_a_timer && asked != Some(*source)) {
        Some(source) => Ok(tenant.store.load_of(tenant.org, Some(source), ids).await?),
        None => Ok(loaded),
    }
}

/// What an event of a source that is only observed comes to.
#[derive(Debug)]
pub struct Observed {
    /// What is done.
    pub decision: Decision,
    /// What would have been done.
    pub would: Word,
    /// What the breaker would have been asked about.
    pub counted: Option<Counted>,
}

/// What an event of a source that is only observed comes to: it deactivates and restores nobody, and
/// says what it would have done.
///
/// # Errors
/// A refusal.
pub fn observed(
    loaded: &Loaded,
    user: Option<&User>,
    event: &Event,
    org: &OrgId,
    clock: &Clock,
) -> Result<Observed> {
    let active = decide_on(loaded, user, event, org, clock)?;
    let (would, counted) = (active.outcome.word, active.counted);
    let mut observed = loaded.clone();
    let settings = &mut Arc::make_mut(&mut observed.policy).settings;
    settings.deactivation_sync.enabled = false;
    settings.restore_deleted_on = RestoreDeletedOn::Never;
    let mut decision = decide_on(&observed, user, event, org, clock)?;
    decision.counted = None;
    let change = decision.change.as_mut();
    if let Some(entry) = change.and_then(|change| change.entry.as_mut())
        && entry.ignored.is_some()
    {
        entry.ignored = Some(Ignored::Observing);
    }
    if decision.outcome.word == Word::Ignored {
        decision.outcome.reason = Some(match would {
            Word::Scheduled | Word::Deactivated | Word::Restored | Word::Held => format!(
                "the source is only observed; active, it would have {}",
                would.done()
            ),
            _ => "the source is only observed".to_owned(),
        });
    }
    Ok(Observed {
        decision,
        would,
        counted,
    })
}

/// Decides on what was loaded, where nobody has asked the breaker.
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
    decide_at(loaded, user, event, org, clock, &Gate::OPEN)
}

/// Decides on what was loaded, and on what the breaker has said.
///
/// # Errors
/// A refusal.
pub fn decide_at(
    loaded: &Loaded,
    user: Option<&User>,
    event: &Event,
    org: &OrgId,
    clock: &Clock,
    gate: &Gate,
) -> Result<Decision> {
    let rule = crate::rules::of(&loaded.policy);
    let context = Context {
        org,
        policy: &loaded.policy,
        rule: &*rule,
        zone: &Days::of(&loaded.policy.settings.time_zone),
        admins: &loaded.admins,
        breaker: loaded.breaker.as_deref(),
        gate,
        day: clock.day(),
        now: clock.now(),
    };
    Ok(decide(user, event, &context)?)
}
