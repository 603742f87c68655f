"""Flags of a call; sendmsg, recvmsg and what travels beside the bytes; sendfile."""

import array
import contextlib
import os
import socket
import tempfile
from socket import MSG_CTRUNC, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, SOCK_DGRAM

from ends import *
from outcome import Text, addr, probe

here = lambda name: probe("messages", name)


def sent(data, call):
    client, server = pair()
    client.sendall(data)
    wait_readable(server)
    return call(server)


def received(data, call):
    a, b = udp_pair()
    a.send(data)
    wait_readable(b)
    return call(b)


def of_nothing(flags):
    client, server = pair()
    return server.recv(16, flags)


here("peek")(lambda: sent(b"hello", lambda s: (s.recv(2, MSG_PEEK), s.recv(9))))
here("peek_into")(
    lambda: sent(b"hello", lambda s: (s.recv_into(bytearray(2), 0, MSG_PEEK), s.recv(9)))
)
here("peek_a_datagram")(
    lambda: received(b"hello", lambda s: (s.recvfrom(9, MSG_PEEK)[0], s.recv(9)))
)
here("peek_a_part_of_a_datagram")(
    lambda: received(b"hello", lambda s: (s.recv(2, MSG_PEEK), s.recv(9)))
)
here("whether_it_was_cut_asked_for")(
    lambda: received(b"hello", lambda s: s.recv_into(bytearray(2), 0, MSG_TRUNC))
)
here("do_not_wait")(lambda: of_nothing(MSG_DONTWAIT))
here("do_not_wait_with_a_timeout")(lambda: with_timeout(bound(), 0.01).recvfrom(16, MSG_DONTWAIT))
here("do_not_wait_though_there_is_some")(lambda: sent(b"hello", lambda s: s.recv(16, MSG_DONTWAIT)))


@here("do_not_wait_to_send")
def _():
    client, server = pair()
    fill(client)
    client.setblocking(True)
    return client.send(b"x", MSG_DONTWAIT)


@here("wait_for_all")
def _():
    client, server = pair()
    client.sendall(b"hel")
    behind(lambda: client.sendall(b"lo"))
    return server.recv(5, MSG_WAITALL)


here("wait_for_all_until_the_end")(lambda: ended(b"hel"))


def ended(data):
    client, server = pair()
    client.sendall(data)
    client.close()
    return server.recv(5, MSG_WAITALL)


@here("out_of_band")
def _():
    client, server = pair()
    client.send(b"x", socket.MSG_OOB)
    client.send(b"y")
    wait_readable(server)
    return server.recv(1, socket.MSG_OOB), server.recv(16)


here("out_of_band_of_nothing")(lambda: of_nothing(socket.MSG_OOB))


def message(answer):
    data, ancillary, flags, who = answer
    named = {"TRUNC": MSG_TRUNC, "CTRUNC": MSG_CTRUNC}
    return data, len(ancillary), Text("+".join(n for n, f in named.items() if flags & f) or "-")


def by_message(buffers, call, ends=udp_pair):
    a, b = ends()
    return a.sendmsg(buffers), call(b)


here("gathered")(lambda: by_message([b"he", b"", b"llo"], lambda s: s.recv(16)))
here("gathered_on_a_stream")(lambda: by_message([b"he", b"llo"], lambda s: s.recv(16), pair))
here("gathered_of_nothing")(lambda: by_message([], lambda s: s.recv(16)))
here("received")(lambda: by_message([b"hello"], lambda s: message(s.recvmsg(16))))
here("received_on_a_stream")(lambda: by_message([b"hello"], lambda s: message(s.recvmsg(16)), pair))
here("received_cut")(lambda: by_message([b"hello"], lambda s: message(s.recvmsg(2))))
here("received_cut_on_a_stream")(
    lambda: by_message([b"hello"], lambda s: (message(s.recvmsg(2)), s.recv(9)), pair)
)
here("received_peeked")(
    lambda: by_message([b"hello"], lambda s: (message(s.recvmsg(9, 0, MSG_PEEK)), s.recv(9)))
)
here("received_in_a_pair")(
    lambda: by_message([b"hello"], lambda s: message(s.recvmsg(16)), socket.socketpair)
)
here("received_of_minus_1")(lambda: bound().recvmsg(-1))
here("received_with_minus_1_beside")(lambda: bound().recvmsg(1, -1))
here("received_now")(lambda: with_timeout(bound(), 0).recvmsg(16))
here("received_in_time")(lambda: with_timeout(bound(), 0.01).recvmsg(16))
here("received_after_close")(lambda: (s := tcp()).close() or s.recvmsg(16))
here("sent_after_close")(lambda: (s := tcp()).close() or s.sendmsg([b"x"]))
here("sent_fresh")(lambda: udp().sendmsg([b"x"]))
here("sent_fresh_tcp")(lambda: tcp().sendmsg([b"x"]))
here("sent_too_long")(lambda: udp_pair()[0].sendmsg([bytes(65508)]))
here("sent_in_too_many_parts")(lambda: pair()[0].sendmsg([b"x"] * 1025))
here("sent_in_1024_parts")(lambda: pair()[0].sendmsg([b"x"] * 1024))


