//! sendto, recvfrom and recvfrom_into.

use std::path::Path;

use ropewalk::Addr;
use ropewalk::addr::Target;
use ropewalk::error::{Error, ErrorKind, Result};
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{List, Text, caught};
use crate::{by_type, probes};

/// What a call gives on a socket to which these came.
fn received<T>(datagrams: &[&[u8]], call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    let (server, client) = (bound_udp()?, bound_udp()?);
    for data in datagrams {
        client.send_to(data, server.local_addr()?)?;
    }
    server.set_blocking(false)?;
    call(&server)
}

fn with_sender<T>(call: impl FnOnce(&Socket) -> Result<Received<T>>) -> Result<(T, Addr, bool)> {
    let (server, client) = (bound_udp()?, bound_udp()?);
    client.send_to(b"hello", server.local_addr()?)?;
    let received = call(&server)?;
    let same = received.from == client.local_addr()?;
    Ok((received.bytes, received.from, same))
}

fn send_to(to: impl TryInto<Target, Error: Into<Error>>) -> Result<usize> {
    udp()?.send_to(b"hello", to)
}

/// A connected socket's calls after a datagram that nobody was there to get.
fn unheard(calls: &[fn(&Socket) -> Text]) -> Result<List<Text>> {
    let socket = udp()?;
    socket.connect(free_port()?)?;
    socket.send(b"x")?;
    wait_readable(&socket)?;
    Ok(List(calls.iter().map(|call| call(&socket)).collect()))
}

fn unix_pair<T>(
    bind_client: bool,
    call: impl FnOnce(&Socket, &Socket, &Path) -> Result<T>,
) -> Result<T> {
    let (folder, server, client) = (Folder::new()?, unix(SOCK_DGRAM)?, unix(SOCK_DGRAM)?);
    server.bind(folder.join("s"))?;
    if bind_client {
        client.bind(folder.join("c"))?;
    }
    call(&server, &client, &folder.join("s"))
}

fn unix_told(server: &Socket, client: &Socket, at: &Path) -> Result<(Vec<u8>, Addr)> {
    client.send_to(b"hello", at)?;
    let received = server.recv_from(16)?;
    Ok((received.bytes, received.from))
}

fn unix_full(_: &Socket, client: &Socket, at: &Path) -> Result<()> {
    client.set_blocking(false)?;
    loop {
        client.send_to(b"x", at)?;
    }
}

fn answer(server: &Socket, client: &Socket, at: &Path) -> Result<()> {
    client.send_to(b"hello", at)?;
    server.send_to(b"back", &server.recv_from(16)?.from)?;
    Ok(())
}

type RecvFromInto = fn(&Socket, &mut [u8]) -> Result<Received<usize>>;

