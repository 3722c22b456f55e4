//! `offramp`: the whole system on this machine.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    offramp_local::cli::run(std::env::args().skip(1)).await
}
