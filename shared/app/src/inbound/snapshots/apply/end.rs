//! The end of a snapshot: one transaction with its last step, the line and its mark on the breaker.

use offramp_domain::breaker::Breaker;
use offramp_domain::snapshot::Said;
use offramp_domain::{Snapshot, SnapshotQueue, SnapshotState};

use super::Applying;
use crate::backoff::until_won;
use crate::engine::holds;
use crate::inbound::pulse;
use crate::ports::{
    Breakers, Committed, Objectives, Observed, Rejections, Rosters, SnapshotCommit, Snapshots,
    Users,
};
use crate::{Ports, Result};

impl<P: Ports> Applying<'_, P>
where
    P::Store: Users + Breakers + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// Ends a snapshot without remaining work. `read` is its line and breaker, if they were read a moment ago. Other
    /// writers change both, so a conflict is tried again, unless another run has continued the snapshot itself.
    pub(super) async fn end(
        &self,
        done: &Snapshot,
        mut read: Option<(SnapshotQueue, Breaker)>,
    ) -> Result<Committed> {
        let (tenant, source, id) = (&self.tenant, &done.source, &done.snapshot);
        if done.state == SnapshotState::Applying && done.observing && !done.dry_run {
            pulse::would_have(tenant, source, &done.would, Some(id), self.deadline).await;
        }
        until_won(|| {
            let read = read.take();
            async move {
                let (line, breaker) = match read {
                    Some(read) => read,
                    None => {
                        let standing = tenant.store.standing(tenant.org, source, id).await?;
                        let (found, line, breaker) = standing;
                        if found.is_none_or(|found| found.rev + 1 != done.rev) {
                            return Ok(Some(Committed::Conflict));
                        }
                        (line, breaker)
                    }
                };
                // A newer snapshot has taken its place.
                if line.applying.as_ref() != Some(id) {
                    return Ok(Some(Committed::Conflict));
                }
                let (snapshot, breaker) = self.ended(done, breaker).await?;
                let line = SnapshotQueue {
                    applying: None,
                    rev: line.rev + 1,
                    ..line
                };
                let commit = SnapshotCommit {
                    snapshot: &snapshot,
                    line: Some(&line),
                    breaker: breaker.as_ref(),
                };
                let committed = tenant.store.commit_snapshot(tenant.org, &commit).await?;
                Ok((committed == Committed::Done).then_some(committed))
            }
        })
        .await
    }

    /// The snapshot's final state, and the breaker with its mark; `None` if it leaves no mark. A hold that the snapshot
    /// has emptied is cleared.
    async fn ended(
        &self,
        done: &Snapshot,
        mut breaker: Breaker,
    ) -> Result<(Snapshot, Option<Breaker>)> {
        let tenant = &self.tenant;
        let mut snapshot = Snapshot {
            due: None,
            ..done.clone()
        };
        if snapshot.state != SnapshotState::Applying {
            return Ok((snapshot, None));
        }
        snapshot.state = SnapshotState::Applied;
        if snapshot.dry_run {
            return Ok((snapshot, None));
        }
        // The hold of the breaker: this snapshot has filled it, or an earlier one has and this one has not emptied it.
        let mut stays = false;
        if let Some(hold) = &breaker.hold {
            stays = !holds::clear(tenant, hold).await?;
            if !stays {
                breaker = tenant.store.breaker(tenant.org, &done.source).await?;
            }
        }
        if stays || snapshot.said != Said::default() {
            snapshot.state = SnapshotState::Held;
        }
        // A snapshot that trips a safeguard is no evidence about missing employees, nor about the size of the next
        // snapshot.
        if snapshot.tripped.is_some() {
            return Ok((snapshot, None));
        }
        let fields = snapshot.fields.iter().flatten().copied();
        let marked = Breaker {
            mark: breaker.mark.after(snapshot.occurred_at, fields),
            employees: Some(snapshot.employees),
            look_at: Some(tenant.clock.now()),
            rev: breaker.rev + 1,
            ..breaker
        };
        Ok((snapshot, Some(marked)))
    }
}
