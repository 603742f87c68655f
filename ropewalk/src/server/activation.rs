//! Sockets from a service manager.
//! Owns: what its variables mean. Never: changes them, or asks the manager for anything.

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::socket::{Socket, sys};

/// Standard input, output and error come before.
const FIRST: i32 = 3;

/// The sockets that a service manager has opened for this program: systemd's socket
/// activation, which others have, too. None if it was started otherwise.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::{TcpServer, listen_fds};
/// # fn main() -> ropewalk::Result<()> {
/// let (sockets, echo) = (listen_fds()?, || Echo);
/// let server = match sockets.is_empty() {
///     true => TcpServer::new(0, echo)?, // started by hand
///     false => TcpServer::from_sockets(sockets, echo)?,
/// };
/// # Ok(())
/// # }
/// ```
///
/// The manager says in `LISTEN_FDS` how many there are, from descriptor 3 on, and in
/// `LISTEN_PID` for which process: one that another program has left in the environment is
/// passed over. They are closed on exec from now on, and are taken once. A service with
/// sockets of several kinds sorts them by [`Socket::kind`], and gives each server its own.
///
/// # Errors
/// `InvalidInput`: the variables are malformed, or a descriptor is no socket. `Closed`: a
/// descriptor is not open, or they were taken before. `Unsupported` on Windows, if the
/// variables are set there.
#[doc(alias = "sd_listen_fds")]
#[doc(alias = "systemd")]
pub fn listen_fds() -> Result<Vec<Socket>> {
    let (Some(pid), Some(count)) = (number("LISTEN_PID")?, number("LISTEN_FDS")?) else {
        return Ok(Vec::new());
    };
    if pid != std::process::id() || count == 0 {
        return Ok(Vec::new());
    }
    let descriptors = sys::inherit(FIRST, count).map_err(|(number, error)| {
        let place = format!("descriptor {number} of LISTEN_FDS");
        Error::from_io(Operation::Listen, place, error)
    })?;
    let numbered = (FIRST..).zip(descriptors);
    let taken = numbered.map(|(number, descriptor)| {
        Socket::from_fd(descriptor).map_err(|error| error.at(format!("descriptor {number}")))
    });
    taken.collect()
}

/// A variable of the environment, as a number.
fn number(name: &str) -> Result<Option<u32>> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    match value.to_str().and_then(|value| value.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => {
            let cause = format!("`{}` is no number", value.to_string_lossy());
            Err(Error::new(Operation::Listen, ErrorKind::InvalidInput, cause).at(name))
        }
    }
}
