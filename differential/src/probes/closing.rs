//! close, detach, shutdown, and every method after them.

use std::io::Read;
use std::net::Shutdown;
use std::os::fd::AsRawFd;

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::caught;
use crate::{by_type, probes};

fn closed() -> Result<Socket> {
    let mut socket = tcp()?;
    socket.close()?;
    Ok(socket)
}

fn shut<T>(how: Shutdown, then: impl FnOnce(Socket, Socket) -> Result<T>) -> Result<T> {
    let (client, server) = pair()?;
    client.shutdown(how)?;
    then(client, server)
}

probes! { "closing":
    accept_after = closed()?.accept()?.1;
    bind_after = closed()?.bind((HOST, 0))?;
    listen_after = closed()?.listen()?;
    connect_after = closed()?.connect((HOST, 1))?;
    connect_ex_after = closed()?.connect_ex((HOST, 1))?;
    recv_after = closed()?.recv(4)?;
    recv_nothing_after = closed()?.recv(0)?;
    recv_into_after = closed()?.recv_into(&mut [0; 4])?;
    recv_into_nothing_after = closed()?.recv_into(&mut [])?;
    recv_from_after = closed()?.recv_from(4)?.bytes;
    recv_from_into_after = closed()?.recv_from_into(&mut [0; 4])?.bytes;
    send_after = closed()?.send(b"x")?;
    send_nothing_after = closed()?.send(b"")?;
    send_all_after = closed()?.send_all(b"x")?;
    send_all_nothing_after = closed()?.send_all(b"")?;
    send_to_after = closed()?.send_to(b"x", (HOST, 1))?;
    getsockname_after = closed()?.local_addr()?;
    getpeername_after = closed()?.peer_addr()?;
    getsockopt_after = closed()?.option(SOL_SOCKET, SO_TYPE)?;
    getsockopt_bytes_after = closed()?.option_bytes(SOL_SOCKET, SO_TYPE, 4)?;
    setsockopt_after = closed()?.set_option(SOL_SOCKET, SO_KEEPALIVE, 1)?;
    shutdown_after = closed()?.shutdown(Shutdown::Both)?;
    close_after = closed()?.close()?;
    detach_after = closed()?.detach().map(|_| ())?;
    fileno_after = closed()?.as_raw_fd();
    three_times = {
        let mut socket = closed()?;
        (socket.close()?, socket.close()?)
    };
    the_peer_sees_the_end = {
        let (client, mut server) = pair()?;
        server.close()?;
        (client.recv(16)?, client.recv(16)?)
    };
    the_peer_gets_what_was_sent_before = {
        let (client, mut server) = pair()?;
        server.send_all(b"last words")?;
        server.close()?;
        (client.recv(16)?, client.recv(16)?)
    };
    over_unread_input_is_a_reset = {
        let (client, mut server) = pair()?;
        client.send_all(b"unread")?;
        wait_readable(&server)?;
        server.close()?;
        wait_readable(&client)?;
        (caught(client.recv(16)), caught(client.recv(16)))
    };
    a_reset_socket = {
        let mut socket = reset()?;
        wait_readable(&socket)?;
        socket.close()?
    };
    closing_a_listener_resets_its_queue = {
        let (mut server, client) = (listener()?, tcp()?);
        client.connect(server.local_addr()?)?;
        server.close()?;
        wait_readable(&client)?;
        caught(client.recv(16))
    };
    a_closed_port_can_be_bound_again = {
        let mut server = listener()?;
        let at = server.local_addr()?;
        server.close()?;
        tcp()?.bind(at)?
    };
    detach_leaves_it_open = {
        let (client, mut server) = pair()?;
        let mut file = std::fs::File::from(server.detach()?);
        client.send_all(b"to the descriptor")?;
        let mut data = [0; 32];
        let count = file.read(&mut data)?;
        data[..count].to_vec()
    };
    detach_leaves_it_closed = {
        let mut socket = tcp()?;
        let _descriptor = socket.detach()?;
        (socket.as_raw_fd(), caught(socket.listen()), socket.close()?)
    };
    detach_again = {
        let mut socket = tcp()?;
        drop(socket.detach()?);
        socket.detach().map(|_| ())?
    };
    detach_keeps_the_mode = {
        let mut socket = with_timeout(tcp()?, std::time::Duration::from_secs(5))?;
        let flags = rustix::fs::fcntl_getfl(socket.detach()?);
        flags.is_ok_and(|flags| flags.contains(rustix::fs::OFlags::NONBLOCK))
    };

    shut_write = shut(Shutdown::Write, |a, b| Ok((b.recv(16)?, caught(a.send(b"x")))))?;
    shut_both = shut(Shutdown::Both, |a, b| {
        Ok((b.recv(16)?, a.recv(16)?, caught(a.send(b"x"))))
    })?;
    shut_read = shut(Shutdown::Read, |a, b| Ok((a.recv(16)?, a.send(b"x")?, b.recv(16)?)))?;
    shut_write_and_still_hear = shut(Shutdown::Write, |a, b| {
        b.recv(16)?;
        b.send_all(b"an answer")?;
        a.recv(16)
    })?;
    shut_read_and_data_comes = shut(Shutdown::Read, |a, b| {
        b.send_all(b"late")?;
        wait_readable(&a)?;
        a.recv(16)
    })?;
    shut_write_twice = shut(Shutdown::Write, |a, _b| a.shutdown(Shutdown::Write))?;
    shut_write_then_read = shut(Shutdown::Write, |a, _b| a.shutdown(Shutdown::Read))?;
    shut_read_then_write = shut(Shutdown::Read, |a, _b| a.shutdown(Shutdown::Write))?;
    shut_both_twice = shut(Shutdown::Both, |a, _b| a.shutdown(Shutdown::Both))?;
    shut_fresh = tcp()?.shutdown(Shutdown::Write)?;
    shut_fresh_both = tcp()?.shutdown(Shutdown::Both)?;
    shut_bound = bound(AF_INET, SOCK_STREAM)?.shutdown(Shutdown::Both)?;
    shut_udp = bound_udp()?.shutdown(Shutdown::Both)?;
    shut_connected_udp = udp_pair()?.0.shutdown(Shutdown::Both)?;
    shut_in_no_way_known = {
        by_type!(Socket::shutdown, fn(&Socket, Shutdown) -> Result<()>, "a Shutdown")
    };
    shut_after_a_reset = {
        let socket = reset()?;
        wait_readable(&socket)?;
        socket.shutdown(Shutdown::Both)?
    };
    shut_connected_udp_and_receive = {
        let (a, _b) = udp_pair()?;
        a.shutdown(Shutdown::Both)?;
        (a.recv(16)?, caught(a.send(b"x")))
    };
    shut_listener_ends_accept = {
        let server = listener()?;
        server.shutdown(Shutdown::Both)?;
        server.accept()?.1
    };
    shut_wakes_one_that_receives = {
        let (client, _server) = pair()?;
        std::thread::scope(|scope| {
            scope.spawn(|| client.shutdown(Shutdown::Both));
            client.recv(16)
        })?
    };
    shut_wakes_one_that_accepts = {
        let server = listener()?;
        std::thread::scope(|scope| {
            scope.spawn(|| server.shutdown(Shutdown::Both));
            server.accept()
        })?.1
    };
    shut_wakes_one_that_has_time = {
        let (client, _server) = pair()?;
        client.set_timeout(Some(std::time::Duration::from_secs(10)))?;
        std::thread::scope(|scope| {
            scope.spawn(|| client.shutdown(Shutdown::Both));
            client.recv(16)
        })?
    };
}
