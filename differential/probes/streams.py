"""recv, recv_into, send and sendall on streams."""

import socket

from ends import *
from outcome import Text, addr, caught, probe

here = lambda name: probe("streams", name)


def sent(data, call):
    """What a call gives at the other end of a connection by which this was sent."""
    client, server = pair()
    client.sendall(data)
    if data:
        wait_readable(server)
    return call(server)


def ended(call):
    client, server = pair()
    client.close()
    return call(server)


def into(s, size, *words):
    buffer = bytearray(b"." * size)
    return s.recv_into(buffer, *words), buffer


here("recv")(lambda: sent(b"hello", lambda s: s.recv(1024)))
here("recv_exactly_as_much")(lambda: sent(b"hello", lambda s: s.recv(5)))
here("recv_less")(lambda: sent(b"hello", lambda s: (s.recv(2), s.recv(1024))))
here("recv_end")(lambda: ended(lambda s: s.recv(1024)))
here("recv_end_again")(lambda: ended(lambda s: (s.recv(1024), s.recv(1024))))
here("recv_nothing")(lambda: sent(b"hello", lambda s: (s.recv(0), s.recv(1024))))
here("recv_nothing_of_nothing")(lambda: sent(b"", lambda s: s.recv(0)))
here("recv_nothing_now")(lambda: sent(b"", lambda s: with_timeout(s, 0).recv(0)))
here("recv_nothing_at_the_end")(lambda: ended(lambda s: s.recv(0)))
here("recv_minus_1")(lambda: sent(b"hello", lambda s: s.recv(-1)))
here("recv_fresh")(lambda: tcp().recv(16))
here("recv_fresh_nothing")(lambda: tcp().recv(0))
here("recv_bound")(lambda: bound(kind=socket.SOCK_STREAM).recv(16))
here("recv_listener")(lambda: listener().recv(16))
here("recv_into")(lambda: sent(b"hello", lambda s: into(s, 8)))
here("recv_into_less")(lambda: sent(b"hello", lambda s: (into(s, 2), into(s, 8))))
here("recv_into_of_a_part")(lambda: sent(b"hello", lambda s: into(s, 8, 3)))
here("recv_into_0_is_all")(lambda: sent(b"hello", lambda s: into(s, 8, 0)))
here("recv_into_more_than_there_is")(lambda: sent(b"hello", lambda s: into(s, 4, 8)))
here("recv_into_minus_1")(lambda: sent(b"hello", lambda s: into(s, 4, -1)))
here("recv_into_no_room")(lambda: sent(b"hello", lambda s: into(s, 0)))
here("recv_into_no_room_now")(lambda: sent(b"", lambda s: into(with_timeout(s, 0), 0)))
here("recv_into_end")(lambda: ended(lambda s: into(s, 4)))
here("recv_into_fresh")(lambda: into(tcp(), 4))
here("recv_into_a_view")(
    lambda: sent(b"hello", lambda s: (s.recv_into(memoryview(b := bytearray(8))[2:6]), b))
)
here("recv_from")(lambda: sent(b"hello", lambda s: s.recvfrom(1024)[0]))
here("recv_from_less")(lambda: sent(b"hello", lambda s: (s.recvfrom(2)[0], s.recv(1024))))
here("recv_from_end")(lambda: ended(lambda s: s.recvfrom(1024)[0]))
here("recv_from_says_whom")(lambda: sent(b"hello", lambda s: addr(s.recvfrom(1024)[1])))
here("recv_from_fresh")(lambda: tcp().recvfrom(16))


@here("recv_from_into")
def _():
    return sent(b"hello", lambda s: (s.recvfrom_into(b := bytearray(8))[0], b))


@here("recv_waits_for_what_comes")
def _():
    client, server = pair()
    behind(lambda: client.sendall(b"late"))
    return server.recv(16)


@here("both_directions")
def _():
    client, server = pair()
    client.sendall(b"ping")
    server.sendall(b"pong")
    return client.recv(16), server.recv(16)


