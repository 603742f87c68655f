"""connect and connect_ex, in each mode."""

import socket
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import addr, caught, code, probe

here = lambda name: probe("connecting", name)


def to_listener(s, times=1):
    server = listener()
    return [caught(lambda: s.connect(server.getsockname())) for _ in range(times)]


def ex_to_listener(s, times=1):
    server = listener()
    return [code_or_zero(s.connect_ex(server.getsockname())) for _ in range(times)]


def code_or_zero(number):
    return code(number) if number else 0


here("blocking")(lambda: to_listener(tcp()))
here("with_a_timeout")(lambda: to_listener(with_timeout(tcp(), 10)))
here("again")(lambda: to_listener(tcp(), 2))
here("again_with_a_timeout")(lambda: to_listener(with_timeout(tcp(), 10), 2))
here("ex_blocking")(lambda: ex_to_listener(tcp()))
here("ex_again")(lambda: ex_to_listener(tcp(), 2))
here("refused")(lambda: tcp().connect(free_port()))
here("refused_with_a_timeout")(lambda: with_timeout(tcp(), 10).connect(free_port()))
here("ex_refused")(lambda: code(tcp().connect_ex(free_port())))
here("ex_refused_with_a_timeout")(lambda: code(with_timeout(tcp(), 10).connect_ex(free_port())))


def steps(call):
    """A non-blocking connect, the same when it is decided, and once more."""
    server = listener()
    s = with_timeout(tcp(), 0)
    at = server.getsockname()
    first = call(s, at)
    wait_writable(s)
    return first, call(s, at), call(s, at)


here("now")(lambda: steps(lambda s, at: caught(lambda: s.connect(at))))
here("ex_now")(lambda: steps(lambda s, at: code_or_zero(s.connect_ex(at))))


@here("now_refused_is_told_by_an_option")
def _():
    s = with_timeout(tcp(), 0)
    first = code(s.connect_ex(free_port()))
    wait_writable(s)
    pending = lambda: s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return first, code_or_zero(pending()), code_or_zero(pending())


@here("now_refused_is_told_by_the_next_call")
def _():
    s = with_timeout(tcp(), 0)
    at = free_port()
    first = caught(lambda: s.connect(at))
    wait_writable(s)
    return first, caught(lambda: s.connect(at))


@here("now_before_it_is_decided")
def _():
    server, inside = full_listener()
    s = with_timeout(tcp(), 0)
    at = server.getsockname()
    return caught(lambda: s.connect(at)), caught(lambda: s.connect(at))


@here("sending_before_it_is_decided")
def _():
    server, inside = full_listener()
    s = with_timeout(tcp(), 0)
    s.connect_ex(server.getsockname())
    return caught(lambda: s.send(b"x")), caught(lambda: s.recv(16))


@here("after_a_timeout_it_goes_on")
def _():
    server, inside = full_listener()
    s = with_timeout(tcp(), 0.01)
    at = server.getsockname()
    return caught(lambda: s.connect(at)), caught(lambda: s.connect(at))


@here("by_name")
def _():
    server = listener()
    s = tcp()
    s.connect(("localhost", server.getsockname()[1]))
    return addr(s.getpeername())


@here("ipv6")
def _():
    server = listener(AF_INET6)
    s = socket.socket(AF_INET6)
    s.connect(server.getsockname())
    return addr(s.getpeername())


@here("everywhere_means_here")
def _():
    server = listener()
    s = tcp()
    s.connect(("", server.getsockname()[1]))
    return addr(s.getpeername())


here("unknown_name")(lambda: tcp().connect(("a..b", 1)))
here("ex_unknown_name")(lambda: tcp().connect_ex(("a..b", 1)))
here("port_65536")(lambda: tcp().connect((HOST, 65536)))
here("ex_port_65536")(lambda: tcp().connect_ex((HOST, 65536)))
here("unknown_name_and_port_65536")(lambda: tcp().connect(("a..b", 65536)))
here("port_0")(lambda: tcp().connect((HOST, 0)))
here("an_ipv6_address_by_ipv4")(lambda: tcp().connect(("::1", 1)))
here("an_ipv4_address_by_ipv6")(lambda: socket.socket(AF_INET6).connect((HOST, free_port()[1])))
here("a_path_by_ipv4")(lambda: tcp().connect("/nowhere"))
here("an_address_by_unix")(lambda: unix().connect((HOST, 1)))
here("everybody_without_leave")(lambda: udp().connect(("<broadcast>", 9)))


@here("a_listener")
def _():
    server = listener()
    server.connect(listener().getsockname())


@here("from_a_bound_one")
def _():
    server, s = listener(), bound(kind=SOCK_STREAM)
    before = s.getsockname()
    s.connect(server.getsockname())
    return s.getsockname() == before


@here("to_itself")
def _():
    s = bound(kind=SOCK_STREAM)
    s.connect(s.getsockname())
    s.send(b"echo")
    return s.recv(16)


@here("udp_is_connected_at_once")
def _():
    s = udp()
    s.connect((HOST, 9))
    return addr(s.getpeername()), addr(s.getsockname())


@here("udp_is_connected_anew")
def _():
    a, b = bound(), bound()
    s = udp()
    s.connect(a.getsockname())
    s.connect(b.getsockname())
    s.send(b"to b")
    return s.getpeername() == b.getsockname(), b.recv(16)


here("udp_ex")(lambda: udp().connect_ex((HOST, 9)))


def at_path(prepare, call):
    with folder() as path:
        at = path + "/s"
        kept = prepare(at)
        return call(at)


def bind_unix(kind):
    def prepare(at):
        s = unix(kind)
        s.bind(at)
        return s

    return prepare


def nothing(at):
    pass


here("unix_missing")(lambda: at_path(nothing, lambda at: unix().connect(at)))
here("ex_unix_missing")(lambda: at_path(nothing, lambda at: code(unix().connect_ex(at))))
here("unix_that_does_not_listen")(
    lambda: at_path(bind_unix(SOCK_STREAM), lambda at: unix().connect(at))
)
here("unix_of_the_other_kind")(
    lambda: at_path(bind_unix(SOCK_DGRAM), lambda at: unix().connect(at))
)
here("unix_file_that_is_no_socket")(
    lambda: at_path(lambda at: open(at, "w"), lambda at: unix().connect(at))
)
here("unix_below_a_file")(
    lambda: at_path(lambda at: open(at, "w"), lambda at: unix().connect(at + "/s"))
)


def full_unix(timeout):
    """A listener whose queue is full, and one that wants to be let in."""
    with folder() as path:
        server = bind_unix(SOCK_STREAM)(path + "/s")
        server.listen(0)
        inside = []
        while True:
            inside.append(with_timeout(unix(), 0))
            if inside[-1].connect_ex(path + "/s"):
                break
        return with_timeout(unix(), timeout).connect(path + "/s")


here("unix_full_now")(lambda: full_unix(0))
here("unix_full_in_time")(lambda: full_unix(0.01))
