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
pub(crate) use relay::{Ends, relay};
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
fn resolve(resolver: &Resolver, host: &str, port: u16, reply: Reply) -> crate::error::Result<()> {
    let host = host.to_owned();
    resolver.run(move || {
        if reply.is_wanted() {
            reply.tell(lookup_addrs(&host, port));
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn a_name_that_nobody_wants_any_more_is_not_looked_up() {
        let resolver = Resolver::default();
        let ask = |wanted: &Arc<()>| {
            let (tell, told) = mpsc::channel();
            let reply = Reply::new(wanted, move |found| drop(tell.send(found)));
            (reply, told)
        };
        let wanted = Arc::new(());
        let (reply, told) = ask(&wanted);
        resolve(&resolver, "127.0.0.1", 7, reply).expect("there is room");
        assert_eq!(told.recv().expect("it is told").expect("found").len(), 1);
        let (reply, untold) = ask(&Arc::new(()));
        resolve(&resolver, "127.0.0.1", 7, reply).expect("there is room");
        assert!(untold.recv().is_err(), "dropped without a word");
    }
}
