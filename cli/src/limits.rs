//! Every bound of the program, in one place, each with its unit and what happens at it.
//! Never: holds behaviour. The bounds of connections are the library's.

use std::time::Duration;

/// Bytes read from standard input at a time. One such piece is on its way to the peer; the
/// next is read when the connection has room.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;
/// The largest piece of input that is sent as one datagram: what IPv4 can carry. What
/// stands in a pipe beyond it is the next datagram.
pub(crate) const DATAGRAM_BYTES: usize = 65_507;
/// Datagrams that may wait for the kernel. At it: input waits for them. Even of the largest
/// they are half of what the library queues before it drops.
pub(crate) const QUEUE_DATAGRAMS: usize = 8;
/// So long it is, until it is looked whether they still do.
pub(crate) const QUEUE_LOOK: Duration = Duration::from_millis(5);
/// Bytes that wait for standard output. At it: the peer is no longer read from, until half
/// of them are written. A datagram that comes then is dropped and counted.
pub(crate) const OUTPUT_BYTES: usize = 256 * 1024;
/// Bytes of log lines that wait for standard error. At it: further lines are dropped, and
/// their number is told when it moves again.
pub(crate) const LOG_BYTES: usize = 256 * 1024;
/// How long the end waits for the log's reader. At it: the rest is lost.
pub(crate) const LOG_FLUSH: Duration = Duration::from_secs(1);

/// Bytes of a file of quotes. Cost: as many bytes of heap. At it: it is refused.
pub(crate) const QUOTES_BYTES: u64 = 4 * 1024 * 1024;

/// After a failed attempt to connect, the next one under `--retry` waits so long, doubling
/// up to [`RETRY_PAUSE_MAX`].
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// See [`RETRY_PAUSE`].
pub(crate) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Instead of "no deadline" where a bound must be given: ten years.
pub(crate) const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// The peer has ended, and takes nothing of what is unsent for so long (or for `--timeout`):
/// then the rest is given up, which is an error. A kernel takes megabytes at once, which at
/// a slow peer are the pause until the next.
pub(crate) const LAST_FLUSH: Duration = Duration::from_secs(60);

/// Characters of another's text (a command line, a name) in an error. At it: cut, with `…`.
pub(crate) const QUOTED_CHARS: usize = 120;
/// Open ports that a refusal names. At it: `…`.
pub(crate) const PORTS_NAMED: usize = 5;
/// Descriptors of other processes looked at when the holder of an address is searched. At
/// it: the search ends, and the holder stays unnamed.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))] // where there is `/proc`
pub(crate) const SCAN_DESCRIPTORS: usize = 100_000;
/// Bytes read of one file of `/proc`: some 200,000 sockets. At it: the rest is not seen.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))] // where there is `/proc`
pub(crate) const PROC_BYTES: u64 = 32 * 1024 * 1024;
/// Connections that the table for USR1 shows. At it: the number of those left out.
pub(crate) const TABLE_ROWS: usize = 1000;

/// Bytes that a forked child may say at once: far more than a line of the log has. At it: the
/// rest is not heard.
#[cfg_attr(not(unix), allow(dead_code))] // where there is a fork
pub(crate) const EVENT_BYTES: usize = 64 * 1024;
/// A child that finds no room for what it says looks so often whether its parent is there.
#[cfg_attr(not(unix), allow(dead_code))] // where there is a fork
pub(crate) const EVENT_LOOK: Duration = Duration::from_millis(100);
