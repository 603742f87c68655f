"""Servers whose hooks write down that they were called."""

import contextlib
import os
import socketserver
import threading

import socket

from ends import *
from outcome import Text

BASES = {
    "tcp": socketserver.TCPServer,
    "unix": socketserver.UnixStreamServer,
    "udp": socketserver.UDPServer,
    "unixgram": socketserver.UnixDatagramServer,
}
# There is no pool in CPython: it is held to what a thread for each request does.
MIX_INS = {
    "serial": (),
    "threading": (socketserver.ThreadingMixIn,),
    "pooling": (socketserver.ThreadingMixIn,),
    "forking": (socketserver.ForkingMixIn,),
}
HOOKS = [
    "server_bind", "server_activate", "server_close", "get_request", "verify_request",
    "process_request", "finish_request", "shutdown_request", "close_request",
]


class Trace:
    def __init__(self):
        self.names = []
        self.changed = threading.Condition()
        self.process = os.getpid()
        self.telling = None

    def told(self):
        """What children will tell, once it is read to its end."""
        ours, self.telling = os.pipe()
        return ours

    def no_more_children(self):
        """From now on only children that there are can tell."""
        os.close(self.telling)
        self.telling = None

    def add(self, name):
        if os.getpid() != self.process:
            return os.write(self.telling, f"{name}\n".encode())
        with self.changed:
            self.names.append(name)
            self.changed.notify_all()

    def wait(self, name, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: self.names.count(name) >= count, PATIENCE_S)

    def text(self):
        return Text(" ".join(self.names) or "-")


def hook(name):
    def run(self, *words):
        self.trace.add(name)
        if self.fails == name:
            raise OSError("it fails") if name == "get_request" else ValueError("it fails")
        return getattr(super(self.Traced, self), name)(*words)

    return run


def traced(kind, mix="serial", fails="", **attributes):
    """A server's class, and what it writes down."""
    trace = Trace()

    class Handler(socketserver.BaseRequestHandler):
        def step(self, name):
            trace.add(name)
            if name in fails.split("+"):
                raise ValueError("it fails")
            if fails == "exit" and name == "handle":
                raise SystemExit

        def setup(self):
            self.step("setup")

        def handle(self):
            self.step("handle")

        def finish(self):
            self.step("finish")

    def verify(self, request, client):
        trace.add("verify_request")
        if fails == "verify_request":
            raise ValueError("it fails")
        return fails != "refuse"

    body = {name: hook(name) for name in HOOKS}
    body |= {"verify_request": verify, "trace": trace, "fails": fails, "Own": Handler}
    body["handle_error"] = lambda self, *_: trace.add("handle_error")
    body["handle_timeout"] = lambda self: trace.add("handle_timeout")
    Traced = type("Traced", MIX_INS[mix] + (BASES[kind],), body | attributes)
    Traced.Traced = Traced
    return Traced, trace


@contextlib.contextmanager
def serving(kind, *words, handler=None, **attributes):
    """Such a server, bound, with nothing written down yet; and a way to call it."""
    Traced, trace = traced(kind, *words, **attributes)
    with folder() as path:
        at = path + "/s" if kind.startswith("unix") else (HOST, 0)
        with Traced(at, handler or Traced.Own) as server:
            trace.names.clear()
            yield server, trace, lambda name="c": call(server, kind, path + "/" + name)


def call(server, kind, path):
    """A client that has connected, or has sent its datagram."""
    client = socket.socket(server.address_family, server.socket_type)
    if kind == "unixgram":
        client.bind(path)
    client.connect(server.server_address)
    if server.socket_type == socket.SOCK_DGRAM:
        client.send(b"hello")
    return client
