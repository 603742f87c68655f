"""Addresses and numbers as text: the vectors of CPython's own tests, and some beside them."""

import socket
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from outcome import probe

V4 = [
    "0.0.0.0", "255.0.255.0", "170.170.170.170", "1.2.3.4", "255.255.255.255", "0.0.0.0.", "300.0.0.0",
    "a.0.0.0", "1.2.3.4.5", "::1", "", "1.2.3", "1.2", "16909060", "0x1.2.3.4", "01.2.3.4", "1.2.3.04",
    " 1.2.3.4", "1.2.3.4 ", "1.2.3.4 and more", "1..3.4", "-1.2.3.4", "1.2.3.256", "127.0.0.1\n",
]
V6 = [
    "::", "0::0", "1::", "::1", "45ef:76cb:1a:56ef:afeb:bac:1924:aeae",
    "ad42:abc::127:0:254:2", "00ad:0042:0abc::0127:0000:0254:0002", "::1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7::", "::1.2.3.4", "1:2::4.5.6.7", "::ffff:127.0.0.1", "::FFFF:1.2.3.4",
    "0x20::", ":::", "::0::", "1::abc::", "1::abc::def", "1:2:3:4:5:6", "1:2:3:4:5:6:",
    "1:2:3:4:5:6:7:8:0", "1.2.3.4", "1:2:3:4:5:6:7:8:9", "fe80::1%lo", "[::1]", "", " ::1",
    "::1.2.3", "1::2.3.4.5:6", "12345::", "g::", "::1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4",
]
PACKED_4 = [b"\0\0\0\0", b"\xaa\x55\xaa\x55", b"\1\2\3\4", b"\xff\xff\xff\xff"]
PACKED_6 = [
    "00000000000000000000000000000000", "00000000000000000000000000000001",
    "aef00b0102030100000000000000ff01", "45ef76cb001a56efafeb0bac1924aeae",
    "00000000000000000000ffff7f000001", "0001000200030004000500060007 0008".replace(" ", ""),
    "20010db8000000000001000000000001", "20010db8000000010000000000000001",
    "00010000000000000000000000000000", "00000000000000000000000001020304",
    "20010db8000100010001000100000001",
]


def name(prefix, number):
    return f"{prefix}_{number:02}"


for number, text in enumerate(V4):
    probe("text", name("ipv4", number))(lambda text=text: (text, inet_pton(AF_INET, text)))
for number, text in enumerate(V6):
    probe("text", name("ipv6", number))(lambda text=text: (text, inet_pton(AF_INET6, text)))
for number, packed in enumerate(PACKED_4):
    probe("text", name("ipv4_back", number))(lambda packed=packed: inet_ntop(AF_INET, packed))
for number, packed in enumerate(PACKED_6):
    probe("text", name("ipv6_back", number))(
        lambda packed=packed: inet_ntop(AF_INET6, bytes.fromhex(packed))
    )

here = lambda name: probe("text", name)
here("ipv4_of_three_bytes")(lambda: inet_ntop(AF_INET, b"\0\0\0"))
here("ipv6_of_four_bytes")(lambda: inet_ntop(AF_INET6, b"\0\0\0\0"))
here("lax_two_parts")(lambda: socket.inet_aton("1.2"))
here("lax_words_after_it")(lambda: socket.inet_aton("1.2.3.4 and more"))
here("htons")(lambda: socket.ntohs(socket.htons(0x1234)) == 0x1234 != socket.htons(0x1234))
here("htonl")(lambda: socket.ntohl(socket.htonl(0x12345678)) == 0x12345678)
here("htons_bytes")(lambda: socket.htons(0x0102).to_bytes(2, "little"))
here("htonl_bytes")(lambda: socket.htonl(0x01020304).to_bytes(4, "little"))
here("htons_of_65536")(lambda: socket.htons(65536))
here("htons_of_minus_1")(lambda: socket.htons(-1))
here("htonl_of_too_much")(lambda: socket.htonl(2**32))
