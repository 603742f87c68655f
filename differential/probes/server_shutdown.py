"""shutdown and server_close: when, from where, and what they leave."""

import threading

from outcome import Text, caught, probe
from traces import *

here = lambda name: probe("server_shutdown", name)


class Waits(Exception):
    """The call would wait for what can only happen when it has returned."""


def flagged(server):
    return server._BaseServer__shutdown_request


def begun(server):
    """Serves in a thread, and waits until it does."""
    started = threading.Event()
    server.service_actions = started.set
    thread = behind(lambda: server.serve_forever(0.01))
    assert started.wait(PATIENCE_S)
    return thread


def joined(thread):
    thread.join(PATIENCE_S)
    return not thread.is_alive()


@here("ends_the_loop")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        return joined(thread)


@here("of_twenty")
def _():
    ended = []
    for _ in range(20):
        with serving("tcp") as (server, trace, call):
            thread = behind(lambda: server.serve_forever(0.01))
            server.shutdown()
            ended.append(joined(thread))
    return all(ended)


@here("before_the_loop")
def _():
    with serving("tcp") as (server, trace, call):
        thread = behind(server.shutdown)
        while not flagged(server):
            pass
        server.serve_forever(0.01)
        return joined(thread)


@here("before_the_loop_returns_at_once")
def _():
    return waits_for_the_loop(lambda server, trace, call: server.shutdown())


def waits_for_the_loop(act):
    """Whether shutdown, called so, waits for a loop that cannot end meanwhile."""
    with serving("tcp") as (server, trace, call):
        event = server._BaseServer__is_shut_down

        def wait(*_):
            if not event.is_set():
                raise Waits

        event.wait = wait
        try:
            act(server, trace, call)
        except Waits:
            return Text("waits for ever")
        return Text("returns")


@here("after_the_loop")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        joined(thread)
        server.shutdown()
        server.service_actions = lambda: None
        return server.serve_forever(0.01)


@here("after_the_loop_ends_one_more_and_no_other")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        joined(thread)
        server.shutdown()
        server.serve_forever(0.01)
        thread = begun(server)
        alive = thread.is_alive()
        server.shutdown()
        return alive, joined(thread)


@here("twice")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        server.shutdown()
        return joined(thread)


@here("from_a_handler")
def _():
    def act(server, trace, call):
        client = call()
        caught = []

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    self.server.shutdown()
                except Waits as waits:
                    caught.append(waits)

        server.RequestHandlerClass = Handler
        server.serve_forever(0.01)
        if caught:
            raise caught[0]

    return waits_for_the_loop(act)


@here("from_a_handler_in_a_thread")
def _():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.server.shutdown()

    with serving("tcp", "threading", handler=Handler) as (server, trace, call):
        client = call()
        return server.serve_forever(0.01)


@here("from_a_handler_of_a_datagram")
def _():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.server.shutdown()

    with serving("udp", "threading", handler=Handler) as (server, trace, call):
        client = call()
        return server.serve_forever(0.01)


@here("takes_no_further_request")
def _():
    with serving("tcp") as (server, trace, call):
        thread = behind(server.shutdown)
        while not flagged(server):
            pass
        client = call()
        server.serve_forever(0.01)
        joined(thread)
        return trace.text()


@here("leaves_the_listener_open")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        joined(thread)
        return caught(lambda: call() and None)


@here("serves_again_afterwards")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        joined(thread)
        client = call()
        server.handle_request()
        return trace.text()


@here("closing_resets_the_queue")
def _():
    with serving("tcp") as (server, trace, call):
        client = call()
        server.server_close()
        wait_readable(client)
        return caught(lambda: client.recv(16))


@here("closing_refuses_the_next")
def _():
    with serving("tcp") as (server, trace, call):
        at = server.server_address
        server.server_close()
        tcp().connect(at)


@here("closing_one_that_never_served")
def _():
    with serving("tcp", "threading") as (server, trace, call):
        return server.server_close()


@here("closing_twice")
def _():
    with serving("tcp") as (server, trace, call):
        return server.server_close(), server.server_close()


@here("fileno_after_closing")
def _():
    with serving("tcp") as (server, trace, call):
        server.server_close()
        return server.fileno()


@here("serving_after_closing")
def _():
    with serving("tcp") as (server, trace, call):
        server.server_close()
        server.handle_request()


@here("a_handler_at_work_goes_on")
def _():
    go = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            go.wait(PATIENCE_S)
            self.request.sendall(b"done")

    with serving("tcp", "threading", handler=Handler) as (server, trace, call):
        thread = begun(server)
        client = call()
        trace.wait("finish_request")
        server.shutdown()
        joined(thread)
        go.set()
        return client.recv(16)


@here("waits_until_the_loop_has_ended")
def _():
    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        server.shutdown()
        return not thread.is_alive() or server._BaseServer__is_shut_down.is_set()


@here("serving_twice_at_once")
def _():
    def act(server):
        return server.serve_forever(0.01)

    with serving("tcp") as (server, trace, call):
        thread = begun(server)
        second = begun(server)
        server.shutdown()
        return Text("serves") if second.ident else None
