//! Runs: the effect of one delivery, snapshot or approval, and undoing it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use offramp_domain::hold::NOT_MOVED;
use offramp_domain::{Actor, EmployeeId, Run, RunId, Status, User};

use crate::backoff::until_won;
use crate::engine::policy::{Back, Bound, Effects, Reverted, commit, recount, scheduled};
use crate::engine::tidy;
use crate::identity::Caller;
use crate::ports::{
    BreakerCommit, Breakers, Committed, Directory, Loaded, Page, Policies, PolicyEntry, RollOf,
    TakenBack, USERS_PER_READ, Users,
};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// The result of undoing a run.
#[derive(Debug)]
pub struct Undone {
    /// The run.
    pub run: Run,
    /// The users who are active again, of those who were counted.
    pub reactivated: Vec<EmployeeId>,
    /// True if not everybody was counted.
    pub at_least: bool,
}

/// Reads one run.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn get<P: Ports>(tenant: &Tenant<'_, P>, id: &RunId) -> Result<Run>
where
    P::Store: Breakers,
{
    tenant
        .store
        .run(tenant.org, id)
        .await?
        .ok_or(Error::NotFound("run"))
}

/// A page of the users that a run affected, with the policy that was read with them.
///
/// # Errors
/// A fault of the table.
pub async fn people<P: Ports>(
    tenant: &Tenant<'_, P>,
    run: &Run,
    after: Option<&str>,
) -> Result<(Page<User>, Loaded)>
where
    P::Store: Users + Breakers,
{
    let of = RollOf::Run(run.run.clone());
    let not_moved = not_moved(tenant, run).await?;
    let mut page = tenant.store.roll(tenant.org, &of, after, 1).await?;
    while page.items.iter().all(|roll| roll.seq == NOT_MOVED)
        && let Some(next) = page.next
    {
        page = tenant.store.roll(tenant.org, &of, Some(&next), 1).await?;
    }
    let mut last = tenant.store.load(tenant.org, &[]).await?;
    let mut items = Vec::new();
    for mut roll in page.items.into_iter().filter(|roll| roll.seq != NOT_MOVED) {
        roll.people.retain(|id| !not_moved.contains(id));
        for chunk in roll.people.chunks(USERS_PER_READ) {
            let mut loaded = tenant.store.load(tenant.org, chunk).await?;
            items.extend(std::mem::take(&mut loaded.users).into_values());
            last = loaded;
        }
    }
    Ok((
        Page {
            items,
            next: page.next,
        },
        last,
    ))
}

/// The people on the roll of a run whom it did not move. The parts that list them are the first ones.
async fn not_moved<P: Ports>(tenant: &Tenant<'_, P>, run: &Run) -> Result<BTreeSet<EmployeeId>>
where
    P::Store: Breakers,
{
    let mut all = BTreeSet::new();
    if run.not_moved == 0 {
        return Ok(all);
    }
    let (of, mut after) = (RollOf::Run(run.run.clone()), None);
    loop {
        let page = tenant
            .store
            .roll(tenant.org, &of, after.as_deref(), 1)
            .await?;
        let more = page.items.first().is_some_and(|roll| roll.seq == NOT_MOVED);
        let people = page.items.into_iter().filter(|roll| roll.seq == NOT_MOVED);
        all.extend(people.flat_map(|roll| roll.people));
        match page.next {
            Some(next) if more => after = Some(next),
            _ => return Ok(all),
        }
    }
}

/// Undoes a run. With one commit every user who is still in the grace period that the run began is active, as when the
/// sync is turned off. The admins are told. The users are counted and rewritten afterwards, as far as time allows; a timer
/// rewrites the others.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Busy`], or a fault.
pub async fn undo<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &RunId,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Undone>
where
    P::Store: Users + Directory + Policies + Breakers,
{
    let run = get(tenant, id).await?;
    until_won(|| async {
        let before = tenant.store.policy(tenant.org).await?;
        if let Some(undone) = before.undoing(id) {
            let by = undone.by.clone().unwrap_or_else(|| caller.actor());
            return Ok(Some(Undone {
                run: written(tenant, run.clone(), (by, undone.at)).await?,
                reactivated: Vec::new(),
                at_least: false,
            }));
        }
        let (by, at) = (caller.actor(), tenant.clock.now());
        let after = before.without_run(id.clone(), by.clone(), at);
        let entry = PolicyEntry {
            at,
            to: after,
            from: before,
            took_back: Some(TakenBack {
                run: id.clone(),
                affected: Reverted::UNCOUNTED.people,
                at_least: Reverted::UNCOUNTED.at_least,
            }),
            by: by.clone(),
        };
        let mut effects = Effects {
            tidy: true,
            undone: Some(run.clone()),
            reverted: Reverted::UNCOUNTED,
            ..Effects::default()
        };
        // Nothing that is read before grows with the people.
        if commit(tenant, &entry, caller, &effects).await? == Committed::Conflict {
            return Ok(None);
        }
        let back = of_run(tenant, id, &entry, deadline).await.unwrap_or_else(|error| {
            tracing::warn!(org = %tenant.org, run = %id, %error, "whom undoing a run touches is not counted");
            Back::default()
        });
        effects.reverted = back.reverted();
        recount(tenant, &entry, caller, &effects).await;
        if let Err(error) = tidy::tidy(tenant, deadline).await {
            // The users are active already; the timer rewrites them.
            tracing::warn!(org = %tenant.org, %error, "tidying is left to its timer");
        }
        Ok(Some(Undone {
            run: written(tenant, run.clone(), (by, at)).await?,
            reactivated: back.ids(),
            at_least: !back.all,
        }))
    })
    .await
}

/// Records in the run that it was undone. This is only for display: the policy gives the effect.
async fn written<P: Ports>(
    tenant: &Tenant<'_, P>,
    run: Run,
    undone: (Actor, DateTime<Utc>),
) -> Result<Run>
where
    P::Store: Breakers,
{
    let id = &run.run.clone();
    let mut read = Some(run);
    until_won(|| {
        let (read, undone) = (read.take(), undone.clone());
        async move {
            let run = match read {
                Some(run) => run,
                None => get(tenant, id).await?,
            };
            if run.undone.is_some() {
                return Ok(Some(run));
            }
            let run = Run {
                undone: Some(undone),
                rev: run.rev + 1,
                ..run
            };
            let commit = BreakerCommit {
                run: Some(&run),
                ..BreakerCommit::default()
            };
            let committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
            Ok((committed == Committed::Done).then_some(run))
        }
    })
    .await
}

/// The users in the grace period that a run began who are active without it. Another ground may stand against the others.
async fn of_run<P: Ports>(
    tenant: &Tenant<'_, P>,
    run: &RunId,
    entry: &PolicyEntry,
    deadline: Deadline,
) -> Result<Back>
where
    P::Store: Users + Directory,
{
    let of_run =
        |user: &User| user.grounds.is_of(run) && user.as_of(&entry.to).status() == Status::Active;
    let bound = Bound {
        most: usize::MAX,
        deadline,
    };
    scheduled(tenant, &entry.from, of_run, bound).await
}
