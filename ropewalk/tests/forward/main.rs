//! The forwarding services: connections in `streams`, datagrams in `datagrams`. In memory, under
//! the virtual clock; `simulation` has every byte of them under seeded weather, and on sockets.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod datagrams;
mod streams;
