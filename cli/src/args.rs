//! What the command line says.
//! Owns: verbs, options, their help. Never: acts.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use ropewalk::endpoint::Endpoint;

/// Serve a protocol: on an event loop, or on a thread for each connection.
#[derive(Debug, Parser)]
#[command(name = "ropewalk", version, about, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on standard error; twice, still more.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
}

/// Serve a ready protocol.
///
/// A bare port is this machine only, IPv4 and IPv6; `tcp:*:PORT` is all interfaces.
/// SIGINT and SIGTERM stop it in order, a second one at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Which protocol; `--list` tells them.
    #[arg(required_unless_present = "list")]
    pub(crate) service: Option<String>,
    /// Where: `tcp:PORT`, `tcp:HOST:PORT`, `tcp:*:PORT`, `unix:PATH`.
    #[arg(required_unless_present = "list", value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<String>,
    /// What runs the connections.
    #[arg(long, value_enum, default_value_t = Model::Reactor)]
    pub(crate) model: Model,
    /// How long a stop waits for connections to end, as `10s` or `500ms`.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) drain: Duration,
    /// List the services.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// One thread, one event loop.
    Reactor,
    /// A thread for each connection.
    Threads,
}

/// A time with its unit; a bare number could be either.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "write a time as 10s or 500ms".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "" => Err(format!("{number} what? write {number}s or {number}ms")),
        _ => Err(format!("no unit `{unit}`: there are ms, s and m")),
    }
}

/// Reads every endpoint before any is bound: a slip in the last leaves nothing listening.
pub(crate) fn endpoints(texts: &[String]) -> ropewalk::Result<Vec<Endpoint>> {
    texts.iter().map(|text| Ok(text.parse::<Endpoint>()?)).collect()
}
