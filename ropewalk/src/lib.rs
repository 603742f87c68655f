//! Event-driven networking: a protocol is a state machine; how its bytes arrive is a
//! deployment decision.
//!
//! Write a [`Protocol`] once. Run it on an event loop ([`Reactor`]), on a thread for each
//! connection ([`server::ThreadingTcpServer`]), or in memory under a virtual clock with seeded
//! splitting ([`testing::Network`]). The same machine ([`connection`]) keeps the same
//! promises on all of them; [`protocol`] says what they are.
//!
//! ```no_run
//! use ropewalk::{Protocol, Reactor, Transport};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! fn main() -> ropewalk::Result<()> { // prints its error as a sentence
//!     let reactor = Reactor::new()?;
//!     reactor.listen_tcp(21555, || Echo)?;
//!     reactor.run()
//! }
//! ```
//!
//! Around it stand messages out of bytes ([`framing`]), layers between the wire and a protocol
//! ([`policy`], and TLS with the feature `tls`), connections for futures ([`stream`]), one
//! grammar for all addresses ([`endpoint`]), and finished protocols ([`service`]). [`socket`]
//! and [`server`] are Python's socket object and its socketserver, for code that blocks.
//!
//! Nothing in this crate panics for bad input. It is never silent about a bound: each is
//! in [`limits`], with what happens at it.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod addr;
pub mod clock;
pub mod connection;
pub mod driver;
pub mod endpoint;
pub mod engine;
pub mod error;
pub mod framing;
pub mod limits;
pub mod observe;
pub mod options;
pub mod policy;
pub mod protocol;
pub mod reactor;
pub mod server;
pub mod service;
pub mod socket;
pub mod stream;
pub mod sys;
pub mod testing;
#[cfg(feature = "tls")] // what the default build does not need
pub mod tls;

pub use addr::Addr;
pub use engine::{Remote, Report};
pub use error::{Error, Result};
pub use protocol::{
    ClientFactory, Connector, DatagramProtocol, DatagramTransport, Factory, Flow, Handle, Listener,
    Lookup, Net, Protocol, Reason, Sending, Task, Timer, TimerHandle, Transport,
};
pub use reactor::Reactor;
pub use socket::Socket;

/// The README's examples are compiled.
#[cfg(doctest)] // never part of the crate
#[doc = include_str!("../../README.md")]
struct Readme;

/// So are those of the page on Deferreds.
#[cfg(doctest)] // never part of the crate
#[doc = include_str!("../../docs/deferred.md")]
struct Deferreds;
