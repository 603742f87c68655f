//! Layers for use: limits on rates, times, connections and addresses; a traffic log; the
//! PROXY header.
//!
//! Owns: what stands between the wire and a protocol and is no protocol itself. Never:
//! does I/O, or knows which engine, factory or neighbour it works with.
//!
//! # How a layer is made
//!
//! A policy is a type that implements [`Layer`], and overrides what it
//! changes. It keeps its own state and asks everything else of
//! [`Below`]: time, timers, pauses, the end of the connection. What
//! goes up is handed to [`Up`]; what is not handed up is gone.
//!
//! - It says `up.made()` once it is ready: at once in `started` (the default), or later.
//! - It names its timers; they are its own, and no neighbour's.
//! - If it keeps written bytes for later, [`Layer::pending`] counts them.
//! - It ends the connection with `below.fail(why)`.
//!
//! A whole one, which wants the first byte within five seconds:
//!
//! ```
//! use ropewalk::protocol::{Below, Layer, Reason, Timer, Up};
//! use ropewalk::testing::LayerBench;
//! use std::time::Duration;
//!
//! struct SpeakFirst;
//! const SILENCE: Timer = Timer(0);
//!
//! impl Layer for SpeakFirst {
//!     fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
//!         below.set_timer(SILENCE, Duration::from_secs(5));
//!         up.made();
//!     }
//!     fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
//!         below.cancel_timer(SILENCE);
//!         up.pass(data);
//!     }
//!     fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
//!         below.fail(Reason::failed("the peer said nothing"));
//!     }
//! }
//!
//! // Tested without engine or protocol:
//! let (mut bench, mut layer) = (LayerBench::new(), SpeakFirst);
//! assert!(bench.start(&mut layer));
//! bench.advance(&mut layer, Duration::from_secs(5));
//! assert_eq!(bench.failure().unwrap().to_string(), "failed: the peer said nothing");
//! ```
//!
//! A factory puts it below its protocols, [`Factory::layer`], the first one uppermost:
//! below, the log shows the header, which comes from the wire before all else.
//!
//! ```
//! use ropewalk::policy::{ProxyHeader, Throttle, TrafficLog};
//! use ropewalk::protocol::Factory;
//! # struct Echo;
//! # impl ropewalk::Protocol for Echo {
//! #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
//! # }
//! let factory = (|| Echo)
//!     .layer(|| Throttle::new().write(64 * 1024, 8 * 1024))
//!     .layer(ProxyHeader::new)
//!     .layer(|| TrafficLog::text("echo", |line| eprintln!("{line}")));
//! # let _ = factory;
//! ```
//!
//! [`Layer`]: crate::protocol::Layer
//! [`Layer::pending`]: crate::protocol::Layer::pending
//! [`Below`]: crate::protocol::Below
//! [`Up`]: crate::protocol::Up
//! [`Factory::layer`]: crate::protocol::Factory::layer

mod access_list;
mod connection_limit;
mod minimum_rate;
mod network;
mod proxy_header;
mod throttle;
mod total_deadline;
mod traffic_log;

pub use access_list::AccessList;
pub use connection_limit::{ConnectionLimit, Limited, Overflow};
pub use minimum_rate::MinimumRate;
pub use network::IpNetwork;
pub use proxy_header::{
    BINARY_HEADER_BYTES, HEADER_BYTES, Header, HeaderParser, HeaderSender, ProxyHeader, Tlv,
};
pub use throttle::{SharedRate, Throttle};
pub use total_deadline::TotalDeadline;
pub use traffic_log::{LABEL_CHARS, LINE_CHARS, TrafficLog};
