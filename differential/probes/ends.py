"""Sockets to probe with, on this machine's loopback."""

import contextlib
import fcntl
import os
import select
import shutil
import socket
import tempfile
import threading

HOST = "127.0.0.1"
PATIENCE_S = 10


def tcp():
    return socket.socket()


def udp():
    return socket.socket(type=socket.SOCK_DGRAM)


def bound(family=socket.AF_INET, kind=socket.SOCK_DGRAM):
    s = socket.socket(family, kind)
    s.bind(("::1" if family == socket.AF_INET6 else HOST, 0))
    return s


def listener(family=socket.AF_INET):
    s = bound(family, socket.SOCK_STREAM)
    s.listen()
    return s


def pair():
    """A connection: its client, its server's end."""
    server = listener()
    client = tcp()
    client.connect(server.getsockname())
    return client, server.accept()[0]


def reset():
    """A connection that its peer has reset."""
    client, server = pair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.close()
    return client


def udp_pair():
    """Two that are connected to one another."""
    a, b = bound(), bound()
    a.connect(b.getsockname())
    b.connect(a.getsockname())
    return a, b


def free_port():
    """The address of nobody."""
    with bound(kind=socket.SOCK_STREAM) as s:
        return s.getsockname()


def unix(kind=socket.SOCK_STREAM):
    return socket.socket(socket.AF_UNIX, kind)


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="rw")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def with_timeout(s, timeout):
    s.settimeout(timeout)
    return s


def is_non_blocking(s):
    return bool(fcntl.fcntl(s.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK)


def is_inherited(s):
    return not fcntl.fcntl(s.fileno(), fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def wait_readable(s):
    assert select.select([s], [], [], PATIENCE_S)[0]


def wait_writable(s):
    assert select.select([], [s], [], PATIENCE_S)[1]


def full_listener():
    """One that has no room for another connection, and those that it has."""
    server = bound(kind=socket.SOCK_STREAM)
    server.listen(0)
    inside = []
    while True:
        inside.append(with_timeout(tcp(), 0.05))
        try:
            inside[-1].connect(server.getsockname())
        except TimeoutError:
            return server, inside


def fill(s):
    """Sends until there is no room."""
    s.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            s.send(bytes(1 << 20))


def behind(run):
    """Runs it in a thread."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread
