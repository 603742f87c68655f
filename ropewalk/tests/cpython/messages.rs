//! `sendmsg` and `recvmsg`: the classes that all transports share, over each of them.

use std::io::{IoSlice, IoSliceMut};

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, tcp_pair, udp, watched};
use crate::needs::needs;
use crate::sockets::MSG;

/// The bytes of a descriptor's number, as of each other number in ancillary data.
pub const INT: usize = size_of::<i32>();

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    Udp,
    Udp6,
    Tcp,
    Unix,
}

pub const ALL: &[Over] = &[Over::Udp, Over::Udp6, Over::Tcp, Over::Unix];
const STREAMS: &[Over] = &[Over::Tcp, Over::Unix];
const DATAGRAMS: &[Over] = &[Over::Udp, Over::Udp6];

/// Which of the two calls receives.
#[derive(Clone, Copy, Debug)]
pub enum By {
    RecvMsg,
    RecvMsgInto,
}

pub const BOTH: &[By] = &[By::RecvMsg, By::RecvMsgInto];

/// What was received, by either.
#[derive(Debug)]
pub struct Got {
    pub bytes: Vec<u8>,
    pub ancillary: Vec<Ancillary>,
    pub flags: Flags,
    pub from: Addr,
}

/// Who sends and who receives.
pub struct Ends {
    pub over: Over,
    pub client: Socket,
    pub server: Socket,
    /// The server's address, where the client is not connected.
    to: Option<Addr>,
}

/// Two ends, unless this machine lacks what is to carry between them.
pub fn ends(over: Over) -> Option<Ends> {
    let (client, server) = match over {
        Over::Udp => (udp(), udp()),
        Over::Udp6 => {
            let bound = || {
                let socket = watched(AF_INET6, SOCK_DGRAM);
                socket.bind(("::1", 0)).ok()?;
                Some(socket)
            };
            let both = bound().zip(bound());
            if !needs("IPv6", both.is_some()) {
                return None;
            }
            both?
        }
        Over::Tcp => tcp_pair(),
        Over::Unix => unix_pair(),
    };
    let to = DATAGRAMS.contains(&over).then(|| server.local_addr().unwrap());
    Some(Ends { over, client, server, to })
}

pub fn unix_pair() -> (Socket, Socket) {
    let (one, other) = socketpair().unwrap();
    one.set_timeout(Some(WATCHDOG)).unwrap();
    other.set_timeout(Some(WATCHDOG)).unwrap();
    (one, other)
}

/// Runs a body over each; what was printed last says over which it failed.
fn over(each: &[Over], body: impl Fn(Ends)) {
    for over in each {
        eprintln!("over {over:?}");
        if let Some(ends) = ends(*over) {
            body(ends);
        }
    }
}

/// The same, and by each call that receives.
fn over_by(each: &[Over], body: impl Fn(Ends, By)) {
    for by in BOTH {
        eprintln!("by {by:?}");
        over(each, |ends| body(ends, *by));
    }
}

impl Ends {
    pub fn send(&self, bytes: &[u8]) {
        let sent = match &self.to {
            Some(to) => self.client.send_to(bytes, to).unwrap(),
            None => self.client.send(bytes).unwrap(),
        };
        assert_eq!(sent, bytes.len());
    }