probes! { "datagrams":
    recv_from = with_sender(|s| s.recv_from(1024))?;
    recv_from_into = with_sender(|s| s.recv_from_into(&mut [0; 8]))?;
    recv = received(&[b"hello"], |s| s.recv(1024))?;
    recv_into = received(&[b"hello"], |s| s.recv_into(&mut [0; 8]))?;
    one_at_a_time = received(&[b"one", b"two"], |s| Ok((s.recv(1024)?, s.recv(1024)?)))?;
    cut = received(&[b"hello"], |s| s.recv_from(2))?.bytes;
    cut_rest_is_lost = received(&[b"hello", b"next"], |s| {
        Ok((s.recv_from(2)?.bytes, s.recv_from(9)?.bytes))
    })?;
    cut_by_recv = received(&[b"hello", b"next"], |s| Ok((s.recv(2)?, s.recv(9)?)))?;
    cut_into = received(&[b"hello"], |s| s.recv_from_into(&mut [0; 2]))?.bytes;
    cut_recv_into = received(&[b"hello"], |s| s.recv_into(&mut [0; 2]))?;
    empty = received(&[b""], |s| s.recv_from(16))?.bytes;
    empty_by_recv = received(&[b""], |s| s.recv(16))?;
    empty_is_no_end = received(&[b"", b"more"], |s| Ok((s.recv(16)?, s.recv(16)?)))?;
    recv_nothing_takes_none = received(&[b"one", b"two"], |s| Ok((s.recv(0)?, s.recv(16)?)))?;
    recv_from_nothing_takes_one = received(&[b"one", b"two"], |s| {
        Ok((s.recv_from(0)?.bytes, s.recv(16)?))
    })?;
    recv_from_nothing_of_nothing = received(&[], |s| s.recv_from(0))?.bytes;
    recv_into_no_room_takes_none = received(&[b"one", b"two"], |s| {
        Ok((s.recv_into(&mut [])?, s.recv(16)?))
    })?;
    recv_from_into_no_room_takes_one = received(&[b"one", b"two"], |s| {
        Ok((s.recv_from_into(&mut [])?.bytes, s.recv(16)?))
    })?;
    recv_from_minus_1 = {
        by_type!(Socket::recv_from, fn(&Socket, usize) -> Result<Received<Vec<u8>>>, "a usize")
    };
    recv_from_into_more_than_there_is = by_type!(Socket::recv_from_into, RecvFromInto, "a slice");
    recv_from_into_minus_1 = by_type!(Socket::recv_from_into, RecvFromInto, "a slice");
    recv_from_into_of_a_part = received(&[b"hello"], |s| {
        let mut buffer = [0; 8];
        Ok((s.recv_from_into(&mut buffer[..3])?.bytes, buffer))
    })?;
    says_that_it_was_cut = received(&[b"hello"], |s| s.recv_from(2))?.truncated;
    the_longest = received(&[&[0; 65507]], |s| s.recv(65536))?.len();
    too_long = received(&[&[0; 65508]], |_| Ok(()))?;
    too_long_connected = udp_pair()?.0.send(&[0; 65508])?;
    send_to = {
        let to = bound_udp()?;
        self::send_to(to.local_addr()?)?
    };
    send_to_nothing = {
        let to = bound_udp()?;
        udp()?.send_to(b"", to.local_addr()?)?
    };
    send_to_nobody = self::send_to(free_port()?)?;
    send_to_port_0 = self::send_to((HOST, 0))?;
    send_to_port_65536 = self::send_to("127.0.0.1:65536")?;
    send_to_unknown_name = self::send_to(("a..b", 9))?;
    send_to_by_name = {
        let to = bound_udp()?;
        self::send_to(("localhost", to.local_addr()?.port().unwrap_or(0)))?
    };
    send_to_everybody_without_leave = self::send_to(("<broadcast>", 9))?;
    send_to_everybody_by_number = self::send_to(("255.255.255.255", 9))?;
    send_to_no_address = self::send_to("nonsense")?;
    send_to_none = self::send_to(Addr::Unix(None))?;
    send_fresh = udp()?.send(b"x")?;
    send_bound = bound_udp()?.send(b"x")?;
    send_all_fresh = udp()?.send_all(b"x")?;
    send_all_nothing = {
        let (a, b) = udp_pair()?;
        a.send_all(b"")?;
        b.recv(16)?
    };
    recv_fresh_now = non_blocking(udp()?)?.recv(16)?;
    recv_from_fresh_now = non_blocking(udp()?)?.recv_from(16)?.bytes;
    sending_binds = {
        let (socket, to) = (udp()?, bound_udp()?);
        socket.send_to(b"x", to.local_addr()?)?;
        socket.local_addr()?
    };
    an_answer = {
        let (server, client) = (bound_udp()?, udp()?);
        client.send_to(b"ping", server.local_addr()?)?;
        let received = server.recv_from(16)?;
        server.send_to(b"pong", &received.from)?;
        (received.bytes, client.recv(16)?)
    };
    ipv6 = {
        let (server, client) = (bound(AF_INET6, SOCK_DGRAM)?, Socket::new(AF_INET6, SOCK_DGRAM)?);
        client.send_to(b"six", server.local_addr()?)?;
        let received = server.recv_from(16)?;
        (received.bytes, received.from)
    };
    connected = {
        let (a, b) = udp_pair()?;
        a.send(b"hello")?;
        let received = b.recv_from(16)?;
        (received.bytes, received.from == a.local_addr()?)
    };
    connected_hears_no_other = {
        let (a, b) = udp_pair()?;
        udp()?.send_to(b"stranger", a.local_addr()?)?;
        b.send(b"friend")?;
        a.recv(16)?
    };
    connected_sends_to_another = {
        let ((a, _b), other) = (udp_pair()?, bound_udp()?);
        (a.send_to(b"hello", other.local_addr()?)?, other.recv(16)?)
    };
    refused_at_recv = unheard(&[|s| caught(s.recv(16))])?;
    refused_at_send = unheard(&[|s| caught(s.send(b"x"))])?;
    refused_once = unheard(&[|s| caught(s.recv(16)), |s| caught(s.send(b"x"))])?;
    refused_is_not_told_to_nothing = {
        unheard(&[|s| caught(s.recv(0)), |s| caught(s.recv(16))])?
    };
    unconnected_is_not_told = {
        let socket = bound_udp()?;
        socket.send_to(b"x", free_port()?)?;
        socket.send_to(b"hello", socket.local_addr()?)?;
        socket.recv(16)?
    };
    to_itself = {
        let socket = bound_udp()?;
        socket.send_to(b"hello", socket.local_addr()?)?;
        socket.recv(16)?
    };

    unix_from_an_unbound_one = unix_pair(false, unix_told)?;
    unix_from_a_bound_one = unix_pair(true, unix_told)?;
    unix_connected = unix_pair(false, |server, client, at| {
        client.connect(at)?;
        Ok((client.send(b"hello")?, server.recv(16)?))
    })?;
    unix_full_now = unix_pair(false, unix_full)?;
    unix_full_in_time = unix_pair(false, |server, client, at| {
        match unix_full(server, client, at) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                client.set_timeout(Some(MOMENT))?;
                client.send_to(b"x", at)
            }
            other => other.map(|()| 0),
        }
    })?;
    unix_cut = unix_pair(false, |server, client, at| {
        client.send_to(b"hello", at)?;
        client.send_to(b"next", at)?;
        Ok((server.recv(2)?, server.recv(16)?))
    })?;
    unix_unanswerable = unix_pair(false, answer)?;
    unix_answered = unix_pair(true, |server, client, at| {
        answer(server, client, at)?;
        client.recv(16)
    })?;
    unix_send_fresh = unix(SOCK_DGRAM)?.send(b"x")?;
    unix_missing = unix(SOCK_DGRAM)?.send_to(b"x", Folder::new()?.join("s"))?;
    unix_of_the_other_kind = {
        let (folder, server) = (Folder::new()?, unix(SOCK_STREAM)?);
        server.bind(folder.join("s"))?;
        server.listen()?;
        unix(SOCK_DGRAM)?.send_to(b"x", folder.join("s"))?
    };
    unix_gone = {
        let (folder, mut server) = (Folder::new()?, unix(SOCK_DGRAM)?);
        server.bind(folder.join("s"))?;
        server.close()?;
        unix(SOCK_DGRAM)?.send_to(b"x", folder.join("s"))?
    };
    unix_connected_and_gone = {
        let (folder, mut server) = (Folder::new()?, unix(SOCK_DGRAM)?);
        let client = unix(SOCK_DGRAM)?;
        server.bind(folder.join("s"))?;
        client.connect(folder.join("s"))?;
        server.close()?;
        client.send(b"x")?
    };
}
