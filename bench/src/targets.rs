//! What the figures are held against. Ratios, calls and bytes, and differences of two figures of the same run.

use crate::figures::Figures;
use crate::functions::{Job, Row as Cost};
use crate::peers::{Row, Who};
use crate::stage::Hr;

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) wanted: String,
    pub(crate) measured: String,
    /// `None` where it could not be measured here.
    pub(crate) met: Option<bool>,
}

/// Megabytes, of 1,000,000 bytes for files and of 2^20 for memory, as each is usually given.
const MB: f64 = 1e6;
const MIB: f64 = 1_048_576.0;

/// All of them.
pub(crate) fn of(figures: &Figures) -> Vec<Target> {
    let mut targets = starts(&figures.peers);
    targets.extend(warm(&figures.peers));
    targets.extend(sizes(figures));
    targets.push(least(
        "verifying and reading a megabyte of HR events",
        Some(figures.reading.both),
        300.0,
        "MB/s",
    ));
    targets.extend(calls(figures));
    targets
}

fn starts(peers: &[Row]) -> Vec<Target> {
    let who = |who| peers.iter().find(|row| row.who == who);
    let first = |of| who(of).map(|row: &Row| row.first);
    let over = |of| Some(first(of)? / first(Who::Ours)?);
    let init = |of| Some(who(of)?.init - who(Who::Floor)?.init);
    let shared = who(Who::Ours).and_then(|row| row.shared);
    vec![
        most(
            "start to first response, over the floor's",
            first(Who::Ours)
                .zip(first(Who::Floor))
                .map(|(ours, floor)| ours / floor),
            3.5,
            "×",
        ),
        least(
            "the same of the default build, over ours",
            over(Who::Default),
            8.0,
            "×",
        ),
        least("the same of Node, over ours", over(Who::Node), 35.0, "×"),
        least(
            "the same of Python, over ours",
            over(Who::Python),
            60.0,
            "×",
        ),
        most(
            "init beyond the floor's, not primed",
            init(Who::Unprimed),
            1.5,
            "ms",
        ),
        most(
            "init beyond the floor's, primed",
            init(Who::Ours),
            4.5,
            "ms",
        ),
        most(
            "at 128 MB's share, the first invocation beyond a warm one",
            shared.map(|(first, warm)| first - warm),
            1.0,
            "ms",
        ),
    ]
}

fn warm(peers: &[Row]) -> Vec<Target> {
    let over = |of: Who, figure: fn(&Row) -> f64| {
        let who = |who| peers.iter().find(|row| row.who == who).map(figure);
        Some(who(of)? / who(Who::Ours)?)
    };
    vec![
        least(
            "warm p50 of Python, over ours",
            over(Who::Python, |row| row.p50),
            4.0,
            "×",
        ),
        least(
            "warm p50 of Node, over ours",
            over(Who::Node, |row| row.p50),
            4.0,
            "×",
        ),
        least(
            "CPU of Python, over ours",
            over(Who::Python, |row| row.busy),
            5.0,
            "×",
        ),
        least(
            "CPU of Node, over ours",
            over(Who::Node, |row| row.busy),
            5.0,
            "×",
        ),
        most(
            "resident when warm, `hr-sync`",
            peers
                .iter()
                .find(|row| row.who == Who::Ours)
                .map(|row| row.resident as f64 / MIB),
            8.0,
            "MB",
        ),
    ]
}

fn sizes(figures: &Figures) -> Vec<Target> {
    let sizes = figures.functions.sizes.iter();
    let each = |size: &crate::functions::Size| {
        [
            most(
                &format!("`{}`", size.function),
                Some(size.bytes as f64 / MB),
                4.5,
                "MB",
            ),
            most(
                &format!("`{}`, zipped", size.function),
                Some(size.zipped as f64 / MB),
                2.0,
                "MB",
            ),
        ]
    };
    sizes.flat_map(each).collect()
}

/// What one event of HR calls: one batch read and one transaction where something is decided, and nothing but its
/// instant is written where nothing is. Reading the source, whose secrets verify the signature, is beside that.
fn calls(figures: &Figures) -> Vec<Target> {
    let row = |job| figures.functions.row(Job::Hr(job));
    let (changed, unchanged) = (row(Hr::Renamed), row(Hr::Unchanged));
    vec![
        most(
            "batch reads of a decided event",
            changed.map(|row| called(row, |call| call == "BatchGetItem")),
            1.0,
            "",
        ),
        most(
            "writes of a decided event",
            changed.map(|row| called(row, is_write)),
            1.0,
            "",
        ),
        most(
            "writes of an unchanged event",
            unchanged.map(|row| called(row, is_write)),
            1.0,
            "",
        ),
    ]
}

fn is_write(call: &str) -> bool {
    matches!(
        call,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems"
    )
}

fn called(row: &Cost, which: impl Fn(&str) -> bool) -> f64 {
    let of_table = row
        .calls
        .iter()
        .filter_map(|(call, count)| Some((call.strip_prefix("dynamodb ")?, count)));
    of_table
        .filter(|(call, _)| which(call))
        .map(|(_, count)| count)
        .sum()
}

/// At most a limit; `None`, or no number, is not measured.
pub(crate) fn most(what: &str, measured: Option<f64>, limit: f64, unit: &str) -> Target {
    target(what, measured, ("at most", limit, unit), |figure| {
        figure <= limit
    })
}

fn least(what: &str, measured: Option<f64>, limit: f64, unit: &str) -> Target {
    target(what, measured, ("at least", limit, unit), |figure| {
        figure >= limit
    })
}

fn target(
    what: &str,
    measured: Option<f64>,
    (bound, limit, unit): (&str, f64, &str),
    met: impl Fn(f64) -> bool,
) -> Target {
    let measured = measured.filter(|figure| !figure.is_nan());
    Target {
        what: what.to_owned(),
        wanted: format!("{bound} {limit} {unit}").trim_end().to_owned(),
        measured: measured.map_or("not measured here".to_owned(), |figure| {
            format!("{figure:.2} {unit}").trim_end().to_owned()
        }),
        met: measured.map(met),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        let met = most("bytes", Some(4.5), 4.5, "MB");
        assert_eq!(
            (met.met, &*met.wanted, &*met.measured),
            (Some(true), "at most 4.5 MB", "4.50 MB")
        );
        assert_eq!(most("bytes", Some(4.51), 4.5, "MB").met, Some(false));
        assert_eq!(least("speed", Some(299.9), 300.0, "MB/s").met, Some(false));
        let unknown = least("speed", Some(f64::NAN), 300.0, "MB/s");
        assert_eq!(
            (unknown.met, &*unknown.measured),
            (None, "not measured here")
        );
        assert_eq!(least("speed", None, 300.0, "MB/s").met, None);
    }

    #[test]
    fn writes_of_the_table_are_counted_and_nothing_else() {
        let calls = [
            ("dynamodb BatchGetItem", 1.0),
            ("dynamodb TransactWriteItems", 1.0),
            ("dynamodb UpdateItem", 0.5),
            ("scheduler POST schedules", 1.0),
        ];
        let row = Cost {
            function: "hr-sync",
            what: "",
            job: Job::Sweep,
            init: 0.0,
            first: 0.0,
            p50: 0.0,
            p99: 0.0,
            busy: 0.0,
            resident: 0,
            peak: 0,
            calls: calls.map(|(call, count)| (call.to_owned(), count)).into(),
            read: 0.0,
            write: 0.0,
            index: 0.0,
        };
        assert!((called(&row, is_write) - 1.5).abs() < 1e-9);
    }
}
