"""A signal interrupts no call (PEP 475), and moves no deadline."""

import signal
import socket
import threading

from ends import *
from outcome import caught, probe

here = lambda name: probe("signals", name)
ENOUGH = 20


def under_signals(call, enough=lambda: None):
    """What a call gives though signals rain on it, which only ends after `enough`."""
    count, over = [0], threading.Event()
    main = threading.get_ident()

    def catch(*_):
        count[0] += 1

    def rain():
        told = False
        while not over.wait(0.001):
            signal.pthread_kill(main, signal.SIGUSR1)
            if count[0] >= ENOUGH and not told:
                told = True
                enough()

    signal.signal(signal.SIGUSR1, catch)
    thread = behind(rain)
    try:
        return call()
    finally:
        over.set()
        thread.join()


def of_a_pair(call, timeout=None):
    client, server = pair()
    server.settimeout(timeout)
    return under_signals(lambda: call(server), lambda: client.sendall(b"late"))


def of_datagrams(call, timeout=None):
    a, b = udp_pair()
    b.settimeout(timeout)
    return under_signals(lambda: call(b), lambda: a.send(b"late"))


for word, timeout in ("", None), ("_with_a_timeout", 10):
    at = lambda name, run, call, timeout=timeout, word=word: here(name + word)(
        lambda: run(call, timeout)
    )
    at("recv", of_a_pair, lambda s: s.recv(16))
    at("recv_into", of_a_pair, lambda s: s.recv_into(bytearray(16)))
    at("recv_from", of_datagrams, lambda s: s.recvfrom(16)[0])
    at("recv_from_into", of_datagrams, lambda s: s.recvfrom_into(bytearray(16))[0])
    at("recv_msg", of_datagrams, lambda s: s.recvmsg(16)[0])


@here("accept")
def _():
    server, client = listener(), tcp()
    at = server.getsockname()
    return under_signals(lambda: server.accept() and None, lambda: client.connect(at))


@here("connect")
def _():
    server, inside = full_listener()
    client = tcp()
    room = lambda: [server.accept() for _ in inside]
    return under_signals(lambda: client.connect(server.getsockname()), room)


def all_of(size, timeout):
    client, server = pair()
    client.settimeout(timeout)
    got = []
    read = lambda: got.append(sum(map(len, iter(lambda: server.recv(65536), b""))))
    threads = []
    under_signals(lambda: client.sendall(bytes(size)), lambda: threads.append(behind(read)))
    client.close()
    threads[0].join()
    return got[0]


here("send_all")(lambda: all_of(16 << 20, None))
here("send_all_with_a_timeout")(lambda: all_of(16 << 20, 10))
here("deadline_of_recv")(lambda: under_signals(lambda: with_timeout(bound(), 0.1).recv(1)))
here("deadline_of_accept")(lambda: under_signals(lambda: with_timeout(listener(), 0.1).accept()))