@here("ipv6")
def _():
    server = listener(socket.AF_INET6)
    client = socket.socket(socket.AF_INET6)
    client.connect(server.getsockname())
    client.sendall(b"six")
    return server.accept()[0].recv(16)


@here("unix")
def _():
    with folder() as path:
        server, client = unix(), unix()
        server.bind(path + "/s")
        server.listen()
        client.connect(path + "/s")
        client.sendall(b"by a file")
        return server.accept()[0].recv(16)


here("send")(lambda: pair()[0].send(b"hello"))
here("send_nothing")(lambda: pair()[0].send(b""))
here("send_fresh")(lambda: tcp().send(b"x"))
here("send_fresh_nothing")(lambda: tcp().send(b""))
here("send_listener")(lambda: listener().send(b"x"))
here("send_a_text")(lambda: pair()[0].send("hello"))
here("send_all")(lambda: pair()[0].sendall(b"hello"))
here("send_all_nothing")(lambda: pair()[0].sendall(b""))
here("send_all_fresh")(lambda: tcp().sendall(b"x"))
here("send_all_fresh_nothing")(lambda: tcp().sendall(b""))
here("send_all_says_how_much")(lambda: count_of_a_failed_one())


def count_of_a_failed_one():
    client, server = pair()
    client.setblocking(False)
    try:
        client.sendall(bytes(64 << 20))
    except BlockingIOError as error:
        return hasattr(error, "characters_written")


@here("send_takes_a_part")
def _():
    client, server = pair()
    client.setblocking(False)
    return 0 < client.send(bytes(64 << 20)) < 64 << 20


@here("send_all_takes_all")
def _():
    client, server = pair()
    thread = behind(lambda: client.sendall(bytes(8 << 20)) or client.close())
    count = sum(map(len, iter(lambda: server.recv(65536), b"")))
    thread.join()
    return count


@here("send_all_keeps_the_order")
def _():
    client, server = pair()
    data = bytes(n % 251 for n in range(1 << 20))
    behind(lambda: client.sendall(data) or client.close())
    return b"".join(iter(lambda: server.recv(65536), b"")) == data


@here("send_to_one_that_closed")
def _():
    client, server = pair()
    server.close()
    first = client.send(b"x")
    return first, caught(lambda: client.send(b"x")), caught(lambda: client.send(b"x"))


@here("recv_after_sending_to_one_that_closed")
def _():
    client, server = pair()
    server.close()
    client.send(b"x")
    return client.recv(16), caught(lambda: client.recv(16))


def was_reset(call):
    s = reset()
    wait_readable(s)
    return call(s)


def thrice(call):
    return lambda s: [caught(lambda: call(s)) for _ in range(3)]


here("recv_reset")(lambda: was_reset(thrice(lambda s: s.recv(16))))
here("recv_into_reset")(lambda: was_reset(thrice(lambda s: s.recv_into(bytearray(16)))))
here("recv_nothing_reset")(lambda: was_reset(lambda s: (s.recv(0), caught(lambda: s.recv(16)))))
here("send_reset")(lambda: was_reset(thrice(lambda s: s.send(b"x"))))
here("send_all_reset")(lambda: was_reset(thrice(lambda s: s.sendall(b"x"))))
here("reset_with_a_timeout")(
    lambda: was_reset(thrice(lambda s: with_timeout(s, 10).recv(16)))
)
here("reset_now")(lambda: was_reset(thrice(lambda s: with_timeout(s, 0).recv(16))))


@here("data_before_a_reset")
def _():
    client, server = pair()
    server.sendall(b"lost")
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_readable(client)
    server.close()
    return thrice(lambda s: s.recv(16))(client)


@here("send_to_ignores_the_address")
def _():
    client, server = pair()
    return client.sendto(b"x", (HOST, 9)), server.recv(16)


here("send_to_fresh")(lambda: tcp().sendto(b"x", (HOST, 9)))


@here("the_end_is_readable_once_it_was_sent")
def _():
    client, server = pair()
    client.sendall(b"and out")
    client.shutdown(socket.SHUT_WR)
    return server.recv(16), server.recv(16), server.send(b"over"), client.recv(16)
