//! A socket as mio registers it: by its descriptor on Unix, as a type of mio's own on
//! Windows, whose I/O must go through that type to be told of the next readiness.
//! Owns: that difference. Never: does I/O beyond the one call it is given.

use std::io;

use mio::{Interest, Registry, Token};
use socket2::Socket;

use super::datagram::{self, Received};
use super::stream;
use crate::addr::Addr;

// The descriptor is all that mio needs.
#[cfg(unix)]
mod imp {
    //! Registered by descriptor. Never: does I/O.
    use super::*;
    use mio::unix::SourceFd;
    use std::os::fd::AsRawFd;

    /// A registered socket.
    pub(crate) struct Source(Socket);

    impl Source {
        pub(crate) fn stream(socket: Socket) -> Source {
            Source(socket)
        }

        pub(crate) fn listener(socket: Socket) -> Source {
            Source(socket)
        }

        pub(crate) fn datagrams(socket: Socket) -> Source {
            Source(socket)
        }

        #[inline]
        pub(crate) fn socket(&self) -> &Socket {
            &self.0
        }

        pub(crate) fn register(
            &self,
            registry: &Registry,
            token: Token,
            interest: Interest,
        ) -> io::Result<()> {
            registry.register(&mut SourceFd(&self.0.as_raw_fd()), token, interest)
        }

        #[inline]
        pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
            stream::recv(&self.0, buffer)
        }

        #[inline]
        pub(crate) fn send(&self, data: &[u8]) -> io::Result<usize> {
            stream::send(&self.0, data)
        }

        pub(crate) fn accept(&self) -> io::Result<(Socket, Addr)> {
            stream::accept(&self.0)
        }

        pub(crate) fn recv_datagram(&self, buffer: &mut [u8]) -> io::Result<Received> {
            datagram::recv(&self.0, buffer)
        }

        pub(crate) fn send_datagram(&self, data: &[u8], to: Option<&Addr>) -> io::Result<()> {
            datagram::send(&self.0, data, to)
        }
    }
}

// mio keeps state beside the socket, and must see every `WouldBlock`.
#[cfg(windows)]
mod imp {
    //! Registered as mio's types. Never: does I/O around them.
    use super::*;
    use mio::event::Source as _;
    use mio::net::{TcpListener, TcpStream, UdpSocket};
    use socket2::SockRef;
    use std::cell::RefCell;

    /// A registered socket.
    pub(crate) enum Source {
        Stream(RefCell<TcpStream>, Socket),
        Listener(RefCell<TcpListener>, Socket),
        Datagrams(RefCell<UdpSocket>, Socket),
    }

    impl Source {
        pub(crate) fn stream(socket: Socket) -> Source {
            let view = view_of(&socket);
            Source::Stream(RefCell::new(TcpStream::from_std(socket.into())), view)
        }

        pub(crate) fn listener(socket: Socket) -> Source {
            let view = view_of(&socket);
            Source::Listener(RefCell::new(TcpListener::from_std(socket.into())), view)
        }

        pub(crate) fn datagrams(socket: Socket) -> Source {
            let view = view_of(&socket);
            Source::Datagrams(RefCell::new(UdpSocket::from_std(socket.into())), view)
        }

        /// For options and addresses only: what waits must go through mio's type.
        pub(crate) fn socket(&self) -> &Socket {
            match self {
                Source::Stream(_, view)
                | Source::Listener(_, view)
                | Source::Datagrams(_, view) => view,
            }
        }

        pub(crate) fn register(
            &self,
            registry: &Registry,
            token: Token,
            interest: Interest,
        ) -> io::Result<()> {
            match self {
                Source::Stream(source, _) => {
                    source.borrow_mut().register(registry, token, interest)
                }
                Source::Listener(source, _) => {
                    source.borrow_mut().register(registry, token, interest)
                }
                Source::Datagrams(source, _) => {
                    source.borrow_mut().register(registry, token, interest)
                }
            }
        }

        pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
            match self {
                Source::Stream(source, _) => {
                    let source = source.borrow();
                    source.try_io(|| stream::recv(&SockRef::from(&*source), buffer))
                }
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        }

        pub(crate) fn send(&self, data: &[u8]) -> io::Result<usize> {
            match self {
                Source::Stream(source, _) => {
                    let source = source.borrow();
                    source.try_io(|| stream::send(&SockRef::from(&*source), data))
                }
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        }

        pub(crate) fn accept(&self) -> io::Result<(Socket, Addr)> {
            match self {
                Source::Listener(source, _) => {
                    let (stream, peer) = source.borrow().accept()?;
                    let socket = SockRef::from(&stream).try_clone()?;
                    Ok((socket, peer.into()))
                }
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        }

        pub(crate) fn recv_datagram(&self, buffer: &mut [u8]) -> io::Result<Received> {
            let Source::Datagrams(source, view) = self else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            source.borrow().try_io(|| datagram::recv(view, buffer))
        }

        pub(crate) fn send_datagram(&self, data: &[u8], to: Option<&Addr>) -> io::Result<()> {
            let Source::Datagrams(source, view) = self else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            source.borrow().try_io(|| datagram::send(view, data, to))
        }
    }

    /// Another handle to the same socket.
    fn view_of(socket: &Socket) -> Socket {
        // Duplicating fails only when the process has no handle left to give.
        socket.try_clone().unwrap_or_else(|error| panic!("no handle left: {error}"))
    }
}

pub(crate) use imp::Source;
