//! The stored forms of breakers, holds, runs and snapshots.

use chrono::TimeDelta;
use offramp_domain::breaker::{Base, PLACES};
use offramp_domain::decide::Outcome;
use offramp_domain::settings::Safeguards;
use offramp_domain::snapshot::{AdminMove, EVENTS_WAIT, Fate, Part};
use offramp_domain::{
    Breaker, Cause, Counted, Field, FirstApproval, Hold, HoldAnswer, HoldId, HoldState, Listening,
    MOST_REJECTED, PendingMark, PersonHash, Pulse, Roll, Run, RunId, RunKind, Settings, Snapshot,
    SnapshotId, SnapshotQueue, SnapshotState, Step, Tripped, Unfinished, Verdict,
};

use super::Golden;
use crate::breaker::{limits, people};
use crate::world::{admin, employee, source, start};

pub(super) fn hold_id() -> HoldId {
    HoldId::new("hold_1").unwrap()
}

pub(super) fn run_id() -> RunId {
    RunId::new("run_1").unwrap()
}

pub(super) fn snapshot_id() -> SnapshotId {
    SnapshotId::new("snap_1").unwrap()
}

/// The breaker of a source, and what it makes.
pub(super) fn breakers(golden: &mut Golden) {
    let safeguards = Settings::default().safeguards;
    let people = [employee("E-7"), employee("E-8")].into();
    let counted = Breaker {
        base: Some(Base {
            active: 25,
            at: start(),
        }),
        look_at: Some(start()),
        employees: Some(25),
        ..Breaker::default()
    };
    let admitted = counted.admitting(&people, safeguards, start());
    golden.check("breaker", &admitted);
    let mut open = admitted.tripping(hold_id(), safeguards, start());
    open.mark = open.mark.after(start(), [Field::Name]);
    golden.check("breaker-open", &open);
    golden.check("breaker-answered", &open.answering(true, start()));
    golden.check("breaker-part", &open.answering_until(2));
    let rejected = [PersonHash::of(&employee("E-7"))].into();
    let marked = open.mark.after_all_but(&rejected, start(), [Field::Name]);
    open.mark = marked.unwrap();
    open.pending = Some(PendingMark {
        snapshot: snapshot_id(),
        at: start(),
        until: start() + EVENTS_WAIT,
    });
    golden.check("breaker-pending", &open);
    let Verdict::Trips(_, figures) = counted.weigh(
        &people,
        Safeguards {
            max_users: 1,
            ..safeguards
        },
        None,
        start(),
    ) else {
        panic!("two are more than one");
    };
    let hold = Hold {
        hold: hold_id(),
        source: source("hris"),
        rule: Tripped::MaxUsers,
        figures,
        state: HoldState::Open,
        run: Some(run_id()),
        opened_at: start(),
        told_at: start(),
        escalated: true,
        people: 2,
        version: 3,
        answered: 2,
        by: Some((admin(Some("E-1")), start())),
        last: Some(HoldState::Approved),
        answers: vec![HoldAnswer {
            until: 2,
            answer: HoldState::Rejected,
            by: admin(Some("E-2")),
        }],
        unfinished: vec![Unfinished {
            run: Some(run_id()),
            until: 2,
        }],
        alone: 1,
        first_approval: Some(FirstApproval {
            by: admin(Some("E-2")),
            at: start(),
            until: 3,
            only: Some([employee("E-7")].into()),
            people: 1,
        }),
    };
    golden.check("hold", &hold);
    golden.check(
        "roll",
        &Roll {
            seq: 3,
            at: start(),
            people: vec![employee("E-7"), employee("E-8")],
        },
    );
    let kinds = [
        RunKind::Delivery,
        RunKind::Snapshot {
            snapshot: snapshot_id(),
        },
        RunKind::Approval { hold: hold_id() },
    ];
    let runs = kinds.map(|kind| Run {
        run: run_id(),
        kind,
        source: source("hris"),
        at: start(),
        by: Some(admin(Some("E-1"))),
        people: 2,
        not_moved: 0,
        rev: 0,
        undone: Some((admin(None), start())),
    });
    golden.check("runs", &runs.to_vec());
    let [mut less, ..] = runs;
    (less.people, less.not_moved, less.rev) = (1, 1, 1);
    golden.check("run-not-moved", &less);
    let mut snapshot = Snapshot::open(
        snapshot_id(),
        source("hris"),
        run_id(),
        start(),
        Some(25),
        start(),
    );
    golden.check("snapshot-open", &snapshot);
    snapshot.state = SnapshotState::Applying;
    snapshot.step = Step::Apply { part: 3 };
    snapshot.summary = [(Outcome::Held, 2), (Outcome::Unchanged, 23)].into();
    snapshot.tripped = Some((Tripped::ShortSnapshot, figures));
    snapshot.said.hold = Some((hold_id(), 1));
    snapshot.fields = Some([Field::Name].into());
    snapshot.due = Some(start());
    golden.check("snapshot-applying", &snapshot);
    snapshot.observing = true;
    snapshot.would = [(Outcome::Held, 2), (Outcome::Created, 1)].into();
    golden.check("snapshot-observing", &snapshot);
    snapshot.counted = 2;
    snapshot.differs = Some([(3, 1), (7, 0)].into());
    golden.check("snapshot-compared", &snapshot);
    snapshot.source_since = Some(start());
    snapshot.rejected = [PersonHash::of(&employee("E-7"))].into();
    snapshot.again = 1;
    golden.check("snapshot-again", &snapshot);
    let departure = Counted::Departure(Cause::Missing);
    let mut part = Part::default();
    part.add(Outcome::Scheduled, Some(departure), None);
    part.add(
        Outcome::Scheduled,
        Some(departure),
        Some(AdminMove {
            id: employee("E-1"),
            joins: false,
            counted: Some(departure),
            word: Outcome::Scheduled,
            asked: true,
            fate: Some(Fate::Happens),
        }),
    );
    snapshot.tally.plan(3, part);
    snapshot.holds = [hold_id()].into();
    golden.check("snapshot-tally", &snapshot);
    let spoken = (0..6).fold(Pulse::default(), |pulse, day| {
        let beat = pulse.beating(start() + TimeDelta::days(day));
        beat.unwrap_or(pulse)
    });
    golden.check("pulse", &spoken);
    let listening = Listening {
        enabled: true,
        since: start(),
        silent_after_hours: None,
        quarantined: false,
    };
    let told = spoken.telling(&listening, start() + TimeDelta::days(60));
    golden.check("pulse-silent", &told.unwrap().0);
    golden.check(
        "line",
        &SnapshotQueue {
            open: Some(snapshot_id()),
            rev: 2,
            ..SnapshotQueue::default()
        },
    );
    golden.check(
        "line-applying",
        &SnapshotQueue {
            open: None,
            applying: Some(snapshot_id()),
            applying_at: Some(start()),
            rev: 3,
        },
    );
}

