"""makefile: readers and writers of a socket."""

import socket

from ends import *
from outcome import Text, caught, probe

here = lambda name: probe("files", name)


def read(data, call):
    """What a reader gives of this, and the end of input."""
    client, server = pair()
    client.sendall(data)
    client.close()
    return call(server.makefile("rb"))


here("line")(lambda: read(b"one\ntwo\n", lambda f: f.readline()))
here("lines")(lambda: read(b"one\ntwo", lambda f: f.readlines()))
here("lines_by_turns")(lambda: read(b"one\ntwo", lambda f: [f.readline() for _ in range(3)]))
here("carriage_returns_are_kept")(lambda: read(b"a\r\nb", lambda f: f.readlines()))
here("all")(lambda: read(b"hello", lambda f: f.read()))
here("some")(lambda: read(b"hello", lambda f: (f.read(2), f.read(9))))
here("nothing")(lambda: read(b"hello", lambda f: f.read(0)))
here("of_nothing")(lambda: read(b"", lambda f: (f.read(), f.readline())))
here("without_a_buffer")(lambda: unbuffered(b"one\ntwo\n"))


def unbuffered(data):
    client, server = pair()
    client.sendall(data)
    first, second = server.makefile("rb", 0), server.makefile("rb", 0)
    return first.read(4), second.read(4)


@here("what_is_written_waits")
def _():
    client, server = pair()
    file = client.makefile("wb")
    count = file.write(b"hello")
    server.setblocking(False)
    early = caught(lambda: server.recv(16))
    file.flush()
    return count, early, server.recv(16)


@here("what_is_written_leaves_at_its_end")
def _():
    client, server = pair()
    file = client.makefile("wb")
    file.write(b"hello")
    file.close()
    return server.recv(16)


@here("without_a_buffer_it_leaves_at_once")
def _():
    client, server = pair()
    count = client.makefile("wb", 0).write(b"hello")
    return count, server.recv(16)


@here("closing_a_file_leaves_the_socket_open")
def _():
    client, server = pair()
    server.makefile("rb").close()
    client.sendall(b"hello")
    return server.recv(16)


@here("a_file_keeps_it_open")
def _():
    client, server = pair()
    file = server.makefile("rb")
    server.close()
    client.sendall(b"hello\n")
    return file.readline()


@here("closed_with_its_last_file")
def _():
    client, server = pair()
    file = server.makefile("rb")
    server.close()
    client.setblocking(False)
    early = caught(lambda: client.recv(16))
    file.close()
    return early, client.recv(16)


@here("recv_on_one_that_was_closed_under_its_file")
def _():
    client, server = pair()
    file = server.makefile("rb")
    client.sendall(b"hello")
    server.close()
    return server.recv(16)


@here("read_after_a_deadline")
def _():
    client, server = pair()
    server.settimeout(0.01)
    file = server.makefile("rb")
    first = caught(file.readline)
    client.sendall(b"late\n")
    wait_readable(server)
    return first, caught(file.readline)


@here("what_came_before_a_deadline_is_kept")
def _():
    client, server = pair()
    server.settimeout(0.01)
    file = server.makefile("rb")
    client.sendall(b"half")
    wait_readable(server)
    first = caught(file.readline)
    client.sendall(b" and half\n")
    wait_readable(server)
    return first, caught(file.readline)


@here("read_now_of_nothing")
def _():
    client, server = pair()
    server.setblocking(False)
    return caught(lambda: server.makefile("rb", 0).read(4))


@here("write_now_without_room")
def _():
    client, server = pair()
    fill(client)
    return caught(lambda: client.makefile("wb", 0).write(b"x"))


@here("reader_and_writer")
def _():
    client, server = pair()
    file = server.makefile("rwb")
    client.sendall(b"one\ntwo\n")
    first = file.readline()
    file.write(b"answer\n")
    file.flush()
    return first, file.readline(), client.recv(16)


@here("after_a_reset")
def _():
    s = reset()
    wait_readable(s)
    return caught(s.makefile("rb").read)


@here("write_to_one_that_is_gone")
def _():
    client, server = pair()
    server.close()
    client.send(b"x")
    return caught(lambda: client.makefile("wb", 0).write(b"x"))


here("unknown_mode")(lambda: pair()[0].makefile("a"))
here("text_without_a_buffer")(lambda: pair()[0].makefile("r", 0))


@here("text")
def _():
    client, server = pair()
    client.sendall("é\n".encode())
    return server.makefile("r", encoding="utf-8").readline() == "é\n"


@here("text_that_is_none")
def _():
    client, server = pair()
    client.sendall(b"\xff\n")
    return caught(server.makefile("r", encoding="utf-8").readline)


@here("of_a_closed_socket")
def _():
    s = tcp()
    s.close()
    return caught(lambda: s.makefile("rb").read(1))
