//! Standard input and output, or any two descriptors, as a connection.
//! Owns: how one is opened on a reactor. Never: moves a byte; the driver's threads do.

use std::fs::File;
use std::io::Write as _;

use super::{Loop, Reactor, on_engine};
use crate::addr::Addr;
use crate::driver::{Ends, relay};
use crate::error::{Error, Operation, Result};
use crate::protocol::{ClientFactory, Connector, client_on_layers};
use crate::socket::socketpair;

impl Reactor {
    /// A protocol on standard input and output, which lives as on a socket: what is read comes
    /// as `data_received`, the end of input as `eof_received`; what it writes is printed, and
    /// counts as unsent (to some KiB) until standard output has taken it. A standard output
    /// that nobody reads any more ends it with [`Kind::Reset`](crate::protocol::Kind::Reset),
    /// even if nothing is written; what cannot be read or written, with the system's error.
    ///
    /// Terminals, pipes, files, sockets and `/dev/null` are alike. None of them is made
    /// non-blocking, so whoever shares it (a shell its terminal) notices nothing, and there is
    /// nothing to put back, however it ends. Two threads read and write; the one that reads
    /// may be a piece ahead, and what it has read then is gone with the connection.
    ///
    /// When our direction ends by `shutdown_write`, whoever reads a piped standard output sees
    /// its end: `println!` then goes to `/dev/null`. (Not on Windows: there the end of the
    /// process is the pipe's.) After a `close` it is left as it was, and may be printed to. The
    /// peer's address has no name; the factory's layers work as on any connection. The
    /// connector's `connect` does nothing.
    ///
    /// # Errors
    /// The system has no descriptor left for the pair of sockets between.
    ///
    /// ```no_run
    /// use ropewalk::{Reactor, protocol::client, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// reactor.open_stdio(client(|| Echo).on_end(|_, net, _| net.stop()))?;
    /// reactor.run() // a dear `cat`
    /// # }
    /// ```
    #[doc(alias = "StandardIO")]
    #[doc(alias = "StandardIOEndpoint")]
    pub fn open_stdio<F: ClientFactory + 'static>(&self, factory: F) -> Result<Connector> {
        // What was printed before comes before. If it cannot be written, the first piece
        // will say so.
        let _ = std::io::stdout().flush();
        let ends = Ends::standard().map_err(failed)?;
        self.open_ends(ends, factory)
    }

    /// The same on any two: ends of pipes, files, terminals. They are the connection's, which
    /// closes the one that is written to when our direction ends.
    ///
    /// # Errors
    /// As [`Reactor::open_stdio`].
    ///
    /// ```
    /// use ropewalk::{Reactor, protocol::client, service::Echo};
    /// use std::fs::{self, File};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = std::env::temp_dir().join(format!("ropewalk-pair-{}", std::process::id()));
    /// # fs::create_dir_all(&folder)?;
    /// let (from, to) = (folder.join("from"), folder.join("to"));
    /// fs::write(&from, "hello")?;
    /// let reactor = Reactor::new()?;
    /// let echo = client(|| Echo).on_end(|_, net, _| net.stop());
    /// reactor.open_pair(File::open(&from)?, File::create(&to)?, echo)?;
    /// reactor.run()?;
    /// assert_eq!(fs::read(&to)?, b"hello");
    /// # fs::remove_dir_all(folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_pair<F: ClientFactory + 'static>(
        &self,
        input: impl Into<File>,
        output: impl Into<File>,
        factory: F,
    ) -> Result<Connector> {
        let ends = Ends { input: input.into(), output: output.into(), is_standard: false };
        self.open_ends(ends, factory)
    }

    fn open_ends<F: ClientFactory + 'static>(&self, ends: Ends, factory: F) -> Result<Connector> {
        let (ours, theirs) = socketpair()?;
        let (ours, theirs) = (socket2::Socket::try_from(ours)?, theirs.try_into()?);
        let (layer, start) = relay(ends, &ours, theirs).map_err(failed)?;
        let mut layer = Some(layer);
        // Once: a connection that was there before is not made again.
        let factory = client_on_layers(factory, move |layers| {
            if let Some(layer) = layer.take() {
                layers.push(layer);
            }
        });
        on_engine!(self, engine => {
            let io = engine.driver().adopt_within(ours).map_err(failed)?;
            Ok(engine.adopt_with(io, Addr::Unix(None), Some(start), factory))
        })
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::without_address(Operation::Open, error)
}
