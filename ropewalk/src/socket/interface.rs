//! Network interfaces, by number and by name.
//! Owns: their list. Never: says which of them is up, or what addresses it has.

use super::sys;
use crate::error::{Error, ErrorKind, Operation, Result};

/// The interfaces of this machine, each with its number.
///
/// # Errors
/// The system's.
///
/// ```
/// for (index, name) in ropewalk::socket::if_nameindex()? {
///     println!("{index}: {name}");
/// }
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub fn if_nameindex() -> Result<Vec<(u32, String)>> {
    sys::interfaces()
        .map_err(|error| Error::without_address(Operation::Resolve, error).at("the interfaces"))
}

/// The number of an interface: the scope of an IPv6 address that belongs to it.
///
/// # Errors
/// `NotFound`, with the system's code.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// for (index, name) in if_nameindex()? {
///     assert_eq!(if_nametoindex(&name)?, index);
/// }
/// # Ok(())
/// # }
/// ```
pub fn if_nametoindex(name: &str) -> Result<u32> {
    sys::index_of(name).map_err(|error| unknown(name, error))
}

/// The name of an interface.
///
/// # Errors
/// `NotFound`, with the system's code.
///
/// ```
/// use ropewalk::{error::ErrorKind, socket::*};
/// # fn main() -> ropewalk::Result<()> {
/// for (index, name) in if_nameindex()? {
///     assert_eq!(if_indextoname(index)?, name);
/// }
/// assert_eq!(if_indextoname(0).unwrap_err().kind(), ErrorKind::NotFound);
/// # Ok(())
/// # }
/// ```
pub fn if_indextoname(index: u32) -> Result<String> {
    sys::name_of(index).map_err(|error| unknown(index, error))
}

fn unknown(what: impl std::fmt::Display, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidInput => Error::without_address(Operation::Resolve, error),
        _ => Error::of_kind(Operation::Resolve, ErrorKind::NotFound, error),
    }
    .at(format!("interface {what}"))
}
