//! `cargo run --release -p bench`: what the deployed functions cost, beside the least that one can cost and beside the
//! same job as most would write it; and `bench calls`: what each job calls of AWS, and how much of that one call after
//! the other. See `docs/PERFORMANCE.md`, into which `--write` puts what it measures. `bench releases` measures nothing:
//! it runs the functions of two commits on one table.
//!
//! Every program is a process that speaks the Runtime API with the stand-in and AWS over TLS, on a core of its own;
//! this process, with the stack, is on the other. Ratios, calls and bytes are held against targets: it exits with 2
//! where one is missed. Milliseconds are the machine's.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod book;
mod chain;
mod cores;
mod figures;
mod front;
mod functions;
mod hold;
mod jobs;
mod options;
mod page;
mod peers;
mod process;
mod programs;
mod reading;
mod releases;
mod share;
mod stage;
mod stats;
mod targets;
mod tree;

use std::process::ExitCode;

use crate::cores::Cores;
use crate::figures::Figures;
use crate::options::{Asked, Options};
use crate::programs::Programs;
use crate::tree::Tree;

/// Whatever keeps a figure from being measured.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    let asked = match options::read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    let measured = match asked {
        Asked::Functions(options) => measured(options),
        Asked::Calls(calls) => jobs::measure(&calls),
        Asked::Releases(releases) => releases::prove(&releases),
    };
    match measured {
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

/// Measures what the functions cost; says whether every target is met.
fn measured(options: Options) -> Result<bool> {
    let programs = Programs::build(&Tree::own(None)?)?;
    let cores = Cores::divide()?;
    let figures = runtime()?.block_on(async {
        let reading = reading::measure(options);
        let functions = functions::measure(&programs, &cores, options).await?;
        let peers = peers::measure(&programs, &cores, options).await?;
        Ok::<_, Error>(Figures {
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

/// What the stack and the fronts run on.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    Ok(runtime.worker_threads(2).enable_all().build()?)
}
