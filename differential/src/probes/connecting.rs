//! connect and connect_ex, in each mode.

use std::path::Path;
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::{ErrorKind, Result};
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{List, Text, caught, code, words};
use crate::probes;

const PATIENCE: Duration = Duration::from_secs(10);

fn to_listener(socket: Socket, times: usize) -> Result<List<Text>> {
    let at = listener()?;
    let call = |_| Ok(caught(socket.connect(at.local_addr()?)));
    Ok(List((0..times).map(call).collect::<Result<_>>()?))
}

fn ex_to_listener(socket: Socket, times: usize) -> Result<List<Text>> {
    let at = listener()?;
    let call = |_| Ok(code_or_zero(socket.connect_ex(at.local_addr()?)?));
    Ok(List((0..times).map(call).collect::<Result<_>>()?))
}

fn code_or_zero(number: i32) -> Text {
    if number == 0 { words("0") } else { code(number) }
}

fn ex(socket: Socket, to: Addr) -> Result<Text> {
    Ok(code(socket.connect_ex(to)?))
}

/// A non-blocking connect, the same when it is decided, and once more.
fn steps(call: impl Fn(&Socket, &Addr) -> Text) -> Result<(Text, Text, Text)> {
    let (server, socket) = (listener()?, non_blocking(tcp()?)?);
    let at = server.local_addr()?;
    let first = call(&socket, &at);
    wait_writable(&socket)?;
    Ok((first, call(&socket, &at), call(&socket, &at)))
}

fn twice(socket: &Socket, at: &Addr) -> (Text, Text) {
    (caught(socket.connect(at)), caught(socket.connect(at)))
}

fn with_path<T>(call: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let folder = Folder::new()?;
    call(&folder.join("s"))
}

fn bind_unix(kind: Kind, at: &Path) -> Result<Socket> {
    let socket = unix(kind)?;
    socket.bind(at)?;
    Ok(socket)
}

fn connect_unix(at: &Path) -> Result<()> {
    unix(SOCK_STREAM)?.connect(at)
}

/// A listener whose queue is full, and one that wants to be let in.
fn full_unix(timeout: Duration) -> Result<()> {
    with_path(|at| {
        let server = bind_unix(SOCK_STREAM, at)?;
        server.listen_with_backlog(0)?;
        let mut inside = Vec::new();
        loop {
            let socket = non_blocking(unix(SOCK_STREAM)?)?;
            let connected = socket.connect(at);
            inside.push(socket);
            match connected {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                connected => connected?,
            }
        }
        with_timeout(unix(SOCK_STREAM)?, timeout)?.connect(at)
    })
}

