//! What does the I/O: one file a kernel interface, all of the same shape.
//! Owns: the drivers. Never: holds a rule of a connection's life; see `engine::Driver`
//! for what each of them keeps.

mod blocking;
// Windows has no fork.
#[cfg(unix)]
pub(crate) mod children;
mod datagram;
mod file;
mod passing;
mod poll;
mod relay;
mod settings;
mod signals;
mod simulated;
mod source;
mod stream;
// The feature's driver, and the only system that has it.
#[cfg(all(feature = "uring", target_os = "linux"))]
mod uring;
mod wakeup;
mod weather;
mod workers;

pub use blocking::{Blocking, BlockingAlarm, BlockingDatagrams, BlockingIo, BlockingListener};
pub(crate) use datagram::bind as bind_datagram;
pub use poll::{Poll, PollDatagrams, PollIo, PollListener};
pub(crate) use relay::{Ends, Relayed, relay};
pub use signals::{Signal, SignalGuard, StopSignals};
pub use simulated::{Reach, Simulated, SimulatedDatagrams, SimulatedIo, SimulatedListener};
pub(crate) use stream::{Bound, UnixFile, bind as bind_stream};
#[cfg(unix)] // as above
pub(crate) use wakeup::renew;
pub(crate) use wakeup::{Alarm, Orders, Ring, alarm};
pub(crate) use weather::Random;
pub use weather::Weather;
// See above.
#[cfg(all(feature = "uring", target_os = "linux"))]
pub use uring::{Uring, UringIo, UringListener};

use crate::engine::Reply;
use crate::socket::{Resolver, lookup_addrs};

/// Looks a name up on one of the resolver's threads, if it is wanted still when one is free.
fn resolve(resolver: &Resolver, host: &str, port: u16, reply: Reply) -> std::io::Result<()> {
    let host = host.to_owned();
    resolver.run(move || {
        if reply.is_wanted() {
            reply.tell(lookup_addrs(&host, port));
        }
    })
}
