//! `bench snapshot`: what applying a snapshot costs, by the number of people and of changes.
//!
//! Everything but one thing is this process: the stack, whose database counts capacity units, and the HR system that
//! sends pages. What applies is a process of its own, which runs the handler of `functions/apply` and nothing else, so
//! that its peak memory is that of the function and not of the emulator.

mod child;
mod page;
mod sender;

use std::io::Write;
use std::time::{Duration, Instant};

use aws_stand_ins::Clock;
use serde_json::json;

use crate::meter::Cost;
use crate::say::say;
use crate::stack::{Stack, StackConfig};
use crate::{Error, acme};
use sender::{Changes, Crowd, Sender};

pub(crate) use child::{COMMAND, run as apply};

/// The people of an organisation, unless told otherwise.
pub(crate) const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// People of each kind of change, for what a change of that kind costs.
const OF_A_KIND: u32 = 30;

/// One snapshot that was applied.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Employees in the snapshot, about.
    pub(crate) people: u32,
    /// Those for whom it changes something.
    pub(crate) changes: u32,
    /// From the first invocation to the last one's end.
    pub(crate) seconds: f64,
    /// Seconds of a processor that the function took.
    pub(crate) busy: f64,
    /// Invocations that it took.
    pub(crate) invocations: u32,
    /// The most memory that a process held, in bytes, and what one holds before it begins.
    pub(crate) peak: u64,
    pub(crate) rest: u64,
    /// What applying cost.
    pub(crate) apply: Cost,
    /// What the pages cost before: opening, sending, completing.
    pub(crate) pages: Cost,
}

/// What one changed employee costs, by kind: write units of table and indexes.
pub(crate) type Kinds = Vec<(&'static str, f64, f64)>;

/// Measures, prints, and with `write` puts table and plot into the documentation.
///
/// # Errors
/// Whatever keeps the stack from its work, or a snapshot that is not applied as it should be.
pub(crate) async fn snapshot(sizes: &[u32], write: bool, out: &mut dyn Write) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut kinds = Kinds::new();
    for &people in sizes {
        let bench = Bench::start(people).await?;
        let mut crowd = Crowd::new(people);
        let settled = bench.stack.settle(crowd.events(bench.stack.now()))?;
        say(out, &format!("{settled} people are there"));
        for changes in [0, 12, people / 100] {
            crowd.change(Changes::mixed(changes));
            let row = bench.row(&crowd, changes).await?;
            say(out, &page::line(&row));
            rows.push(row);
        }
        if kinds.is_empty() {
            kinds = bench.kinds(&mut crowd, &rows).await?;
        }
        bench.stack.shutdown().await?;
    }
    let table = page::tables(&rows, &kinds);
    say(out, &format!("\n{table}"));
    if write {
        page::write(&table, &rows)?;
    }
    Ok(())
}

struct Bench {
    stack: Stack,
    config: StackConfig,
    sender: Sender,
    people: u32,
}

impl Bench {
    async fn start(people: u32) -> Result<Self, Error> {
        let config = StackConfig {
            clock: Clock::frozen(chrono::Utc::now()),
            metered: true,
            attempt_timeout: Duration::from_secs(30),
            ..StackConfig::default()
        };
        let stack = Stack::start(config.clone()).await?;
        let sender = Sender::new(&stack)?;
        let limits = json!({ "safeguards": { "max_users": 1_000_000, "max_percent": 100 } });
        sender.settings(limits).await?;
        Ok(Self {
            stack,
            config,
            sender,
            people,
        })
    }

    async fn row(&self, crowd: &Crowd, changes: u32) -> Result<Row, Error> {
        let meter = &self.stack.core.meter;
        meter.take();
        let snapshot = self.sender.send(crowd).await?;
        let pages = meter.take();
        let (mut peak, mut rest, mut invocations, mut busy) = (0, 0, 0, 0.0);
        let begun = Instant::now();
        while self.sender.state(&snapshot).await?["state"] == "applying" {
            let used = child::spawn(&self.stack, &self.config, &snapshot).await?;
            peak = peak.max(used.peak);
            rest = rest.max(used.rest);
            busy += used.busy;
            invocations += 1;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let mut apply = meter.take();
        // Looking at it was one call of each state: not the function's.
        let looks = u64::from(invocations) + 1;
        let look = self.sender.cost_of_a_look(meter, &snapshot).await?;
        apply.calls -= look.calls * looks;
        apply.read -= look.read * f64::from(invocations + 1);
        let state = self.sender.state(&snapshot).await?;
        let changed: u64 = ["created", "updated", "scheduled"]
            .iter()
            .filter_map(|word| state["summary"][word].as_u64())
            .sum();
        if state["state"] != "applied" || changed != u64::from(changes) {
            return Err(Error::document("the snapshot", state));
        }
        Ok(Row {
            people: self.people,
            changes,
            seconds,
            busy,
            invocations,
            peak,
            rest,
            apply,
            pages,
        })
    }

    /// What each kind of change costs beyond a snapshot that changes nothing.
    async fn kinds(&self, crowd: &mut Crowd, rows: &[Row]) -> Result<Kinds, Error> {
        let none = rows.first().map(|row| row.apply).unwrap_or_default();
        let mut kinds = Kinds::new();
        for (name, changes) in [
            ("another name", Changes::renamed(OF_A_KIND)),
            ("new", Changes::new(OF_A_KIND)),
            ("missing, and so scheduled", Changes::missing(OF_A_KIND)),
        ] {
            crowd.change(changes);
            let row = self.row(crowd, OF_A_KIND).await?;
            let each = |all: f64, none: f64| (all - none) / f64::from(OF_A_KIND);
            kinds.push((
                name,
                each(row.apply.write, none.write),
                each(row.apply.index, none.index),
            ));
        }
        Ok(kinds)
    }
}

/// The seed's organisation and source, which is whose snapshots these are.
fn path(of: &str) -> String {
    format!(
        "/v1/orgs/{}/sources/{}/snapshots{of}",
        acme::ORG,
        acme::SOURCE
    )
}
