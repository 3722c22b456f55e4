//! The same job as others would write it, and as little as a function can do: one event of HR that changes a name,
//! verified, read, decided and written. AWS answers each as it did before, so that no database is in what is measured.

use std::time::Duration;

use chrono::TimeDelta;

use crate::Result;
use crate::cores::Cores;
use crate::front::{Certificate, Front};
use crate::options::Options;
use crate::process::{Program, Running};
use crate::programs::{NODE, PYTHON, Programs};
use crate::share::Share;
use crate::stage::{Hr, Stage};
use crate::stats::{Times, ms};

/// Starts that count; one more goes before them.
const STARTS: usize = 30;
/// Warm invocations: in blocks, in turn, of which the first do not count.
const BLOCKS: usize = 40;
const UNCOUNTED: usize = 8;
const BLOCK: usize = 50;
/// At a share of a processor: starts, and warm invocations of each.
const SHARED: usize = 30;
const SHARED_WARM: usize = 4;
/// Long enough for a share to be whole again.
const PAUSE: Duration = Duration::from_millis(100);

/// Who does the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Floor,
    Ours,
    Unprimed,
    Default,
    Node,
    Python,
}

impl Who {
    const ALL: [Self; 6] = [
        Self::Floor,
        Self::Ours,
        Self::Unprimed,
        Self::Default,
        Self::Node,
        Self::Python,
    ];

    /// In the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare `lambda_runtime`, nothing done",
            Self::Ours => "**`hr-sync`**",
            Self::Unprimed => "`hr-sync`, not primed",
            Self::Default => "`hr-sync`, default profile and features",
            Self::Node => "Node, AWS SDK v3, bundled",
            Self::Python => "Python, boto3",
        }
    }

    /// In the plot.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "hr-sync",
            Self::Unprimed => "not primed",
            Self::Default => "default build",
            Self::Node => "Node",
            Self::Python => "Python",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours | Self::Unprimed => "hr-sync",
            Self::Default => "default",
            Self::Node => NODE,
            Self::Python => PYTHON,
        }
    }
}

/// What one takes; milliseconds are medians unless they say otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) who: Who,
    /// From its start to the question for the first invocation, and to the first answer.
    pub(crate) init: f64,
    pub(crate) first: f64,
    /// At the share of 128 MB: the first invocation, and a warm one. `None` where no share can be given.
    pub(crate) shared: Option<(f64, f64)>,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Seconds of a processor that a thousand warm invocations take.
    pub(crate) busy: f64,
    /// Bytes resident after them.
    pub(crate) resident: u64,
}

/// One of them, ready to be started.
struct Peer {
    who: Who,
    program: Program,
    front: Front,
    init: Times,
    first: Times,
    shared: Times,
    shared_warm: Times,
    warm: Times,
    busy: Duration,
    resident: u64,
}

/// Measures all in turn: what happens to the machine meanwhile happens to each.
///
/// # Errors
/// A program that does not start, or does not do its job.
pub(crate) async fn measure(
    programs: &Programs,
    cores: &Cores,
    options: Options,
) -> Result<Vec<Row>> {
    let mut stage = Stage::new(TimeDelta::zero()).await?;
    let mut peers = Vec::new();
    for who in Who::ALL {
        match Peer::new(who, &mut stage, programs, cores).await? {
            Some(peer) => peers.push(peer),
            None => eprintln!("{} is left out", who.short()),
        }
    }
    eprintln!("starts");
    for round in 0..=options.rounds(STARTS) {
        for peer in &mut peers {
            peer.start(&mut stage, cores, round > 0).await?;
        }
    }
    let share = Share::new();
    match &share {
        Some(share) => {
            eprintln!("starts at a share of a processor");
            for _ in 0..options.rounds(SHARED) {
                for peer in &mut peers {
                    peer.start_shared(&mut stage, cores, share).await?;
                }
            }
        }
        None => {
            eprintln!("this process may make no control group: nothing at a share of a processor")
        }
    }
    eprintln!("warm invocations");
    warm(&mut peers, &mut stage, cores, options).await?;
    stage.stack.shutdown().await?;
    let counted = (options.rounds(BLOCKS) * BLOCK) as f64;
    Ok(peers
        .iter()
        .map(|peer| Row {
            who: peer.who,
            init: peer.init.p50(),
            first: peer.first.p50(),
            shared: share
                .is_some()
                .then(|| (peer.shared.p50(), peer.shared_warm.p50())),
            p50: peer.warm.p50(),
            p99: peer.warm.p99(),
            busy: ms(peer.busy) / counted,
            resident: peer.resident,
        })
        .collect())
}

