//! Sockets from a service manager, or from whoever began this process.
//! Owns: what its variables mean, and that each socket is taken once. Never: changes them, or
//! asks the manager for anything.
//!
//! The variables stay: taking them out of the environment while another thread may look into
//! it is not sound. They name this process, so that those which it starts pass them over.

use std::sync::{Mutex, PoisonError};

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
    Ok(listen_fds_with_names()?.into_iter().map(|(_, socket)| socket).collect())
}

/// The same, each with the name that the manager has given it in `LISTEN_FDNAMES`
/// (`FileDescriptorName=` of its unit, by default the unit's own name); `unknown` if it has
/// given none.
///
/// ```
/// # fn main() -> ropewalk::Result<()> {
/// for (name, socket) in ropewalk::server::listen_fds_with_names()? {
///     println!("{name} is {}", socket.local_addr()?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`listen_fds`]; `InvalidInput` if there are not as many names as sockets.
#[doc(alias = "sd_listen_fds_with_names")]
pub fn listen_fds_with_names() -> Result<Vec<(String, Socket)>> {
    let (Some(pid), Some(count)) = (number("LISTEN_PID")?, number("LISTEN_FDS")?) else {
        return Ok(Vec::new());
    };
    if pid != std::process::id() || count == 0 {
        return Ok(Vec::new());
    }
    let names = names(count)?;
    let descriptors = sys::inherit(FIRST, count).map_err(|(number, error)| {
        let place = format!("descriptor {number} of LISTEN_FDS");
        Error::from_io(Operation::Listen, place, error)
    })?;
    let mut names = names.into_iter();
    let numbered = (FIRST..).zip(descriptors);
    let taken = numbered.map(|(number, descriptor)| {
        let name = names.next().unwrap_or_else(|| "unknown".to_owned());
        let socket = Socket::from_fd(descriptor);
        Ok((name, socket.map_err(|error| error.at(format!("descriptor {number}")))?))
    });
    taken.collect()
}

/// Those of the manager's sockets that are chosen, and that nobody has taken from here yet.
/// The others stay for the next who asks. `None` if there is no manager.
pub(crate) fn take_passed(chosen: impl Fn(usize, &str) -> bool) -> Result<Option<Vec<Socket>>> {
    type Waiting = Vec<Option<(String, Socket)>>;
    static WAITING: Mutex<Option<Waiting>> = Mutex::new(None);
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.is_none() {
        let passed = listen_fds_with_names()?;
        if passed.is_empty() {
            return Ok(None); // and a fork of this process may have some
        }
        *waiting = Some(passed.into_iter().map(Some).collect());
    }
    let all = waiting.iter_mut().flatten().enumerate();
    let taken = all.filter_map(|(index, one)| {
        one.take_if(|(name, _)| chosen(index, name)).map(|(_, socket)| socket)
    });
    Ok(Some(taken.collect()))
}

/// The socket that has this number since before this process began. Once.
pub(crate) fn take_descriptor(number: i32) -> Result<Socket> {
    let place = || format!("descriptor {number}");
    let taken = sys::inherit(number, 1)
        .map_err(|(_, error)| Error::from_io(Operation::Open, place(), error))?;
    let descriptor = taken.into_iter().next();
    let descriptor = descriptor.ok_or_else(|| {
        Error::new(Operation::Open, ErrorKind::Closed, "it is not open").at(place())
    })?;
    Socket::from_fd(descriptor).map_err(|error| error.at(place()))
}

/// As many names as there are sockets, or none.
fn names(count: u32) -> Result<Vec<String>> {
    const VARIABLE: &str = "LISTEN_FDNAMES";
    let Some(value) = std::env::var_os(VARIABLE) else { return Ok(Vec::new()) };
    let names: Vec<String> = value.to_string_lossy().split(':').map(str::to_owned).collect();
    if u32::try_from(names.len()) != Ok(count) {
        let cause = format!("there are {} names for {count} sockets", names.len());
        return Err(Error::new(Operation::Listen, ErrorKind::InvalidInput, cause).at(VARIABLE));
    }
    Ok(names)
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