    pub fn send_msg(
        &self,
        parts: &[&[u8]],
        ancillary: &[Attachment<'_>],
        flags: Flags,
    ) -> ropewalk::Result<usize> {
        let buffers: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        self.client.send_msg(&buffers, ancillary, flags, self.to.clone().map(Into::into))
    }

    pub fn receive(&self, by: By, max: usize, ancillary_size: usize) -> Got {
        receive(&self.server, by, max, ancillary_size, Flags::default()).unwrap()
    }

    /// A message that came whole, with nothing beside it.
    #[track_caller]
    pub fn check(&self, got: &Got, bytes: &[u8]) {
        assert_eq!(got.bytes, bytes);
        assert!(got.ancillary.is_empty(), "{got:?}");
        self.check_flags(got.flags, true);
        self.check_address(&got.from);
    }

    /// Whether its datagram came whole; what came beside it did.
    #[track_caller]
    pub fn check_flags(&self, flags: Flags, whole: bool) {
        assert_eq!(flags.contains(MSG_TRUNC), !whole && DATAGRAMS.contains(&self.over));
        assert_eq!(flags & (MSG_CTRUNC | MSG_OOB), Flags::default());
    }

    #[track_caller]
    pub fn check_address(&self, from: &Addr) {
        assert_eq!(from, &self.client.local_addr().unwrap());
    }
}

pub fn receive(
    socket: &Socket,
    by: By,
    max: usize,
    ancillary_size: usize,
    flags: Flags,
) -> ropewalk::Result<Got> {
    match by {
        By::RecvMsg => {
            let Message { bytes, ancillary, flags, from, .. } =
                socket.recv_msg(max, ancillary_size, flags)?;
            Ok(Got { bytes, ancillary, flags, from })
        }
        By::RecvMsgInto => {
            let mut bytes = vec![0; max];
            let buffers = &mut [IoSliceMut::new(&mut bytes)];
            let Message { bytes: count, ancillary, flags, from, .. } =
                socket.recv_msg_into(buffers, ancillary_size, flags)?;
            bytes.truncate(count);
            Ok(Got { bytes, ancillary, flags, from })
        }
    }
}

mod sendmsg_tests {
    use super::*;

    #[test]
    fn test_sendmsg() {
        over(ALL, |ends| {
            assert_eq!(ends.send_msg(&[MSG], &[], Flags::default()).unwrap(), MSG.len());
            assert_eq!(ends.server.recv(MSG.len()).unwrap(), MSG);
        });
    }

    #[test]
    fn test_sendmsg_data_generator() {
        over(ALL, |ends| {
            let generated: Vec<&[u8]> = std::iter::once(MSG).collect();
            assert_eq!(ends.send_msg(&generated, &[], Flags::default()).unwrap(), MSG.len());
            assert_eq!(ends.server.recv(MSG.len()).unwrap(), MSG);
        });
    }

    #[test]
    fn test_sendmsg_ancillary_generator() {
        over(ALL, |ends| {
            let generated: Vec<Attachment<'_>> = std::iter::empty().collect();
            assert_eq!(ends.send_msg(&[MSG], &generated, Flags::default()).unwrap(), MSG.len());
            assert_eq!(ends.server.recv(MSG.len()).unwrap(), MSG);
        });
    }

    #[test]
    fn test_sendmsg_array() {
        over(ALL, |ends| {
            let array: [u8; 4] = *b"abcd";
            assert_eq!(ends.send_msg(&[&array], &[], Flags::default()).unwrap(), 4);
            assert_eq!(ends.server.recv(4).unwrap(), array);
        });
    }

    #[test]
    fn test_sendmsg_gather() {
        over(ALL, |ends| {
            let (head, rest) = MSG.split_at(3);
            let sent = ends.send_msg(&[head, rest], &[], Flags::default()).unwrap();
            assert_eq!(sent, MSG.len());
            assert_eq!(ends.server.recv(MSG.len()).unwrap(), MSG);
        });
    }

    #[test]
    fn test_sendmsg_after_close() {
        over(ALL, |mut ends| {
            ends.client.close().unwrap();
            let error = ends.send_msg(&[MSG], &[], Flags::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed);
        });
    }
}

mod sendmsg_stream_tests {
    use super::*;

    #[test]
    fn test_sendmsg_explicit_none_addr() {
        over(STREAMS, |ends| {
            let sent = ends.client.send_msg(&[IoSlice::new(MSG)], &[], Flags::default(), None);
            assert_eq!(sent.unwrap(), MSG.len());
            assert_eq!(ends.server.recv(MSG.len()).unwrap(), MSG);
        });
    }

