//! What a service manager is told: that we serve.
//! Owns: systemd's word for it, and where it goes. Never: waits for an answer.

use std::path::PathBuf;

use ropewalk::Socket;
use ropewalk::addr::Target;
use ropewalk::socket::{AF_UNIX, SOCK_DGRAM};

/// Tells the manager, if there is one that wants to know, that everything is bound.
pub(crate) fn ready() {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = tell(&PathBuf::from(place), b"READY=1") {
        tracing::warn!("the service manager was not told that we serve: {error}");
    }
}

fn tell(place: &std::path::Path, word: &[u8]) -> ropewalk::Result<()> {
    let socket = Socket::new(AF_UNIX, SOCK_DGRAM)?;
    // An abstract name is written with `@` in the variable.
    let name = place.to_string_lossy();
    let to: Target = match name.strip_prefix('@') {
        Some(name) => PathBuf::from(format!("\0{name}")).into(),
        None => place.into(),
    };
    socket.send_to(word, to).map(drop)
}
