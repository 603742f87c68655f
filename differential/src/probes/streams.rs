//! recv, recv_into, send and sendall on streams.

use std::net::Shutdown;
use std::time::Duration;

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{List, Show, Text, caught};
use crate::{by_type, probes};

/// What a call gives at the other end of a connection by which this was sent.
fn sent<T>(data: &[u8], call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    let (client, server) = pair()?;
    client.send_all(data)?;
    if !data.is_empty() {
        wait_readable(&server)?;
    }
    call(&server)
}

fn hello<T>(call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    sent(b"hello", call)
}

fn ended<T>(call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    let (client, server) = pair()?;
    drop(client);
    call(&server)
}

fn into(socket: &Socket, size: usize, room: usize) -> Result<(usize, Vec<u8>)> {
    let mut buffer = vec![b'.'; size];
    Ok((socket.recv_into(&mut buffer[..room])?, buffer))
}

fn now(socket: &Socket) -> Result<&Socket> {
    socket.set_blocking(false)?;
    Ok(socket)
}

fn was_reset<T>(call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    let socket = reset()?;
    wait_readable(&socket)?;
    call(&socket)
}

fn thrice<T: Show>(call: impl Fn(&Socket) -> Result<T>) -> impl Fn(&Socket) -> Result<List<Text>> {
    move |socket| Ok(List((0..3).map(|_| caught(call(socket))).collect()))
}

fn until_its_end(socket: &Socket) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let data = socket.recv(65536)?;
        if data.is_empty() {
            return Ok(all);
        }
        all.extend(data);
    }
}

/// What arrives of one that is sent in a thread.
fn all_of(data: &[u8]) -> Result<Vec<u8>> {
    let (client, server) = pair()?;
    std::thread::scope(|scope| {
        scope.spawn(move || client.send_all(data));
        until_its_end(&server)
    })
}

type RecvInto = fn(&Socket, &mut [u8]) -> Result<usize>;

