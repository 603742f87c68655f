"""The hooks of a server, in the order in which they are called."""

import threading

from outcome import Text, caught, probe
from traces import *

here = lambda name: probe("server_hooks", name)

SITUATIONS = {
    "": "",
    "_refuses": "refuse",
    "_setup_fails": "setup",
    "_handle_fails": "handle",
    "_finish_fails": "finish",
    "_handle_and_finish_fail": "handle+finish",
    "_process_fails": "process_request",
}


def request(kind, mix, fails):
    with serving(kind, mix, fails) as (server, trace, call):
        client = call()
        server.handle_request()
        trace.wait("close_request")
        return trace.text()


for kind in BASES:
    for mix in "serial", "threading", "pooling":
        for word, fails in SITUATIONS.items():
            here(f"{kind}_{mix}{word}")(
                lambda kind=kind, mix=mix, fails=fails: request(kind, mix, fails)
            )


@here("making_one")
def _():
    Traced, trace = traced("tcp")
    with Traced((HOST, 0), Traced.Own):
        return trace.text()


@here("making_one_of_datagrams")
def _():
    Traced, trace = traced("udp")
    with Traced((HOST, 0), Traced.Own):
        return trace.text()


@here("closing_one")
def _():
    with serving("tcp") as (server, trace, call):
        server.server_close()
        return trace.text()


@here("leaving_its_scope")
def _():
    Traced, trace = traced("tcp")
    with Traced((HOST, 0), Traced.Own):
        trace.names.clear()
    return trace.text()


def failing_to_make(at, fails=""):
    Traced, trace = traced("tcp", "serial", fails)
    return caught(lambda: Traced(at, Traced.Own)), trace.text()


@here("making_one_where_another_is")
def _():
    holder = listener()
    return failing_to_make(holder.getsockname())


here("making_one_whose_bind_fails")(lambda: failing_to_make((HOST, 0), "server_bind")[1])
here("making_one_whose_activation_fails")(lambda: failing_to_make((HOST, 0), "server_activate")[1])


@here("making_one_without_binding")
def _():
    Traced, trace = traced("tcp")
    server = Traced((HOST, 0), Traced.Own, bind_and_activate=False)
    server.socket.close()
    server.socket = listener()
    trace.names.clear()
    client = tcp()
    client.connect(server.socket.getsockname())
    server.handle_request()
    return trace.text()


@here("nobody_comes")
def _():
    with serving("tcp", timeout=0.01) as (server, trace, call):
        server.handle_request()
        return trace.text()


@here("nobody_sends")
def _():
    with serving("udp", timeout=0.01) as (server, trace, call):
        server.handle_request()
        return trace.text()


@here("handle_request_answers")
def _():
    with serving("tcp", timeout=0.01) as (server, trace, call):
        client = call()
        return server.handle_request(), server.handle_request()


@here("get_request_fails")
def _():
    with serving("tcp", "serial", "get_request") as (server, trace, call):
        client = call()
        return caught(server.handle_request), trace.text()


def until_stopped(kind, mix, fails, calls):
    """Serves until so many requests are closed."""
    with serving(kind, mix, fails) as (server, trace, call):
        thread = behind(lambda: server.serve_forever(0.01))
        for number in range(calls):
            client = call(f"c{number}")
            trace.wait("close_request", number + 1)
        server.shutdown()
        thread.join()
        return trace.text()


here("two_in_turn")(lambda: until_stopped("tcp", "serial", "", 2))
here("two_in_turn_in_threads")(lambda: until_stopped("tcp", "threading", "", 2))
here("two_in_turn_of_datagrams")(lambda: until_stopped("udp", "serial", "", 2))
here("it_goes_on_after_a_failure")(lambda: until_stopped("tcp", "serial", "handle", 2))
here("it_goes_on_after_a_failure_in_a_thread")(
    lambda: until_stopped("tcp", "threading", "handle", 2)
)
here("it_goes_on_after_a_refusal")(lambda: until_stopped("tcp", "serial", "refuse", 2))


def verify_fails(kind, mix):
    with serving(kind, mix, "verify_request") as (server, trace, call):
        client = call()
        return caught(server.handle_request), trace.text()


here("verify_fails")(lambda: verify_fails("tcp", "serial"))
here("verify_fails_of_a_threading_one")(lambda: verify_fails("tcp", "threading"))
here("verify_fails_of_a_datagram")(lambda: verify_fails("udp", "serial"))


@here("service_actions_after_a_request")
def _():
    with serving("tcp", service_actions=lambda self: self.trace.add("service")) as (s, trace, call):
        thread = behind(lambda: s.serve_forever(0.01))
        client = call()
        trace.wait("close_request")
        with trace.changed:
            trace.names.clear()
        trace.wait("service")
        s.shutdown()
        thread.join()
        return True


here("service_actions_of_handle_request")(lambda: actions_of_one())


def actions_of_one():
    with serving("tcp", service_actions=lambda self: self.trace.add("service")) as (s, trace, call):
        client = call()
        s.handle_request()
        return "service" in trace.names


def exits(mix):
    with serving("tcp", mix, "exit") as (server, trace, call):
        client = call()
        try:
            server.handle_request()
            ended = "goes on"
        except SystemExit:
            ended = "ends"
        trace.wait("close_request")
        return Text(ended), trace.text()


# A handler that gives up its thread, or its process.
here("handler_exits")(lambda: exits("serial"))
here("handler_exits_in_a_thread")(lambda: exits("threading"))


# What panics in Rust raises in Python.
here("handler_panics")(lambda: request("tcp", "serial", "handle"))
here("handler_panics_in_a_thread")(lambda: request("tcp", "threading", "handle"))
here("handler_panics_in_setup")(lambda: request("tcp", "serial", "setup"))
here("handler_panics_in_finish")(lambda: request("tcp", "serial", "finish"))
