//! Plain changes of many people in one transaction: a first delivery of thousands costs a call for
//! every forty-eight of them, and one that brings nothing but newer instants a call for every ninety-seven. What arms a timer, tells somebody or touches the admins goes alone.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Word;
use offramp_domain::{AdminsChange, Change, Decision, EmployeeId, Gate};

use super::{Engine, Events, Plan};
use crate::engine::execute::{Executed, decide_at, observed, was_asked};
use crate::ports::{Breakers, Commit, Committed, Loaded, USERS_PER_READ, Users};
use crate::telemetry::Decided;
use crate::{Ports, Result};

/// Items in one transaction, which has 100 at most: so a chunk of people of whom only the instant is newer is one.
const ITEMS_TOGETHER: usize = USERS_PER_READ;
/// Transactions under way at once.
const AT_ONCE: usize = 4;

/// Commits the first event of each person whose change is plain. Whoever is not in the answer is
/// decided alone: also those of a transaction in which somebody else was quicker for one of them.
///
/// # Errors
/// A fault; each transaction took place wholly or not at all.
pub(super) async fn together<P: Ports>(
    engine: &Engine<'_, P>,
    people: &[(EmployeeId, Events)],
    loaded: &Loaded,
) -> Result<BTreeMap<EmployeeId, Executed>>
where
    P::Store: Users + Breakers,
{
    let Plan {
        tenant, observing, ..
    } = engine.plan;
    let begun = Instant::now();
    let mut plain: Vec<(EmployeeId, Decision)> = Vec::new();
    let mut would: BTreeMap<EmployeeId, Word> = BTreeMap::new();
    for (id, events) in people {
        let Some((_, event)) = events.first() else {
            continue;
        };
        let (user, gate) = (loaded.users.get(id), engine.gates.get(id));
        let decision = if observing {
            let observed = observed(loaded, user, event, tenant.org, &tenant.clock)?;
            would.insert(id.clone(), observed.would);
            observed.decision
        } else {
            decide_at(
                loaded,
                user,
                event,
                tenant.org,
                &tenant.clock,
                gate.unwrap_or(&Gate::OPEN),
            )?
        };
        let asked = decision
            .counted
            .is_none_or(|counted| was_asked(gate, counted));
        if asked && decision.change.as_deref().is_some_and(is_plain) {
            plain.push((id.clone(), decision));
        }
    }
    if plain.len() < 2 {
        return Ok(BTreeMap::new());
    }
    let committed: Vec<Vec<(EmployeeId, Decision)>> = stream::iter(in_groups(plain))
        .map(|group| {
            Box::pin(async move {
                let changes = group
                    .iter()
                    .filter_map(|(_, one)| one.change.as_deref())
                    .collect();
                let commit = Commit {
                    changes,
                    ..Commit::default()
                };
                match tenant.store.commit(tenant.org, &commit).await? {
                    Committed::Done => Ok::<_, crate::Error>(group),
                    Committed::Conflict => Ok(Vec::new()),
                }
            })
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(committed
        .into_iter()
        .flatten()
        .map(|(id, decision)| {
            let change = decision.change.as_deref();
            let decided = Decided {
                org: tenant.org,
                employee_id: &id,
                event: "hr",
                due: None,
                outcome: decision.outcome.word,
                generation: change.map(|change| change.user.generation),
                change,
                begun,
            };
            decided.tell(&tenant);
            let user = decision.change.as_ref().map(|change| change.user.clone());
            let loaded = Loaded {
                policy: loaded.policy.clone(),
                admins: loaded.admins.clone(),
                breaker: loaded.breaker.clone(),
                users: BTreeMap::new(),
            };
            let executed = Executed {
                decision,
                user,
                loaded,
                asks: false,
                would: would.get(&id).copied(),
            };
            (id, executed)
        })
        .collect())
}

fn is_plain(change: &Change) -> bool {
    change.arm.is_empty()
        && change.disarm.is_empty()
        && change.notice.is_none()
        && change.withdraw.is_none()
        && change.admins == AdminsChange::None
        && change.user.pending.is_done()
}

/// Groups that each fit a transaction: a user is an item, and so is a history entry, which a newer instant alone has not.
fn in_groups(plain: Vec<(EmployeeId, Decision)>) -> Vec<Vec<(EmployeeId, Decision)>> {
    let mut groups: Vec<Vec<(EmployeeId, Decision)>> = Vec::new();
    let mut items = ITEMS_TOGETHER;
    for (id, decision) in plain {
        let entry = decision
            .change
            .as_deref()
            .map(|change| change.entry.is_some());
        let own = 1 + usize::from(entry.unwrap_or_default());
        match groups.last_mut() {
            Some(group) if items + own <= ITEMS_TOGETHER => {
                items += own;
                group.push((id, decision));
            }
            _ => {
                items = own;
                groups.push(vec![(id, decision)]);
            }
        }
    }
    groups
}
