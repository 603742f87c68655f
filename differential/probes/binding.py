"""bind, listen, accept, and the two addresses of a socket."""

import socket
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import addr, caught, probe

here = lambda name: probe("binding", name)


def after(at, family=AF_INET, kind=SOCK_STREAM):
    s = socket.socket(family, kind)
    s.bind(at)
    return addr(s.getsockname())


here("everywhere")(lambda: after(("", 0)))
here("everywhere_6")(lambda: after(("", 0), AF_INET6))
here("by_number")(lambda: after((HOST, 0)))
here("by_number_6")(lambda: after(("::1", 0), AF_INET6))
here("by_name")(lambda: after(("localhost", 0)))
here("another_loopback")(lambda: after(("127.1.2.3", 0)))
here("udp_everywhere")(lambda: after(("", 0), AF_INET, SOCK_DGRAM))
here("udp_by_number")(lambda: after((HOST, 0), AF_INET, SOCK_DGRAM))
here("udp_by_number_6")(lambda: after(("::1", 0), AF_INET6, SOCK_DGRAM))
here("udp_to_everybody")(lambda: after(("<broadcast>", 0), AF_INET, SOCK_DGRAM))
here("foreign")(lambda: after(("192.0.2.1", 0)))
here("foreign_6")(lambda: after(("2001:db8::1", 0), AF_INET6))
here("unknown_name")(lambda: after(("a..b", 0)))
here("port_minus_one")(lambda: after((HOST, -1)))
here("port_65536")(lambda: after((HOST, 65536)))
here("port_minus_65536")(lambda: after((HOST, -65536)))
here("no_address")(lambda: after("nonsense"))


@here("twice")
def _():
    bound(AF_INET, SOCK_STREAM).bind((HOST, 0))


@here("udp_twice")
def _():
    bound().bind((HOST, 0))


@here("in_use_by_a_listener")
def _():
    server = listener()
    tcp().bind(server.getsockname())


@here("in_use_by_one_that_does_not_listen")
def _():
    holder = bound(kind=SOCK_STREAM)
    tcp().bind(holder.getsockname())


@here("udp_in_use")
def _():
    holder = bound()
    udp().bind(holder.getsockname())


@here("tcp_and_udp_share_a_port")
def _():
    holder = listener()
    return udp().bind(holder.getsockname())


@here("shared_when_both_say_so")
def _():
    a, b = udp(), udp()
    for s in a, b:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    a.bind((HOST, 0))
    return b.bind(a.getsockname())


@here("a_connected_one")
def _():
    pair()[0].bind((HOST, 0))


here("listen")(lambda: bound(kind=SOCK_STREAM).listen())
here("listen_0")(lambda: bound(kind=SOCK_STREAM).listen(0))
here("listen_1")(lambda: bound(kind=SOCK_STREAM).listen(1))
here("listen_minus_1")(lambda: bound(kind=SOCK_STREAM).listen(-1))
here("listen_most")(lambda: bound(kind=SOCK_STREAM).listen(2**31 - 1))
here("listen_more_than_an_int")(lambda: bound(kind=SOCK_STREAM).listen(2**31))
here("listen_twice")(lambda: listener().listen())
here("listen_udp")(lambda: bound().listen())
here("listen_unix_unbound")(lambda: unix().listen())
here("listen_connected")(lambda: pair()[0].listen())


@here("listen_unbound")
def _():
    s = tcp()
    s.listen()
    return addr(s.getsockname())


@here("listen_0_takes_one")
def _():
    s = bound(kind=SOCK_STREAM)
    s.listen(0)
    tcp().connect(s.getsockname())
    return addr(s.accept()[1])


here("accept_fresh")(lambda: tcp().accept())
here("accept_bound")(lambda: bound(kind=SOCK_STREAM).accept())
here("accept_udp")(lambda: bound().accept())
here("accept_connected")(lambda: pair()[0].accept())


def accepted(family=AF_INET):
    server = listener(family)
    client = socket.socket(family)
    client.connect(server.getsockname())
    s, who = server.accept()
    return addr(who), who == client.getsockname() == s.getpeername()


here("accept")(lambda: accepted())
here("accept_6")(lambda: accepted(AF_INET6))


@here("accept_in_order")
def _():
    server = listener()
    clients = [tcp() for _ in range(3)]
    for client in clients:
        client.connect(server.getsockname())
    return [server.accept()[1] == client.getsockname() for client in clients]


@here("accept_one_that_is_gone")
def _():
    server = listener()
    client = tcp()
    client.connect(server.getsockname())
    client.close()
    return server.accept()[0].recv(16)


@here("accept_unix_unbound")
def _():
    with folder() as path:
        server = unix()
        server.bind(path + "/s")
        server.listen()
        client = unix()
        client.connect(path + "/s")
        s, who = server.accept()
        return addr(who), addr(s.getsockname()), addr(client.getpeername())


@here("accept_unix_bound")
def _():
    with folder() as path:
        server = unix()
        server.bind(path + "/s")
        server.listen()
        client = unix()
        client.bind(path + "/c")
        client.connect(path + "/s")
        return addr(server.accept()[1])


def names(s):
    return caught(lambda: addr(s.getsockname())), caught(lambda: addr(s.getpeername()))


here("names_of_a_fresh_one")(lambda: names(tcp()))
here("names_of_a_fresh_one_6")(lambda: names(socket.socket(AF_INET6)))
here("names_of_a_fresh_unix_one")(lambda: names(unix()))
here("names_of_a_listener")(lambda: names(listener()))
here("names_of_a_connected_one")(lambda: names(pair()[0]))
here("names_of_udp")(lambda: names(udp()))
here("names_of_connected_udp")(lambda: names(udp_pair()[0]))


@here("names_after_the_peer_closed")
def _():
    client, server = pair()
    server.close()
    return names(client)


@here("names_after_a_reset")
def _():
    s = reset()
    wait_readable(s)
    return names(s)
