//! Snapshots: every employee of a source at one instant. A snapshot is opened, filled page by page in any order, and
//! completed. Before its completion nothing of it is applied. A snapshot that is never completed is never applied.
//!
//! One item, the line of the source, says which snapshot takes pages and which one is applied: at most one each. A
//! newer snapshot takes the place of an older one by one conditional write of the line.

pub mod apply;
mod compare;
pub mod pages;

use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use offramp_domain::decide::AHEAD_OF_CLOCK;
use offramp_domain::snapshot::{MAX_PAGES, SOURCE_CHANGED};
use offramp_domain::{
    DigestMinute, EmployeeId, OrgId, Snapshot, SnapshotId, SnapshotQueue, SnapshotState, SourceId,
    Step, Timer, hex,
};
use ring::digest::{Context, SHA256};

use crate::backoff::until_won;
use crate::engine::breaker::new_run;
use crate::ports::snapshots::Receipt;
use crate::ports::{
    Breakers, Chunk, Committed, MAX_EXPECTED, ROSTER_SHARDS, Rosters, SnapshotCommit, Snapshots,
    Source, SourceState, Sources, Timers,
};
use crate::{Error, Fault, Ports, Result, Tenant};

pub use crate::ports::Record;

/// Bytes of the hash in the id of a snapshot.
const ID_BYTES: usize = 16;
/// How far ahead the timer is armed that starts the work.
const BEGIN_AFTER: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

/// A snapshot that is to be opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Its id, from [`id_of`].
    pub id: SnapshotId,
    /// The instant that it describes; the present if the sender did not say.
    pub occurred_at: Option<DateTime<Utc>>,
    /// How many employees the sender expects.
    pub expected: Option<u64>,
}

/// The id of the snapshot that a message opens: the same for the same `webhook-id` and bytes.
///
/// # Errors
/// None: the id is valid by its form.
pub fn id_of(org: &OrgId, source: &SourceId, message: &str, body: &[u8]) -> Result<SnapshotId> {
    let mut hash = Context::new(&SHA256);
    // An organisation and a source have no line feed, and neither has a header.
    hash.update(format!("{org}\n{source}\n{message}\n").as_bytes());
    hash.update(body);
    let hash = hash.finish();
    let hash = hash.as_ref();
    let name = hex(hash.get(..ID_BYTES).unwrap_or(hash));
    SnapshotId::new(format!("snap_{name}"))
        .map_err(|error| Fault::corrupt("snapshot", error.to_string()).into())
}

/// Opens a snapshot. The snapshot that was open before takes no more pages. If a snapshot of that id was opened before,
/// it is returned as it is now, and nothing is opened.
///
/// # Errors
/// [`Error::Invalid`] for an instant more than ten minutes ahead of the server's clock, or for more employees than fit
/// the pages; [`Error::NotFound`] without the source; [`Error::Busy`]; or a fault.
pub async fn open<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    opening: Opening,
) -> Result<Snapshot>
where
    P::Store: Snapshots + Sources,
{
    let Opening {
        id,
        occurred_at,
        expected,
    } = &opening;
    let (occurred_at, expected) = (*occurred_at, *expected);
    let now = tenant.clock.now();
    let occurred_at = occurred_at.unwrap_or(now);
    if occurred_at > now + AHEAD_OF_CLOCK {
        return Err(Error::invalid(
            "/occurred_at",
            "is more than 10 minutes in the future",
        ));
    }
    if expected.is_some_and(|expected| expected > MAX_EXPECTED) {
        return Err(Error::invalid(
            "/expected_employees",
            format!("must be at most {}", MAX_EXPECTED),
        ));
    }
    until_won(|| async move {
        let ((before, line), sender) = try_join(
            tenant.store.snapshot(tenant.org, source, id),
            tenant.store.source(tenant.org, source),
        )
        .await?;
        if let Some(before) = before {
            return Ok(Some(as_of(before, &line, now)));
        }
        let sender = sender.ok_or(Error::NotFound("source"))?;
        let mut snapshot = Snapshot::open(
            id.clone(),
            source.clone(),
            new_run(),
            occurred_at,
            expected,
            now,
        );
        snapshot.source_since = Some(sender.state_since());
        let line = SnapshotQueue {
            open: Some(snapshot.snapshot.clone()),
            rev: line.rev + 1,
            ..line
        };
        let commit = SnapshotCommit {
            snapshot: &snapshot,
            line: Some(&line),
            breaker: None,
        };
        let done = tenant.store.commit_snapshot(tenant.org, &commit).await?;
        Ok((done == Committed::Done).then_some(snapshot))
    })
    .await
}

