//! What is measured has a core of its own: it is started by a thread that is on that core, and a process is where the
//! thread was that started it.

use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::Result;

type Started = std::io::Result<(Instant, Child)>;

/// Who starts processes.
pub(crate) struct Cores {
    ask: mpsc::Sender<(Command, oneshot::Sender<Started>)>,
    shared: bool,
}

impl Cores {
    /// Keeps this process, and every thread that it makes from here on, to the first core that it may use, and what it
    /// starts to the second. Where there is one alone, both share it.
    pub(crate) fn divide() -> Result<Self> {
        let mut usable = affinity::usable()?.into_iter();
        let (first, second) = (usable.next(), usable.next());
        let (ask, asked) = mpsc::channel::<(Command, oneshot::Sender<Started>)>();
        std::thread::spawn(move || {
            if let Some(second) = second {
                affinity::keep_to(second)?;
            }
            for (mut command, answer) in asked {
                // The instant before: `posix_spawn` copies nothing of this process.
                let at = Instant::now();
                // Who no longer waits for a process needs none.
                let _ = answer.send(command.spawn().map(|child| (at, child)));
            }
            Ok::<_, std::io::Error>(())
        });
        if let (Some(first), Some(_)) = (first, second) {
            affinity::keep_to(first)?;
        }
        Ok(Self {
            ask,
            shared: second.is_none(),
        })
    }

    /// Starts a process on its core; says when that began.
    pub(crate) async fn spawn(&self, command: Command) -> Result<(Instant, Child)> {
        let (answer, answered) = oneshot::channel();
        self.ask
            .send((command, answer))
            .map_err(|_| "the thread that starts processes is gone")?;
        Ok(answered.await??)
    }

    /// The machine, in a sentence.
    pub(crate) fn machine(&self) -> String {
        let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = about
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
            .map_or("an unknown processor", str::trim);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or("?").to_owned();
        let cores = if self.shared {
            "one core for all of it"
        } else {
            "one core for the functions and one for all else"
        };
        format!("{model}, {cores}; load before it began {load}")
    }
}

#[cfg(target_os = "linux")]
mod affinity {
    use std::io::Result;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// The cores that this thread may use.
    pub(super) fn usable() -> Result<Vec<usize>> {
        let all = sched_getaffinity(None)?;
        let cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        Ok(cores.collect())
    }

    /// From here on this thread, and what it starts, uses that core alone.
    pub(super) fn keep_to(core: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }
}

/// Elsewhere there is no `/proc` either, from which memory and processor time are read.
#[cfg(not(target_os = "linux"))]
mod affinity {
    use std::io::{Error, ErrorKind, Result};

    pub(super) fn usable() -> Result<Vec<usize>> {
        Err(Error::new(ErrorKind::Unsupported, "bench needs Linux"))
    }

    pub(super) fn keep_to(_: usize) -> Result<()> {
        Ok(())
    }
}
