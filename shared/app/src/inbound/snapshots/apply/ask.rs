//! Asks the breaker once about all people that a snapshot would end or restore.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use offramp_domain::breaker::{Breaker, Counted};
use offramp_domain::decide::Outcome;
use offramp_domain::settings::{Behaviour, OnMissing};
use offramp_domain::snapshot::{AdminMove, Fate, Group};
use offramp_domain::{
    Cause, EmployeeId, Figures, Gate, Hold, HoldId, HoldState, RunKind, Settings, Snapshot,
    Tripped, Verdict,
};

use super::Applying;
use crate::engine::breaker::{RunRequest, ask, closed};
use crate::ports::{
    Breakers, Lookalikes, Objectives, Observed, ROSTER_SHARDS, Rejections, Rosters, Snapshots,
    Users,
};
use crate::{Ports, Result};

type People = BTreeMap<EmployeeId, Counted>;

/// How many of the newest holds are searched for one that this snapshot opened.
const RECENT: usize = 20;

impl<P: Ports> Applying<'_, P>
where
    P::Store:
        Users + Breakers + Lookalikes + Snapshots + Rosters + Objectives + Observed + Rejections,
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
        let admins = snapshot.tally.ask(&loaded.admins);
        let listed = listed.into_iter().filter_map(|(id, what)| {
            let asked = admins.get(&id).copied().unwrap_or(Some(what));
            asked.map(|what| (id, what))
        });
        let groups = parted(snapshot, settings, listed.collect());
        let ended = match loaded.policy.sync_of(Some(&snapshot.source)).behaviour {
            Behaviour::Delayed => Outcome::Scheduled,
            Behaviour::Immediate => Outcome::Deactivated,
        };
        if snapshot.dry_run || snapshot.observing {
            let stopped = weigh(snapshot, settings, &breaker, &groups, tenant.clock.now());
            count(snapshot, settings, (&loaded.admins, ended), &stopped);
            return Ok(());
        }
        let Groups {
            all,
            missing,
            returns,
            alike,
        } = groups;
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
        if !alike.is_empty() {
            let asking = asking(snapshot, None);
            let gates = ask(tenant, &asking, &alike, settings.safeguards, None).await?;
            snapshot.said.alike = gates.into_values().find_map(held);
        }
        let said = &snapshot.said;
        let stopped = [
            (Group::Leaving, said.hold.is_some()),
            (Group::Missing, said.missing.is_some()),
            (Group::Returning, said.returns.is_some()),
            (Group::Alike, said.alike.is_some()),
        ];
        let stopped = stopped.into_iter().filter(|(_, held)| *held);
        let stopped: Vec<Group> = stopped.map(|(group, _)| group).collect();
        count(snapshot, settings, (&loaded.admins, ended), &stopped);
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
        let alike = self.closed(snapshot.said.alike.as_ref()).await?;
        let closed = [&hold, &missing, &returns, &alike];
        if closed.into_iter().all(Option::is_none) {
            return Ok(());
        }
        let listed = self.listed(snapshot, from..ROSTER_SHARDS).await?;
        let Groups {
            all,
            missing: apart,
            returns: back,
            alike: unknown,
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
        if alike.is_some() && !unknown.is_empty() {
            let asking = asking(snapshot, None);
            let gates = ask(tenant, &asking, &unknown, settings.safeguards, None).await?;
            snapshot.said.alike = gates.into_values().find_map(held);
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
        Counted::LookAlike => Group::Alike,
        Counted::Departure(Cause::Missing)
            if snapshot.tripped.is_none() && settings.on_missing == OnMissing::Hold =>
        {
            Group::Missing
        }
        Counted::Departure(_) | Counted::LastAdmin(_) => Group::Leaving,
    }
}

