"""Attributes of servers and handlers, and what handlers get and give."""

import socketserver
import os
import threading

from outcome import Text, addr, caught, probe, seconds
from traces import *

here = lambda name: probe("server_handlers", name)
stream, datagram = socketserver.TCPServer, socketserver.UDPServer
lines, packets = socketserver.StreamRequestHandler, socketserver.DatagramRequestHandler


def name(number):
    return Text(number.name)


here("request_queue_size")(lambda: stream.request_queue_size)
here("allow_reuse_address")(lambda: stream.allow_reuse_address)
here("allow_reuse_port")(lambda: getattr(stream, "allow_reuse_port", False))
here("allow_reuse_address_of_datagrams")(lambda: datagram.allow_reuse_address)
here("timeout")(lambda: seconds(stream.timeout))
here("timeout_of_threading")(lambda: seconds(socketserver.ThreadingTCPServer.timeout))
here("max_packet_size")(lambda: datagram.max_packet_size)
here("handler_timeout")(lambda: seconds(lines.timeout))
here("handler_disable_nagle_algorithm")(lambda: lines.disable_nagle_algorithm)
here("block_on_close")(lambda: socketserver.ThreadingTCPServer.block_on_close)


def facts(kind):
    with serving(kind) as (server, trace, call):
        return name(server.address_family), name(server.socket_type), addr(server.server_address)


for kind in BASES:
    here(f"{kind}_server")(lambda kind=kind: facts(kind))


@here("ipv6_server")
def _():
    class Six(socketserver.TCPServer):
        address_family = socket.AF_INET6

    with Six(("::1", 0), None) as server:
        return name(server.address_family), addr(server.server_address)


@here("is_selectable")
def _():
    with serving("tcp") as (server, trace, call):
        client = call()
        wait_readable(server)
        return server.fileno() == server.socket.fileno()


@here("does_not_inherit")
def _():
    with serving("tcp") as (server, trace, call):
        return is_inherited(server.socket)


def handled(base, kind, handle, mix="serial", **attributes):
    """Runs one request by a handler, and gives what it noted and its client."""
    noted = []

    class Handler(base):
        def handle(self):
            noted.append(handle(self))

    for key, value in attributes.items():
        setattr(Handler, key, value)
    with serving(kind, mix, handler=Handler) as (server, trace, call):
        client = call()
        client.settimeout(10)
        server.handle_request()
        trace.wait("close_request")
        return noted, trace, client


def noted(base, kind, note, **attributes):
    return handled(base, kind, note, **attributes)[0][0]


def answer(base, kind, handle, **attributes):
    notes, trace, client = handled(base, kind, handle, **attributes)
    return client.recv(16)


base = socketserver.BaseRequestHandler
here("request_is_a_socket")(lambda: noted(base, "tcp", lambda h: name(h.request.type)))
here("request_is_a_datagram")(lambda: noted(base, "udp", lambda h: h.request[0]))
here("request_brings_its_socket")(lambda: noted(base, "udp", lambda h: name(h.request[1].type)))
here("client_address")(lambda: noted(base, "tcp", lambda h: addr(h.client_address)))
here("client_address_of_a_datagram")(lambda: noted(base, "udp", lambda h: addr(h.client_address)))
here("client_address_unix")(lambda: noted(base, "unix", lambda h: addr(h.client_address)))
here("client_address_of_a_unix_datagram")(
    lambda: noted(base, "unixgram", lambda h: addr(h.client_address))
)
here("connection_blocks")(lambda: noted(base, "tcp", lambda h: seconds(h.request.gettimeout())))
here("connection_has_no_timeout")(
    lambda: noted(lines, "tcp", lambda h: seconds(h.connection.gettimeout()))
)
here("connection_has_its_timeout")(
    lambda: noted(lines, "tcp", lambda h: seconds(h.connection.gettimeout()), timeout=5)
)


def no_delay(h):
    return h.request.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


here("no_delay_on")(lambda: noted(lines, "tcp", no_delay, disable_nagle_algorithm=True))
here("no_delay_off")(lambda: noted(lines, "tcp", no_delay, disable_nagle_algorithm=False))
here("packet")(lambda: noted(packets, "udp", lambda h: h.packet))
here("packet_as_a_file")(lambda: noted(packets, "udp", lambda h: h.rfile.read()))

here("answer")(lambda: answer(base, "tcp", lambda h: h.request.sendall(b"yes")))
here("answer_by_a_file")(lambda: answer(lines, "tcp", lambda h: h.wfile.write(b"yes")))
here("answer_unix")(lambda: answer(base, "unix", lambda h: h.request.sendall(b"yes")))
here("answer_in_a_thread")(
    lambda: answer(base, "tcp", lambda h: h.request.sendall(b"yes"), mix="threading")
)
here("answer_to_a_datagram")(lambda: answer(packets, "udp", lambda h: h.wfile.write(b"yes")))
here("answer_to_a_unix_datagram")(
    lambda: answer(packets, "unixgram", lambda h: h.wfile.write(b"yes"))
)
here("answer_to_a_datagram_by_its_socket")(
    lambda: answer(base, "udp", lambda h: h.request[1].sendto(b"yes", h.client_address))
)
here("answer_to_a_datagram_in_two_parts")(
    lambda: answer(packets, "udp", lambda h: (h.wfile.write(b"ye"), h.wfile.write(b"s")))
)
here("write_says_how_much")(lambda: noted(lines, "tcp", lambda h: h.wfile.write(b"four")))


