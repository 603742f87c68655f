//! What the three echo servers share, so that they are counted alike.
//!
//! Owns their command line, their first line of output, and the counting allocator.
//! Never holds a line that runs per message: that would be charged to every engine.

use std::{env, error::Error, net::SocketAddr};

pub mod count;

/// What a server's `main` returns: whatever went wrong, in words.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Reads the command line, `echo_* [PORT]`, and starts answering `mark` if asked to
/// (see [`count::answer_marks_if_asked`]). Without a port the system chooses one.
pub fn start() -> Result<u16, Box<dyn Error>> {
    count::answer_marks_if_asked()?;
    match env::args().nth(1) {
        None => Ok(0),
        Some(port) => port.parse().map_err(|_| format!("`{port}` is not a port").into()),
    }
}

/// Where a server listens: loopback, IPv4, where `load` connects to.
pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Says which port is bound. Whoever starts a server waits for this line, not for time.
pub fn announce(port: u16) {
    println!("{port}");
}