/// The breaker's answers by person. A last admin, or one who is not the last any more, is asked about alone.
pub(super) fn asked(
    snapshot: &Snapshot,
    settings: &Settings,
    listed: Vec<(EmployeeId, Counted)>,
) -> Vec<(EmployeeId, Gate)> {
    let admins = snapshot.tally.admins().into_iter();
    let admins: BTreeMap<EmployeeId, AdminMove> = admins.map(|one| (one.id.clone(), one)).collect();
    let gate = |(id, what): (EmployeeId, Counted)| {
        let of_group = |what| {
            snapshot
                .said
                .gate(&snapshot.run, group(snapshot, settings, what))
        };
        let departs = what.departure().unwrap_or(what);
        let gate = match admins.get(&id).and_then(|one| Some((one.fate?, one.asked))) {
            Some((Fate::Held, _)) => of_group(departs),
            Some((Fate::Happens, true)) => of_group(departs),
            Some((Fate::Happens | Fate::LastAdmin, _)) => return None,
            None if matches!(what, Counted::LastAdmin(_)) => return None,
            None => of_group(what),
        };
        Some((id, gate))
    };
    listed.into_iter().filter_map(gate).collect()
}

/// The people that the breaker is asked about: leavers, missing people who are held apart, people who return, and
/// look-alikes.
#[derive(Default)]
struct Groups {
    all: People,
    missing: People,
    returns: People,
    alike: People,
}

fn parted(snapshot: &Snapshot, settings: &Settings, listed: Vec<(EmployeeId, Counted)>) -> Groups {
    let mut groups = Groups::default();
    for (id, what) in listed {
        if matches!(what, Counted::LastAdmin(_)) {
            continue;
        }
        let of = match group(snapshot, settings, what) {
            Group::Leaving => &mut groups.all,
            Group::Missing => &mut groups.missing,
            Group::Returning => &mut groups.returns,
            Group::Alike => &mut groups.alike,
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

/// Takes into the figures which groups are held.
fn count(
    snapshot: &mut Snapshot,
    settings: &Settings,
    (admins, ended): (&BTreeSet<EmployeeId>, Outcome),
    stopped: &[Group],
) {
    let groups = snapshot.clone();
    let is_held = |what| stopped.contains(&group(&groups, settings, what));
    snapshot.recount(|tally| tally.stop(admins, ended, is_held));
}

/// Stores the breaker's verdict on a dry run or on a source in observation. Returns the groups that it would hold.
fn weigh(
    snapshot: &mut Snapshot,
    settings: &Settings,
    breaker: &Breaker,
    groups: &Groups,
    now: DateTime<Utc>,
) -> Vec<Group> {
    let people = |of: &People| of.keys().cloned().collect();
    let tripped = snapshot.tripped.map(|(tripped, _)| tripped);
    let safeguards = settings.safeguards;
    let mut verdicts = Vec::new();
    if !groups.all.is_empty() {
        let verdict = breaker.weigh(&people(&groups.all), safeguards, tripped, now);
        verdicts.push((Group::Leaving, verdict));
    }
    if !groups.returns.is_empty() {
        let verdict = breaker.weigh_returns(&people(&groups.returns), safeguards, now);
        verdicts.push((Group::Returning, verdict));
    }
    let stops = |verdict: &Verdict| *verdict != Verdict::Admitted;
    let told = verdicts.iter().find(|(_, verdict)| stops(verdict));
    let told = told.or(verdicts.first()).map(|(_, verdict)| verdict);
    snapshot.verdict = told.map(|verdict| {
        let (rule, held_against) = match verdict {
            Verdict::Trips(rule, figures) => (Some(*rule), Some(*figures)),
            Verdict::Admitted | Verdict::Joins(_) => (None, None),
        };
        (verdict.as_str().to_owned(), rule, held_against)
    });
    let mut stopped: Vec<Group> = verdicts
        .iter()
        .filter(|(_, verdict)| stops(verdict))
        .map(|(group, _)| *group)
        .collect();
    if !groups.alike.is_empty() {
        stopped.push(Group::Alike);
    }
    if !groups.missing.is_empty() {
        stopped.push(Group::Missing);
        let asked = ("held".to_owned(), Some(Tripped::OnMissing), None);
        snapshot.verdict.get_or_insert(asked);
    }
    stopped
}
