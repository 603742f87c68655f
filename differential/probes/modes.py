"""Rules 1 to 5 of the socket object: its timeout, in three modes."""

import socket

from ends import *
from outcome import caught, code, probe, seconds

here = lambda name: probe("modes", name)


def state(s):
    return seconds(s.gettimeout()), s.getblocking(), is_non_blocking(s)


def after(*timeouts):
    s = tcp()
    for timeout in timeouts:
        s.settimeout(timeout)
    return state(s)


def after_blocking(*flags):
    s = tcp()
    for flag in flags:
        s.setblocking(flag)
    return state(s)


here("fresh")(lambda: after())
here("none")(lambda: after(None))
here("zero")(lambda: after(0.0))
here("five")(lambda: after(5))
here("half_a_millisecond")(lambda: after(0.0005))
here("a_nanosecond")(lambda: after(1e-9))
here("five_then_none")(lambda: after(5, None))
here("none_then_five")(lambda: after(None, 5))
here("zero_then_five")(lambda: after(0, 5))
here("five_then_zero")(lambda: after(5, 0))
here("zero_then_none")(lambda: after(0, None))
here("blocking")(lambda: after_blocking(True))
here("not_blocking")(lambda: after_blocking(False))
here("not_blocking_then_blocking")(lambda: after_blocking(False, True))
here("negative")(lambda: tcp().settimeout(-1))
here("negative_zero")(lambda: after(-0.0))
here("not_a_number")(lambda: tcp().settimeout(float("nan")))
here("infinite")(lambda: tcp().settimeout(float("inf")))
here("a_text")(lambda: tcp().settimeout("5"))
here("less_than_a_nanosecond")(lambda: after(1e-10))


def closed(timeout=None):
    s = with_timeout(tcp(), timeout)
    s.close()
    return s


here("settimeout_after_close")(lambda: closed().settimeout(5))
here("setblocking_after_close")(lambda: closed().setblocking(False))
here("gettimeout_after_close")(lambda: seconds(closed(5).gettimeout()))
here("getblocking_after_close")(lambda: closed(0).getblocking())


def accepted_by(timeout):
    server = listener()
    server.settimeout(timeout)
    client = tcp()
    client.connect(server.getsockname())
    wait_readable(server)
    return state(server.accept()[0])


here("accepted_by_a_blocking_one")(lambda: accepted_by(None))
here("accepted_by_a_non_blocking_one")(lambda: accepted_by(0))
here("accepted_by_one_with_a_timeout")(lambda: accepted_by(5))


@here("accepted_under_a_default")
def _():
    socket.setdefaulttimeout(7)
    try:
        return accepted_by(None)
    finally:
        socket.setdefaulttimeout(None)


@here("fresh_under_a_default")
def _():
    socket.setdefaulttimeout(7)
    try:
        return state(tcp())
    finally:
        socket.setdefaulttimeout(None)


def blocked(call, timeout):
    """What a call on a connection says that has nothing to receive."""
    client, server = pair()
    client.settimeout(timeout)
    return call(client)


def crammed(call, timeout):
    """The same of one that has no room to send."""
    client, server = pair()
    fill(client)
    client.settimeout(timeout)
    return call(client)


def empty(call, timeout):
    return call(with_timeout(bound(), timeout))


BUFFER = bytearray(16)
for word, timeout in ("now", 0), ("in_time", 0.01):
    at = lambda name, run, call, timeout=timeout, word=word: here(f"{name}_{word}")(
        lambda: run(call, timeout)
    )
    at("recv", blocked, lambda s: s.recv(16))
    at("recv_into", blocked, lambda s: s.recv_into(BUFFER))
    at("recv_from", empty, lambda s: s.recvfrom(16))
    at("recv_from_into", empty, lambda s: s.recvfrom_into(BUFFER))
    at("udp_recv", empty, lambda s: s.recv(16))
    at("send", crammed, lambda s: s.send(b"x"))
    at("send_all", crammed, lambda s: s.sendall(b"x"))
    here(f"accept_{word}")(lambda timeout=timeout: with_timeout(listener(), timeout).accept())


@here("connect_in_time")
def _():
    server, inside = full_listener()
    return with_timeout(tcp(), 0.01).connect(server.getsockname())


@here("connect_ex_in_time")
def _():
    server, inside = full_listener()
    return code(with_timeout(tcp(), 0.01).connect_ex(server.getsockname()))


@here("send_all_of_more_than_fits_now")
def _():
    client, server = pair()
    client.setblocking(False)
    return client.sendall(bytes(64 << 20))


@here("send_all_of_more_than_fits_in_time")
def _():
    client, server = pair()
    client.settimeout(0.05)
    return client.sendall(bytes(64 << 20))


@here("a_timed_out_socket_goes_on")
def _():
    client, server = pair()
    client.settimeout(0.01)
    first = caught(lambda: client.recv(16))
    server.sendall(b"late")
    client.settimeout(10)
    return first, client.recv(16)


@here("a_timeout_is_above_the_descriptor")
def _():
    s = with_timeout(tcp(), 5)
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)


@here("fresh_is_closed_on_exec")
def _():
    return is_inherited(tcp())


@here("accepted_is_closed_on_exec")
def _():
    client, server = pair()
    return is_inherited(server)


@here("a_copy_is_closed_on_exec")
def _():
    return is_inherited(tcp().dup())


@here("a_copy_shares_the_mode")
def _():
    s = tcp()
    copy = s.dup()
    copy.setblocking(False)
    return seconds(s.gettimeout()), is_non_blocking(s)
