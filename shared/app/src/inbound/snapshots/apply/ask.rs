//! Asks the breaker once about all people that a snapshot would end or restore.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use offramp_domain::breaker::{Breaker, Counted};
use offramp_domain::decide::Outcome;
use offramp_domain::settings::{Behaviour, OnMissing};
use offramp_domain::snapshot::Group;
use offramp_domain::{
    Cause, EmployeeId, Figures, Gate, Hold, HoldId, HoldState, RunKind, Settings, Snapshot,
    Tripped, Verdict,
};

use super::Applying;
use crate::engine::breaker::{RunRequest, ask, closed};
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
        let Groups {
            all,
            missing,
            returns,
        } = parted(snapshot, settings, listed);
        if snapshot.dry_run || snapshot.observing {
            weigh(
                snapshot,
                settings,
                &breaker,
                &Groups {
                    all,
                    missing,
                    returns,
                },
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
        if !returns.is_empty() {
            let asking = asking(snapshot, None);
            let gates = ask(tenant, &asking, &returns, settings.safeguards, None).await?;
            snapshot.said.returns = gates.into_values().find_map(held);
        }
        let stopped = [
            snapshot.said.hold.as_ref().map(|_| &all),
            snapshot.said.missing.as_ref().map(|_| &missing),
            snapshot.said.returns.as_ref().map(|_| &returns),
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
        let returns = self.closed(snapshot.said.returns.as_ref()).await?;
        if hold.is_none() && missing.is_none() && returns.is_none() {
            return Ok(());
        }
        let listed = self.listed(snapshot, from..ROSTER_SHARDS).await?;
        let Groups {
            all,
            missing: apart,
            returns: back,
        } = parted(snapshot, settings, listed);
        if let Some(hold) = hold.filter(|_| !all.is_empty()) {
            let tripped = snapshot.tripped.unwrap_or((hold.rule, hold.figures));
            let asking = asking(snapshot, Some(tripped));
            let gates = ask(tenant, &asking, &all, settings.safeguards, None).await?;
            snapshot.said.hold = gates.into_values().find_map(held);
        }
        if returns.is_some() && !back.is_empty() {
            let asking = asking(snapshot, None);
            let gates = ask(tenant, &asking, &back, settings.safeguards, None).await?;
            snapshot.said.returns = gates.into_values().find_map(held);
        }
        if missing.is_some() && !apart.is_empty() {
            snapshot.said.missing = self.first(snapshot, settings, &apart).await?;
        }
        Ok(())
    }

    /// The hold, if it is closed; otherwise `None`.
    async fn closed(&self, said: Option<&(HoldId, u64)>) -> Result<Option<Hold>> {
        match said {
            Some((hold, _)) => closed(&self.tenant, hold).await,
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
        Ok(own.map(|hold| (hold.hold, hold.version + 1)))
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

/// The group in which the breaker is asked about a person. Missing people are apart if `on_missing` is `hold`, unless the
/// snapshot trips a safeguard itself.
pub(super) fn group(snapshot: &Snapshot, settings: &Settings, what: Counted) -> Group {
    match what {
        Counted::Return => Group::Returning,
        Counted::Departure(Cause::Missing)
            if snapshot.tripped.is_none() && settings.on_missing == OnMissing::Hold =>
        {
            Group::Missing
        }
        Counted::Departure(_) | Counted::LastAdmin(_) => Group::Leaving,
    }
}

/// The people that the breaker is asked about: leavers, missing people who are held apart, and people who return.
struct Groups {
    all: People,
    missing: People,
    returns: People,
}

fn parted(snapshot: &Snapshot, settings: &Settings, listed: Vec<(EmployeeId, Counted)>) -> Groups {
    let mut groups = Groups {
        all: People::new(),
        missing: People::new(),
        returns: People::new(),
    };
    for (id, what) in listed {
        if matches!(what, Counted::LastAdmin(_)) {
            continue;
        }
        let of = match group(snapshot, settings, what) {
            Group::Leaving => &mut groups.all,
            Group::Missing => &mut groups.missing,
            Group::Returning => &mut groups.returns,
        };
        of.insert(id, what);
    }
    groups
}

fn held(gate: Gate) -> Option<(HoldId, u64)> {
    match gate {
        Gate::Held { hold, seq } => Some((hold, seq)),
        Gate::Open { .. } | Gate::Stopped => None,
    }
}

/// Stores the breaker's verdict on a dry run or on a source in observation, and adjusts the counts to it.
fn weigh(
    snapshot: &mut Snapshot,
    settings: &Settings,
    breaker: &Breaker,
    Groups {
        all,
        missing,
        returns,
    }: &Groups,
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
    if !returns.is_empty() {
        let people = returns.keys().cloned().collect();
        let verdict = breaker.weigh_returns(&people, settings.safeguards, now);
        let (rule, held_against) = match &verdict {
            Verdict::Trips(rule, figures) => (Some(*rule), Some(*figures)),
            Verdict::Admitted | Verdict::Joins(_) => (None, None),
        };
        let stops = verdict != Verdict::Admitted;
        if stops {
            stop(figures, settings, returns);
        }
        let told = (verdict.as_str().to_owned(), rule, held_against);
        let admitted = |told: &(String, _, _)| told.0 == Verdict::Admitted.as_str();
        if snapshot
            .verdict
            .as_ref()
            .is_none_or(|told| stops && admitted(told))
        {
            snapshot.verdict = Some(told);
        }
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
            (Counted::Return, _) => match summary.contains_key(&Outcome::Restored) {
                true => Outcome::Restored,
                false => Outcome::Reactivated,
            },
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
