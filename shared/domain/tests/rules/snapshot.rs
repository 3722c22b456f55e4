//! The steps of a snapshot.

use offramp_domain::{RunId, Snapshot, SnapshotId, SourceId, Step};

use crate::world::start;

const PARTS: u8 = 16;

fn snapshot() -> Snapshot {
    let id = SnapshotId::new("snap_1").unwrap();
    let (source, run) = (SourceId::new("hris").unwrap(), RunId::new("run_1").unwrap());
    Snapshot::open(id, source, run, start(), None, start())
}

/// Every step of a snapshot, if `at_once` partitions are compared at once.
fn steps(mut snapshot: Snapshot, at_once: u8) -> Vec<Step> {
    let mut steps = Vec::new();
    while snapshot.step != Step::Done {
        steps.push(snapshot.step);
        let below = match snapshot.step {
            Step::Compare { part } => PARTS.min(part + at_once),
            Step::Apply { part } => part + 1,
            Step::Ask | Step::Done => 0,
        };
        snapshot.step = snapshot.next_step(below, PARTS);
    }
    steps
}

#[test]
fn where_nobody_differs_comparing_is_all() {
    let unchanged = snapshot().uncompared();
    assert_eq!(steps(unchanged.clone(), 16), [Step::Compare { part: 0 }]);
    let parts = [0, 4, 8, 12].map(|part| Step::Compare { part });
    assert_eq!(steps(unchanged, 4), parts);
}

#[test]
fn only_partitions_in_which_somebody_differs_are_applied_and_the_breaker_is_asked_about_somebody() {
    let mut snapshot = snapshot().uncompared();
    snapshot.differs = Some([(3, 0), (15, 0)].into());
    let apply = |part| Step::Apply { part };
    let compare = Step::Compare { part: 0 };
    assert_eq!(steps(snapshot.clone(), 16), [compare, apply(3), apply(15)]);
    snapshot.counted = 1;
    assert_eq!(
        steps(snapshot.clone(), 16),
        [compare, Step::Ask, apply(3), apply(15)]
    );
    snapshot.dry_run = true;
    assert_eq!(steps(snapshot, 16), [compare, Step::Ask]);
}

#[test]
fn one_that_was_compared_before_this_was_written_down_is_applied_whole_and_another_compared_anew() {
    let mut before = snapshot();
    before.step = Step::Ask;
    before.counted = 1;
    let mut all = vec![Step::Ask];
    all.extend((0..PARTS).map(|part| Step::Apply { part }));
    assert_eq!(steps(before.clone(), 16), all);

    before.step = Step::Compare { part: 9 };
    before.employees = 7;
    let anew = before.uncompared();
    assert_eq!(anew.step, Step::Compare { part: 0 });
    assert_eq!((anew.employees, anew.counted), (0, 0));
    assert_eq!(anew.differs, Some([].into()));
}
