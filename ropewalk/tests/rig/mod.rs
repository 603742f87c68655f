//! What the contract's tests stand on: one body, every engine.
//!
//! A body gets a [`Rig`]; it serves a scripted protocol, dials it, and looks at what the
//! protocol saw. Behind it is an event loop, threads, a pool of them, forked children, memory
//! (calm and seeded) or io_uring, over TCP and Unix sockets, in plain or through TLS, with
//! policies in between or without. Nothing sleeps: whoever waits has a condition and a watchdog
//! far beyond any promise.

#[cfg(feature = "tls")] // the feature's own engines
pub mod certs;
#[cfg(feature = "tls")] // as above
mod encrypted;
mod folder;
#[cfg(target_os = "linux")] // where a process can look at its descriptors
mod forked;
mod kind;
mod log;
mod needs;
mod peer;
#[cfg(target_os = "linux")] // as above
mod relay;
mod script;
mod serve;
mod stacked;

pub use folder::Folder;
pub use kind::Kind;
pub use log::{Call, Kept, Log, WATCHDOG};
#[allow(unused_imports, reason = "of tests with other people's programs")]
pub use needs::{has, python};
pub use peer::Peer;
pub use script::Script;
#[allow(unused_imports, reason = "of tests with reactors of their own")]
pub use script::ScriptedFactory;
pub use serve::{Rig, dial_socket, on, on_every_engine, on_with};
