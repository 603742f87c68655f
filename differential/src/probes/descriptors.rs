//! Descriptors: adopted, copied, inherited; families and kinds that have no name.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{Failure, List, caught};
use crate::{by_type, probes};

type Facts = (Family, Kind, i32);

fn facts(socket: &Socket) -> Facts {
    (socket.family(), socket.kind(), socket.protocol())
}

fn adopted(socket: Socket) -> Result<Socket, Failure> {
    Ok(Socket::from_fd(socket.descriptor()?.try_clone_to_owned()?)?)
}

fn closed() -> Result<Socket> {
    let mut socket = tcp()?;
    socket.close()?;
    Ok(socket)
}

fn told((a, b): (Socket, Socket)) -> Result<(Facts, usize, Vec<u8>)> {
    Ok((facts(&a), a.send(b"hello")?, b.recv(16)?))
}

probes! { "descriptors":
    adopted_tcp = facts(&adopted(tcp()?)?);
    adopted_udp = facts(&adopted(udp()?)?);
    adopted_tcp6 = facts(&adopted(Socket::new(AF_INET6, SOCK_STREAM)?)?);
    adopted_unix = facts(&adopted(unix(SOCK_STREAM)?)?);
    adopted_unix_datagram = facts(&adopted(unix(SOCK_DGRAM)?)?);
    adopted_blocks = adopted(tcp()?)?.timeout();
    adopted_knows_its_peer = {
        let (client, _server) = pair()?;
        adopted(client)?.peer_addr()?
    };
    adopted_file = {
        let file = std::fs::File::open("/dev/null")?;
        Socket::from_fd(file.into())?.family()
    };
    adopted_minus_1 = by_type!(Socket::from_fd, fn(OwnedFd) -> Result<Socket>, "an OwnedFd");
    adopted_nothing = by_type!(Socket::from_fd, fn(OwnedFd) -> Result<Socket>, "an OwnedFd");
    adopted_goes_on = {
        let (client, mut server) = pair()?;
        let other = Socket::from_fd(server.detach()?)?;
        client.send_all(b"hello")?;
        other.recv(16)?
    };
    copy_is_like_it = {
        let socket = Socket::with_protocol(AF_INET, SOCK_STREAM, 6)?;
        facts(&socket.dup()?) == facts(&socket)
    };
    copy_keeps_the_timeout = with_timeout(tcp()?, Duration::from_secs(5))?.dup()?.timeout();
    copy_of_a_closed_one = closed()?.dup()?.timeout();
    copy_keeps_it_open = {
        let (client, mut server) = pair()?;
        let copy = server.dup()?;
        server.close()?;
        client.send_all(b"hello")?;
        copy.recv(16)?
    };
    copy_that_does_not_wait_leaves_the_other_waiting = {
        let (client, server) = pair()?;
        let copy = client.dup()?;
        copy.set_blocking(false)?;
        // CPython's does not wait for it.
        std::thread::scope(|scope| {
            scope.spawn(|| server.send_all(b"late"));
            caught(client.recv(16))
        })
    };
    fresh_is_inheritable = tcp()?.is_inheritable()?;
    copy_is_inheritable = tcp()?.dup()?.is_inheritable()?;
    accepted_is_inheritable = pair()?.1.is_inheritable()?;
    pair_is_inheritable = {
        let (a, b) = socketpair()?;
        List(vec![a.is_inheritable()?, b.is_inheritable()?])
    };
    made_inheritable = {
        let socket = tcp()?;
        socket.set_inheritable(true)?;
        let first = socket.is_inheritable()?;
        socket.set_inheritable(false)?;
        (first, is_inherited(socket.descriptor()?.as_fd()))
    };
    inheritable_after_close = closed()?.is_inheritable()?;
    made_inheritable_after_close = closed()?.set_inheritable(true)?;
    unknown_family = facts(&Socket::new(Family::Other(9999), SOCK_STREAM)?);
    seqpacket_of_ipv4 = facts(&Socket::new(AF_INET, SOCK_SEQPACKET)?);
    unknown_kind = facts(&Socket::new(AF_INET, Kind::Other(9))?);
    seqpacket_of_unix = facts(&Socket::new(AF_UNIX, SOCK_SEQPACKET)?);
    non_blocking_bit = {
        const SOCK_NONBLOCK: i32 = 0o4000;
        facts(&Socket::new(AF_INET, Kind::Other(SOCK_STREAM.number() | SOCK_NONBLOCK))?)
    };
    seqpacket_keeps_its_messages = {
        let (a, b) = socketpair_of(AF_UNIX, SOCK_SEQPACKET)?;
        a.send(b"one")?;
        a.send(b"two")?;
        (b.recv(16)?, b.recv(16)?)
    };
    pair = told(socketpair()?)?;
    pair_of_datagrams = told(socketpair_of(AF_UNIX, SOCK_DGRAM)?)?;
    pair_has_no_names = socketpair()?.0.peer_addr()?;
    pair_blocks = socketpair()?.0.timeout();
    pair_of_ipv4 = told(socketpair_of(AF_INET, SOCK_STREAM)?)?;
    pair_of_udp = told(socketpair_of(AF_INET, SOCK_DGRAM)?)?;
    pair_ends = {
        let (mut a, b) = socketpair()?;
        a.close()?;
        (b.recv(16)?, caught(b.send(b"x")))
    };
}
