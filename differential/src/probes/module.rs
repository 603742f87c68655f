//! Functions of the module: connections and servers in one call, names, interfaces.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::List;
use crate::{by_type, probes};

const TEN: Option<Duration> = Some(Duration::from_secs(10));
const SO_REUSEPORT: i32 = 15;
const SO_ACCEPTCONN: i32 = 30;

type Connected = (Family, Option<Duration>, Addr);

fn facts(socket: Socket) -> Result<Connected> {
    Ok((socket.family(), socket.timeout(), socket.peer_addr()?))
}

fn connected(timeout: Option<Duration>) -> Result<Connected> {
    let server = listener()?;
    facts(create_connection(server.local_addr()?, timeout)?)
}

fn served(at: (&str, u16), options: ServerOptions) -> Result<(Family, Kind, Addr, bool)> {
    let socket = create_server_with(at, &options)?;
    let listens = socket.option(SOL_SOCKET, SO_ACCEPTCONN)? != 0;
    Ok((socket.family(), socket.kind(), socket.local_addr()?, listens))
}

fn option(level: i32, number: i32, at: (&str, u16), options: ServerOptions) -> Result<i32> {
    create_server_with(at, &options)?.option(level, number)
}

const PLAIN: ServerOptions =
    ServerOptions { family: None, backlog: None, reuse_port: false, dual_stack: false };
const BOTH: ServerOptions =
    ServerOptions { family: Some(AF_INET6), backlog: None, reuse_port: false, dual_stack: true };

fn reached(host: &str) -> Result<Vec<u8>> {
    let server = create_server_with(("", 0), &BOTH)?;
    let client = create_connection((host, server.local_addr()?.port().unwrap_or(0)), None)?;
    client.send_all(b"hello")?;
    server.accept()?.0.recv(16)
}

type Info = (Family, Kind, i32, Addr);

fn infos<'a>(
    host: Option<&str>,
    service: impl Into<Service<'a>>,
    hints: Hints,
) -> Result<List<Info>> {
    let found = getaddrinfo(host, service, hints)?.into_iter();
    Ok(List(found.map(|info| (info.family, info.kind, info.protocol, info.addr)).collect()))
}

fn any() -> Hints {
    Hints::default()
}

fn of(kind: Kind) -> Hints {
    Hints { kind: Some(kind), ..any() }
}

fn stream_of(family: Family) -> Hints {
    Hints { family: Some(family), ..of(SOCK_STREAM) }
}

const NUMBERS: NameHints =
    NameHints { numeric_host: true, numeric_service: true, required: false, datagram: false };

fn v6(flow: u32) -> SocketAddr {
    SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, flow.to_be(), 0).into()
}