/// A snapshot with its line. Its state is that at the present instant.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn get<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    id: &SnapshotId,
) -> Result<(Snapshot, SnapshotQueue)>
where
    P::Store: Snapshots,
{
    let (found, line) = tenant.store.snapshot(tenant.org, source, id).await?;
    let snapshot = found.ok_or(Error::NotFound("snapshot"))?;
    Ok((as_of(snapshot, &line, tenant.clock.now()), line))
}

/// The snapshot with its state at the instant `now`, given the line.
fn as_of(mut snapshot: Snapshot, line: &SnapshotQueue, now: DateTime<Utc>) -> Snapshot {
    let state = snapshot.state_in(line, now);
    if state == SnapshotState::Failed && snapshot.state == SnapshotState::Open {
        snapshot.problem = Some("it was abandoned: not completed within 24 hours".to_owned());
    }
    snapshot.state = state;
    snapshot
}

/// Stores a page, and returns how many employees are on it. Sending the page again replaces it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::SnapshotNotOpen`], [`Error::Invalid`], or a fault.
pub async fn put_page<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    id: &SnapshotId,
    page: u32,
    records: &[Record],
) -> Result<u32>
where
    P::Store: Snapshots + Rosters,
{
    if !(1..=MAX_PAGES).contains(&page) {
        return Err(Error::invalid("/page", "must be 1 to 400"));
    }
    let (snapshot, _) = get(tenant, source, id).await?;
    if snapshot.state != SnapshotState::Open {
        return Err(Error::SnapshotNotOpen);
    }
    let edition = uuid::Uuid::now_v7().simple().to_string();
    let shard_of = |id: &EmployeeId| tenant.store.shard_of(id);
    let chunks: Vec<Chunk> = pages::chunks(records, page, &edition, shard_of)?;
    let employees = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let mut parts = vec![0; usize::from(ROSTER_SHARDS)];
    for chunk in &chunks {
        if let Some(parts) = parts.get_mut(usize::from(chunk.id.shard)) {
            *parts += 1;
        }
    }
    let receipt = Receipt {
        page,
        employees,
        edition,
        chunks: parts,
    };
    match tenant
        .store
        .put_page(tenant.org, &snapshot, &receipt, chunks)
        .await?
    {
        Committed::Done => Ok(employees),
        Committed::Conflict => Err(Error::SnapshotNotOpen),
    }
}

