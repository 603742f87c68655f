"""The constructor, and what it leaves readable."""

import gc
import socket
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import Text, probe

here = lambda name: probe("constructor", name)


def name(number):
    return Text(getattr(number, "name", number))


def made(*words):
    s = socket.socket(*words)
    return name(s.family), name(s.type), s.proto


here("default")(lambda: made())
here("tcp")(lambda: made(AF_INET, SOCK_STREAM))
here("udp")(lambda: made(AF_INET, SOCK_DGRAM))
here("tcp6")(lambda: made(AF_INET6, SOCK_STREAM))
here("udp6")(lambda: made(AF_INET6, SOCK_DGRAM))
here("unix_stream")(lambda: made(AF_UNIX, SOCK_STREAM))
here("unix_datagram")(lambda: made(AF_UNIX, SOCK_DGRAM))
here("protocol_is_kept_as_given")(lambda: made(AF_INET, SOCK_STREAM, socket.IPPROTO_TCP))
here("protocol_udp")(lambda: made(AF_INET, SOCK_DGRAM, socket.IPPROTO_UDP))
here("stream_with_udp")(lambda: made(AF_INET, SOCK_STREAM, socket.IPPROTO_UDP))
here("datagram_with_tcp")(lambda: made(AF_INET, SOCK_DGRAM, socket.IPPROTO_TCP))
here("stream_with_tcp_6")(lambda: made(AF_INET6, SOCK_STREAM, socket.IPPROTO_TCP))
here("unix_with_tcp")(lambda: made(AF_UNIX, SOCK_STREAM, socket.IPPROTO_TCP))
here("unknown_protocol")(lambda: made(AF_INET, SOCK_STREAM, 255))


def told(s):
    """What its repr says of it."""
    text = repr(s)
    return "laddr=" in text, "raddr=" in text, "closed" in text


here("repr_of_a_fresh_one")(lambda: told(tcp()))
here("repr_of_a_connected_one")(lambda: told(pair()[0]))
here("repr_of_a_listener")(lambda: told(listener()))


@here("repr_of_a_closed_one")
def _():
    s = tcp()
    s.close()
    return told(s)


@here("leaving_its_scope_closes")
def _():
    client, server = pair()
    with server:
        pass
    return client.recv(16)


@here("being_forgotten_closes")
def _():
    client, server = pair()
    del server
    gc.collect()
    return client.recv(16)


@here("readable_after_close")
def _():
    s = socket.socket(AF_INET6, SOCK_DGRAM, socket.IPPROTO_UDP)
    s.close()
    return name(s.family), name(s.type), s.proto


@here("families_are_numbers")
def _():
    return int(AF_INET) == socket.socket().getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)


@here("the_accepted_one_is_like_its_listener")
def _():
    s = pair()[1]
    return name(s.family), name(s.type), s.proto


@here("fileno_is_a_descriptor")
def _():
    return tcp().fileno() >= 0