#[test]
fn a_breaker_fits_its_item_however_many_have_a_place_and_were_spared() {
    let (limits, now) = (limits(u32::MAX, 100), start());
    let full = Breaker::default().admitting(&people(0, PLACES + 5), limits, now);
    let hold = HoldId::new("hold_1").unwrap();
    let open = full.tripping(hold.clone(), limits, now);
    let spared = open.answering(true, now);
    let spared = spared
        .admitting(&people(3, 1_000), limits, now)
        .answering(true, now);
    let spared = spared
        .admitting(&people(0, PLACES), limits, now)
        .answering(true, now);
    let again = spared.admitting(&people(PLACES, 2 * PLACES), limits, now);
    let mut most = again.tripping(hold, limits, now);
    assert_eq!(most.window.len(), PLACES);
    assert_eq!(
        most.spared.as_ref().map(|spared| spared.window.len()),
        Some(PLACES)
    );
    // Beside them, as many as the mark of a snapshot may leave out, with as many earlier marks as there may be.
    let who = |n: usize| PersonHash::of(&employee(&format!("E-{n}")));
    for minute in 1..=20_i32 {
        let at = now + TimeDelta::minutes(minute.into());
        let left_out = MOST_REJECTED - 20 + usize::try_from(minute).unwrap();
        let rejected = (0..left_out).map(who).collect();
        let mark = most
            .mark
            .after_all_but(&rejected, at, Field::ALL.iter().copied());
        most.mark = mark.unwrap();
    }
    most.pending = Some(PendingMark {
        snapshot: snapshot_id(),
        at: now,
        until: now,
    });
    let size = serde_json::to_string(&most).unwrap().len();
    assert!(size < 390 * 1_024, "{size} bytes");
}
