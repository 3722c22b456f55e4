//! The table of jobs as Markdown, and its place in the documentation.

use std::fmt::Write;

use super::sample::Row;
use super::{Job, Table};
use crate::Result;
use crate::page::{held, known, place, plain};
use crate::targets::Target;

/// The name of its place.
const PLACE: &str = "calls";

/// All of it.
pub(super) fn tables(table: &Table, targets: &[Target]) -> String {
    let mut text = format!("Measured on {}.\n\n", table.machine);
    match table.builds.as_slice() {
        [then, now] => {
            let _ = writeln!(text, "Where two figures stand, `{then}` → {now}.\n");
            two(&mut text, table);
            if !table.peers.is_empty() {
                peers(&mut text, table, then);
            }
            held(&mut text, targets);
        }
        _ => one(&mut text, table),
    }
    text
}

pub(super) fn write(text: &str) -> Result<()> {
    place(PLACE, text)
}

fn one(text: &mut String, table: &Table) {
    text.push_str(
        "| job | | calls | in a row | RCU | WCU | index WCU | ms | ms at 4 ms a call | CPU, ms |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (job, rows) in &table.rows {
        let Some(Some(row)) = rows.first() else {
            continue;
        };
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            job.what(),
            job.name(),
            plain(row.calls),
            plain(row.in_a_row),
            plain(row.read),
            plain(row.write),
            plain(row.index),
            known(row.at_once),
            known(row.held),
            known(row.busy),
        );
    }
}

fn two(text: &mut String, table: &Table) {
    text.push_str(
        "| job | calls | in a row | RCU | WCU | index WCU | ms | ms at 4 ms a call | × | CPU, ms | × |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (job, rows) in &table.rows {
        let Some((Some(then), Some(now))) = rows.first().zip(rows.get(1)) else {
            continue;
        };
        let both = |figure: fn(&Row) -> f64, text: fn(f64) -> String| {
            let (then, now) = (text(figure(then)), text(figure(now)));
            if then == now {
                now
            } else {
                format!("{then} → {now}")
            }
        };
        let over = |figure: fn(&Row) -> f64| known(figure(now) / figure(then));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            job.what(),
            both(|row| row.calls, plain),
            both(|row| row.in_a_row, plain),
            both(|row| row.read, plain),
            both(|row| row.write, plain),
            both(|row| row.index, plain),
            both(|row| row.at_once, known),
            both(|row| row.held, known),
            over(|row| row.held),
            both(|row| row.busy, known),
            over(|row| row.busy),
        );
    }
    text.push('\n');
}

/// Everybody's time for an event where each answer is held.
fn peers(text: &mut String, table: &Table, then: &str) {
    let names = table.peers.join(" | ");
    let over: Vec<_> = table
        .peers
        .iter()
        .map(|name| format!("now / {name}"))
        .collect();
    let lines = "--:|".repeat(2 + 2 * table.peers.len());
    let _ = writeln!(
        text,
        "| one event, ms at 4 ms a call | `{then}` | now | {names} | {} |\n|---|{lines}",
        over.join(" | ")
    );
    for (job, rows) in &table.rows {
        let held: Vec<f64> = rows.iter().flatten().map(|row| row.held).collect();
        if !job.group().has_peers() || held.len() < rows.len() {
            continue;
        }
        let over = held.iter().skip(2).map(|peer| held[1] / peer);
        let cells: Vec<_> = held.iter().copied().chain(over).map(known).collect();
        let _ = writeln!(text, "| {} | {} |", job.what(), cells.join(" | "));
    }
    text.push('\n');
}

impl Table {
    /// A job's rows of the other build and of this one.
    pub(super) fn both(&self, job: Job) -> Option<(&Row, &Row)> {
        let rows = self.rows.get(&job)?;
        let (then, now) = rows.first().zip(rows.get(1))?;
        then.as_ref().zip(now.as_ref())
    }

    /// A job's row of a peer.
    pub(super) fn peer(&self, job: Job, peer: &str) -> Option<&Row> {
        let place = self.peers.iter().position(|name| name == peer)?;
        self.rows
            .get(&job)?
            .get(self.builds.len() + place)?
            .as_ref()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::stage::Hr;

    /// A row of so many calls, all in a row.
    pub(in crate::jobs) fn row(calls: f64) -> Row {
        Row {
            calls,
            in_a_row: calls,
            read: 5.0,
            write: 2.5,
            index: 0.0,
            at_once: calls / 2.0,
            held: calls * 5.0,
            busy: 1.0,
        }
    }

    pub(in crate::jobs) fn table(rows: &[(Job, &[Option<Row>])]) -> Table {
        Table {
            machine: "a machine".to_owned(),
            builds: vec!["cee8be8".to_owned(), "now".to_owned()],
            peers: vec!["Node".to_owned(), "Python".to_owned()],
            rows: rows
                .iter()
                .map(|(job, rows)| (*job, rows.to_vec()))
                .collect(),
        }
    }

    #[test]
    fn two_builds_stand_side_by_side_and_peers_beside_them() {
        let (three, two) = (Some(row(3.0)), Some(row(2.0)));
        let table = table(&[
            (
                Job::Event(Hr::Renamed),
                &[three, two, Some(row(4.0)), Some(row(5.0))],
            ),
            (
                Job::Terminate,
                &[Some(row(22.0)), Some(row(11.0)), None, None],
            ),
        ]);
        let text = tables(&table, &[]);
        for line in [
            "| another name | 3 → 2 | 3 → 2 | 5 | 2.5 | 0 | 1.50 → 1.00 | 15.00 → 10.00 | 0.67 | 1.00 | 1.00 |",
            "| a grace period ends, two cards | 22 → 11 | 22 → 11 | 5 | 2.5 | 0 | 11.00 → 5.50 | 110.00 → 55.00 | 0.50 | \
             1.00 | 1.00 |",
            "| one event, ms at 4 ms a call | `cee8be8` | now | Node | Python | now / Node | now / Python |",
            "| another name | 15.00 | 10.00 | 20.00 | 25.00 | 0.50 | 0.40 |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert_eq!(text.matches("| a grace period").count(), 1, "{text}");
    }

    #[test]
    fn one_build_stands_alone() {
        let mut table = table(&[(Job::Terminate, &[Some(row(22.0))])]);
        table.builds.truncate(1);
        table.peers.clear();
        let text = tables(&table, &[]);
        let line = "| a grace period ends, two cards | `terminate` | 22 | 22 | 5 | 2.5 | 0 | 11.00 | 110.00 | 1.00 |";
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("target"), "{text}");
    }
}
