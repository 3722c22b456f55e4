//! Plain changes of many people in one transaction: a first delivery of thousands costs a call for
//! every forty-eight of them, and one that brings nothing but newer instants a call for every ninety-seven. What arms a timer, tells somebody or touches the admins goes alone.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Word;
use offramp_domain::{AdminsChange, Change, Decision, EmployeeId, Event, Gate};

use super::{Engine, Events, Plan};
use crate::engine::commit::{Armed, commit_decided};
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
    let mut plain: Vec<Plain<'_>> = Vec::new();
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
            plain.push(Plain {
                id,
                event,
                decision,
            });
        }
    }
    if plain.len() < 2 {
        return Ok(BTreeMap::new());
    }
    let armed = &Armed::default();
    let committed: Vec<Vec<Plain<'_>>> = stream::iter(in_groups(plain))
        .map(|group| {
            Box::pin(async move {
                let decided: Vec<Decided<'_>> = group
                    .iter()
                    .map(|one| Decided {
                        employee_id: one.id,
                        event: one.event,
                        decision: &one.decision,
                        user: None,
                        begun,
                    })
                    .collect();
                match commit_decided(&tenant, &decided, Commit::default(), armed).await? {
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
        .map(|Plain { id, decision, .. }| {
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
                would: would.get(id).copied(),
            };
            (id.clone(), executed)
        })
        .collect())
}

/// A plain change of one person.
struct Plain<'a> {
    id: &'a EmployeeId,
    event: &'a Event,
    decision: Decision,
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
fn in_groups(plain: Vec<Plain<'_>>) -> Vec<Vec<Plain<'_>>> {
    let mut groups: Vec<Vec<Plain<'_>>> = Vec::new();
    let mut items = ITEMS_TOGETHER;
    for one in plain {
        let entry = one
            .decision
            .change
            .as_deref()
            .map(|change| change.entry.is_some());
        let own = 1 + usize::from(entry.unwrap_or_default());
        match groups.last_mut() {
            Some(group) if items + own <= ITEMS_TOGETHER => {
                items += own;
                group.push(one);
            }
            _ => {
                items = own;
                groups.push(vec![one]);
            }
        }
    }
    groups
}
