//! Twisted's own tests, by their names, against what Ropewalk has in their place.
//!
//! A test keeps Twisted's name in snake case, in a module named for Twisted's test class.
//! `docs/twisted/*.tsv` lists every name, also those that have no test here, with the reason.

mod clients;
mod defer;
mod endpoints;
mod framing;
mod policies;
mod running;
mod tls;
mod transports;
mod udp;
