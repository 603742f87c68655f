//! bind, listen, accept, and the two addresses of a socket.

use ropewalk::Addr;
use ropewalk::addr::Target;
use ropewalk::error::{Error, Result};
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{List, Text, caught};
use crate::{by_type, probes};

fn after(at: impl TryInto<Target, Error: Into<Error>>, family: Family, kind: Kind) -> Result<Addr> {
    let socket = Socket::new(family, kind)?;
    socket.bind(at)?;
    socket.local_addr()
}

fn stream(at: impl TryInto<Target, Error: Into<Error>>) -> Result<Addr> {
    after(at, AF_INET, SOCK_STREAM)
}

fn bound_tcp() -> Result<Socket> {
    bound(AF_INET, SOCK_STREAM)
}

fn accepted(family: Family) -> Result<(Addr, bool)> {
    let (server, client) = (listener_of(family)?, Socket::new(family, SOCK_STREAM)?);
    client.connect(server.local_addr()?)?;
    let (socket, who) = server.accept()?;
    let same = who == client.local_addr()? && who == socket.peer_addr()?;
    Ok((who, same))
}

fn names(socket: &Socket) -> (Text, Text) {
    (caught(socket.local_addr()), caught(socket.peer_addr()))
}

probes! { "binding":
    everywhere = stream(("", 0))?;
    everywhere_6 = after(("", 0), AF_INET6, SOCK_STREAM)?;
    by_number = stream((HOST, 0))?;
    by_number_6 = after(("::1", 0), AF_INET6, SOCK_STREAM)?;
    by_name = stream(("localhost", 0))?;
    another_loopback = stream(("127.1.2.3", 0))?;
    udp_everywhere = after(("", 0), AF_INET, SOCK_DGRAM)?;
    udp_by_number = after((HOST, 0), AF_INET, SOCK_DGRAM)?;
    udp_by_number_6 = after(("::1", 0), AF_INET6, SOCK_DGRAM)?;
    udp_to_everybody = after(("<broadcast>", 0), AF_INET, SOCK_DGRAM)?;
    foreign = stream(("192.0.2.1", 0))?;
    foreign_6 = after(("2001:db8::1", 0), AF_INET6, SOCK_STREAM)?;
    unknown_name = stream(("a..b", 0))?;
    port_minus_one = stream((HOST, ropewalk::addr::port(-1)?))?;
    port_65536 = stream("127.0.0.1:65536")?;
    port_minus_65536 = stream((HOST, ropewalk::addr::port(-65536)?))?;
    no_address = stream("nonsense")?;
    twice = bound_tcp()?.bind((HOST, 0))?;
    udp_twice = bound_udp()?.bind((HOST, 0))?;
    in_use_by_a_listener = {
        let server = listener()?;
        tcp()?.bind(server.local_addr()?)?
    };
    in_use_by_one_that_does_not_listen = {
        let holder = bound_tcp()?;
        tcp()?.bind(holder.local_addr()?)?
    };
    udp_in_use = {
        let holder = bound_udp()?;
        udp()?.bind(holder.local_addr()?)?
    };
    tcp_and_udp_share_a_port = {
        let holder = listener()?;
        udp()?.bind(holder.local_addr()?)?
    };
    shared_when_both_say_so = {
        const SO_REUSEPORT: i32 = 15;
        let (a, b) = (udp()?, udp()?);
        for socket in [&a, &b] {
            socket.set_option(SOL_SOCKET, SO_REUSEPORT, 1)?;
        }
        a.bind((HOST, 0))?;
        b.bind(a.local_addr()?)?
    };
    a_connected_one = pair()?.0.bind((HOST, 0))?;

    listen = bound_tcp()?.listen()?;
    listen_0 = bound_tcp()?.listen_with_backlog(0)?;
    listen_1 = bound_tcp()?.listen_with_backlog(1)?;
    listen_minus_1 = {
        by_type!(Socket::listen_with_backlog, fn(&Socket, u32) -> Result<()>, "a u32")
    };
    listen_most = bound_tcp()?.listen_with_backlog((1 << 31) - 1)?;
    listen_more_than_an_int = bound_tcp()?.listen_with_backlog(1 << 31)?;
    listen_twice = listener()?.listen()?;
    listen_udp = bound_udp()?.listen()?;
    listen_unix_unbound = unix(SOCK_STREAM)?.listen()?;
    listen_connected = pair()?.0.listen()?;
    listen_unbound = {
        let socket = tcp()?;
        socket.listen()?;
        socket.local_addr()?
    };
    listen_0_takes_one = {
        let (server, client) = (bound_tcp()?, tcp()?);
        server.listen_with_backlog(0)?;
        client.connect(server.local_addr()?)?;
        server.accept()?.1
    };

    accept_fresh = tcp()?.accept()?.1;
    accept_bound = bound_tcp()?.accept()?.1;
    accept_udp = bound_udp()?.accept()?.1;
    accept_connected = pair()?.0.accept()?.1;
    accept = accepted(AF_INET)?;
    accept_6 = accepted(AF_INET6)?;
    accept_in_order = {
        let (server, mut clients) = (listener()?, Vec::new());
        for _ in 0..3 {
            let client = tcp()?;
            client.connect(server.local_addr()?)?;
            clients.push(client);
        }
        let mut same = Vec::new();
        for client in &clients {
            same.push(server.accept()?.1 == client.local_addr()?);
        }
        List(same)
    };
    accept_one_that_is_gone = {
        let (server, mut client) = (listener()?, tcp()?);
        client.connect(server.local_addr()?)?;
        client.close()?;
        server.accept()?.0.recv(16)?
    };
    accept_unix_unbound = {
        let (folder, server, client) = (Folder::new()?, unix(SOCK_STREAM)?, unix(SOCK_STREAM)?);
        server.bind(folder.join("s"))?;
        server.listen()?;
        client.connect(folder.join("s"))?;
        let (socket, who) = server.accept()?;
        (who, socket.local_addr()?, client.peer_addr()?)
    };
    accept_unix_bound = {
        let (folder, server, client) = (Folder::new()?, unix(SOCK_STREAM)?, unix(SOCK_STREAM)?);
        server.bind(folder.join("s"))?;
        server.listen()?;
        client.bind(folder.join("c"))?;
        client.connect(folder.join("s"))?;
        server.accept()?.1
    };

    names_of_a_fresh_one = names(&tcp()?);
    names_of_a_fresh_one_6 = names(&Socket::new(AF_INET6, SOCK_STREAM)?);
    names_of_a_fresh_unix_one = names(&unix(SOCK_STREAM)?);
    names_of_a_listener = names(&listener()?);
    names_of_a_connected_one = names(&pair()?.0);
    names_of_udp = names(&udp()?);
    names_of_connected_udp = names(&udp_pair()?.0);
    names_after_the_peer_closed = {
        let (client, mut server) = pair()?;
        server.close()?;
        names(&client)
    };
    names_after_a_reset = {
        let socket = reset()?;
        wait_readable(&socket)?;
        names(&socket)
    };
}
