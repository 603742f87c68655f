"""Addresses, as they are written and as they are told."""

import os
import socket
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM

from ends import *
from outcome import addr, probe

here = lambda name: probe("addresses", name)


def bound_at(host, family=AF_INET):
    s = socket.socket(family, SOCK_DGRAM)
    s.bind((host, 0))
    return addr(s.getsockname())


here("any")(lambda: bound_at(""))
here("any_6")(lambda: bound_at("", AF_INET6))
here("any_by_number")(lambda: bound_at("0.0.0.0"))
here("any_6_by_number")(lambda: bound_at("::", AF_INET6))
here("everybody")(lambda: bound_at("<broadcast>"))
here("everybody_6")(lambda: bound_at("<broadcast>", AF_INET6))
here("two_parts")(lambda: bound_at("127.1"))
here("one_number")(lambda: bound_at("2130706433"))
here("hexadecimal")(lambda: bound_at("0x7f.0.0.1"))
here("octal")(lambda: bound_at("0177.0.0.1"))
here("five_parts")(lambda: bound_at("127.0.0.1.1"))
here("a_part_too_great")(lambda: bound_at("256.0.0.1"))
here("in_brackets")(lambda: bound_at("[::1]", AF_INET6))
here("a_star")(lambda: bound_at("*"))
here("a_nul_in_the_host")(lambda: bound_at("local\0host"))
here("a_space_in_the_host")(lambda: bound_at("local host"))
here("two_dots")(lambda: bound_at("local..host"))
here("a_long_label")(lambda: bound_at("x" * 64))
here("capitals")(lambda: bound_at("LOCALHOST"))
here("ipv6_long")(lambda: bound_at("0:0:0:0:0:0:0:1", AF_INET6))
here("ipv6_capitals")(lambda: bound_at("::FFFF:127.0.0.1", AF_INET6))
here("ipv4_mapped")(lambda: bound_at("::ffff:127.0.0.1", AF_INET6))
here("scope_by_number")(lambda: bound_at("::1%1", AF_INET6))
here("scope_by_name")(lambda: bound_at("::1%lo", AF_INET6))
here("scope_unknown")(lambda: bound_at("fe80::1%nosuch0", AF_INET6))
here("ipv6_by_ipv4")(lambda: bound_at("::1"))
here("ipv4_by_ipv6")(lambda: bound_at("127.0.0.1", AF_INET6))


def bound_6(*address):
    s = socket.socket(AF_INET6, SOCK_DGRAM)
    s.bind(address)
    return addr(s.getsockname()), s.getsockname()[2:]


here("four_parts")(lambda: bound_6("::1", 0, 0, 0))
here("flow_information")(lambda: bound_6("::1", 0, 10, 0)[0])
here("flow_information_most")(lambda: bound_6("::1", 0, 0xFFFFF, 0)[0])
here("flow_information_too_much")(lambda: bound_6("::1", 0, 0x100000, 0)[0])
here("flow_information_negative")(lambda: bound_6("::1", 0, -1, 0)[0])
here("a_tuple_of_one")(lambda: tcp().bind((HOST,)))
here("a_tuple_of_three")(lambda: tcp().bind((HOST, 0, 0)))
here("a_number_for_a_host")(lambda: tcp().bind((1, 0)))
here("a_text_for_a_port")(lambda: tcp().bind((HOST, "0")))


def at_path(name, call):
    with folder() as path:
        at = (os.fsencode(path) if isinstance(name, bytes) else path) + name
        return call(at)


def bound_path(at):
    s = unix()
    s.bind(at)
    return os.path.exists(at), s.getsockname() == (os.fsdecode(at))


def of_length(count):
    """A path of so many bytes."""
    with folder() as path:
        s = unix()
        s.bind(path + "/" + "x" * (count - len(path) - 1))
        return len(s.getsockname())


here("path")(lambda: at_path("/s", bound_path))
here("path_as_bytes")(lambda: at_path(b"/s", bound_path))
here("path_of_no_known_letters")(lambda: at_path(b"/\xff\xfe", bound_path))
here("path_with_a_space")(lambda: at_path("/a b", bound_path))
here("path_of_106_bytes")(lambda: of_length(106))
here("path_of_107_bytes")(lambda: of_length(107))
here("path_of_108_bytes")(lambda: of_length(108))
here("path_of_1000_bytes")(lambda: of_length(1000))
here("path_with_a_nul")(lambda: at_path("/before\0after", lambda at: unix().bind(at)))
here("path_in_no_folder")(lambda: at_path("/missing/s", lambda at: unix().bind(at)))
here("path_that_is_a_folder")(lambda: at_path("", lambda at: unix().bind(at)))
here("path_that_is_a_file")(lambda: at_path("/s", lambda at: open(at, "w") and unix().bind(at)))
here("path_by_ipv4")(lambda: at_path("/s", lambda at: tcp().bind(at)))
here("ipv4_by_unix")(lambda: unix().bind((HOST, 0)))


@here("path_outlives_its_socket")
def _():
    with folder() as path:
        s = unix()
        s.bind(path + "/s")
        s.close()
        return os.path.exists(path + "/s")


@here("path_left_behind_is_in_use")
def _():
    with folder() as path:
        s = unix()
        s.bind(path + "/s")
        s.close()
        unix().bind(path + "/s")


UNIQUE = f"ropewalk-differential-{os.getpid():08}-"


def told(name):
    """Its name, without what keeps it apart from the other half's."""
    s = unix()
    s.bind(b"\0" + UNIQUE.encode() + name)
    return s.getsockname()[1 + len(UNIQUE) :]


here("abstract_name")(lambda: told(b"name"))
here("abstract_with_a_nul")(lambda: told(b"a\0b"))
here("abstract_of_no_known_letters")(lambda: told(b"\xff\xfe"))
here("abstract_ends_with_a_nul")(lambda: told(b"a\0"))
here("abstract_of_107_bytes")(lambda: len(told(b"x" * (107 - len(UNIQUE)))))
here("abstract_of_108_bytes")(lambda: told(b"x" * (108 - len(UNIQUE))))


@here("abstract_as_text")
def _():
    s = unix()
    s.bind("\0" + UNIQUE + "text")
    return s.getsockname()[1 + len(UNIQUE) :]


@here("abstract_is_reached")
def _():
    server, client = unix(), unix()
    server.bind("\0" + UNIQUE + "reached")
    server.listen()
    client.connect("\0" + UNIQUE + "reached")
    return client.getpeername()[1 + len(UNIQUE) :]


@here("abstract_goes_with_its_socket")
def _():
    for _ in range(2):
        s = unix()
        s.bind("\0" + UNIQUE + "goes")
        s.close()


@here("abstract_in_use")
def _():
    s = unix()
    s.bind("\0" + UNIQUE + "use")
    unix().bind("\0" + UNIQUE + "use")


@here("abstract_missing")
def _():
    unix().connect("\0" + UNIQUE + "missing")


@here("an_empty_path_is_bound_by_the_system")
def _():
    s = unix()
    s.bind("")
    name = s.getsockname()
    return name[:1], len(name)


here("an_empty_path_to_connect_to")(lambda: unix().connect(""))
