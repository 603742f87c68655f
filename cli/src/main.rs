//! The program `ropewalk`: serves a protocol, or talks to one, from the command line.
//! Owns: the way from arguments to an exit code. Never: holds a rule of networking.

mod above;
mod args;
mod certificate;
mod connect;
mod course;
mod escape;
mod explain;
mod failure;
mod family;
mod figures;
mod forward;
mod help;
mod limits;
mod log;
mod machine;
mod nearest;
mod notify;
mod serve;
mod services;
mod signals;
mod stdio;
mod watch;
mod writer;

use std::process::ExitCode;

use clap::Parser as _;

use crate::failure::Failure;
use crate::log::Log;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => return failure::usage(&error),
        Err(asked) => {
            return conclude(asked.print().map_or_else(|e| failure::output(&e), |()| Ok(0)));
        }
    };
    let log = match Log::start(args.level()) {
        Ok(log) => log,
        Err(error) => {
            return Failure::new(failure::OTHER, format!("cannot start a log: {error}")).report();
        }
    };
    log.hear_library();
    let result = match &args.command {
        args::Command::Serve(serve) => serve::run(serve, &log),
        args::Command::Connect(connect) => connect::run(connect, &log),
        args::Command::Forward(forward) => forward::run(forward, &log),
        args::Command::Help { topic } => help::run(topic.as_deref()),
    };
    log.finish();
    conclude(result)
}

fn conclude(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
