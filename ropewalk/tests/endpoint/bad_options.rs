//! Options that cannot be meant, each with the whole of what is said.

use crate::{Row, assert_rendered};

const BAD: &[Row] = &[
    (
        "tcp:0.0.0.0:8080,bakclog=512",
        "
unknown option `bakclog` in endpoint
  tcp:0.0.0.0:8080,bakclog=512
                   ^^^^^^^ did you mean `backlog`?
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,backlog",
        "
`backlog` takes a value
  tcp:80,backlog
         ^^^^^^^ write `backlog=512`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,backlog=0",
        "
`backlog` is a number from 1 to 2147483647
  tcp:80,backlog=0
                 ^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,backlog=9999999999",
        "
`backlog` is a number from 1 to 2147483647
  tcp:80,backlog=9999999999
                 ^^^^^^^^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=30",
        "
the time of `keepalive` has no unit
  tcp:80,keepalive=30
                   ^^ 30 what? write 30s or 30ms
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=",
        "
`keepalive` takes a value
  tcp:80,keepalive=
         ^^^^^^^^^ write `keepalive=30s`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=500ms",
        "
`keepalive` is from 1s to 32767s
  tcp:80,keepalive=500ms
                   ^^^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=1500ms",
        "
`keepalive` is in whole seconds
  tcp:80,keepalive=1500ms
                   ^^^^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=10h",
        "
`keepalive` is from 1s to 32767s
  tcp:80,keepalive=10h
                   ^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,timeout=1.5s",
        "
a time is a whole number and its unit
  tcp:80,timeout=1.5s
                 ^^^^ write 1500ms instead of 1.5s
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,NODELAY",
        "
unknown option `NODELAY` in endpoint
  tcp:80,NODELAY
         ^^^^^^^ did you mean `nodelay`?
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=30d",
        "
no unit `d` of time
  tcp:80,keepalive=30d
                     ^ there are ms, s, m and h
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,keepalive=soon",
        "
`soon` is not a time
  tcp:80,keepalive=soon
                   ^^^^ write `keepalive=30s`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80,timeout=0s",
        "
`timeout` is from 1ms to 86400s
  tcp:h:80,timeout=0s
                   ^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80,timeout=25h",
        "
`timeout` is from 1ms to 86400s
  tcp:h:80,timeout=25h
                   ^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,nodelay=maybe",
        "
`nodelay` is on or off
  tcp:80,nodelay=maybe
                 ^^^^^ write `nodelay` or `nodelay=off`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,nodelay,nodelay=off",
        "
`nodelay` is said twice
  tcp:80,nodelay,nodelay=off
                 ^^^^^^^ leave one out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,,nodelay",
        "
an option is missing
  tcp:80,,nodelay
         ^
  help: options are `key` or `key=value`, with a comma before each
",
    ),
    (
        "tcp:80,",
        "
an option is missing
  tcp:80,
         ^
  help: options are `key` or `key=value`, with a comma before each
",
    ),
    (
        "udp:53,backlog=5",
        "
`backlog` has no meaning for `udp`
  udp:53,backlog=5
         ^^^^^^^ it belongs to `tcp`, `tls` and `unix`
  help: ropewalk help endpoints
",
    ),
    (
        "udp:53,timeout=5s",
        "
`timeout` has no meaning for `udp`
  udp:53,timeout=5s
         ^^^^^^^ it belongs to `tcp`, `tls` and `unix`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/x,nodelay",
        "
`nodelay` has no meaning for `unix`
  unix:/run/x,nodelay
              ^^^^^^^ it belongs to `tcp` and `tls`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,mode=0660",
        "
`mode` has no meaning for `tcp`
  tcp:80,mode=0660
         ^^^^ it belongs to `unix` and `unixgram`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/x,mode=0888",
        "
`mode` is octal, from 0000 to 0777
  unix:/run/x,mode=0888
                   ^^^^ write `mode=0660`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/x,mode=1777",
        "
`mode` is octal, from 0000 to 0777
  unix:/run/x,mode=1777
                   ^^^^ write `mode=0660`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:@x,mode=0660",
        "
an abstract name has no file whose `mode` could be set
  unix:@x,mode=0660
          ^^^^ leave it out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,ttl=0",
        "
`ttl` is a number from 1 to 255
  tcp:80,ttl=0
             ^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,ttl=256",
        "
`ttl` is a number from 1 to 255
  tcp:80,ttl=256
             ^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,mark=0x1ffffffff",
        "
`mark` is a number of 32 bits
  tcp:80,mark=0x1ffffffff
              ^^^^^^^^^^^ write it as 16 or 0x10
  help: ropewalk help endpoints
",
    ),
    (
        "tls:443,cert",
        "
`cert` takes a value
  tls:443,cert
          ^^^^ write `cert=FILE.pem`
  help: ropewalk help endpoints
",
    ),
    (
        "tls:443,crt=a.pem",
        "
unknown option `crt` in endpoint
  tls:443,crt=a.pem
          ^^^ did you mean `cert`?
  help: ropewalk help endpoints
",
    ),
    (
        "tls:h:443,pin=9f3c",
        "
`pin` is a SHA-256: 64 hexadecimal digits, with colons or without
  tls:h:443,pin=9f3c
                ^^^^
  help: openssl x509 -in cert.pem -noout -fingerprint -sha256
",
    ),
    (
        "tls:h:443,alpn=h2,http/1.1",
        "
unknown option `http/1.1` in endpoint
  tls:h:443,alpn=h2,http/1.1
                    ^^^^^^^^ several protocols are `alpn=h2+http/1.1`
  help: ropewalk help endpoints
",
    ),
    (
        "tls:h:443,alpn=h2++x",
        "
the name of a protocol is missing
  tls:h:443,alpn=h2++x
                    ^ write `alpn=h2+http/1.1`
  help: ropewalk help endpoints
",
    ),
    (
        "tls:h:443,alpn=h2+h2",
        "
`h2` is said twice
  tls:h:443,alpn=h2+h2
                    ^^ write `alpn=h2+http/1.1`
  help: ropewalk help endpoints
",
    ),
    (
        "tls:h:443,sni=a..b",
        "
the host has an empty label
  tls:h:443,sni=a..b
                  ^ a dot too much
  help: ropewalk help endpoints
",
    ),
    (
        "tls:443,cert=~/c.pem",
        "
`~` is the shell's, which has not replaced it here
  tls:443,cert=~/c.pem
               ^^^^^^^ write `$HOME/c.pem`
  help: ropewalk help endpoints
",
    ),
    (
        "tls:443,cert=auto,key=k.pem",
        "
`cert=auto` makes its own `key`
  tls:443,cert=auto,key=k.pem
                    ^^^ leave it out, or name the certificate's file
  help: ropewalk help endpoints
",
    ),
    (
        "tls:h:443,insecure,pin=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "
`insecure` believes anybody, `pin` one alone
  tls:h:443,insecure,pin=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
            ^^^^^^^^ leave one out
  help: ropewalk help endpoints
",
    ),
    (
        "tls:443,cafile=/etc/ca.pem",
        "
unknown option `cafile` in endpoint
  tls:443,cafile=/etc/ca.pem
          ^^^^^^ write `ca=FILE`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80,linger=5s",
        "
`linger` is 0s: closing resets. A close waits by itself
  tcp:h:80,linger=5s
                  ^^ write `linger=0s`, or leave it out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80,source=h",
        "
`h` is no address to connect from
  tcp:h:80,source=h
                  ^ write `source=192.0.2.1`, or with a port
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80,proxy=v1",
        "
`proxy` says which header `haproxy:` sends
  tcp:h:80,proxy=v1
           ^^^^^ write `haproxy:` in front, or leave it out
  help: ropewalk help endpoints
",
    ),
    (
        "haproxy:tcp:h:80,proxy=3",
        "
there is no version `3` of the PROXY protocol
  haproxy:tcp:h:80,proxy=3
                         ^ write `proxy=v1` or `proxy=v2`
  help: ropewalk help endpoints
",
    ),
    (
        "fd:3,nodelay",
        "
`nodelay` has no meaning for `fd`
  fd:3,nodelay
       ^^^^^^^ it belongs to `tcp` and `tls`
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:web,xyzzy",
        "
unknown option `xyzzy` in endpoint
  systemd:web,xyzzy
              ^^^^^ `systemd` has no options
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,cert=auto",
        "
`cert` has no meaning for `tcp`
  tcp:80,cert=auto
         ^^^^ it belongs to `tls`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,reuseaddr",
        "
unknown option `reuseaddr` in endpoint
  tcp:80,reuseaddr
         ^^^^^^^^^ leave it out: it is set where it is safe
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80,bind=127.0.0.1",
        "
unknown option `bind` in endpoint
  tcp:80,bind=127.0.0.1
         ^^^^ the host stands before the port: `tcp:HOST:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "udp:53,zzz",
        "
unknown option `zzz` in endpoint
  udp:53,zzz
         ^^^ `udp` has reuseport, mark, ttl
  help: ropewalk help endpoints
",
    ),
    (
        "-,nodelay",
        "
`nodelay` has no meaning for `-`
  -,nodelay
    ^^^^^^^ it belongs to `tcp` and `tls`
  help: ropewalk help endpoints
",
    ),
    (
        "-,zzz",
        "
unknown option `zzz` in endpoint
  -,zzz
    ^^^ `-` has no options
  help: ropewalk help endpoints
",
    ),
    (
        "/run/x,y",
        r"
unknown option `y` in endpoint
  /run/x,y
         ^ `unix` has backlog, mode, timeout, proxy
  help: a comma that belongs to the path is written `\,`
",
    ),
    (
        "tcp:8080:nodelay=off",
        "
`nodelay` follows a comma
  tcp:8080:nodelay=off
           ^^^^^^^ write `,nodelay=off`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:8080:backlog=5,backlog=6",
        "
`backlog` is said twice
  tcp:8080:backlog=5,backlog=6
                     ^^^^^^^ leave one out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:h:80:timeout=soon",
        "
`soon` is not a time
  tcp:h:80:timeout=soon
                   ^^^^ write `timeout=5s`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/x:lockfile=0",
        "
unknown option `lockfile` in endpoint
  unix:/run/x:lockfile=0
              ^^^^^^^^ leave it out: a stale socket is replaced, one in use is not
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/x:mode=660:what",
        "
`what` is too much
  unix:/run/x:mode=660:what
                       ^^^^
  help: ropewalk help endpoints
",
    ),
    (
        "udp:53,日本=5",
        "
unknown option `日本` in endpoint
  udp:53,日本=5
         ^^^^ `udp` has reuseport, mark, ttl
  help: ropewalk help endpoints
",
    ),
];

#[test]
fn a_bad_option_is_answered_exactly() {
    assert_rendered(BAD);
}
