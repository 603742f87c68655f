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
  ^^^^ there are tcp, tls, udp, unix, unixgram, fd, systemd
  help: ropewalk help endpoints
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
  ^^^ `tls` is
  help: ropewalk help endpoints
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
        "https://example.org/",
        "
`https` is a protocol, an endpoint says where it is spoken
  https://example.org/
  ^^^^^ write `tls:example.org:443`
  help: ropewalk help endpoints
",
    ),
    (
        "OPENSSL-LISTEN:443,cert=a.pem",
        "
`OPENSSL-LISTEN` is socat's word
  OPENSSL-LISTEN:443,cert=a.pem
  ^^^^^^^^^^^^^^ write `tls:443`
  help: a port alone is this machine only; `tls:*:PORT` is every address
",
    ),
    (
        "STDIN",
        "
`stdin` is socat's word for one half of `-`
  STDIN
  ^^^^^ write `-`
  help: ropewalk help endpoints
",
    ),
    (
        "systmd:web",
        "
unknown scheme `systmd`
  systmd:web
  ^^^^^^ did you mean `systemd`?
  help: ropewalk help endpoints
",
    ),
    (
        "tlss:443",
        "
unknown scheme `tlss`
  tlss:443
  ^^^^ did you mean `tls`?
  help: if it is the name of a host, write `tcp:tlss:443`
",
    ),
    (
        "systemd",
        "
nothing follows `systemd`
  systemd
         ^ write `systemd:`
  help: ropewalk help endpoints
",
    ),
    (
        "tls",
        "
nothing follows `tls`
  tls
     ^ an address is missing
  help: ropewalk help endpoints
",
    ),
    (
        "tcp6:example.org:80",
        "
`tcp6` takes an address of IPv6
  tcp6:example.org:80
       ^^^^^^^^^^^^^^ write `tcp:[::1]:PORT`, or `tcp:HOST:PORT` for a name
  help: ropewalk help endpoints
",
    ),
    (
        "haproxy:-",
        "
`haproxy` has no meaning for `-`
  haproxy:-
  ^^^^^^^ it belongs to `tcp`, `tls` and `unix`
  help: ropewalk help endpoints
",
    ),
    (
        "ssl:443:privateKey=k.pem:sslmethod=TLSv1_METHOD",
        "
unknown option `sslmethod` in endpoint
  ssl:443:privateKey=k.pem:sslmethod=TLSv1_METHOD
                           ^^^^^^^^^ leave it out: TLS 1.2 and 1.3 are spoken
  help: ropewalk help endpoints
",
    ),
    (
        "ssl:h:443:caCertsDir=/etc/ssl/certs",
        "
unknown option `caCertsDir` in endpoint
  ssl:h:443:caCertsDir=/etc/ssl/certs
            ^^^^^^^^^^ write `ca=FILE`: one file with all of them
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
  ^^^^^^^ it belongs to `tcp`, `tls` and `unix`
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
`h` is no address to connect from
  tcp:h:80:bindAddress=h
                       ^ write `source=192.0.2.1`, or with a port
  help: ropewalk help endpoints
",
    ),
];

#[test]
fn a_bad_scheme_is_answered_exactly() {
    assert_rendered(BAD);
}
