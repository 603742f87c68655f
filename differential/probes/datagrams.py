"""sendto, recvfrom and recvfrom_into."""

import socket
from socket import AF_INET6, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import addr, caught, probe

here = lambda name: probe("datagrams", name)


def received(call, *datagrams):
    """What a call gives on a socket to which these came, and who sent them."""
    server, client = bound(), bound()
    for data in datagrams:
        client.sendto(data, server.getsockname())
    server.setblocking(False)
    return call(server)


def with_sender(call):
    server, client = bound(), bound()
    client.sendto(b"hello", server.getsockname())
    data, who = call(server)
    return data, addr(who), who == client.getsockname()


here("recv_from")(lambda: with_sender(lambda s: s.recvfrom(1024)))
here("recv_from_into")(lambda: with_sender(lambda s: s.recvfrom_into(bytearray(8))))
here("recv")(lambda: received(lambda s: s.recv(1024), b"hello"))
here("recv_into")(lambda: received(lambda s: s.recv_into(bytearray(8)), b"hello"))
here("one_at_a_time")(lambda: received(lambda s: (s.recv(1024), s.recv(1024)), b"one", b"two"))
here("cut")(lambda: received(lambda s: s.recvfrom(2)[0], b"hello"))
here("cut_rest_is_lost")(
    lambda: received(lambda s: (s.recvfrom(2)[0], s.recvfrom(9)[0]), b"hello", b"next")
)
here("cut_by_recv")(lambda: received(lambda s: (s.recv(2), s.recv(9)), b"hello", b"next"))
here("cut_into")(lambda: received(lambda s: s.recvfrom_into(bytearray(2))[0], b"hello"))
here("cut_recv_into")(lambda: received(lambda s: s.recv_into(bytearray(2)), b"hello"))
here("empty")(lambda: received(lambda s: s.recvfrom(16)[0], b""))
here("empty_by_recv")(lambda: received(lambda s: s.recv(16), b""))
here("empty_is_no_end")(lambda: received(lambda s: (s.recv(16), s.recv(16)), b"", b"more"))
here("recv_nothing_takes_none")(lambda: received(lambda s: (s.recv(0), s.recv(16)), b"one", b"two"))
here("recv_from_nothing_takes_one")(
    lambda: received(lambda s: (s.recvfrom(0)[0], s.recv(16)), b"one", b"two")
)
here("recv_from_nothing_of_nothing")(lambda: received(lambda s: s.recvfrom(0)))
here("recv_into_no_room_takes_none")(
    lambda: received(lambda s: (s.recv_into(bytearray()), s.recv(16)), b"one", b"two")
)
here("recv_from_into_no_room_takes_one")(
    lambda: received(lambda s: (s.recvfrom_into(bytearray())[0], s.recv(16)), b"one", b"two")
)
here("recv_from_minus_1")(lambda: received(lambda s: s.recvfrom(-1), b"hello"))
here("recv_from_into_more_than_there_is")(
    lambda: received(lambda s: s.recvfrom_into(bytearray(2), 1024), b"hello")
)
here("recv_from_into_minus_1")(
    lambda: received(lambda s: s.recvfrom_into(bytearray(2), -1), b"hello")
)


@here("recv_from_into_of_a_part")
def _():
    return received(lambda s: (s.recvfrom_into(b := bytearray(8), 3)[0], b), b"hello")


@here("says_that_it_was_cut")
def _():
    return received(lambda s: len(s.recvfrom(2)) > 2, b"hello")


@here("the_longest")
def _():
    return received(lambda s: len(s.recv(65536)), bytes(65507))


here("too_long")(lambda: received(lambda s: None, bytes(65508)))
here("too_long_connected")(lambda: udp_pair()[0].send(bytes(65508)))
here("send_to")(lambda: udp().sendto(b"hello", bound().getsockname()))
here("send_to_nothing")(lambda: udp().sendto(b"", bound().getsockname()))
here("send_to_nobody")(lambda: udp().sendto(b"hello", free_port()))
here("send_to_port_0")(lambda: udp().sendto(b"hello", (HOST, 0)))
here("send_to_port_65536")(lambda: udp().sendto(b"hello", (HOST, 65536)))
here("send_to_unknown_name")(lambda: udp().sendto(b"hello", ("a..b", 9)))
here("send_to_by_name")(lambda: udp().sendto(b"hello", ("localhost", bound().getsockname()[1])))
here("send_to_everybody_without_leave")(lambda: udp().sendto(b"x", ("<broadcast>", 9)))
here("send_to_everybody_by_number")(lambda: udp().sendto(b"x", ("255.255.255.255", 9)))
here("send_to_no_address")(lambda: udp().sendto(b"x", "nonsense"))
here("send_to_none")(lambda: udp().sendto(b"x", None))
here("send_fresh")(lambda: udp().send(b"x"))
here("send_bound")(lambda: bound().send(b"x"))
here("send_all_fresh")(lambda: udp().sendall(b"x"))
here("send_all_nothing")(lambda: (udp_all := udp_pair())[0].sendall(b"") or udp_all[1].recv(16))
here("recv_fresh_now")(lambda: with_timeout(udp(), 0).recv(16))
here("recv_from_fresh_now")(lambda: with_timeout(udp(), 0).recvfrom(16))