/// Completes a snapshot: all pages have come, and it will be applied in the place of one that is being applied. It is
/// rejected if a snapshot of a later instant was applied or is being applied, or if the state of the source has changed
/// since it was opened. A repeated call with the same arguments returns the snapshot's present state.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::SnapshotNotOpen`]; [`Error::Invalid`] if pages are missing or left over, in which case
/// the snapshot stays open; [`Error::Busy`]; or a fault.
pub async fn complete<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    id: &SnapshotId,
    (pages, dry_run): (u32, bool),
) -> Result<Snapshot>
where
    P::Store: Snapshots + Breakers,
{
    until_won(|| async move {
        let store = &tenant.store;
        let (standing, receipts) = try_join(
            store.standing(tenant.org, source, id),
            store.pages(tenant.org, id),
        )
        .await?;
        let now = tenant.clock.now();
        let found = standing.snapshot.ok_or(Error::NotFound("snapshot"))?;
        let before = as_of(found, &standing.line, now);
        if before.state != SnapshotState::Open {
            let same = before.pages == pages && before.dry_run == dry_run;
            let was_completed = matches!(
                before.state,
                SnapshotState::Applying | SnapshotState::Rejected
            ) || before.step != (Step::Compare { part: 0 });
            return if same && was_completed {
                Ok(Some(before))
            } else {
                Err(Error::SnapshotNotOpen)
            };
        }
        all_there(pages, &receipts)?;
        let changed = source_changed(&before, standing.source.as_ref());
        let observing = standing.source.map(|source| source.state) == Some(SourceState::Observing);
        let completed = Snapshot {
            pages,
            dry_run,
            observing,
            rev: before.rev + 1,
            ..before
        };
        let line = SnapshotQueue {
            open: None,
            rev: standing.line.rev + 1,
            ..standing.line
        };
        let breaker = &standing.breaker;
        let (after, line, breaker) = if changed {
            (completed.rejecting(SOURCE_CHANGED), line, None)
        } else if breaker.mark.outdates(completed.occurred_at) {
            let problem = "a snapshot of a later instant was applied; nothing of it was";
            (completed.rejecting(problem), line, None)
        } else if applying_at(tenant, source, &line).await? > Some(completed.occurred_at) {
            let problem = "a snapshot of a later instant is being applied; nothing of it was";
            (completed.rejecting(problem), line, None)
        } else {
            let due = DigestMinute::of(now).start() + BEGIN_AFTER;
            let timer = Timer::Snapshot {
                org: tenant.org.clone(),
                source: source.clone(),
                snapshot: id.clone(),
                due,
            };
            tenant.timers.arm(&timer).await?;
            let line = SnapshotQueue {
                applying: Some(id.clone()),
                applying_at: (!dry_run).then_some(completed.occurred_at),
                ..line
            };
            let applying = Snapshot {
                state: SnapshotState::Applying,
                due: Some(due),
                ..completed
            };
            // From this write on, events of before the snapshot's instant wait. An event that was decided before it is
            // written within half a minute, and the work begins no earlier than after a whole one. So the comparison
            // sees the event.
            let breaker = breaker.pending_after(applying.pending(now));
            (applying, line, breaker)
        };
        let commit = SnapshotCommit {
            snapshot: &after,
            line: Some(&line),
            breaker: breaker.as_ref(),
        };
        let done = tenant.store.commit_snapshot(tenant.org, &commit).await?;
        Ok((done == Committed::Done).then_some(after))
    })
    .await
}

/// The instant of the snapshot that is being applied; `None` if there is none, or if it is a dry run, which outdates
/// nothing. An older version wrote no instant to the line. Then the snapshot itself says it.
async fn applying_at<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    line: &SnapshotQueue,
) -> Result<Option<DateTime<Utc>>>
where
    P::Store: Snapshots,
{
    match (line.applying_at, &line.applying) {
        (None, Some(id)) => {
            let (applying, _) = tenant.store.snapshot(tenant.org, source, id).await?;
            let applying = applying.filter(|applying| !applying.dry_run);
            Ok(applying.map(|applying| applying.occurred_at))
        }
        (at, _) => Ok(at),
    }
}

/// True if the state of the source has changed since the snapshot was opened, even if it was changed back. Of a snapshot
/// that an older version opened only the state at its completion is known.
fn source_changed(snapshot: &Snapshot, source: Option<&Source>) -> bool {
    let Some(source) = source else {
        return true;
    };
    let observing = source.state == SourceState::Observing;
    let completed = snapshot.state == SnapshotState::Applying;
    source.state == SourceState::Disabled
        || completed && snapshot.observing != observing
        || snapshot
            .source_since
            .is_some_and(|since| since != source.state_since())
}

/// Checks that the pages 1 to `pages` have come, and no others.
fn all_there(pages: u32, receipts: &[Receipt]) -> Result<()> {
    let wrong = |detail: String| Err(Error::invalid("/pages", detail));
    let missing = (1..=pages.min(MAX_PAGES))
        .find(|page| !receipts.iter().any(|receipt| receipt.page == *page));
    if pages > MAX_PAGES {
        return wrong("must be 0 to 400".to_owned());
    }
    if let Some(missing) = missing {
        return wrong(format!(
            "page {missing} has not come; the snapshot is still open"
        ));
    }
    match receipts.iter().find(|receipt| receipt.page > pages) {
        Some(more) => wrong(format!(
            "page {} has come, but was not counted; the snapshot is still open",
            more.page
        )),
        None => Ok(()),
    }
}
