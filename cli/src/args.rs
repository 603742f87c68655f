//! What the command line says.
//! Owns: verbs, options, their help. Never: acts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use ropewalk::endpoint::{Endpoint, Place};
use ropewalk::policy::IpNetwork;

use crate::failure::{self, EXIT_CODES, Failure};
use crate::family::Family;
use crate::figures::{parse_rate, parse_seconds, parse_time};
use crate::log::Level;

/// Serve a protocol, or talk to one, from the command line.
#[derive(Debug, Parser)]
#[command(
    name = "ropewalk",
    bin_name = "ropewalk", // whatever it is called by: every other text says so
    version,
    about,
    max_term_width = 100,
    after_help = EXIT_CODES,
    disable_help_subcommand = true, // ours has more topics
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on standard error; twice, still more.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// Say no more than the first line, the last one and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

impl Args {
    /// How much is to be said.
    pub(crate) fn level(&self) -> Level {
        match self.verbose {
            _ if self.quiet => Level::Quiet,
            0 => Level::Usual,
            1 => Level::More,
            _ => Level::Most,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Connect(Connect),
    Forward(Forward),
    /// Help on a verb, or on `endpoints`.
    Help {
        topic: Option<String>,
    },
}

/// Serve a ready protocol.
///
/// A bare port is this machine only, IPv4 and IPv6; `tcp:*:PORT` is all interfaces. The
/// first line on standard error says what is bound, and a service manager that wants to know
/// (`NOTIFY_SOCKET`) is told. TERM and INT stop it in order (on Linux
/// HUP and QUIT, too, unless they are ignored), a second one at once; USR1 writes the table
/// of connections to standard error. Where a certificate is read from a file, HUP reads it
/// again instead.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Serve {
    /// Which protocol; `--list` tells them.
    #[arg(required_unless_present = "list")]
    pub(crate) service: Option<String>,
    /// Where: `tcp:PORT`, `tcp:*:PORT`, `unix:PATH`, `systemd:`, …: see `ropewalk help
    /// endpoints`. `-` alone is one session on standard input and output, as inetd starts one;
    /// little is said of it, since standard error may be the peer's as well.
    #[arg(required_unless_present = "list", value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<String>,
    #[command(flatten)]
    pub(crate) family: Family,
    /// What runs the connections.
    #[arg(long, value_enum, default_value_t = Model::Reactor)]
    pub(crate) model: Model,
    /// How long a stop waits for connections to end, as `10s` or `500ms`.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(crate) drain: Duration,
    /// Allow connections from this network, as `10.0.0.0/8` or `::1`, and from no other that
    /// is not allowed. Again for more. Behind a PROXY header it is the client that counts.
    #[arg(long, value_name = "NETWORK")]
    pub(crate) allow: Vec<IpNetwork>,
    /// Refuse connections from this network, whatever is allowed. Again for more.
    #[arg(long, value_name = "NETWORK")]
    pub(crate) deny: Vec<IpNetwork>,
    /// Believe a PROXY header (`haproxy:`) only from this network. Again for more. Without it,
    /// whoever can reach the port can say that it is anybody.
    #[arg(long, value_name = "NETWORK")]
    pub(crate) balancer: Vec<IpNetwork>,
    /// At most so many connections at once; others are closed. Not with `--model fork`.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_connections: Option<usize>,
    /// At most so many connections of one address (of IPv6: of one /64 network) at once. Not
    /// with `--model fork`.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_per_peer: Option<usize>,
    /// At most so many bytes a second, each way, for each connection, as `64KiB/s` or `1MB/s`.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) rate: Option<u64>,
    /// Show what is received and sent on standard error.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) dump: Option<Dump>,
    /// List the services.
    #[arg(long)]
    pub(crate) list: bool,
    /// For qotd: what to tell, each client the next; a line `%` stands between two quotes.
    #[arg(long, value_name = "FILE")]
    pub(crate) quotes: Option<PathBuf>,
    /// For chat: how many may be in it [default: 1024].
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    pub(crate) members: Option<usize>,
    /// For chat: how many may be in one room, but for the lobby [default: 256].
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    pub(crate) room_members: Option<usize>,
    /// For chat: how many rooms there may be [default: 256].
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    pub(crate) rooms: Option<usize>,
    /// For chat: the longest line, in bytes [default: 1024].
    #[arg(long, value_name = "BYTES", value_parser = parse_count)]
    pub(crate) line_bytes: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dump {
    /// As text, with escapes.
    Text,
    /// In hex, 16 bytes on a line.
    Hex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// One thread, one event loop.
    Reactor,
    /// A thread for each connection.
    Threads,
    /// Threads that are kept, at most 64 for each endpoint: a connection has one to its end,
    /// and others wait for it.
    Pool,
    /// A process for each connection, at most 40 at once: others wait. Not on Windows.
    Fork,
}

/// Forward what comes to one endpoint to another, and back.
///
/// Each connection gets one of its own to the target, no faster than either side takes it; an
/// end of input passes on as one, a reset as a reset. Datagrams have a session for each client,
/// so that answers find their way back. From `-`, standard input and output are the one
/// connection, and its end the program's. A `haproxy:` target is told who the client is.
/// Signals do what they do to `serve`; connections on which bytes still move have the time of
/// `--drain`, quiet ones are closed at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Forward {
    /// Where to listen: `tcp:PORT`, `tls:PORT,cert=FILE`, `unix:PATH`, `udp:PORT`, `-`, …: see
    /// `ropewalk help endpoints`.
    #[arg(value_name = "LISTEN")]
    pub(crate) listen: String,
    /// Where to: `HOST:PORT`, `tls:HOST:PORT`, `unix:PATH`, `udp:HOST:PORT`, ….
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// How long a stop waits for connections to end, as `10s` or `500ms`.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(crate) drain: Duration,
    /// End a connection on which no byte moves for so long; a session of datagrams (which has a
    /// minute unless this says otherwise).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) idle: Option<Duration>,
}

/// Talk to a server: standard input goes to it, what it answers to standard output.
///
/// The end of standard input ends our direction, and the whole answer is read, however late
/// it comes (`--on-eof`); over UDP it is waited for as long as `--linger` says. The peer's
/// end ends the program, with exit code 0, even if standard input is open. Bytes stay as
/// they are; on a terminal, control characters of the peer are shown and not obeyed
/// (`--raw`). A standard output that is closed (`>&-`) is as /dev/null: the answer is lost.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Connect {
    /// Where to: `PORT`, `HOST:PORT`, `unix:PATH`, `udp:HOST:PORT`, …: see `ropewalk help
    /// endpoints`.
    pub(crate) endpoint: String,
    #[command(flatten)]
    pub(crate) family: Family,
    /// What the end of standard input does to the connection.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnEof::Shutdown)]
    pub(crate) on_eof: OnEof,
    /// After the end of standard input, datagrams are waited for until none has come for so
    /// long.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_time)]
    pub(crate) linger: Duration,
    /// Give up when connecting takes so long, or no byte moves for so long; a bare number is
    /// seconds. Without it, connecting has 10 s, and the rest takes as long as it takes;
    /// only a peer that has ended, and takes none of what is still to be sent, has a minute.
    /// Over UDP it is no failure if standard input has ended and an answer came.
    #[arg(short = 'w', long, value_name = "SECS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Try again for so long, if nobody listens there yet, nobody answers, or its name is not
    /// known yet.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) retry: Option<Duration>,
    /// Ask for a line with `> `, send it without its newline, wait for the answer and print
    /// it, and so on; an empty line ends it. A line of more than 64 KiB goes in parts, each
    /// with its answer.
    #[arg(long, conflicts_with = "on_eof")]
    pub(crate) prompt: bool,
    /// On a terminal, let the peer's control characters through.
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnEof {
    /// End our direction, and read the answer to its end.
    Shutdown,
    /// Close, when everything is sent; what is answered then is lost.
    Close,
    /// Nothing: the peer decides when it is over.
    Ignore,
}

/// A bound: none of them may be nothing.
fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("nothing would fit: 1 is the least".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("a number is wanted, as 100".to_owned()),
    }
}

/// Reads an endpoint.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Failure> {
    let endpoint: Endpoint = text.parse()?;
    if let Place::Memory(_) = endpoint.place() {
        let sentence = format!("{endpoint} is within one program: nothing outside it can reach it");
        return Err(Failure::new(failure::USAGE, sentence).help("name a socket: tcp, unix, udp"));
    }
    Ok(endpoint)
}
