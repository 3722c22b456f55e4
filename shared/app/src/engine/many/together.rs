//! Plain changes of many people in one transaction. A change is plain if it concerns only the user: no timer is armed
//! or disarmed, no notice is added or withdrawn, the admins stay the same, and no work is pending afterwards. Other
//! changes are committed one by one.
//!
//! A transaction takes forty-eight people with a history entry each, or ninety-seven people of whom only the instant is
//! newer. So a first delivery of thousands needs one call for each forty-eight people.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{AdminsChange, Change, Decision, EmployeeId, Event};

use super::plan::Read;
use super::{Engine, Events, Plan};
use crate::engine::breaker::answered_meanwhile;
use crate::engine::commit::{Armed, Landed, commit_decided};
use crate::engine::execute::{ExecuteOptions, Executed, Judgement, was_asked};
use crate::ports::{Breakers, Commit, Loaded, Lookalikes, USERS_PER_READ, Users};
use crate::telemetry::Decided;
use crate::{Ports, Result};

/// Items in one transaction, of the 100 that DynamoDB allows. A chunk of people of whom only the instant is newer fits
/// into one transaction.
const ITEMS_TOGETHER: usize = USERS_PER_READ;
/// How many transactions are under way at once.
const AT_ONCE: usize = 4;

/// The state of a person's first event.
pub(super) enum First {
    /// The event is decided and committed.
    Done(Box<Executed>),
    /// The event is decided, but not committed.
    Judged(Judgement),
}

/// Decides the first event of each person, and commits the plain changes. The other decisions are returned uncommitted.
/// If another write comes first for one person of a transaction, the whole transaction's decisions are returned
/// uncommitted too.
///
/// # Errors
/// A fault. Each transaction takes place wholly or not at all.
pub(super) async fn together<P: Ports>(
    engine: &Engine<'_, P>,
    people: &[&(EmployeeId, Events)],
    read: &mut Read,
) -> Result<BTreeMap<EmployeeId, First>>
where
    P::Store: Users + Breakers + Lookalikes,
{
    let Plan {
        tenant, observing, ..
    } = engine.plan;
    let begun = Instant::now();
    let mut plain: Vec<Plain<'_>> = Vec::new();
    let mut firsts = BTreeMap::new();
    for (id, events) in people {
        let Some((_, event)) = events.first() else {
            continue;
        };
        let how = ExecuteOptions {
            observing,
            gate: engine.gates.get(id).cloned(),
            ..ExecuteOptions::default()
        };
        let before = read.judgements.remove(id);
        let judgement = match before.filter(|one| one.gate == how.gate) {
            Some(judgement) => judgement,
            None => how.judge(&tenant, &read.loaded, id, event)?,
        };
        let Decision {
            counted, change, ..
        } = &judgement.decision;
        // Several events of one person are merged, and written at once.
        let alone = events.len() > 1;
        let asked = counted.is_none_or(|counted| was_asked(how.gate.as_ref(), counted));
        if !alone && asked && change.as_deref().is_some_and(is_plain) {
            plain.push(Plain {
                id,
                event,
                judgement,
            });
        } else {
            firsts.insert(id.clone(), First::Judged(judgement));
        }
    }
    if plain.len() < 2 {
        firsts.extend(plain.into_iter().map(Plain::alone));
        return Ok(firsts);
    }
    let armed = &Armed::default();
    let committed: Vec<(Landed, Vec<Plain<'_>>)> = stream::iter(in_groups(plain))
        .map(|group| {
            Box::pin(async move {
                let decided: Vec<Decided<'_>> = group
                    .iter()
                    .map(|one| Decided {
                        employee_id: one.id,
                        event: one.event,
                        decision: &one.judgement.decision,
                        user: None,
                        begun,
                    })
                    .collect();
                let landed = commit_decided(&tenant, &decided, Commit::default(), armed).await?;
                drop(decided);
                Ok::<_, crate::Error>((landed, group))
            })
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for (landed, group) in committed {
        for one in group {
            let (id, first) = match landed {
                Landed::Done => one.done(&read.loaded),
                Landed::Conflict => one.alone(),
                Landed::HoldClosed => return Err(answered_meanwhile()),
            };
            firsts.insert(id, first);
        }
    }
    Ok(firsts)
}

/// A plain change of one person.
struct Plain<'a> {
    id: &'a EmployeeId,
    event: &'a Event,
    judgement: Judgement,
}

impl Plain<'_> {
    fn alone(self) -> (EmployeeId, First) {
        (self.id.clone(), First::Judged(self.judgement))
    }

    fn done(self, loaded: &Loaded) -> (EmployeeId, First) {
        let Judgement {
            decision, would, ..
        } = self.judgement;
        let user = decision.change.as_ref().map(|change| change.user.clone());
        let executed = Executed {
            decision,
            user,
            loaded: Loaded {
                policy: loaded.policy.clone(),
                admins: loaded.admins.clone(),
                logins: loaded.logins.clone(),
                breaker: loaded.breaker.clone(),
                ..Loaded::default()
            },
            needs_admission: false,
            would,
        };
        (self.id.clone(), First::Done(Box::new(executed)))
    }
}

fn is_plain(change: &Change) -> bool {
    change.arm.is_empty()
        && change.disarm.is_empty()
        && change.notice.is_none()
        && change.power.is_none()
        && change.withdraw.is_none()
        && change.admins == AdminsChange::None
        && change.login.is_none()
        && change.user.pending.is_done()
}

/// Groups that each fit into a transaction. A user is one item, a history entry is another, and an address that HR takes
/// is two; a newer instant alone has no history entry.
fn in_groups(plain: Vec<Plain<'_>>) -> Vec<Vec<Plain<'_>>> {
    let mut groups: Vec<Vec<Plain<'_>>> = Vec::new();
    let mut items = ITEMS_TOGETHER;
    for one in plain {
        let beside = one
            .judgement
            .decision
            .change
            .as_deref()
            .map_or(0, |change| {
                usize::from(change.entry.is_some()) + 2 * usize::from(change.former.is_some())
            });
        let own = 1 + beside;
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
