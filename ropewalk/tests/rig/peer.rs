//! The other end of a connection, for a test's own hands: a socket, or an end in memory.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use ropewalk::testing;

/// The other end.
pub trait Peer {
    fn send(&mut self, data: &[u8]);
    fn shutdown_write(&mut self);
    /// Closes in order if everything was read.
    fn close(self: Box<Self>);
    /// Closes with a reset.
    fn reset(self: Box<Self>);
    /// What has arrived, once something has; nothing at the other side's end.
    fn read_some(&mut self) -> io::Result<Vec<u8>>;
    fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>>;
    /// Everything until the other side ends. A reset is an error.
    fn read_to_end(&mut self) -> io::Result<Vec<u8>>;
    /// Everything until the other side ends, in whatever way.
    fn read_until_over(&mut self) -> (Vec<u8>, Option<io::ErrorKind>);
}

impl Peer for testing::Peer<'_> {
    fn send(&mut self, data: &[u8]) {
        testing::Peer::send(self, data);
    }
    fn shutdown_write(&mut self) {
        testing::Peer::shutdown_write(self);
    }
    fn close(mut self: Box<Self>) {
        testing::Peer::close(&mut self);
    }
    fn reset(mut self: Box<Self>) {
        testing::Peer::reset(&mut self);
    }
    fn read_some(&mut self) -> io::Result<Vec<u8>> {
        match testing::Peer::read_exact(self, 1) {
            Ok(first) => Ok([first, self.take(usize::MAX)].concat()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
    fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        testing::Peer::read_exact(self, count)
    }
    fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        testing::Peer::read_to_end(self)
    }
    fn read_until_over(&mut self) -> (Vec<u8>, Option<io::ErrorKind>) {
        match testing::Peer::read_to_end(self) {
            Ok(data) => (data, None),
            Err(error) => (Vec::new(), Some(error.kind())),
        }
    }
}

/// A real socket, with a watchdog on every read.
pub struct Real(pub socket2::Socket);

impl Peer for Real {
    fn send(&mut self, data: &[u8]) {
        // The other side may be gone: then its reads tell, not this.
        let _ = self.0.write_all(data);
    }
    fn shutdown_write(&mut self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }
    fn close(self: Box<Self>) {}
    fn reset(self: Box<Self>) {
        self.0.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    fn read_some(&mut self) -> io::Result<Vec<u8>> {
        let mut data = vec![0; 65536];
        let count = self.0.read(&mut data)?;
        data.truncate(count);
        Ok(data)
    }
    fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut data = vec![0; count];
        self.0.read_exact(&mut data)?;
        Ok(data)
    }
    fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        self.0.read_to_end(&mut data)?;
        Ok(data)
    }
    fn read_until_over(&mut self) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut data = Vec::new();
        let mut buffer = [0; 65536];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return (data, None),
                Ok(count) => data.extend_from_slice(&buffer[..count]),
                Err(error) => return (data, Some(error.kind())),
            }
        }
    }
}

/// A plain TCP connection as a peer.
pub fn from_tcp(stream: TcpStream) -> Real {
    Real(stream.into())
}
