//! What a person can do about a failure.
//! Owns: the advice that belongs to a cause. Never: decides what the cause was.

use super::{ErrorKind, Operation};
use crate::addr::ListenAt;
use crate::sys;

/// What helps against this kind of failure of this operation, whatever the address.
pub(super) fn remedy_for(operation: Operation, kind: ErrorKind) -> Option<&'static str> {
    Some(match (operation, kind) {
        (Operation::Listen | Operation::Bind, ErrorKind::AddressInUse) => {
            "stop the program that holds it, or take a free port with port 0"
        }
        (Operation::Listen | Operation::Bind, ErrorKind::AddressNotAvailable) => {
            "name an address of this machine, or `*` for all of them"
        }
        (Operation::Connect, ErrorKind::Refused) => "is the server running on that port?",
        (Operation::Resolve, ErrorKind::NotFound) => "check the name, or give an IP address",
        (Operation::Accept, ErrorKind::InvalidInput) => "call `listen` first",
        (Operation::Send, ErrorKind::NotConnected) => "connect it first, or name the peer",
        (_, ErrorKind::NoDescriptors) => "raise the limit (`ulimit -n`) or close connections",
        _ => return None,
    })
}

/// Whether an address is a Unix socket's, which has no port: its cures are other ones.
pub(super) fn is_path(address: &str) -> bool {
    address.contains('/') || address.starts_with('@')
}

/// What helps where the address is a Unix socket's.
pub(super) fn path_remedy(operation: Operation, kind: ErrorKind) -> Option<&'static str> {
    Some(match (operation, kind) {
        (Operation::Listen | Operation::Bind, ErrorKind::AddressInUse) => {
            "stop the server there, or remove the file if there is none, or take another path"
        }
        (Operation::Listen | Operation::Bind, ErrorKind::PermissionDenied) => {
            "take a folder that you may write to"
        }
        (Operation::Listen | Operation::Bind, ErrorKind::NotFound) => "make the folder first",
        (Operation::Connect, ErrorKind::Refused | ErrorKind::NotFound) => {
            "is the server running? The file of one that is gone stays behind"
        }
        _ => return None,
    })
}

/// What helps whoever may not bind to `address`, if it has a port below the system's
/// `limit`. Above it, or for a file, the refusal has another cause.
pub(super) fn privilege_remedy(address: &str, limit: u16) -> Option<String> {
    let at = address.parse::<ListenAt>().ok()?;
    (at.port != 0 && at.port < limit).then(|| {
        format!(
            "ports below {limit} need a privilege here: take a higher port{}",
            sys::PRIVILEGE_REMEDY
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_privileged_port_is_told_from_other_refusals_by_the_systems_limit() {
        for (address, limit, helped) in [
            ("127.0.0.1:80", 1024, true),
            ("[::1]:80", 1024, true),
            ("*:443", 1024, true),
            ("80", 1024, true),
            ("127.0.0.1:1024", 1024, false),
            ("127.0.0.1:80", 80, false),
            ("127.0.0.1:80", 0, false),
            ("127.0.0.1:0", 1024, false),
        ] {
            let remedy = privilege_remedy(address, limit);
            assert_eq!(remedy.is_some(), helped, "{address} below {limit}: {remedy:?}");
            assert!(remedy.is_none_or(|remedy| remedy.contains(&format!("below {limit} "))));
        }
    }
}
