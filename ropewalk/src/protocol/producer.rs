//! Who writes when there is room: a producer, registered on a transport.
//! Owns: the `Producer` contract, and the descriptors that travel with bytes.
//! Never: calls a producer; the engine does, as it calls a protocol.

use std::fmt;
// A descriptor is what each system has in its place.
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd as Borrowed, OwnedFd as Owned};
#[cfg(windows)] // see above
use std::os::windows::io::{AsSocket, BorrowedSocket as Borrowed, OwnedSocket as Owned};

use super::{Reason, Transport};

/// Writes to a connection when there is room, so that something of any size goes out in
/// bounded memory. Registered with
/// [`Transport::register_producer`](super::Transport::register_producer).
///
/// Its methods are called as a protocol's are: never inside another callback, each with
/// the transport, and a panic ends this connection. A producer that has written its last
/// calls `unregister_producer`; a `close` that was asked for before waits for that.
///
/// A file of any size needs no producer:
/// [`Transport::send_file`](super::Transport::send_file) sends it.
///
/// ```
/// use ropewalk::protocol::{Producer, Protocol, Streaming, Transport};
/// use ropewalk::testing::Recorder;
///
/// /// Counts down, a line at a time, as fast as the peer reads.
/// struct Countdown(u32);
/// impl Producer for Countdown {
///     fn resume_producing(&mut self, transport: &mut dyn Transport) {
///         transport.write(format!("{}\n", self.0).as_bytes());
///         match self.0 {
///             0 => transport.unregister_producer(),
///             _ => self.0 -= 1,
///         }
///     }
/// }
///
/// struct Counter;
/// impl Protocol for Counter {
///     fn connection_made(&mut self, transport: &mut dyn Transport) {
///         // The first on a new connection is never refused.
///         let _ = transport.register_producer(Box::new(Countdown(2)), Streaming::Pull);
///         transport.close(); // waits until it has counted
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
/// }
///
/// let mut recorder = Recorder::new();
/// Counter.connection_made(&mut recorder);
/// recorder.produce();
/// assert_eq!(recorder.written(), b"2\n1\n0\n");
/// ```
#[doc(alias = "IPushProducer")]
#[doc(alias = "IPullProducer")]
pub trait Producer {
    /// There is room. A pull producer writes its next piece; a push producer, which was
    /// told to pause, goes on.
    #[doc(alias = "resumeProducing")]
    fn resume_producing(&mut self, transport: &mut dyn Transport);

    /// More than the high mark is unsent: write no more until `resume_producing`. Only a
    /// push producer is told.
    #[doc(alias = "pauseProducing")]
    fn pause_producing(&mut self, transport: &mut dyn Transport) {
        let _ = transport;
    }

    /// The connection is over, for this reason, before the producer had finished. Called
    /// at most once, last, before the protocol's `connection_lost`; writes go nowhere.
    #[doc(alias = "stopProducing")]
    fn stop_producing(&mut self, transport: &mut dyn Transport, why: &Reason) {
        let _ = (transport, why);
    }
}

/// Who sets the pace of a [`Producer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Streaming {
    /// The producer does, until it is told to pause: above the high mark. It goes on at
    /// the low mark. It is not called before that.
    Push,
    /// The connection does: it asks for each piece once what was written before has left,
    /// down to the low mark. One that writes nothing is asked again after a pause
    /// ([`PULL_PAUSE`](crate::limits::PULL_PAUSE), doubling up to
    /// [`PULL_PAUSE_MAX`](crate::limits::PULL_PAUSE_MAX)).
    Pull,
}

/// A descriptor that travels over a Unix socket. What arrives comes as an event of this
/// type, before the bytes that carried it; a protocol that does not keep it has closed it.
///
/// ```
/// # #[cfg(unix)] {
/// use ropewalk::protocol::{Descriptor, Event, Protocol, Transport};
/// struct Files(Vec<std::fs::File>);
/// impl Protocol for Files {
///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
///     fn event(&mut self, _: &mut dyn Transport, event: Event) {
///         if let Ok(descriptor) = event.downcast::<Descriptor>() {
///             self.0.push(std::os::fd::OwnedFd::from(*descriptor).into());
///         }
///     }
/// }
/// let (mut files, mut recorder) = (Files(Vec::new()), ropewalk::testing::Recorder::new());
/// let file: std::os::fd::OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
/// files.event(&mut recorder, Box::new(Descriptor::from(file)));
/// assert_eq!(files.0.len(), 1);
/// # }
/// ```
pub struct Descriptor(Owned);

impl From<Owned> for Descriptor {
    fn from(owned: Owned) -> Descriptor {
        Descriptor(owned)
    }
}

impl From<Descriptor> for Owned {
    fn from(descriptor: Descriptor) -> Owned {
        descriptor.0
    }
}

impl Descriptor {
    /// As the system has it.
    pub(crate) fn lend(&self) -> Borrowed<'_> {
        #[cfg(unix)] // see above
        return self.0.as_fd();
        #[cfg(windows)] // see above
        self.0.as_socket()
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Descriptor").field(&self.0).finish()
    }
}