async fn warm(
    peers: &mut [Peer],
    stage: &mut Stage,
    cores: &Cores,
    options: Options,
) -> Result<()> {
    let mut running: Vec<Running> = Vec::new();
    for peer in peers.iter() {
        running.push(peer.program.start(cores).await?);
    }
    for block in 0..options.rounds(BLOCKS) + UNCOUNTED {
        for (peer, running) in peers.iter_mut().zip(&mut running) {
            let before = running.busy()?;
            for _ in 0..BLOCK {
                let took = running.ask(stage.delivery(Hr::Renamed)?).await?;
                if block >= UNCOUNTED {
                    peer.warm.push(took);
                }
            }
            if block >= UNCOUNTED {
                peer.busy += running.busy()? - before;
            }
        }
    }
    for (peer, running) in peers.iter_mut().zip(&running) {
        peer.resident = running.memory("VmRSS")?;
    }
    Ok(())
}

impl Peer {
    /// Has it do its job for real, so that its calls have answers; `None` where it was not built.
    async fn new(
        who: Who,
        stage: &mut Stage,
        programs: &Programs,
        cores: &Cores,
    ) -> Result<Option<Self>> {
        let certificate = Certificate::new(&programs.folder.join(format!("{}.pem", who.short())))?;
        let mut environment = stage.stack.environment(stage.function("hr-sync")?);
        let front = Front::before(&mut environment, &certificate).await?;
        front.remember();
        if who == Who::Unprimed {
            environment.insert("PRIME".to_owned(), "off".to_owned());
        }
        let Some(program) = programs.program(who.program(), &environment) else {
            return Ok(None);
        };
        let mut running = program.start(cores).await?;
        for _ in 0..3 {
            let event = stage.delivery(Hr::Renamed)?;
            running.ask(event).await?;
        }
        eprintln!("{}: {:?}", who.short(), front.counts());
        front.replay();
        Ok(Some(Self {
            who,
            program,
            front,
            init: Times::default(),
            first: Times::default(),
            shared: Times::default(),
            shared_warm: Times::default(),
            warm: Times::default(),
            busy: Duration::ZERO,
            resident: 0,
        }))
    }

    async fn start(&mut self, stage: &mut Stage, cores: &Cores, counts: bool) -> Result<()> {
        let event = stage.delivery(Hr::Renamed)?;
        let mut running = self.program.start(cores).await?;
        running.ask(event).await?;
        if counts {
            self.first.push(running.began.elapsed());
            self.init.push(running.init);
        }
        Ok(())
    }

    async fn start_shared(
        &mut self,
        stage: &mut Stage,
        cores: &Cores,
        share: &Share,
    ) -> Result<()> {
        let mut running = self.program.start(cores).await?;
        share.take(running.id())?;
        tokio::time::sleep(PAUSE).await;
        let event = stage.delivery(Hr::Renamed)?;
        self.shared.push(running.ask(event).await?);
        for _ in 0..SHARED_WARM {
            tokio::time::sleep(PAUSE).await;
            let event = stage.delivery(Hr::Renamed)?;
            self.shared_warm.push(running.ask(event).await?);
        }
        self.front.counts();
        Ok(())
    }
}
