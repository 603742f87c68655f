//! Schemes, wraps and the words of others that cannot be meant, each with the whole of what
//! is said.

use crate::{Row, assert_rendered};

const BAD: &[Row] = &[
    (
        "tpc:80",
        "
unknown scheme `tpc`
  tpc:80
  ^^^ did you mean `tcp`?
  help: if it is the name of a host, write `tcp:tpc:80`
",
    ),
    (
        "unx:/run/x",
        "
unknown scheme `unx`
  unx:/run/x
  ^^^ did you mean `unix`?
  help: ropewalk help endpoints
",
    ),
    (
        "nope:1:2",
        "
unknown scheme `nope`
  nope:1:2
  ^^^^ there are tcp, udp, unix, unixgram
  help: ropewalk help endpoints
",
    ),
    (
        "tls:8443,cert=auto",
        "
`tls` is not there yet
  tls:8443,cert=auto
  ^^^ `tcp` is, without encryption
  help: if it is the name of a host, write `tcp:tls:8443`
",
    ),
    (
        "http://example.org/",
        "
`http` is a protocol, an endpoint says where it is spoken
  http://example.org/
  ^^^^ write `tcp:example.org:80`
  help: ropewalk help endpoints
",
    ),
    (
        "http://localhost:8000?q",
        "
`http` is a protocol, an endpoint says where it is spoken
  http://localhost:8000?q
  ^^^^ write `tcp:localhost:8000`
  help: ropewalk help endpoints
",
    ),
    (
        "http://",
        "
`http` is a protocol, an endpoint says where it is spoken
  http://
  ^^^^ write `tcp:HOST:80`
  help: ropewalk help endpoints
",
    ),
    (
        "UDP-RECVFROM:53",
        "
`UDP-RECVFROM` is socat's word
  UDP-RECVFROM:53
  ^^^^^^^^^^^^ write `udp:53`
  help: ropewalk help endpoints
",
    ),
    (
        "wss://h/p",
        "
`wss` (WebSocket over TLS) is not there yet
  wss://h/p
  ^^^ `tcp` is
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:web",
        "
`systemd` (its sockets) is not there yet
  systemd:web
  ^^^^^^^ name the address
  help: ropewalk help endpoints
",
    ),
    (
        "fd:3",
        "
`fd` (a socket that is open already) is not there yet
  fd:3
  ^^ name its address
  help: if it is the name of a host, write `tcp:fd:3`
",
    ),
    (
        "exec:cat",
        "
`exec` (a program's pipes) is not there yet
  exec:cat
  ^^^^ name a socket
  help: ropewalk help endpoints
",
    ),
    (
        "socks5:h:1080:tcp:x:80",
        "
`socks5` (through a proxy) is not there yet
  socks5:h:1080:tcp:x:80
  ^^^^^^ `tcp` connects directly
  help: ropewalk help endpoints
",
    ),
    (
        "TCP:8080",
        "
the scheme `TCP` is not in lower case
  TCP:8080
  ^^^ write `tcp`
  help: if it is the name of a host, write `tcp:TCP:8080`
",
    ),
    (
        "TCP-LISTEN:8080,fork",
        "
`TCP-LISTEN` is socat's word
  TCP-LISTEN:8080,fork
  ^^^^^^^^^^ write `tcp:8080`
  help: a port alone is this machine only; `tcp:*:PORT` is every address
",
    ),
    (
        "TCP4:example.org:80",
        "
`TCP4` is socat's word
  TCP4:example.org:80
  ^^^^ write `tcp:example.org:80`
  help: ropewalk help endpoints
",
    ),
    (
        "UNIX-LISTEN:/run/x",
        "
`UNIX-LISTEN` is socat's word
  UNIX-LISTEN:/run/x
  ^^^^^^^^^^^ write `unix:/run/x`
  help: ropewalk help endpoints
",
    ),
    (
        "ABSTRACT-CONNECT:x",
        "
`ABSTRACT-CONNECT` is socat's word
  ABSTRACT-CONNECT:x
  ^^^^^^^^^^^^^^^^ write `unix:@x`
  help: ropewalk help endpoints
",
    ),
    (
        "STDIO",
        "
`stdio` is socat's word, and nothing to listen on or connect to
  STDIO
  ^^^^^ name a socket
  help: ropewalk help endpoints
",
    ),
    (
        "haproxy:",
        "
nothing follows `haproxy:`
  haproxy:
          ^ write `haproxy:tcp:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "haproxy:haproxy:tcp:80",
        "
`haproxy` is said twice
  haproxy:haproxy:tcp:80
          ^^^^^^^ leave one out
  help: ropewalk help endpoints
",
    ),
    (
        "haproxy:udp:53",
        "
`haproxy` has no meaning for `udp`
  haproxy:udp:53
  ^^^^^^^ it belongs to `tcp` and `unix`
  help: ropewalk help endpoints
",
    ),
    (
        "HAPROXY:tcp:80",
        "
the scheme `HAPROXY` is not in lower case
  HAPROXY:tcp:80
  ^^^^^^^ write `haproxy`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:8080:interface=::1",
        r"
a colon too much
  tcp:8080:interface=::1
                      ^
  help: an IPv6 address is `tcp:[::1]:8080`, or in Twisted's spelling `interface=\:\:1`
",
    ),
    (
        "tcp:8080:interface=",
        "
the host is missing
  tcp:8080:interface=
                     ^ write `*` for every address, or leave it out for this machine
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:8080:interfce=::",
        "
unknown option `interfce` in endpoint
  tcp:8080:interfce=::
           ^^^^^^^^ did you mean `interface`?
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:host=h:port=80:port=81",
        "
the port is said twice
  tcp:host=h:port=80:port=81
                     ^^^^ leave one out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:host=h",
        "
the port is missing
  tcp:host=h
            ^ a number goes here
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80:interface=::1",
        r"
a colon too much
  tcp:h:80:interface=::1
                      ^
  help: an IPv6 address is `tcp:[::1]:8080`, or in Twisted's spelling `interface=\:\:1`
",
    ),
    (
        "tcp:h:80:bindAddress=h",
        "
unknown option `bindAddress` in endpoint
  tcp:h:80:bindAddress=h
           ^^^^^^^^^^^ leave it out: the system chooses the address to connect from
  help: ropewalk help endpoints
",
    ),
];

#[test]
fn a_bad_scheme_is_answered_exactly() {
    assert_rendered(BAD);
}
