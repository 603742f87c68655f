"""getsockopt and setsockopt, in their forms."""

import socket
from socket import IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET, SO_KEEPALIVE, TCP_NODELAY

from ends import *
from outcome import addr, probe

here = lambda name: probe("options", name)


def set_and_get(s, level, option, value):
    before = s.getsockopt(level, option)
    s.setsockopt(level, option, value)
    return before, s.getsockopt(level, option)


here("type_of_a_stream")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE))
here("type_of_a_datagram_socket")(lambda: udp().getsockopt(SOL_SOCKET, socket.SO_TYPE))
here("pending_error_of_a_fresh_one")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_ERROR))
here("reuse_address")(lambda: set_and_get(tcp(), SOL_SOCKET, socket.SO_REUSEADDR, 1))
here("reuse_address_off")(lambda: set_and_get(tcp(), SOL_SOCKET, socket.SO_REUSEADDR, 0))
here("reuse_port")(lambda: set_and_get(tcp(), SOL_SOCKET, socket.SO_REUSEPORT, 1))
here("keep_alive")(lambda: set_and_get(tcp(), SOL_SOCKET, SO_KEEPALIVE, 1))
here("keep_alive_by_any_number")(lambda: set_and_get(tcp(), SOL_SOCKET, SO_KEEPALIVE, 7))
here("broadcast")(lambda: set_and_get(udp(), SOL_SOCKET, socket.SO_BROADCAST, 1))
here("no_delay")(lambda: set_and_get(tcp(), IPPROTO_TCP, TCP_NODELAY, 1))
here("v6_only")(
    lambda: set_and_get(socket.socket(socket.AF_INET6), IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
)
here("receive_buffer_is_doubled")(
    lambda: set_and_get(tcp(), SOL_SOCKET, socket.SO_RCVBUF, 5000)[1]
)
here("send_buffer_is_doubled")(lambda: set_and_get(tcp(), SOL_SOCKET, socket.SO_SNDBUF, 5000)[1])
here("accepts")(lambda: listener().getsockopt(SOL_SOCKET, socket.SO_ACCEPTCONN))
here("accepts_not")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_ACCEPTCONN))
here("as_bytes")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, 4))
here("as_more_bytes_than_there_are")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, 64))
here("as_fewer_bytes_than_there_are")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, 2))
here("as_the_most_bytes")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, 1024))
here("as_1025_bytes")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, 1025))
here("as_0_bytes")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, 0))
here("as_minus_1_bytes")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_TYPE, -1))
here("a_structure")(lambda: tcp().getsockopt(SOL_SOCKET, socket.SO_LINGER, 8))
here("unknown")(lambda: tcp().getsockopt(SOL_SOCKET, 9999))
here("of_an_unknown_level")(lambda: tcp().getsockopt(9999, 1))
here("of_tcp_on_udp")(lambda: udp().getsockopt(IPPROTO_TCP, TCP_NODELAY))
here("of_tcp_on_unix")(lambda: unix().getsockopt(IPPROTO_TCP, TCP_NODELAY))
here("set_unknown")(lambda: tcp().setsockopt(SOL_SOCKET, 9999, 1))
here("set_of_tcp_on_udp")(lambda: udp().setsockopt(IPPROTO_TCP, TCP_NODELAY, 1))
here("set_what_is_read_only")(lambda: tcp().setsockopt(SOL_SOCKET, socket.SO_TYPE, 1))
here("set_as_bytes")(
    lambda: set_and_get(tcp(), SOL_SOCKET, SO_KEEPALIVE, (1).to_bytes(4, "little"))
)
here("set_too_few_bytes")(lambda: tcp().setsockopt(SOL_SOCKET, SO_KEEPALIVE, b"\1"))
here("set_no_bytes")(lambda: tcp().setsockopt(SOL_SOCKET, SO_KEEPALIVE, b""))
here("set_none_of_a_length")(lambda: tcp().setsockopt(SOL_SOCKET, SO_KEEPALIVE, None, 4))
here("set_more_than_an_int")(lambda: tcp().setsockopt(SOL_SOCKET, SO_KEEPALIVE, 2**31))
here("set_a_text")(lambda: tcp().setsockopt(SOL_SOCKET, SO_KEEPALIVE, "yes"))


@here("set_a_structure")
def _():
    s = tcp()
    s.setsockopt(SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\5\0\0\0")
    return s.getsockopt(SOL_SOCKET, socket.SO_LINGER, 8)


@here("pending_error_is_taken_by_reading_it")
def _():
    s = reset()
    wait_readable(s)
    pending = lambda: s.getsockopt(SOL_SOCKET, socket.SO_ERROR)
    return pending() != 0, pending(), s.recv(16)


@here("no_delay_is_inherited")
def _():
    server, client = listener(), tcp()
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    client.connect(server.getsockname())
    return server.accept()[0].getsockopt(IPPROTO_TCP, TCP_NODELAY)


@here("v6_only_off_takes_ipv4")
def _():
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", 0))
    server.listen()
    client = tcp()
    client.connect((HOST, server.getsockname()[1]))
    return addr(server.accept()[1])
