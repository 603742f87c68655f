//! Clients: names and their addresses, connectors, and what keeps a connection for good.
//! Where time matters it is virtual, and exact.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod lookups;
mod racing;
mod reconnecting;
mod rig;
mod source;
