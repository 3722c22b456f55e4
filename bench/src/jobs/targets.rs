//! What this build is held against, beside another one: of fewer calls, and fewer in a row.

use super::job::Many;
use super::sample::Row;
use super::{Job, Table};
use crate::stage::Hr;
use crate::targets::{Target, most};

/// All that the jobs which were done can tell; none where there is nothing to compare with.
pub(super) fn of(table: &Table) -> Vec<Target> {
    let mut targets = events(table);
    targets.extend(terminate(table));
    targets.extend(digest(table));
    targets.extend(snapshots(table));
    targets.extend(many(table));
    targets
}

fn events(table: &Table) -> Vec<Target> {
    let now = |job| table.both(job).map(|(_, now)| now);
    let mut targets = Vec::new();
    for hr in [Hr::Unchanged, Hr::Renamed] {
        if let Some(row) = now(Job::Event(hr)) {
            targets.push(within(&in_a_row(Job::Event(hr)), row.in_a_row, 2.0));
        }
    }
    if let Some((then, now)) = table.both(Job::Event(Hr::Leaves)) {
        let what = "somebody leaves: ms at 4 ms a call, over then";
        targets.push(ratio(what, now.held / then.held, 0.55));
    }
    for hr in [Hr::Again, Hr::Unchanged, Hr::Renamed, Hr::Leaves] {
        if let Some((first, later)) = now(Job::Minute(hr)).zip(now(Job::Event(hr))) {
            let what = format!("{}, over the next", in_a_row(Job::Minute(hr)));
            targets.push(within(&what, first.in_a_row - later.in_a_row, 0.0));
        }
    }
    let changed = Job::Event(Hr::Renamed);
    for peer in ["Node", "Python"] {
        if let Some((peers, ours)) = table.peer(changed, peer).zip(now(changed)) {
            let what = format!("another name: ms at 4 ms a call, over {peer}'s");
            targets.push(ratio(&what, ours.held / peers.held, 0.7));
        }
    }
    targets
}

fn terminate(table: &Table) -> Vec<Target> {
    let job = Job::Terminate;
    let Some((then, now)) = table.both(job) else {
        return Vec::new();
    };
    vec![
        within(&calls(job), now.calls, 16.0),
        within(&in_a_row(job), now.in_a_row, 9.0),
        ratio(
            &format!("{}: ms at 4 ms a call, over then", job.what()),
            now.held / then.held,
            0.5,
        ),
        within(&written(job), now.write, 28.0),
    ]
}

fn digest(table: &Table) -> Option<Target> {
    let (_, few) = table.both(Job::Digest(2))?;
    let (_, many) = table.both(Job::Digest(50))?;
    let what = format!("{}, over those to 2", in_a_row(Job::Digest(50)));
    Some(within(&what, many.in_a_row - few.in_a_row, 0.0))
}

fn snapshots(table: &Table) -> Vec<Target> {
    let mut targets = Vec::new();
    for job in Job::ALL {
        let Some((then, now)) = table.both(job) else {
            continue;
        };
        match job {
            Job::Snapshot(..=1_000) => targets.extend([
                within(&calls(job), now.calls, 25.0),
                within(&in_a_row(job), now.in_a_row, 6.0),
                within(&written(job), now.write, 8.0),
            ]),
            Job::Snapshot(_) => {
                let over = |what: String, figure: fn(&Row) -> f64| {
                    ratio(
                        &format!("{what}, over then"),
                        figure(now) / figure(then),
                        0.6,
                    )
                };
                targets.extend([
                    over(calls(job), |row| row.calls),
                    over(written(job), |row| row.write),
                ]);
            }
            _ => {}
        }
    }
    targets
}

fn many(table: &Table) -> Vec<Target> {
    let mut targets = Vec::new();
    let newer = Job::Many(Many::Unchanged);
    if let Some((then, now)) = table.both(newer) {
        let what = format!("{}: processor time, over then", newer.what());
        targets.extend([
            within(&calls(newer), now.calls, 160.0),
            ratio(&what, now.busy / then.busy, 0.4),
        ]);
    }
    let created = Job::Many(Many::Created);
    if let Some((then, now)) = table.both(created) {
        // No slower, but for what two runs of the same program differ by.
        let what = format!("{}: ms at 4 ms a call, over then", created.what());
        targets.push(ratio(&what, now.held / then.held, 1.1));
    }
    targets
}

fn calls(job: Job) -> String {
    format!("{}: calls", job.what())
}

fn in_a_row(job: Job) -> String {
    format!("{}: calls in a row", job.what())
}

fn written(job: Job) -> String {
    format!("{}: write units", job.what())
}

fn within(what: &str, measured: f64, limit: f64) -> Target {
    most(what, Some(measured), limit, "")
}

fn ratio(what: &str, measured: f64, limit: f64) -> Target {
    most(what, Some(measured), limit, "×")
}

#[cfg(test)]
mod tests {
    use super::super::page::tests::{row, table};
    use super::*;

    fn met(targets: &[Target]) -> Vec<(&str, Option<bool>)> {
        let each = targets.iter();
        each.map(|target| (target.what.as_str(), target.met))
            .collect()
    }

    #[test]
    fn what_was_done_is_held_and_nothing_else() {
        let (two, three) = (Some(row(2.0)), Some(row(3.0)));
        let changed = [three, two, Some(row(4.0)), Some(row(2.5))];
        let table = table(&[
            (Job::Event(Hr::Renamed), &changed),
            (
                Job::Minute(Hr::Renamed),
                &[Some(row(5.0)), three, None, None],
            ),
            (
                Job::Terminate,
                &[Some(row(22.0)), Some(row(16.0)), None, None],
            ),
        ]);
        let targets = of(&table);
        assert_eq!(
            met(&targets),
            [
                ("another name: calls in a row", Some(true)),
                (
                    "another name, first event of a minute: calls in a row, over the next",
                    Some(false)
                ),
                ("another name: ms at 4 ms a call, over Node's", Some(true)),
                (
                    "another name: ms at 4 ms a call, over Python's",
                    Some(false)
                ),
                ("a grace period ends, two cards: calls", Some(true)),
                (
                    "a grace period ends, two cards: calls in a row",
                    Some(false)
                ),
                (
                    "a grace period ends, two cards: ms at 4 ms a call, over then",
                    Some(false)
                ),
                ("a grace period ends, two cards: write units", Some(true)),
            ]
        );
    }

    #[test]
    fn a_digest_to_many_has_no_more_in_a_row_than_one_to_few() {
        let digests = |many| {
            let few = [Some(row(11.0)), Some(row(6.0))];
            let many = [Some(row(155.0)), Some(row(many))];
            of(&table(&[(Job::Digest(2), &few), (Job::Digest(50), &many)]))
        };
        assert_eq!(digests(6.0)[0].met, Some(true));
        assert_eq!(digests(7.0)[0].met, Some(false));
        let alone = [Some(row(155.0)), Some(row(6.0))];
        assert_eq!(of(&table(&[(Job::Digest(50), &alone)])), []);
    }

    #[test]
    fn a_small_snapshot_is_held_against_numbers_and_the_large_one_against_the_other_build() {
        let rows = [Some(row(172.0)), Some(row(100.0))];
        let of = |people| of(&table(&[(Job::Snapshot(people), &rows)]));
        assert_eq!(of(925).len(), 3);
        let large = of(100_000);
        assert_eq!(
            met(&large),
            [
                (
                    "a snapshot of 100,000, nothing new: calls, over then",
                    Some(true)
                ),
                (
                    "a snapshot of 100,000, nothing new: write units, over then",
                    Some(false)
                ),
            ]
        );
    }
}