probes! { "module":
    create_connection = connected(None)?;
    create_connection_with_a_timeout = connected(TEN)?;
    create_connection_with_none = connected(None)?;
    create_connection_from = {
        let server = listener()?;
        facts(create_connection_from(server.local_addr()?, TEN, (HOST, 0))?)?
    };
    create_connection_refused = facts(create_connection(free_port()?, None)?)?;
    create_connection_from_a_foreign_address = {
        let server = listener()?;
        facts(create_connection_from(server.local_addr()?, TEN, ("192.0.2.1", 0))?)?
    };
    create_connection_to_an_unknown_name = {
        facts(create_connection(("a b", 1), None)?)?
    };
    create_connection_in_no_time = {
        facts(create_connection(free_port()?, Some(Duration::ZERO))?)?
    };
    create_connection_from_a_port_of_ours = {
        let (at, server) = (free_port()?, listener()?);
        create_connection_from(server.local_addr()?, TEN, &at)?.local_addr()? == at
    };
    create_connection_by_name = {
        let server = listener()?;
        let port = server.local_addr()?.port().unwrap_or(0);
        create_connection(("localhost", port), TEN)?.peer_addr()?
    };
    create_connection_ipv6 = {
        let server = listener_of(AF_INET6)?;
        create_connection(server.local_addr()?, None)?.peer_addr()?
    };
    create_connection_of_a_full_listener = {
        let (server, _inside) = full_listener()?;
        facts(create_connection(server.local_addr()?, Some(MOMENT))?)?
    };
    create_connection_refused_by_all = {
        let port = free_port()?.port().unwrap_or(0);
        facts(create_connection(("localhost", port), None)?)?
    };

    create_server = served((HOST, 0), PLAIN)?;
    create_server_everywhere = served(("", 0), PLAIN)?;
    create_server_ipv6 = served(("::1", 0), PLAIN)?;
    create_server_dual_stack = served(("", 0), BOTH)?;
    create_server_dual_stack_of_ipv4 = {
        served((HOST, 0), ServerOptions { dual_stack: true, ..PLAIN })?
    };
    create_server_with_a_backlog = {
        served((HOST, 0), ServerOptions { backlog: Some(1), ..PLAIN })?
    };
    create_server_in_use = {
        let server = listener()?;
        create_server(server.local_addr()?)?.timeout()
    };
    create_server_at_a_foreign_address = {
        create_server(("192.0.2.1", 0))?.timeout()
    };
    create_server_blocks = create_server((HOST, 0))?.timeout();
    create_server_reuses_the_address = option(SOL_SOCKET, SO_REUSEADDR, (HOST, 0), PLAIN)?;
    create_server_shares_no_port = option(SOL_SOCKET, SO_REUSEPORT, (HOST, 0), PLAIN)?;
    create_server_shares_its_port = {
        let options = ServerOptions { reuse_port: true, ..PLAIN };
        option(SOL_SOCKET, SO_REUSEPORT, (HOST, 0), options)?
    };
    create_server_is_of_ipv6_only = option(IPPROTO_IPV6, IPV6_V6ONLY, ("::1", 0), PLAIN)?;
    create_server_is_of_both = option(IPPROTO_IPV6, IPV6_V6ONLY, ("::", 0), BOTH)?;
    dual_stack_reached_by_ipv4 = reached(HOST)?;
    dual_stack_reached_by_ipv6 = reached("::1")?;
    has_dualstack_ipv6 = has_dualstack_ipv6();

    getaddrinfo_by_number = infos(Some(HOST), 80, any())?;
    getaddrinfo_stream = infos(Some(HOST), 80, of(SOCK_STREAM))?;
    getaddrinfo_datagram = infos(Some(HOST), 80, of(SOCK_DGRAM))?;
    getaddrinfo_ipv6 = infos(Some("::1"), 80, of(SOCK_STREAM))?;
    getaddrinfo_of_a_service = infos(Some(HOST), "80", of(SOCK_STREAM))?;
    getaddrinfo_without_a_port = infos(Some(HOST), Service::Any, of(SOCK_STREAM))?;
    getaddrinfo_without_a_host = infos(None, 80, stream_of(AF_INET))?;
    getaddrinfo_passive = infos(None, 80, Hints { passive: true, ..stream_of(AF_INET) })?;
    getaddrinfo_of_nothing = infos(None, Service::Any, any())?;
    getaddrinfo_of_an_empty_name = infos(Some(""), 80, of(SOCK_STREAM))?;
    getaddrinfo_of_an_unknown_name = infos(Some("a b"), 80, any())?;
    getaddrinfo_of_an_unknown_service = infos(Some(HOST), "no-such-service", any())?;
    getaddrinfo_of_the_other_family = {
        infos(Some("::1"), 80, Hints { family: Some(AF_INET), ..any() })?
    };
    getaddrinfo_of_a_name_in_numbers = {
        infos(Some("localhost"), 80, Hints { numeric_host: true, ..any() })?
    };
    getaddrinfo_of_a_service_in_numbers = {
        infos(Some(HOST), "http", Hints { numeric_service: true, ..any() })?
    };
    getaddrinfo_of_port_65536 = infos(Some(HOST), "65536", of(SOCK_STREAM))?;
    getaddrinfo_of_localhost = infos(Some("localhost"), 80, stream_of(AF_INET))?;
    getaddrinfo_of_ipv4_in_parts = infos(Some("127.1"), 80, of(SOCK_STREAM))?;

    getnameinfo_in_numbers = getnameinfo(([127, 0, 0, 1], 80).into(), NUMBERS)?;
    getnameinfo_in_numbers_6 = getnameinfo(v6(0), NUMBERS)?;
    getnameinfo_of_a_name = {
        type Names = fn(SocketAddr, NameHints) -> Result<(String, String)>;
        by_type!(getnameinfo, Names, "a SocketAddr")
    };
    getnameinfo_of_too_great_a_flow = getnameinfo(v6(0x100000), NUMBERS)?;
    gethostname_is_a_name = !gethostname()?.is_empty();
    getservbyname_unknown = getservbyname("no-such-service", None)?;
    getservbyname_of_nothing = getservbyname("", None)?;
    getservbyport_unknown = getservbyport(65533, None)?;
    getservbyport_65536 = {
        by_type!(getservbyport, fn(u16, Option<Kind>) -> Result<String>, "a u16")
    };
    getservbyport_minus_1 = {
        by_type!(getservbyport, fn(u16, Option<Kind>) -> Result<String>, "a u16")
    };
    if_nametoindex = if_nametoindex("lo")?;
    if_indextoname = if_indextoname(1)?;
    if_nameindex_has_the_loopback = if_nameindex()?.contains(&(1, "lo".to_owned()));
    if_nametoindex_unknown = if_nametoindex("nosuch0").is_err();
    if_nametoindex_of_nothing = if_nametoindex("").is_err();
    if_nametoindex_with_a_nul = if_nametoindex("l\0o")?;
    if_indextoname_unknown = if_indextoname(999_999)?;
    if_indextoname_0 = if_indextoname(0)?;
    if_indextoname_minus_1 = by_type!(if_indextoname, fn(u32) -> Result<String>, "a u32");
}