@here("sending_binds")
def _():
    s = udp()
    s.sendto(b"x", bound().getsockname())
    return addr(s.getsockname())


@here("an_answer")
def _():
    server, client = bound(), udp()
    client.sendto(b"ping", server.getsockname())
    data, who = server.recvfrom(16)
    server.sendto(b"pong", who)
    return data, client.recv(16)


@here("ipv6")
def _():
    server, client = bound(AF_INET6), socket.socket(AF_INET6, SOCK_DGRAM)
    client.sendto(b"six", server.getsockname())
    data, who = server.recvfrom(16)
    return data, addr(who)


@here("connected")
def _():
    a, b = udp_pair()
    a.send(b"hello")
    data, who = b.recvfrom(16)
    return data, who == a.getsockname()


@here("connected_hears_no_other")
def _():
    a, b = udp_pair()
    udp().sendto(b"stranger", a.getsockname())
    b.send(b"friend")
    return a.recv(16)


@here("connected_sends_to_another")
def _():
    a, b = udp_pair()
    other = bound()
    return a.sendto(b"hello", other.getsockname()), other.recv(16)


def unheard(*calls):
    """A connected socket's calls after a datagram that nobody was there to get."""
    s = udp()
    s.connect(free_port())
    s.send(b"x")
    wait_readable(s)
    return [caught(lambda: call(s)) for call in calls]


here("refused_at_recv")(lambda: unheard(lambda s: s.recv(16)))
here("refused_at_send")(lambda: unheard(lambda s: s.send(b"x")))
here("refused_once")(lambda: unheard(lambda s: s.recv(16), lambda s: s.send(b"x")))
here("refused_is_not_told_to_nothing")(lambda: unheard(lambda s: s.recv(0), lambda s: s.recv(16)))


@here("unconnected_is_not_told")
def _():
    s = bound()
    s.sendto(b"x", free_port())
    s.sendto(b"hello", s.getsockname())
    return s.recv(16)


@here("to_itself")
def _():
    s = bound()
    s.sendto(b"hello", s.getsockname())
    return s.recv(16)


def unix_pair(bind_client, call):
    with folder() as path:
        server, client = unix(SOCK_DGRAM), unix(SOCK_DGRAM)
        server.bind(path + "/s")
        if bind_client:
            client.bind(path + "/c")
        return call(server, client, path + "/s")


def unix_told(server, client, at):
    client.sendto(b"hello", at)
    data, who = server.recvfrom(16)
    return data, addr(who)


def unix_connected(server, client, at):
    client.connect(at)
    return client.send(b"hello"), server.recv(16)


def unix_full(server, client, at):
    client.setblocking(False)
    while True:
        client.sendto(b"x", at)


def unix_full_in_time(server, client, at):
    try:
        unix_full(server, client, at)
    except BlockingIOError:
        client.settimeout(0.01)
        client.sendto(b"x", at)


def unix_cut(server, client, at):
    client.sendto(b"hello", at)
    client.sendto(b"next", at)
    return server.recv(2), server.recv(16)


def unix_unanswerable(server, client, at):
    client.sendto(b"hello", at)
    server.sendto(b"back", server.recvfrom(16)[1])


def unix_answered(server, client, at):
    client.sendto(b"hello", at)
    server.sendto(b"back", server.recvfrom(16)[1])
    return client.recv(16)


here("unix_from_an_unbound_one")(lambda: unix_pair(False, unix_told))
here("unix_from_a_bound_one")(lambda: unix_pair(True, unix_told))
here("unix_connected")(lambda: unix_pair(False, unix_connected))
here("unix_full_now")(lambda: unix_pair(False, unix_full))
here("unix_full_in_time")(lambda: unix_pair(False, unix_full_in_time))
here("unix_cut")(lambda: unix_pair(False, unix_cut))
here("unix_unanswerable")(lambda: unix_pair(False, unix_unanswerable))
here("unix_answered")(lambda: unix_pair(True, unix_answered))
here("unix_send_fresh")(lambda: unix(SOCK_DGRAM).send(b"x"))


@here("unix_missing")
def _():
    with folder() as path:
        unix(SOCK_DGRAM).sendto(b"x", path + "/s")


@here("unix_of_the_other_kind")
def _():
    with folder() as path:
        server = unix()
        server.bind(path + "/s")
        server.listen()
        unix(SOCK_DGRAM).sendto(b"x", path + "/s")


@here("unix_gone")
def _():
    with folder() as path:
        server = unix(SOCK_DGRAM)
        server.bind(path + "/s")
        server.close()
        unix(SOCK_DGRAM).sendto(b"x", path + "/s")


@here("unix_connected_and_gone")
def _():
    with folder() as path:
        server, client = unix(SOCK_DGRAM), unix(SOCK_DGRAM)
        server.bind(path + "/s")
        client.connect(path + "/s")
        server.close()
        client.send(b"x")