probes! { "connecting":
    blocking = to_listener(tcp()?, 1)?;
    with_a_timeout = to_listener(with_timeout(tcp()?, PATIENCE)?, 1)?;
    again = to_listener(tcp()?, 2)?;
    again_with_a_timeout = to_listener(with_timeout(tcp()?, PATIENCE)?, 2)?;
    ex_blocking = ex_to_listener(tcp()?, 1)?;
    ex_again = ex_to_listener(tcp()?, 2)?;
    refused = tcp()?.connect(free_port()?)?;
    refused_with_a_timeout = with_timeout(tcp()?, PATIENCE)?.connect(free_port()?)?;
    ex_refused = ex(tcp()?, free_port()?)?;
    ex_refused_with_a_timeout = ex(with_timeout(tcp()?, PATIENCE)?, free_port()?)?;
    now = steps(|socket, at| caught(socket.connect(at)))?;
    ex_now = steps(|socket, at| socket.connect_ex(at).map_or(words("fails"), code_or_zero))?;
    now_refused_is_told_by_an_option = {
        let socket = non_blocking(tcp()?)?;
        let first = code(socket.connect_ex(free_port()?)?);
        wait_writable(&socket)?;
        let pending = || socket.option(SOL_SOCKET, SO_ERROR).map(code_or_zero);
        (first, pending()?, pending()?)
    };
    now_refused_is_told_by_the_next_call = {
        let (socket, at) = (non_blocking(tcp()?)?, free_port()?);
        let first = caught(socket.connect(&at));
        wait_writable(&socket)?;
        (first, caught(socket.connect(&at)))
    };
    now_before_it_is_decided = {
        let (server, _inside) = full_listener()?;
        twice(&non_blocking(tcp()?)?, &server.local_addr()?)
    };
    sending_before_it_is_decided = {
        let (server, _inside) = full_listener()?;
        let socket = non_blocking(tcp()?)?;
        socket.connect_ex(server.local_addr()?)?;
        (caught(socket.send(b"x")), caught(socket.recv(16)))
    };
    after_a_timeout_it_goes_on = {
        let (server, _inside) = full_listener()?;
        twice(&with_timeout(tcp()?, MOMENT)?, &server.local_addr()?)
    };
    by_name = {
        let (server, socket) = (listener()?, tcp()?);
        socket.connect(("localhost", server.local_addr()?.port().unwrap_or(0)))?;
        socket.peer_addr()?
    };
    ipv6 = {
        let (server, socket) = (listener_of(AF_INET6)?, Socket::new(AF_INET6, SOCK_STREAM)?);
        socket.connect(server.local_addr()?)?;
        socket.peer_addr()?
    };
    everywhere_means_here = {
        let (server, socket) = (listener()?, tcp()?);
        socket.connect(("", server.local_addr()?.port().unwrap_or(0)))?;
        socket.peer_addr()?
    };
    unknown_name = tcp()?.connect(("a..b", 1))?;
    ex_unknown_name = tcp()?.connect_ex(("a..b", 1))?;
    port_65536 = tcp()?.connect("127.0.0.1:65536")?;
    ex_port_65536 = tcp()?.connect_ex("127.0.0.1:65536")?;
    unknown_name_and_port_65536 = tcp()?.connect("a..b:65536")?;
    port_0 = tcp()?.connect((HOST, 0))?;
    an_ipv6_address_by_ipv4 = tcp()?.connect(("::1", 1))?;
    an_ipv4_address_by_ipv6 = {
        Socket::new(AF_INET6, SOCK_STREAM)?.connect(free_port()?)?
    };
    a_path_by_ipv4 = tcp()?.connect("/nowhere")?;
    an_address_by_unix = unix(SOCK_STREAM)?.connect((HOST, 1))?;
    everybody_without_leave = udp()?.connect(("<broadcast>", 9))?;
    a_listener = {
        let (server, other) = (listener()?, listener()?);
        server.connect(other.local_addr()?)?
    };
    from_a_bound_one = {
        let (server, socket) = (listener()?, bound(AF_INET, SOCK_STREAM)?);
        let before = socket.local_addr()?;
        socket.connect(server.local_addr()?)?;
        socket.local_addr()? == before
    };
    to_itself = {
        let socket = bound(AF_INET, SOCK_STREAM)?;
        socket.connect(socket.local_addr()?)?;
        socket.send(b"echo")?;
        socket.recv(16)?
    };
    udp_is_connected_at_once = {
        let socket = udp()?;
        socket.connect((HOST, 9))?;
        (socket.peer_addr()?, socket.local_addr()?)
    };
    udp_is_connected_anew = {
        let (a, b, socket) = (bound_udp()?, bound_udp()?, udp()?);
        socket.connect(a.local_addr()?)?;
        socket.connect(b.local_addr()?)?;
        socket.send(b"to b")?;
        (socket.peer_addr()? == b.local_addr()?, b.recv(16)?)
    };
    udp_ex = udp()?.connect_ex((HOST, 9))?;

    unix_missing = with_path(connect_unix)?;
    ex_unix_missing = with_path(|at| Ok(code(unix(SOCK_STREAM)?.connect_ex(at)?)))?;
    unix_that_does_not_listen = with_path(|at| {
        let _server = bind_unix(SOCK_STREAM, at)?;
        connect_unix(at)
    })?;
    unix_of_the_other_kind = with_path(|at| {
        let _server = bind_unix(SOCK_DGRAM, at)?;
        connect_unix(at)
    })?;
    unix_file_that_is_no_socket = with_path(|at| {
        drop(std::fs::File::create(at));
        connect_unix(at)
    })?;
    unix_below_a_file = with_path(|at| {
        drop(std::fs::File::create(at));
        connect_unix(&at.join("s"))
    })?;
    unix_full_now = full_unix(Duration::ZERO)?;
    unix_full_in_time = full_unix(MOMENT)?;
}
