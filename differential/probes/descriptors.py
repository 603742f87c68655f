"""Descriptors: adopted, copied, inherited; families and kinds that have no name."""

import os
import socket
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import Text, addr, caught, probe, seconds

here = lambda name: probe("descriptors", name)


def name(number):
    return Text(getattr(number, "name", number))


def facts(s):
    return name(s.family), name(s.type), s.proto


def adopted(s):
    return socket.socket(fileno=os.dup(s.fileno()))


here("adopted_tcp")(lambda: facts(adopted(tcp())))
here("adopted_udp")(lambda: facts(adopted(udp())))
here("adopted_tcp6")(lambda: facts(adopted(socket.socket(AF_INET6))))
here("adopted_unix")(lambda: facts(adopted(unix())))
here("adopted_unix_datagram")(lambda: facts(adopted(unix(SOCK_DGRAM))))
here("adopted_blocks")(lambda: seconds(adopted(tcp()).gettimeout()))
here("adopted_knows_its_peer")(lambda: addr(adopted(pair()[0]).getpeername()))
here("adopted_file")(lambda: socket.socket(fileno=os.open("/dev/null", os.O_RDONLY)))
here("adopted_minus_1")(lambda: socket.socket(fileno=-1))
here("adopted_nothing")(lambda: socket.socket(fileno=2**20))


@here("adopted_goes_on")
def _():
    client, server = pair()
    other = socket.socket(fileno=server.detach())
    client.sendall(b"hello")
    return other.recv(16)


@here("copy_is_like_it")
def _():
    s = socket.socket(AF_INET, SOCK_STREAM, 6)
    return facts(s.dup()) == facts(s)


here("copy_keeps_the_timeout")(lambda: seconds(with_timeout(tcp(), 5).dup().gettimeout()))
here("copy_of_a_closed_one")(lambda: (s := tcp()).close() or s.dup())


@here("copy_keeps_it_open")
def _():
    client, server = pair()
    copy = server.dup()
    server.close()
    client.sendall(b"hello")
    return copy.recv(16)


@here("copy_that_does_not_wait_leaves_the_other_waiting")
def _():
    client, server = pair()
    copy = client.dup()
    copy.setblocking(False)
    return caught(lambda: client.recv(16))


here("fresh_is_inheritable")(lambda: tcp().get_inheritable())
here("copy_is_inheritable")(lambda: tcp().dup().get_inheritable())
here("accepted_is_inheritable")(lambda: pair()[1].get_inheritable())
here("pair_is_inheritable")(lambda: [s.get_inheritable() for s in socket.socketpair()])


@here("made_inheritable")
def _():
    s = tcp()
    s.set_inheritable(True)
    first = s.get_inheritable()
    s.set_inheritable(False)
    return first, s.get_inheritable()


here("inheritable_after_close")(lambda: (s := tcp()).close() or s.get_inheritable())
here("made_inheritable_after_close")(lambda: (s := tcp()).close() or s.set_inheritable(True))
here("unknown_family")(lambda: socket.socket(9999))
here("seqpacket_of_ipv4")(lambda: socket.socket(AF_INET, socket.SOCK_SEQPACKET))
here("unknown_kind")(lambda: socket.socket(AF_INET, 9))
here("seqpacket_of_unix")(lambda: facts(socket.socket(AF_UNIX, socket.SOCK_SEQPACKET)))
here("non_blocking_bit")(
    lambda: facts(s := socket.socket(AF_INET, SOCK_STREAM | socket.SOCK_NONBLOCK))
)


@here("seqpacket_keeps_its_messages")
def _():
    a, b = socket.socketpair(AF_UNIX, socket.SOCK_SEQPACKET)
    a.send(b"one")
    a.send(b"two")
    return b.recv(16), b.recv(16)


def told(s):
    a, b = s
    return facts(a), a.send(b"hello"), b.recv(16)


here("pair")(lambda: told(socket.socketpair()))
here("pair_of_datagrams")(lambda: told(socket.socketpair(AF_UNIX, SOCK_DGRAM)))
here("pair_has_no_names")(lambda: addr(socket.socketpair()[0].getpeername()))
here("pair_blocks")(lambda: seconds(socket.socketpair()[0].gettimeout()))
here("pair_of_ipv4")(lambda: told(socket.socketpair(AF_INET)))
here("pair_of_udp")(lambda: told(socket.socketpair(AF_INET, SOCK_DGRAM)))


@here("pair_ends")
def _():
    a, b = socket.socketpair()
    a.close()
    return b.recv(16), caught(lambda: b.send(b"x"))
