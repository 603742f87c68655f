"""The hooks of a forking server, in each of its two processes."""

import os
import socketserver

from outcome import Text, probe
from traces import *

here = lambda name: probe("server_forking", name)

SITUATIONS = {
    "": "",
    "_refuses": "refuse",
    "_setup_fails": "setup",
    "_handle_fails": "handle",
    "_finish_fails": "finish",
    "_handle_and_finish_fail": "handle+finish",
}


def request(kind, fails):
    with serving(kind, "forking", fails) as (server, trace, call):
        told = trace.told()
        client = call()
        server.handle_request()
        trace.no_more_children()
        parent = trace.text()
        with open(told) as lines:
            child = lines.read().split()
        return parent, Text(" ".join(child) or "-")


for kind in BASES:
    for word, fails in SITUATIONS.items():
        here(kind + word)(lambda kind=kind, fails=fails: request(kind, fails))

here("max_children")(lambda: socketserver.ForkingMixIn.max_children)