def after(kind, handle, base, **attributes):
    """What comes to the client of such a handler, until there is nothing."""
    notes, trace, client = handled(base, kind, handle, **attributes)
    client.settimeout(0)
    return [caught(lambda: client.recv(16)) for _ in range(2)]


def fail(h):
    h.wfile.write(b"half")
    raise ValueError("it fails")


here("connection_is_closed_after_it")(lambda: after("tcp", lambda h: None, base))
here("connection_is_closed_after_a_failure")(lambda: after("tcp", fail, lines))
here("no_answer_to_a_datagram")(lambda: after("udp", lambda h: None, packets))
here("no_answer_by_a_base_handler")(lambda: after("udp", lambda h: None, base))
here("half_an_answer_to_a_datagram")(lambda: after("udp", fail, packets))


@here("a_refused_client_sees_the_end")
def _():
    with serving("tcp", "serial", "refuse") as (server, trace, call):
        client = call()
        server.handle_request()
        return client.recv(16)


@here("a_failed_client_sees_the_end")
def _():
    with serving("tcp", "serial", "handle") as (server, trace, call):
        client = call()
        server.handle_request()
        return client.recv(16)


@here("unread_input")
def _():
    class Handler(base):
        def handle(self):
            self.request.sendall(b"answer")

    with serving("tcp", handler=Handler) as (server, trace, call):
        client = call()
        client.sendall(b"never read")
        wait_readable(server)
        server.handle_request()
        wait_readable(client)
        return [caught(lambda: client.recv(16)) for _ in range(2)]


def of_size(size, note):
    notes = []

    class Handler(base):
        def handle(self):
            notes.append(note(self.request[0]))

    with serving("udp", handler=Handler) as (server, trace, call):
        udp().sendto(bytes(size), server.server_address)
        server.handle_request()
        return notes[0]


here("a_packet_of_8192")(lambda: of_size(8192, len))
here("a_packet_of_9000")(lambda: of_size(9000, len))
here("an_empty_packet")(lambda: of_size(0, len))
here("a_cut_packet_says_so")(lambda: of_size(9000, lambda data: False))


@here("lines")
def _():
    notes = []

    class Handler(lines):
        def handle(self):
            notes.extend([self.rfile.readline(), self.rfile.readline(), self.rfile.readline()])

    with serving("tcp", handler=Handler) as (server, trace, call):
        client = call()
        client.sendall(b"one\ntwo")
        client.shutdown(socket.SHUT_WR)
        server.handle_request()
        return notes


@here("a_silent_client_runs_out_of_time")
def _():
    notes = []

    class Handler(lines):
        timeout = 0.01

        def handle(self):
            notes.append(caught(self.rfile.readline))

    with serving("tcp", handler=Handler) as (server, trace, call):
        client = call()
        server.handle_request()
        return notes[0]


@here("an_unbound_unix_client_cannot_be_answered")
def _():
    Traced, trace = traced("unixgram")

    class Handler(packets):
        def handle(self):
            self.wfile.write(b"nobody gets it")

    with folder() as path, Traced(path + "/s", Handler) as server:
        unix(socket.SOCK_DGRAM).sendto(b"hello", path + "/s")
        server.handle_request()
        return "handle_error" in trace.names


@here("an_unbound_unix_client_that_is_not_answered")
def _():
    Traced, trace = traced("unixgram")

    class Handler(packets):
        def handle(self):
            pass

    with folder() as path, Traced(path + "/s", Handler) as server:
        unix(socket.SOCK_DGRAM).sendto(b"hello", path + "/s")
        server.handle_request()
        return "handle_error" in trace.names


@here("restarts_on_its_port")
def _():
    with serving("tcp") as (server, trace, call):
        client = call()
        server.handle_request()
        at = server.server_address
    client.recv(16)
    client.close()
    Traced, trace = traced("tcp")
    return caught(lambda: Traced(at, Traced.Own).server_close())


@here("a_unix_file_goes_with_its_server")
def _():
    Traced, trace = traced("unix")
    with folder() as path:
        with Traced(path + "/s", Traced.Own):
            pass
        return os.path.exists(path + "/s")


@here("a_unix_file_left_behind")
def _():
    Traced, trace = traced("unix")
    with folder() as path:
        left = unix()
        left.bind(path + "/s")
        left.close()
        return caught(lambda: Traced(path + "/s", Traced.Own).server_close())