@here("received_at_the_end")
def _():
    client, server = pair()
    client.close()
    return message(server.recvmsg(16))


@here("sent_to_an_address")
def _():
    a, b = bound(), bound()
    count = a.sendmsg([b"hello"], [], 0, b.getsockname())
    data, _, _, who = b.recvmsg(16)
    return count, data, addr(who), who == a.getsockname()


@here("scattered")
def _():
    a, b = udp_pair()
    a.send(b"hello")
    first, second = bytearray(2), bytearray(8)
    count, ancillary, flags, who = b.recvmsg_into([first, second])
    return count, first, second[:3]


@here("scattered_cut")
def _():
    a, b = udp_pair()
    a.send(b"hello")
    first, second = bytearray(1), bytearray(2)
    return message(b.recvmsg_into([first, second]))[::2], first, second


def passed(count, room):
    """How many of so many descriptors come through a room for so many."""
    with contextlib.ExitStack() as stack:
        a, b = (stack.enter_context(s) for s in socket.socketpair())
        files = [stack.enter_context(open(os.devnull)) for _ in range(count)]
        socket.send_fds(a, [b"x"], [file.fileno() for file in files])
        data, fds, flags, who = socket.recv_fds(b, 16, room)
        for fd in fds:
            os.close(fd)
        return data, len(fds), bool(flags & MSG_CTRUNC)


here("descriptors_passed")(lambda: passed(1, 1))
here("two_descriptors_passed")(lambda: passed(2, 2))
here("descriptors_passed_with_room_to_spare")(lambda: passed(1, 8))
here("descriptors_passed_without_room")(lambda: passed(1, 0))
here("no_descriptors_passed")(lambda: passed(0, 2))


@here("a_passed_descriptor_works")
def _():
    a, b = socket.socketpair()
    client, server = pair()
    socket.send_fds(a, [b"x"], [server.fileno()])
    other = socket.socket(fileno=socket.recv_fds(b, 16, 1)[1][0])
    server.close()
    client.sendall(b"hello")
    return other.recv(16)


@here("a_passed_descriptor_is_inherited")
def _():
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [a.fileno()])
    (fd,) = socket.recv_fds(b, 16, 1)[1]
    with socket.socket(fileno=fd) as other:
        return other.get_inheritable()


here("descriptors_by_tcp")(lambda: by_tcp())


def by_tcp():
    client, server = pair()
    return socket.send_fds(client, [b"x"], [client.fileno()])


here("length_of_4")(lambda: socket.CMSG_LEN(4))
here("length_of_0")(lambda: socket.CMSG_LEN(0))
here("space_of_4")(lambda: socket.CMSG_SPACE(4))
here("space_of_minus_1")(lambda: socket.CMSG_SPACE(-1))
here("space_of_more_than_there_is")(lambda: socket.CMSG_SPACE(2**63 - 1))


def sent_file(data, *words, then=lambda s: s, by=pair):
    client, server = by()
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        count = then(client).sendfile(file, *words)
    client.close()
    return count, b"".join(iter(lambda: server.recv(64), b""))


here("file")(lambda: sent_file(b"hello"))
here("file_from_an_offset")(lambda: sent_file(b"hello", 2))
here("file_of_a_count")(lambda: sent_file(b"hello", 0, 2))
here("file_from_an_offset_of_a_count")(lambda: sent_file(b"hello", 1, 3))
here("file_of_more_than_there_is")(lambda: sent_file(b"hello", 0, 64))
here("file_beyond_its_end")(lambda: sent_file(b"hello", 64))
here("file_that_is_empty")(lambda: sent_file(b""))
here("file_with_a_timeout")(lambda: sent_file(b"hello", then=lambda s: with_timeout(s, 10)))
here("file_that_does_not_wait")(lambda: sent_file(b"hello", then=lambda s: with_timeout(s, 0)))
here("file_by_datagrams")(lambda: sent_file(b"hello", by=udp_pair))
here("file_of_count_0")(lambda: sent_file(b"hello", 0, 0))
here("file_of_count_minus_1")(lambda: sent_file(b"hello", 0, -1))


@here("credentials")
def _():
    a, b = socket.socketpair()
    found = a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = array.array("i", found)
    return pid == os.getpid(), uid == os.getuid()
