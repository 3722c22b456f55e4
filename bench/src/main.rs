//! `cargo run --release -p bench`: what the deployed functions cost, beside the least that one can cost and beside the
//! same job as most would write it. See `docs/PERFORMANCE.md`, into which `--write` puts what it measures.
//!
//! Every program is a process that speaks the Runtime API with the stand-in and AWS over TLS, on a core of its own;
//! this process, with the stack, is on the other. Ratios, calls and bytes are held against targets: it exits with 2
//! where one is missed. Milliseconds are the machine's.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cores;
mod front;
mod functions;
mod page;
mod peers;
mod process;
mod programs;
mod reading;
mod share;
mod stage;
mod stats;
mod targets;

use std::process::ExitCode;

use crate::cores::Cores;
use crate::programs::Programs;

/// Whatever keeps a figure from being measured.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const USAGE: &str = "\
cargo run --release -p bench -- [--write] [--quick]
  --write   put the tables and the plot into docs/PERFORMANCE.md
  --quick   a tenth of the rounds: to see that it works, not to be quoted";

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    write: bool,
    quick: bool,
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> std::result::Result<Self, String> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--write" => options.write = true,
                "--quick" => options.quick = true,
                "--help" | "-h" => return Err(USAGE.to_owned()),
                other => return Err(format!("{other} is not known\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// So many rounds, or a tenth of them.
    fn rounds(self, all: usize) -> usize {
        if self.quick { all.div_ceil(10) } else { all }
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    match measured(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a target is missed");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything; says whether every target is met.
fn measured(options: Options) -> Result<bool> {
    let programs = Programs::build()?;
    let cores = Cores::divide()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let figures = runtime.block_on(async {
        let reading = reading::measure(options);
        let functions = functions::measure(&programs, &cores, options).await?;
        let peers = peers::measure(&programs, &cores, options).await?;
        Ok::<_, Error>(page::Figures {
            machine: cores.machine(),
            functions,
            peers,
            reading: reading?,
        })
    })?;
    let targets = targets::of(&figures);
    let text = page::tables(&figures, &targets);
    eprintln!("\n{text}");
    if options.write {
        page::write(&text, &figures)?;
    }
    Ok(targets.iter().all(|target| target.met != Some(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_is_asked_or_says_how() {
        let read = |line: &str| Options::read(line.split_whitespace().map(str::to_owned));
        assert!(read("--write --quick").is_ok_and(|options| options.write && options.quick));
        assert!(read("--wrote").is_err_and(|usage| usage.contains("--wrote is not known")));
        assert_eq!(read("--help").map(drop), Err(USAGE.to_owned()));
        assert_eq!(read("").map(|options| options.rounds(30)), Ok(30));
        assert_eq!(read("--quick").map(|options| options.rounds(30)), Ok(3));
    }
}
