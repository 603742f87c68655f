//! The constructor, and what it leaves readable.

use std::os::fd::{AsFd, AsRawFd};

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::probes;

const TCP: i32 = 6;
const UDP: i32 = 17;

type Made = (Family, Kind, i32);

fn facts(socket: &Socket) -> Made {
    (socket.family(), socket.kind(), socket.protocol())
}

fn made(family: Family, kind: Kind, protocol: i32) -> Result<Made> {
    Ok(facts(&Socket::with_protocol(family, kind, protocol)?))
}

/// What its `Debug` says of it.
fn told(socket: &Socket) -> (bool, bool, bool) {
    let text = format!("{socket:?}");
    (text.contains("local: "), text.contains("peer: "), text.contains("closed"))
}

probes! { "constructor":
    default = facts(&Socket::new(AF_INET, SOCK_STREAM)?);
    tcp = made(AF_INET, SOCK_STREAM, 0)?;
    udp = made(AF_INET, SOCK_DGRAM, 0)?;
    tcp6 = made(AF_INET6, SOCK_STREAM, 0)?;
    udp6 = made(AF_INET6, SOCK_DGRAM, 0)?;
    unix_stream = made(AF_UNIX, SOCK_STREAM, 0)?;
    unix_datagram = made(AF_UNIX, SOCK_DGRAM, 0)?;
    protocol_is_kept_as_given = made(AF_INET, SOCK_STREAM, TCP)?;
    protocol_udp = made(AF_INET, SOCK_DGRAM, UDP)?;
    stream_with_udp = made(AF_INET, SOCK_STREAM, UDP)?;
    datagram_with_tcp = made(AF_INET, SOCK_DGRAM, TCP)?;
    stream_with_tcp_6 = made(AF_INET6, SOCK_STREAM, TCP)?;
    unix_with_tcp = made(AF_UNIX, SOCK_STREAM, TCP)?;
    unknown_protocol = made(AF_INET, SOCK_STREAM, 255)?;

    repr_of_a_fresh_one = told(&self::tcp()?);
    repr_of_a_connected_one = told(&pair()?.0);
    repr_of_a_listener = told(&listener()?);
    repr_of_a_closed_one = {
        let mut socket = self::tcp()?;
        socket.close()?;
        told(&socket)
    };
    leaving_its_scope_closes = {
        let client = {
            let (client, _server) = pair()?;
            client
        };
        client.recv(16)?
    };
    being_forgotten_closes = {
        let (client, server) = pair()?;
        drop(server);
        client.recv(16)?
    };
    readable_after_close = {
        let mut socket = Socket::with_protocol(AF_INET6, SOCK_DGRAM, UDP)?;
        socket.close()?;
        facts(&socket)
    };
    families_are_numbers = {
        const SO_DOMAIN: i32 = 39;
        self::tcp()?.option(SOL_SOCKET, SO_DOMAIN)? == 2
    };
    the_accepted_one_is_like_its_listener = facts(&pair()?.1);
    fileno_is_a_descriptor = self::tcp()?.descriptor()?.as_fd().as_raw_fd() >= 0;
}
