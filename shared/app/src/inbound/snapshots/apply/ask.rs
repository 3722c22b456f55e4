//! Asks the breaker once about all people that a snapshot would end or restore.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use offramp_domain::breaker::{Breaker, Counted};
use offramp_domain::decide::Outcome;
use offramp_domain::settings::{Behaviour, OnMissing};
use offramp_domain::{
    Cause, EmployeeId, Figures, Gate, Hold, HoldId, HoldState, RunKind, Settings, Snapshot,
    Tripped, Verdict,
};

use super::Applying;
use crate::engine::breaker::{RunRequest, ask, taking};
use crate::ports::{
    Breakers, Objectives, Observed, ROSTER_SHARDS, Rejections, Rosters, Snapshots, Users,
};
use crate::{Ports, Result};

type People = BTreeMap<EmployeeId, Counted>;

/// How many of the newest holds are searched for one that this snapshot opened.
const RECENT: usize = 20;

impl<P: Ports> Applying<'_, P>
where
    P::Store: Users + Breakers + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// Asks the breaker about all people at once. In a dry run or in observation it only weighs them.
    pub(super) async fn ask(&self, snapshot: &mut Snapshot) -> Result<()> {
        let tenant = &self.tenant;
        let listed = self.listed(snapshot, 0..ROSTER_SHARDS);
        let read = async {
            let source = Some(&snapshot.source);
            Ok(tenant.store.load_of(tenant.org, source, &[]).await?)
        };
        let (loaded, listed) = try_join(read, listed).await?;
        let breaker = loaded.breaker.unwrap_or_default();
        snapshot.tripped = self.trips(snapshot, breaker.employees);
        let settings = &loaded.policy.settings;
        let (all, missing) = parted(snapshot, settings, listed);
        if snapshot.dry_run || snapshot.observing {
            weigh(
                snapshot,
                settings,
                &breaker,
                &all,
                &missing,
                tenant.clock.now(),
            );
            return Ok(());
        }
        if !all.is_empty() {
            let asking = asking(snapshot, snapshot.tripped);
            let gates = ask(tenant, &asking, &all, settings.safeguards, None).await?;
            snapshot.said.hold = gates.into_values().find_map(held);
        }
        if !missing.is_empty() {
            snapshot.said.missing = self.first(snapshot, settings, &missing).await?;
        }
        let stopped = [
            snapshot.said.hold.as_ref().map(|_| &all),
            snapshot.said.missing.as_ref().map(|_| &missing),
        ];
        // What is found when a snapshot is compared again is not counted.
        let counts = snapshot.again == 0;
        for people in stopped.into_iter().flatten().filter(|_| counts) {
            stop(&mut snapshot.summary, settings, people);
        }
        Ok(())
    }

    /// Asks again about the people who are not written yet, if their hold is closed. Such a hold was answered, or the
    /// sweep found it empty. An answer covers only the people that the admin has read, so these people join another
    /// hold.
    pub(super) async fn ask_again(
        &self,
        snapshot: &mut Snapshot,
        settings: &Settings,
        from: u8,
    ) -> Result<()> {
        let tenant = &self.tenant;
        let hold = self.closed(snapshot.said.hold.as_ref()).await?;
        let missing = self.closed(snapshot.said.missing.as_ref()).await?;
        if hold.is_none() && missing.is_none() {
            return Ok(());
        }
        let listed = self.listed(snapshot, from..ROSTER_SHARDS).await?;
        let (all, apart) = parted(snapshot, settings, listed);
        if let Some(hold) = hold.filter(|_| !all.is_empty()) {
            let tripped = snapshot.tripped.unwrap_or((hold.rule, hold.figures));
            let asking = asking(snapshot, Some(tripped));
            let gates = ask(tenant, &asking, &all, settings.safeguards, None).await?;
            snapshot.said.hold = gates.into_values().find_map(held);
        }
        if missing.is_some() && !apart.is_empty() {
            snapshot.said.missing = self.first(snapshot, settings, &apart).await?;
        }
        Ok(())
    }

    /// The hold, if it is closed for people with this roll number; otherwise `None`.
    async fn closed(&self, said: Option<&(HoldId, u64)>) -> Result<Option<Hold>> {
        match said {
            Some((hold, seq)) => Ok(taking(&self.tenant, hold, *seq).await?.err()),
            None => Ok(None),
        }
    }

    /// The safeguard that the snapshot itself trips. `last` is the number of employees in the last applied snapshot.
    pub(super) fn trips(
        &self,
        snapshot: &Snapshot,
        last: Option<u64>,
    ) -> Option<(Tripped, Figures)> {
        let receipts = &mut self.receipts.iter();
        let empty = receipts.any(|one| one.employees == 0 && one.page < snapshot.pages);
        snapshot.trips(empty, last)
    }

    /// The people of these partitions that the breaker is asked about.
    pub(super) async fn listed(
        &self,
        snapshot: &Snapshot,
        parts: Range<u8>,
    ) -> Result<Vec<(EmployeeId, Counted)>> {
        let (store, id) = (&self.tenant.store, &snapshot.snapshot);
        let mut lists = match &snapshot.differs {
            Some(lists) => lists.clone(),
            None => store.lists(self.tenant.org, id).await?,
        };
        lists.retain(|part, lists| parts.contains(part) && *lists > 0);
        Ok(store.counted(self.tenant.org, id, &lists).await?)
    }

    /// The hold of the missing people. It opens because `on_missing` is `hold`.
    async fn first(
        &self,
        snapshot: &Snapshot,
        settings: &Settings,
        missing: &People,
    ) -> Result<Option<(HoldId, u64)>> {
        let asking = asking(snapshot, Some((Tripped::OnMissing, Figures::default())));
        if let Some(opened) = self.opened(&asking).await? {
            return Ok(Some(opened));
        }
        let gates = ask(&self.tenant, &asking, missing, settings.safeguards, None).await?;
        Ok(gates.into_values().find_map(held))
    }

    /// The hold of missing people that this snapshot opened before it was interrupted.
    async fn opened(&self, asking: &RunRequest) -> Result<Option<(HoldId, u64)>> {
        let recent = self
            .tenant
            .store
            .holds(self.tenant.org, None, RECENT)
            .await?;
        let own = recent.items.into_iter().find(|hold| {
            hold.run.as_ref() == Some(&asking.run)
                && hold.rule == Tripped::OnMissing
                && hold.state == HoldState::Open
        });
        Ok(own.map(|hold| (hold.hold, 1)))
    }
}