    #[test]
    fn test_sendmsg_timeout() {
        over(STREAMS, |ends| {
            ends.client.set_timeout(Some(SOON)).unwrap();
            let error = loop {
                match ends.send_msg(&[&[b'a'; 512]], &[], Flags::default()) {
                    Ok(sent) => assert!(sent > 0),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(error.raw_os_error(), None, "it is ours");
            assert_eq!(ends.server.recv(512).unwrap(), [b'a'; 512]);
        });
    }

    #[test]
    fn test_sendmsg_dont_wait() {
        over(STREAMS, |ends| {
            // It does not wait whatever the timeout is, which is none here and a minute there.
            for timeout in [None, Some(WATCHDOG)] {
                ends.client.set_timeout(timeout).unwrap();
                let error = loop {
                    match ends.send_msg(&[&[b'a'; 512]], &[], MSG_DONTWAIT) {
                        Ok(sent) => assert!(sent > 0),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert_eq!(ends.client.timeout(), timeout);
            }
            assert_eq!(ends.server.recv(512).unwrap(), [b'a'; 512]);
        });
    }
}

mod sendmsg_connectionless_tests {
    use super::*;

    #[test]
    fn test_sendmsg_no_dest_addr() {
        over(DATAGRAMS, |ends| {
            let sent = ends.client.send_msg(&[IoSlice::new(MSG)], &[], Flags::default(), None);
            assert_eq!(sent.unwrap_err().kind(), ErrorKind::NotConnected);
        });
    }
}

mod recvmsg_generic_tests {
    use super::*;

    #[test]
    fn test_recvmsg() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            ends.check(&ends.receive(by, MSG.len(), 0), MSG);
        });
    }

    #[test]
    fn test_recvmsg_explicit_defaults() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            let message = receive(&ends.server, by, MSG.len(), 0, Flags::from_bits(0)).unwrap();
            ends.check(&message, MSG);
        });
    }

    #[test]
    fn test_recvmsg_shorter() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            ends.check(&ends.receive(by, MSG.len() + 42, 0), MSG);
        });
    }

    #[test]
    fn test_recvmsg_trunc() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            let message = ends.receive(by, MSG.len() - 3, 0);
            assert_eq!(message.bytes, MSG[..MSG.len() - 3]);
            ends.check_flags(message.flags, false);
            ends.check_address(&message.from);
        });
    }

    #[test]
    fn test_recvmsg_short_ancillary_buf() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            ends.check(&ends.receive(by, MSG.len(), 1), MSG);
        });
    }

    #[test]
    fn test_recvmsg_long_ancillary_buf() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            ends.check(&ends.receive(by, MSG.len(), 10240), MSG);
        });
    }

    #[test]
    fn test_recvmsg_after_close() {
        over_by(ALL, |mut ends, by| {
            ends.server.close().unwrap();
            let error = receive(&ends.server, by, 1024, 0, Flags::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed);
        });
    }

    #[test]
    fn test_recvmsg_timeout() {
        over_by(ALL, |ends, by| {
            ends.server.set_timeout(Some(SOON)).unwrap();
            let error = receive(&ends.server, by, MSG.len(), 0, Flags::default()).unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
        });
    }

    #[test]
    fn test_recvmsg_peek() {
        over_by(ALL, |ends, by| {
            ends.send(MSG);
            let peek = |max| receive(&ends.server, by, max, 0, MSG_PEEK).unwrap();
            assert_eq!(peek(MSG.len() - 3).bytes, MSG[..MSG.len() - 3]);
            ends.check(&peek(MSG.len()), MSG);
            ends.check(&ends.receive(by, MSG.len(), 0), MSG);
        });
    }

    #[test]
    fn test_recvmsg_from_sendmsg() {
        over_by(ALL, |ends, by| {
            let (head, rest) = MSG.split_at(3);
            let sent = ends.send_msg(&[head, rest], &[], Flags::default()).unwrap();
            assert_eq!(sent, MSG.len());
            ends.check(&ends.receive(by, MSG.len(), 0), MSG);
        });
    }
}

