//! Compares partitions, and decides the differences in memory.

use offramp_domain::breaker::{Breaker, Counted};
use offramp_domain::decide::Outcome;
use offramp_domain::snapshot::{AdminMove, Part, Words};
use offramp_domain::{AdminsChange, EmployeeId, Snapshot};

use super::Applying;
use crate::engine::many::Planning;
use crate::inbound::snapshots::compare::{Contradiction, Delta, deltas};
use crate::ports::snapshots::Receipt;
use crate::ports::{
    Breakers, Lookalikes, Objectives, Observed, ROSTER_SHARDS, Rejections, Rosters, Snapshots,
    USERS_PER_READ, Users,
};
use crate::{Ports, Result};

/// About how many people the partitions have that are compared at once. Their data is in memory at the same time.
const COMPARED_TOGETHER: u64 = 25_000;
/// The most people whose differences are kept in memory, so that this run need not compare them again.
const KEPT: usize = 10_000;

/// How many partitions are compared at once: all sixteen of a small snapshot, and one of a very large one. The roster
/// may have more people than the snapshot, so the larger number counts.
pub(super) fn at_once(receipts: &[Receipt], breaker: &Breaker) -> u8 {
    let received: u64 = receipts.iter().map(|one| u64::from(one.employees)).sum();
    let active = breaker.base.map_or(0, |base| base.active.into());
    let people = received.max(active).max(breaker.employees.unwrap_or(0));
    let each = people.div_ceil(ROSTER_SHARDS.into()).max(1);
    let most = u8::try_from(COMPARED_TOGETHER / each).unwrap_or(ROSTER_SHARDS);
    most.clamp(1, ROSTER_SHARDS)
}

impl<P: Ports> Applying<'_, P>
where
    P::Store:
        Users + Breakers + Lookalikes + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// Compares and decides the next partitions in memory. Returns the first partition that is not compared yet.
    pub(super) async fn compare(&mut self, snapshot: &mut Snapshot, part: u8) -> Result<u8> {
        let below = ROSTER_SHARDS.min(part.saturating_add(self.at_once));
        let deltas = match deltas(&self.tenant, snapshot, self.receipts, part..below).await? {
            Ok(deltas) => deltas,
            Err(Contradiction(id)) => {
                *snapshot = snapshot.clone().rejecting(format!(
                    "employee {id} is in it twice, with different records; nothing of it was applied"
                ));
                return Ok(part);
            }
        };
        for (shard, delta) in (part..below).zip(deltas) {
            self.compared(snapshot, shard, &delta).await?;
            let kept: usize = self.kept.values().map(|delta| delta.people.len()).sum();
            if !delta.is_empty() && kept + delta.people.len() <= KEPT {
                self.kept.insert(shard, delta);
            }
        }
        Ok(below)
    }

    /// Decides one partition, and stores the people that the breaker must be asked about.
    async fn compared(&self, snapshot: &mut Snapshot, part: u8, delta: &Delta) -> Result<()> {
        let mut counted: Vec<(EmployeeId, Counted)> = Vec::new();
        let mut same = Words::new();
        same.insert(Outcome::Unchanged, delta.unchanged);
        let unreadable = u64::try_from(delta.unreadable.len()).unwrap_or(u64::MAX);
        same.insert(Outcome::Rejected, unreadable);
        let (mut words, mut planned) = (Words::new(), Part::default());
        {
            let plan = self.plan(snapshot, &delta.people);
            for chunk in delta.people.chunks(USERS_PER_READ) {
                let loaded = plan.read(chunk).await?;
                for one in plan.words(&loaded, chunk)? {
                    *words.entry(one.word).or_default() += 1;
                    planned.add(one.would.unwrap_or(one.word), one.counted, of_admin(&one));
                    counted.extend(one.counted.map(|what| (one.id, what)));
                }
            }
        }
        if snapshot.again == 0 {
            add(&mut snapshot.summary, &same);
            if snapshot.observing {
                add(&mut snapshot.summary, &words);
                add(&mut snapshot.would, &same);
            }
        }
        if !delta.people.is_empty() {
            snapshot.recount(|tally| tally.plan(part, planned));
        }
        snapshot.employees += delta.employees;
        snapshot.counted += u32::try_from(counted.len()).unwrap_or(u32::MAX);
        snapshot.fields = match (snapshot.fields.take(), delta.fields.clone()) {
            (Some(all), Some(part)) => Some(all.intersection(&part).copied().collect()),
            (all, part) => all.or(part),
        };
        if delta.is_empty() {
            return Ok(());
        }
        let (tenant, store) = (&self.tenant, &self.tenant.store);
        let lists = store.put_counted(tenant.org, snapshot, part, &counted);
        let lists = lists.await?;
        if let Some(differs) = &mut snapshot.differs {
            differs.insert(part, lists);
        }
        Ok(())
    }
}

/// The change of an admin, whom others' changes concern; `None` for anybody else.
fn of_admin(planned: &Planning) -> Option<AdminMove> {
    let last = matches!(planned.counted, Some(Counted::LastAdmin(_)));
    (last || planned.admins != AdminsChange::None).then(|| AdminMove {
        id: planned.id.clone(),
        joins: planned.admins == AdminsChange::Join,
        counted: planned.counted,
        word: planned.would.unwrap_or(planned.word),
        asked: false,
        fate: None,
    })
}

fn add(counts: &mut Words, more: &Words) {
    for (word, count) in more.iter().filter(|(_, count)| **count > 0) {
        *counts.entry(*word).or_default() += count;
    }
}