fn asking(snapshot: &Snapshot, tripped: Option<(Tripped, Figures)>) -> RunRequest {
    RunRequest {
        source: snapshot.source.clone(),
        run: snapshot.run.clone(),
        kind: RunKind::Snapshot {
            snapshot: snapshot.snapshot.clone(),
        },
        tripped,
    }
}

/// True if a departure is held apart from the others: the person is missing, and `on_missing` is `hold`. A snapshot
/// that trips a safeguard itself has no such departures.
pub(super) fn apart(snapshot: &Snapshot, settings: &Settings, what: Counted) -> bool {
    snapshot.tripped.is_none()
        && settings.on_missing == OnMissing::Hold
        && what == Counted::Departure(Cause::Missing)
}

/// The people that the breaker is asked about together, and the missing people that are held apart.
fn parted(
    snapshot: &Snapshot,
    settings: &Settings,
    listed: Vec<(EmployeeId, Counted)>,
) -> (People, People) {
    let asked = listed
        .into_iter()
        .filter(|(_, what)| !matches!(what, Counted::LastAdmin(_)));
    let (missing, all): (Vec<_>, Vec<_>) =
        asked.partition(|(_, what)| apart(snapshot, settings, *what));
    (all.into_iter().collect(), missing.into_iter().collect())
}

fn held(gate: Gate) -> Option<(HoldId, u64)> {
    match gate {
        Gate::Held { hold, seq } => Some((hold, seq)),
        Gate::Open { .. } => None,
    }
}

/// Stores the breaker's verdict on a dry run or on a source in observation, and adjusts the counts to it.
fn weigh(
    snapshot: &mut Snapshot,
    settings: &Settings,
    breaker: &Breaker,
    all: &BTreeMap<EmployeeId, Counted>,
    missing: &BTreeMap<EmployeeId, Counted>,
    now: DateTime<Utc>,
) {
    let people = all.keys().cloned().collect();
    let tripped = snapshot.tripped.map(|(tripped, _)| tripped);
    let figures = match snapshot.observing {
        true => &mut snapshot.would,
        false => &mut snapshot.summary,
    };
    if !all.is_empty() {
        let verdict = breaker.weigh(&people, settings.safeguards, tripped, now);
        let (rule, held_against) = match &verdict {
            Verdict::Trips(rule, figures) => (Some(*rule), Some(*figures)),
            Verdict::Admitted | Verdict::Joins(_) => (None, None),
        };
        if verdict != Verdict::Admitted {
            stop(figures, settings, all);
        }
        snapshot.verdict = Some((verdict.as_str().to_owned(), rule, held_against));
    }
    if !missing.is_empty() {
        stop(figures, settings, missing);
        let asked = ("held".to_owned(), Some(Tripped::OnMissing), None);
        snapshot.verdict.get_or_insert(asked);
    }
}

/// Counts these people as held instead of scheduled, deactivated or restored.
fn stop(
    summary: &mut BTreeMap<Outcome, u64>,
    settings: &Settings,
    people: &BTreeMap<EmployeeId, Counted>,
) {
    for what in people.values() {
        let word = match (what, settings.deactivation_sync.behaviour) {
            (Counted::Restore, _) => Outcome::Restored,
            (_, Behaviour::Delayed) => Outcome::Scheduled,
            (_, Behaviour::Immediate) => Outcome::Deactivated,
        };
        if let Some(count) = summary.get_mut(&word) {
            *count = count.saturating_sub(1);
        }
        *summary.entry(Outcome::Held).or_default() += 1;
    }
    summary.retain(|_, count| *count > 0);
}