mod recvmsg_generic_stream_tests {
    use super::*;

    #[test]
    fn test_recvmsg_eof() {
        over_by(STREAMS, |mut ends, by| {
            ends.client.close().unwrap();
            let message = ends.receive(by, 1024, 0);
            assert_eq!((message.bytes.len(), message.ancillary.len()), (0, 0));
        });
    }

    #[test]
    fn test_recvmsg_overflow() {
        over_by(STREAMS, |ends, by| {
            ends.send(MSG);
            let first = ends.receive(by, MSG.len() - 3, 0);
            ends.check_flags(first.flags, false);
            let second = ends.receive(by, 1024, 0);
            ends.check_flags(second.flags, true);
            assert_eq!([first.bytes, second.bytes].concat(), MSG);
        });
    }
}

mod recvmsg_into_tests {
    use super::*;

    #[test]
    fn test_recvmsg_into_array() {
        over(ALL, |ends| {
            ends.send(b"abcd");
            let mut array = [0; 4];
            let buffers = &mut [IoSliceMut::new(&mut array)];
            let message = ends.server.recv_msg_into(buffers, 0, Flags::default()).unwrap();
            assert_eq!((message.bytes, &array), (4, b"abcd"));
            ends.check_address(&message.from);
        });
    }

    #[test]
    fn test_recvmsg_into_generator() {
        over(ALL, |ends| {
            ends.send(MSG);
            let mut buffer = vec![0; MSG.len()];
            let mut generated: Vec<IoSliceMut<'_>> =
                std::iter::once(IoSliceMut::new(&mut buffer)).collect();
            let message = ends.server.recv_msg_into(&mut generated, 0, Flags::default()).unwrap();
            assert_eq!((message.bytes, buffer.as_slice()), (MSG.len(), MSG));
            ends.check_flags(message.flags, true);
        });
    }

    #[test]
    fn test_recvmsg_into_scatter() {
        over(ALL, |ends| {
            ends.send(b"three pieces of a rope");
            let (mut one, mut two, mut three) = (*b"-----", *b"0123456789", *b"-----------");
            let buffers = &mut [
                IoSliceMut::new(&mut one),
                IoSliceMut::new(&mut two[1..9]),
                IoSliceMut::new(&mut three),
            ];
            let message = ends.server.recv_msg_into(buffers, 0, Flags::default()).unwrap();
            assert_eq!(message.bytes, 22);
            assert_eq!((&one, &two, &three), (b"three", b"0 pieces 9", b"of a rope--"));
            ends.check_flags(message.flags, true);
            ends.check_address(&message.from);
        });
    }
}

mod cmsg_macro_tests {
    use super::*;
    use ropewalk::limits::ANCILLARY_BYTES;

    #[test]
    fn test_cmsg_len() {
        let header = cmsg_len(0).unwrap();
        assert!(header > 2 * INT, "a length and two numbers at least");
        let too_many = ANCILLARY_BYTES - header + 1;
        for bytes in (0..257).chain(too_many - 257..too_many) {
            let length = cmsg_len(bytes).unwrap();
            assert_eq!(length - header, bytes);
            assert!(length <= ANCILLARY_BYTES);
        }
        for bytes in [too_many, usize::MAX] {
            assert_eq!(cmsg_len(bytes).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn test_cmsg_space() {
        let header = cmsg_len(0).unwrap();
        let too_many = ANCILLARY_BYTES - cmsg_space(1).unwrap() + 2;
        let mut last = cmsg_space(0).unwrap();
        assert!(last > 2 * INT);
        for bytes in (0..257).chain(too_many - 257..too_many - 1) {
            let space = cmsg_space(bytes).unwrap();
            assert!(space >= last && space >= cmsg_len(bytes).unwrap());
            assert!(space >= bytes + header && space <= ANCILLARY_BYTES);
            last = space;
        }
        for bytes in [ANCILLARY_BYTES, usize::MAX] {
            assert_eq!(cmsg_space(bytes).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
