//! The end of a snapshot: one transaction with its last step, the line and its mark on the breaker.

use offramp_domain::breaker::Breaker;
use offramp_domain::decide::Outcome;
use offramp_domain::snapshot::Said;
use offramp_domain::{Snapshot, SnapshotQueue, SnapshotState};

use super::{Applying, GO_ON_AFTER, arm};
use crate::backoff::until_won;
use crate::engine::holds;
use crate::inbound::pulse;
use crate::ports::{
    Breakers, Committed, Lookalikes, Objectives, Observed, Rejections, Rosters, SnapshotCommit,
    Snapshots, Users,
};
use crate::{Ports, Result};

/// What has become of a snapshot without remaining steps.
pub(super) enum End {
    /// The snapshot has ended.
    Ended,
    /// The snapshot took longer than events wait for it, so it is compared once more. Its timer is armed.
    Again,
    /// A newer snapshot or another run has taken over.
    Overtaken,
}

impl<P: Ports> Applying<'_, P>
where
    P::Store:
        Users + Breakers + Lookalikes + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// Ends a snapshot without remaining steps. `read` is its line and breaker, if they were read a moment ago. Other
    /// writers change both, so a conflict is tried again, unless another run has continued the snapshot itself.
    pub(super) async fn end(
        &self,
        done: &Snapshot,
        mut read: Option<(SnapshotQueue, Breaker)>,
    ) -> Result<End> {
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
                        let now = tenant.store.standing(tenant.org, source, id).await?;
                        if now.snapshot.is_none_or(|found| found.rev + 1 != done.rev) {
                            return Ok(Some(End::Overtaken));
                        }
                        (now.line, now.breaker)
                    }
                };
                // A newer snapshot has taken its place.
                if line.applying.as_ref() != Some(id) {
                    return Ok(Some(End::Overtaken));
                }
                let (mut snapshot, breaker) = self.ended(done, breaker).await?;
                let ends = snapshot.state != SnapshotState::Applying;
                let line = SnapshotQueue {
                    applying: None,
                    applying_at: None,
                    rev: line.rev + 1,
                    ..line
                };
                if !ends {
                    let timer = arm(tenant, &snapshot, GO_ON_AFTER).await?;
                    snapshot.due = Some(timer.due());
                }
                let commit = SnapshotCommit {
                    snapshot: &snapshot,
                    line: ends.then_some(&line),
                    breaker: breaker.as_ref(),
                };
                let committed = tenant.store.commit_snapshot(tenant.org, &commit).await?;
                let end = if ends { End::Ended } else { End::Again };
                Ok((committed == Committed::Done).then_some(end))
            }
        })
        .await
    }

    /// The snapshot's final state, and the breaker with its mark; `None` if the breaker does not change. A hold that the
    /// snapshot has emptied is cleared.
    ///
    /// If events of before its instant were taken since it was compared, the snapshot is not at its end: it is compared
    /// once more, and such events wait from now on.
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
            return Ok((snapshot, breaker.released(&done.snapshot)));
        }
        snapshot.state = SnapshotState::Applied;
        if snapshot.dry_run {
            return Ok((snapshot, breaker.released(&done.snapshot)));
        }
        // The hold of the breaker: this snapshot has filled it, or an earlier one has and this one has not emptied it.
        let mut stays = false;
        if let Some(hold) = &breaker.hold {
            stays = !holds::clear(tenant, hold).await?;
            if !stays {
                breaker = tenant.store.breaker(tenant.org, &done.source).await?;
            }
        }
        let held = snapshot.summary.contains_key(&Outcome::Held);
        if held && snapshot.said == Said::default() && snapshot.holds.is_empty() {
            // An attempt that died has held the last admin, and could not say so.
            snapshot.holds = holds::opened_by(tenant, &done.run).await?;
        }
        if stays || held || snapshot.said != Said::default() || !snapshot.holds.is_empty() {
            snapshot.state = SnapshotState::Held;
        }
        // A snapshot that trips a safeguard is no evidence about missing employees, nor about the size of the next
        // snapshot.
        if snapshot.tripped.is_some() {
            return Ok((snapshot, breaker.released(&done.snapshot)));
        }
        let now = tenant.clock.now();
        let mark = match (done.mark(&breaker, now), done.clone().comparing_again()) {
            (None, Some(again)) => {
                let pending = again.pending(now);
                return Ok((again, breaker.pending_after(pending)));
            }
            // A snapshot that was compared often enough may end without a mark of its own.
            (mark, _) => mark.unwrap_or_else(|| breaker.mark.clone()),
        };
        let marked = Breaker {
            mark,
            pending: None,
            employees: Some(snapshot.employees),
            look_at: Some(now),
            rev: breaker.rev + 1,
            ..breaker
        };
        Ok((snapshot, Some(marked)))
    }
}
