//! The program `ropewalk`: serves a protocol from the command line.
//! Owns: the way from arguments to an exit code. Never: holds a rule of networking.

mod args;
mod failure;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;
use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    let args = args::Args::parse(); // usage errors end here, with exit code 2
    let level = match args.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .log_internal_errors(false) // nobody reads the log: no reason to panic
        .init();
    let result = match &args.command {
        args::Command::Serve(serve) => serve::run(serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
