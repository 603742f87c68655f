//! Tests without sockets, threads or waiting.
//!
//! Owns: what stands in for an engine in a test. Never: opens a socket, starts a thread,
//! or asks the machine for the time: every clock here is virtual, every run the same.
//!
//! | to test | take | it shows |
//! | --- | --- | --- |
//! | a protocol | [`Recorder`] | what it wrote, closed, paused, set timers for |
//! | a protocol of datagrams | [`Network::listen_datagrams`] | what it sends, on a network in memory |
//! | what it starts through `net()` | [`RecordedNet`] | connects, listens, later calls |
//! | a layer | [`LayerBench`] | what goes up, what reaches the wire, why it failed |
//! | whatever takes bytes | [`every_split`] | that the cuts of the stream do not matter |
//!
//! ```
//! use ropewalk::testing::{Recorder, every_split};
//! use ropewalk::{Protocol, Transport};
//!
//! /// Answers each line with its length.
//! #[derive(Default)]
//! struct Count { length: usize }
//! impl Protocol for Count {
//!     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
//!         for byte in data {
//!             if *byte != b'\n' {
//!                 self.length += 1;
//!                 continue;
//!             }
//!             transport.write(format!("{}\n", std::mem::take(&mut self.length)).as_bytes());
//!         }
//!     }
//! }
//!
//! every_split(b"hello\n\nyou", |pieces| {
//!     let (mut protocol, mut recorder) = (Count::default(), Recorder::new());
//!     for piece in pieces {
//!         protocol.data_received(&mut recorder, piece);
//!     }
//!     assert_eq!(recorder.written(), b"5\n0\n");
//! });
//! ```
//!
//! A recorder keeps no promises of a connection beyond a write's answer: it shows what
//! one protocol asks for. How two of them get on, with pauses, water marks, closes and
//! deadlines, shows on the real engine in memory.

mod every_split;
mod layer_bench;
mod network;
mod recorded_net;
mod recorded_sending;
mod recorder;

pub use every_split::{THREE_WAY_BYTES, every_split};
pub use layer_bench::LayerBench;
pub use network::{DatagramPeer, Network, Peer, TURNS_MAX};
pub use recorded_net::RecordedNet;
pub use recorder::Recorder;

use crate::addr::Addr;

/// The peer unless a test names another.
fn default_peer() -> Addr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)).into()
}
