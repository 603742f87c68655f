"""close, detach, shutdown, and every method after them."""

import os
import socket
from socket import AF_INET, SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import caught, probe

here = lambda name: probe("closing", name)


def closed():
    s = tcp()
    s.close()
    return s


BUFFER = bytearray(4)
here("accept_after")(lambda: closed().accept())
here("bind_after")(lambda: closed().bind((HOST, 0)))
here("listen_after")(lambda: closed().listen())
here("connect_after")(lambda: closed().connect((HOST, 1)))
here("connect_ex_after")(lambda: closed().connect_ex((HOST, 1)))
here("recv_after")(lambda: closed().recv(4))
here("recv_nothing_after")(lambda: closed().recv(0))
here("recv_into_after")(lambda: closed().recv_into(BUFFER))
here("recv_into_nothing_after")(lambda: closed().recv_into(bytearray()))
here("recv_from_after")(lambda: closed().recvfrom(4))
here("recv_from_into_after")(lambda: closed().recvfrom_into(BUFFER))
here("send_after")(lambda: closed().send(b"x"))
here("send_nothing_after")(lambda: closed().send(b""))
here("send_all_after")(lambda: closed().sendall(b"x"))
here("send_all_nothing_after")(lambda: closed().sendall(b""))
here("send_to_after")(lambda: closed().sendto(b"x", (HOST, 1)))
here("getsockname_after")(lambda: closed().getsockname())
here("getpeername_after")(lambda: closed().getpeername())
here("getsockopt_after")(lambda: closed().getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
here("getsockopt_bytes_after")(lambda: closed().getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 4))
here("setsockopt_after")(lambda: closed().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
here("shutdown_after")(lambda: closed().shutdown(SHUT_RDWR))
here("close_after")(lambda: closed().close())
here("detach_after")(lambda: closed().detach())
here("fileno_after")(lambda: closed().fileno())


@here("three_times")
def _():
    s = closed()
    return s.close(), s.close()


@here("the_peer_sees_the_end")
def _():
    client, server = pair()
    server.close()
    return client.recv(16), client.recv(16)


@here("the_peer_gets_what_was_sent_before")
def _():
    client, server = pair()
    server.sendall(b"last words")
    server.close()
    return client.recv(16), client.recv(16)


@here("over_unread_input_is_a_reset")
def _():
    client, server = pair()
    client.sendall(b"unread")
    wait_readable(server)
    server.close()
    wait_readable(client)
    return caught(lambda: client.recv(16)), caught(lambda: client.recv(16))


@here("a_reset_socket")
def _():
    s = reset()
    wait_readable(s)
    return s.close()


@here("closing_a_listener_resets_its_queue")
def _():
    server = listener()
    client = tcp()
    client.connect(server.getsockname())
    server.close()
    wait_readable(client)
    return caught(lambda: client.recv(16))


@here("a_closed_port_can_be_bound_again")
def _():
    server = listener()
    at = server.getsockname()
    server.close()
    return tcp().bind(at)


@here("detach_leaves_it_open")
def _():
    client, server = pair()
    fd = server.detach()
    client.sendall(b"to the descriptor")
    data = os.read(fd, 32)
    os.close(fd)
    return data


@here("detach_leaves_it_closed")
def _():
    s = tcp()
    fd = s.detach()
    outcomes = s.fileno(), caught(lambda: s.listen()), s.close()
    os.close(fd)
    return outcomes


@here("detach_again")
def _():
    s = tcp()
    os.close(s.detach())
    return s.detach()


@here("detach_keeps_the_mode")
def _():
    s = with_timeout(tcp(), 5)
    fd = s.detach()
    mode = not os.get_blocking(fd)
    os.close(fd)
    return mode


def shut(how, then):
    client, server = pair()
    client.shutdown(how)
    return then(client, server)


here("shut_write")(lambda: shut(SHUT_WR, lambda a, b: (b.recv(16), caught(lambda: a.send(b"x")))))
here("shut_both")(
    lambda: shut(
        SHUT_RDWR, lambda a, b: (b.recv(16), a.recv(16), caught(lambda: a.send(b"x")))
    )
)
here("shut_read")(lambda: shut(SHUT_RD, lambda a, b: (a.recv(16), a.send(b"x"), b.recv(16))))


def answer(a, b):
    b.recv(16)
    b.sendall(b"an answer")
    return a.recv(16)


here("shut_write_and_still_hear")(lambda: shut(SHUT_WR, answer))


def late(a, b):
    b.sendall(b"late")
    wait_readable(a)
    return a.recv(16)


here("shut_read_and_data_comes")(lambda: shut(SHUT_RD, late))
here("shut_write_twice")(lambda: shut(SHUT_WR, lambda a, b: a.shutdown(SHUT_WR)))
here("shut_write_then_read")(lambda: shut(SHUT_WR, lambda a, b: a.shutdown(SHUT_RD)))
here("shut_read_then_write")(lambda: shut(SHUT_RD, lambda a, b: a.shutdown(SHUT_WR)))
here("shut_both_twice")(lambda: shut(SHUT_RDWR, lambda a, b: a.shutdown(SHUT_RDWR)))
here("shut_fresh")(lambda: tcp().shutdown(SHUT_WR))
here("shut_fresh_both")(lambda: tcp().shutdown(SHUT_RDWR))
here("shut_bound")(lambda: bound(kind=SOCK_STREAM).shutdown(SHUT_RDWR))
here("shut_udp")(lambda: bound().shutdown(SHUT_RDWR))
here("shut_connected_udp")(lambda: udp_pair()[0].shutdown(SHUT_RDWR))
here("shut_in_no_way_known")(lambda: pair()[0].shutdown(9))
here("shut_after_a_reset")(lambda: wait_readable(s := reset()) or s.shutdown(SHUT_RDWR))


@here("shut_connected_udp_and_receive")
def _():
    a, b = udp_pair()
    a.shutdown(SHUT_RDWR)
    return a.recv(16), caught(lambda: a.send(b"x"))


@here("shut_listener_ends_accept")
def _():
    server = listener()
    server.shutdown(SHUT_RDWR)
    server.accept()


@here("shut_wakes_one_that_receives")
def _():
    client, server = pair()
    thread = behind(lambda: client.shutdown(SHUT_RDWR))
    data = client.recv(16)
    thread.join()
    return data


@here("shut_wakes_one_that_accepts")
def _():
    server = listener()
    behind(lambda: server.shutdown(SHUT_RDWR))
    server.accept()


@here("shut_wakes_one_that_has_time")
def _():
    client, server = pair()
    client.settimeout(10)
    behind(lambda: client.shutdown(SHUT_RDWR))
    return client.recv(16)