probes! { "streams":
    recv = hello(|s| s.recv(1024))?;
    recv_exactly_as_much = hello(|s| s.recv(5))?;
    recv_less = hello(|s| Ok((s.recv(2)?, s.recv(1024)?)))?;
    recv_end = ended(|s| s.recv(1024))?;
    recv_end_again = ended(|s| Ok((s.recv(1024)?, s.recv(1024)?)))?;
    recv_nothing = hello(|s| Ok((s.recv(0)?, s.recv(1024)?)))?;
    recv_nothing_of_nothing = sent(b"", |s| s.recv(0))?;
    recv_nothing_now = sent(b"", |s| now(s)?.recv(0))?;
    recv_nothing_at_the_end = ended(|s| s.recv(0))?;
    recv_minus_1 = by_type!(Socket::recv, fn(&Socket, usize) -> Result<Vec<u8>>, "a usize");
    recv_fresh = tcp()?.recv(16)?;
    recv_fresh_nothing = tcp()?.recv(0)?;
    recv_bound = bound(AF_INET, SOCK_STREAM)?.recv(16)?;
    recv_listener = listener()?.recv(16)?;
    recv_into = hello(|s| into(s, 8, 8))?;
    recv_into_less = hello(|s| Ok((into(s, 2, 2)?, into(s, 8, 8)?)))?;
    recv_into_of_a_part = hello(|s| into(s, 8, 3))?;
    recv_into_0_is_all = by_type!(Socket::recv_into, RecvInto, "a slice");
    recv_into_more_than_there_is = by_type!(Socket::recv_into, RecvInto, "a slice");
    recv_into_minus_1 = by_type!(Socket::recv_into, RecvInto, "a slice");
    recv_into_no_room = hello(|s| into(s, 0, 0))?;
    recv_into_no_room_now = sent(b"", |s| into(now(s)?, 0, 0))?;
    recv_into_end = ended(|s| into(s, 4, 4))?;
    recv_into_fresh = into(&tcp()?, 4, 4)?;
    recv_into_a_view = hello(|s| {
        let mut buffer = [0; 8];
        Ok((s.recv_into(&mut buffer[2..6])?, buffer))
    })?;
    recv_from = hello(|s| s.recv_from(1024))?.bytes;
    recv_from_less = hello(|s| Ok((s.recv_from(2)?.bytes, s.recv(1024)?)))?;
    recv_from_end = ended(|s| s.recv_from(1024))?.bytes;
    recv_from_says_whom = hello(|s| s.recv_from(1024))?.from;
    recv_from_fresh = tcp()?.recv_from(16)?.bytes;
    recv_from_into = hello(|s| {
        let mut buffer = [0; 8];
        Ok((s.recv_from_into(&mut buffer)?.bytes, buffer))
    })?;
    recv_waits_for_what_comes = {
        let (client, server) = pair()?;
        std::thread::scope(|scope| {
            scope.spawn(|| client.send_all(b"late"));
            server.recv(16)
        })?
    };
    both_directions = {
        let (client, server) = pair()?;
        client.send_all(b"ping")?;
        server.send_all(b"pong")?;
        (client.recv(16)?, server.recv(16)?)
    };
    ipv6 = {
        let (server, client) = (listener_of(AF_INET6)?, Socket::new(AF_INET6, SOCK_STREAM)?);
        client.connect(server.local_addr()?)?;
        client.send_all(b"six")?;
        server.accept()?.0.recv(16)?
    };
    unix = {
        let (folder, server) = (Folder::new()?, crate::ends::unix(SOCK_STREAM)?);
        let client = crate::ends::unix(SOCK_STREAM)?;
        server.bind(folder.join("s"))?;
        server.listen()?;
        client.connect(folder.join("s"))?;
        client.send_all(b"by a file")?;
        server.accept()?.0.recv(16)?
    };

    send = pair()?.0.send(b"hello")?;
    send_nothing = pair()?.0.send(b"")?;
    send_fresh = tcp()?.send(b"x")?;
    send_fresh_nothing = tcp()?.send(b"")?;
    send_listener = listener()?.send(b"x")?;
    send_a_text = by_type!(Socket::send, fn(&Socket, &[u8]) -> Result<usize>, "bytes");
    send_all = pair()?.0.send_all(b"hello")?;
    send_all_nothing = pair()?.0.send_all(b"")?;
    send_all_fresh = tcp()?.send_all(b"x")?;
    send_all_fresh_nothing = tcp()?.send_all(b"")?;
    send_all_says_how_much = {
        let (client, _server) = pair()?;
        now(&client)?.send_all(&vec![0; 64 << 20]).err().and_then(|error| error.sent()).is_some()
    };
    send_takes_a_part = {
        let (client, _server) = pair()?;
        (1..64 << 20).contains(&now(&client)?.send(&vec![0; 64 << 20])?)
    };
    send_all_takes_all = all_of(&vec![0; 8 << 20])?.len();
    send_all_keeps_the_order = {
        let data: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
        all_of(&data)? == data
    };
    send_to_one_that_closed = {
        let (client, mut server) = pair()?;
        server.close()?;
        let first = client.send(b"x")?;
        (first, caught(client.send(b"x")), caught(client.send(b"x")))
    };
    recv_after_sending_to_one_that_closed = {
        let (client, mut server) = pair()?;
        server.close()?;
        client.send(b"x")?;
        (client.recv(16)?, caught(client.recv(16)))
    };
    recv_reset = was_reset(thrice(|s| s.recv(16)))?;
    recv_into_reset = was_reset(thrice(|s| s.recv_into(&mut [0; 16])))?;
    recv_nothing_reset = was_reset(|s| Ok((s.recv(0)?, caught(s.recv(16)))))?;
    send_reset = was_reset(thrice(|s| s.send(b"x")))?;
    send_all_reset = was_reset(thrice(|s| s.send_all(b"x")))?;
    reset_with_a_timeout = was_reset(thrice(|s| {
        s.set_timeout(Some(Duration::from_secs(10)))?;
        s.recv(16)
    }))?;
    reset_now = was_reset(thrice(|s| now(s)?.recv(16)))?;
    data_before_a_reset = {
        const SO_LINGER: i32 = 13;
        let (client, mut server) = pair()?;
        server.send_all(b"lost")?;
        server.set_option_bytes(SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0])?;
        wait_readable(&client)?;
        server.close()?;
        thrice(|s| s.recv(16))(&client)?
    };
    send_to_ignores_the_address = {
        let (client, server) = pair()?;
        (client.send_to(b"x", (HOST, 9))?, server.recv(16)?)
    };
    send_to_fresh = tcp()?.send_to(b"x", (HOST, 9))?;
    the_end_is_readable_once_it_was_sent = {
        let (client, server) = pair()?;
        client.send_all(b"and out")?;
        client.shutdown(Shutdown::Write)?;
        (server.recv(16)?, server.recv(16)?, server.send(b"over")?, client.recv(16)?)
    };
}
