"""Functions of the module: connections and servers in one call, names, interfaces."""

import socket
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import Text, addr, caught, probe, seconds

here = lambda name: probe("module", name)


def name(number):
    return Text(getattr(number, "name", number))


def connected(*words, **options):
    server = listener()
    s = socket.create_connection(server.getsockname(), *words, **options)
    return name(s.family), seconds(s.gettimeout()), addr(s.getpeername())


here("create_connection")(lambda: connected())
here("create_connection_with_a_timeout")(lambda: connected(10))
here("create_connection_with_none")(lambda: connected(timeout=None))
here("create_connection_from")(lambda: connected(10, (HOST, 0)))
here("create_connection_refused")(lambda: socket.create_connection(free_port()))
here("create_connection_from_a_foreign_address")(
    lambda: socket.create_connection(listener().getsockname(), 10, ("192.0.2.1", 0))
)
here("create_connection_to_an_unknown_name")(lambda: socket.create_connection(("a b", 1)))
here("create_connection_in_no_time")(lambda: socket.create_connection(free_port(), 0))


@here("create_connection_from_a_port_of_ours")
def _():
    own = bound(kind=SOCK_STREAM)
    at = own.getsockname()
    own.close()
    server = listener()
    return socket.create_connection(server.getsockname(), 10, at).getsockname() == at


@here("create_connection_by_name")
def _():
    server = listener()
    s = socket.create_connection(("localhost", server.getsockname()[1]), 10)
    return addr(s.getpeername())


@here("create_connection_ipv6")
def _():
    server = listener(AF_INET6)
    return addr(socket.create_connection(server.getsockname()[:2]).getpeername())


@here("create_connection_of_a_full_listener")
def _():
    server, inside = full_listener()
    socket.create_connection(server.getsockname(), 0.01)


@here("create_connection_refused_by_all")
def _():
    port = free_port()[1]
    socket.create_connection(("localhost", port))


def served(at, **options):
    s = socket.create_server(at, **options)
    option = lambda level, number: s.getsockopt(level, number) != 0
    return name(s.family), name(s.type), addr(s.getsockname()), option(socket.SOL_SOCKET, 30)


here("create_server")(lambda: served((HOST, 0)))
here("create_server_everywhere")(lambda: served(("", 0)))
here("create_server_ipv6")(lambda: served(("::1", 0), family=AF_INET6))
here("create_server_dual_stack")(lambda: served(("", 0), family=AF_INET6, dualstack_ipv6=True))
here("create_server_dual_stack_of_ipv4")(lambda: served((HOST, 0), dualstack_ipv6=True))
here("create_server_with_a_backlog")(lambda: served((HOST, 0), backlog=1))
here("create_server_in_use")(lambda: (s := listener()) and socket.create_server(s.getsockname()))
here("create_server_at_a_foreign_address")(lambda: socket.create_server(("192.0.2.1", 0)))
here("create_server_blocks")(lambda: seconds(socket.create_server((HOST, 0)).gettimeout()))


def option_of_a_server(level, number, at=(HOST, 0), **options):
    return socket.create_server(at, **options).getsockopt(level, number)


SOL, V6 = socket.SOL_SOCKET, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
here("create_server_reuses_the_address")(lambda: option_of_a_server(SOL, socket.SO_REUSEADDR))
here("create_server_shares_no_port")(lambda: option_of_a_server(SOL, socket.SO_REUSEPORT))
here("create_server_shares_its_port")(
    lambda: option_of_a_server(SOL, socket.SO_REUSEPORT, reuse_port=True)
)
here("create_server_is_of_ipv6_only")(
    lambda: option_of_a_server(*V6, at=("::1", 0), family=AF_INET6)
)
here("create_server_is_of_both")(
    lambda: option_of_a_server(*V6, at=("::", 0), family=AF_INET6, dualstack_ipv6=True)
)


def reached(host, family):
    server = socket.create_server(("", 0), family=AF_INET6, dualstack_ipv6=True)
    client = socket.create_connection((host, server.getsockname()[1]))
    client.sendall(b"hello")
    return server.accept()[0].recv(16)


here("dual_stack_reached_by_ipv4")(lambda: reached(HOST, AF_INET))
here("dual_stack_reached_by_ipv6")(lambda: reached("::1", AF_INET6))
here("has_dualstack_ipv6")(lambda: socket.has_dualstack_ipv6())


