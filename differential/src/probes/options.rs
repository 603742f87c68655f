//! getsockopt and setsockopt, in their forms.

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::{by_type, probes};

const SO_REUSEPORT: i32 = 15;
const SO_LINGER: i32 = 13;
const SO_ACCEPTCONN: i32 = 30;

fn set_and_get(socket: Socket, level: i32, option: i32, value: i32) -> Result<(i32, i32)> {
    let before = socket.option(level, option)?;
    socket.set_option(level, option, value)?;
    Ok((before, socket.option(level, option)?))
}

type SetOption = fn(&Socket, i32, i32, i32) -> Result<()>;
type Bytes = fn(&Socket, i32, i32, usize) -> Result<Vec<u8>>;

probes! { "options":
    type_of_a_stream = tcp()?.option(SOL_SOCKET, SO_TYPE)?;
    type_of_a_datagram_socket = udp()?.option(SOL_SOCKET, SO_TYPE)?;
    pending_error_of_a_fresh_one = tcp()?.option(SOL_SOCKET, SO_ERROR)?;
    reuse_address = set_and_get(tcp()?, SOL_SOCKET, SO_REUSEADDR, 1)?;
    reuse_address_off = set_and_get(tcp()?, SOL_SOCKET, SO_REUSEADDR, 0)?;
    reuse_port = set_and_get(tcp()?, SOL_SOCKET, SO_REUSEPORT, 1)?;
    keep_alive = set_and_get(tcp()?, SOL_SOCKET, SO_KEEPALIVE, 1)?;
    keep_alive_by_any_number = set_and_get(tcp()?, SOL_SOCKET, SO_KEEPALIVE, 7)?;
    broadcast = set_and_get(udp()?, SOL_SOCKET, SO_BROADCAST, 1)?;
    no_delay = set_and_get(tcp()?, IPPROTO_TCP, TCP_NODELAY, 1)?;
    v6_only = {
        set_and_get(Socket::new(AF_INET6, SOCK_STREAM)?, IPPROTO_IPV6, IPV6_V6ONLY, 1)?
    };
    receive_buffer_is_doubled = set_and_get(tcp()?, SOL_SOCKET, SO_RCVBUF, 5000)?.1;
    send_buffer_is_doubled = set_and_get(tcp()?, SOL_SOCKET, SO_SNDBUF, 5000)?.1;
    accepts = listener()?.option(SOL_SOCKET, SO_ACCEPTCONN)?;
    accepts_not = tcp()?.option(SOL_SOCKET, SO_ACCEPTCONN)?;
    as_bytes = tcp()?.option_bytes(SOL_SOCKET, SO_TYPE, 4)?;
    as_more_bytes_than_there_are = tcp()?.option_bytes(SOL_SOCKET, SO_TYPE, 64)?;
    as_fewer_bytes_than_there_are = tcp()?.option_bytes(SOL_SOCKET, SO_TYPE, 2)?;
    as_the_most_bytes = tcp()?.option_bytes(SOL_SOCKET, SO_TYPE, 1024)?;
    as_1025_bytes = tcp()?.option_bytes(SOL_SOCKET, SO_TYPE, 1025)?;
    as_0_bytes = tcp()?.option_bytes(SOL_SOCKET, SO_TYPE, 0)?;
    as_minus_1_bytes = by_type!(Socket::option_bytes, Bytes, "a usize");
    a_structure = tcp()?.option_bytes(SOL_SOCKET, SO_LINGER, 8)?;
    unknown = tcp()?.option(SOL_SOCKET, 9999)?;
    of_an_unknown_level = tcp()?.option(9999, 1)?;
    of_tcp_on_udp = udp()?.option(IPPROTO_TCP, TCP_NODELAY)?;
    of_tcp_on_unix = unix(SOCK_STREAM)?.option(IPPROTO_TCP, TCP_NODELAY)?;
    set_unknown = tcp()?.set_option(SOL_SOCKET, 9999, 1)?;
    set_of_tcp_on_udp = udp()?.set_option(IPPROTO_TCP, TCP_NODELAY, 1)?;
    set_what_is_read_only = tcp()?.set_option(SOL_SOCKET, SO_TYPE, 1)?;
    set_as_bytes = {
        let socket = tcp()?;
        let before = socket.option(SOL_SOCKET, SO_KEEPALIVE)?;
        socket.set_option_bytes(SOL_SOCKET, SO_KEEPALIVE, &1_i32.to_le_bytes())?;
        (before, socket.option(SOL_SOCKET, SO_KEEPALIVE)?)
    };
    set_too_few_bytes = tcp()?.set_option_bytes(SOL_SOCKET, SO_KEEPALIVE, &[1])?;
    set_no_bytes = tcp()?.set_option_bytes(SOL_SOCKET, SO_KEEPALIVE, &[])?;
    set_none_of_a_length = {
        let set: fn(&Socket, i32, i32, &[u8]) -> Result<()> = Socket::set_option_bytes;
        by_type!(set, fn(&Socket, i32, i32, &[u8]) -> Result<()>, "bytes")
    };
    set_more_than_an_int = by_type!(Socket::set_option, SetOption, "an i32");
    set_a_text = by_type!(Socket::set_option, SetOption, "an i32");
    set_a_structure = {
        let socket = tcp()?;
        socket.set_option_bytes(SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 5, 0, 0, 0])?;
        socket.option_bytes(SOL_SOCKET, SO_LINGER, 8)?
    };
    pending_error_is_taken_by_reading_it = {
        let socket = reset()?;
        wait_readable(&socket)?;
        let pending = || socket.option(SOL_SOCKET, SO_ERROR);
        (pending()? != 0, pending()?, socket.recv(16)?)
    };
    no_delay_is_inherited = {
        let (server, client) = (listener()?, tcp()?);
        server.set_option(IPPROTO_TCP, TCP_NODELAY, 1)?;
        client.connect(server.local_addr()?)?;
        server.accept()?.0.option(IPPROTO_TCP, TCP_NODELAY)?
    };
    v6_only_off_takes_ipv4 = {
        let (server, client) = (Socket::new(AF_INET6, SOCK_STREAM)?, tcp()?);
        server.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 0)?;
        server.bind(("::", 0))?;
        server.listen()?;
        client.connect((HOST, server.local_addr()?.port().unwrap_or(0)))?;
        server.accept()?.1
    };
}