def infos(host, port, **hints):
    found = socket.getaddrinfo(host, port, **hints)
    return [(name(f), name(t), p, addr(a)) for f, t, p, c, a in found]


here("getaddrinfo_by_number")(lambda: infos(HOST, 80))
here("getaddrinfo_stream")(lambda: infos(HOST, 80, type=SOCK_STREAM))
here("getaddrinfo_datagram")(lambda: infos(HOST, 80, type=SOCK_DGRAM))
here("getaddrinfo_ipv6")(lambda: infos("::1", 80, type=SOCK_STREAM))
here("getaddrinfo_of_a_service")(lambda: infos(HOST, "80", type=SOCK_STREAM))
here("getaddrinfo_without_a_port")(lambda: infos(HOST, None, type=SOCK_STREAM))
here("getaddrinfo_without_a_host")(
    lambda: infos(None, 80, type=SOCK_STREAM, family=AF_INET)
)
here("getaddrinfo_passive")(
    lambda: infos(None, 80, type=SOCK_STREAM, family=AF_INET, flags=socket.AI_PASSIVE)
)
here("getaddrinfo_of_nothing")(lambda: infos(None, None))
here("getaddrinfo_of_an_empty_name")(lambda: infos("", 80, type=SOCK_STREAM))
here("getaddrinfo_of_an_unknown_name")(lambda: infos("a b", 80))
here("getaddrinfo_of_an_unknown_service")(lambda: infos(HOST, "no-such-service"))
here("getaddrinfo_of_the_other_family")(lambda: infos("::1", 80, family=AF_INET))
here("getaddrinfo_of_a_name_in_numbers")(
    lambda: infos("localhost", 80, flags=socket.AI_NUMERICHOST)
)
here("getaddrinfo_of_a_service_in_numbers")(
    lambda: infos(HOST, "http", flags=socket.AI_NUMERICSERV)
)
here("getaddrinfo_of_port_65536")(lambda: infos(HOST, "65536", type=SOCK_STREAM))
here("getaddrinfo_of_localhost")(lambda: infos("localhost", 80, type=SOCK_STREAM, family=AF_INET))
here("getaddrinfo_of_ipv4_in_parts")(lambda: infos("127.1", 80, type=SOCK_STREAM))

NUMBERS = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
here("getnameinfo_in_numbers")(lambda: socket.getnameinfo((HOST, 80), NUMBERS))
here("getnameinfo_in_numbers_6")(lambda: socket.getnameinfo(("::1", 80, 0, 0), NUMBERS))
here("getnameinfo_of_a_name")(lambda: socket.getnameinfo(("localhost", 80), NUMBERS))
here("getnameinfo_of_too_great_a_flow")(
    lambda: socket.getnameinfo(("::1", 80, 0x100000, 0), NUMBERS)
)
here("gethostname_is_a_name")(lambda: len(socket.gethostname()) > 0)
here("getservbyname_unknown")(lambda: socket.getservbyname("no-such-service"))
here("getservbyname_of_nothing")(lambda: socket.getservbyname(""))
here("getservbyport_unknown")(lambda: socket.getservbyport(65533))
here("getservbyport_65536")(lambda: socket.getservbyport(65536))
here("getservbyport_minus_1")(lambda: socket.getservbyport(-1))
here("if_nametoindex")(lambda: socket.if_nametoindex("lo"))
here("if_indextoname")(lambda: socket.if_indextoname(1))
here("if_nameindex_has_the_loopback")(lambda: (1, "lo") in socket.if_nameindex())


def is_refused(call):
    """Its code is another one in newer versions."""
    try:
        call()
        return False
    except OSError:
        return True


here("if_nametoindex_unknown")(lambda: is_refused(lambda: socket.if_nametoindex("nosuch0")))
here("if_nametoindex_of_nothing")(lambda: is_refused(lambda: socket.if_nametoindex("")))
here("if_nametoindex_with_a_nul")(lambda: socket.if_nametoindex("l\0o"))
here("if_indextoname_unknown")(lambda: socket.if_indextoname(999999))
here("if_indextoname_0")(lambda: socket.if_indextoname(0))
here("if_indextoname_minus_1")(lambda: socket.if_indextoname(-1))
