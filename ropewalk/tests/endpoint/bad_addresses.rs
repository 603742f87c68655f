//! Addresses that cannot be meant, each with the whole of what is said.

use crate::{Row, assert_rendered};

const BAD: &[Row] = &[
    (
        "tcp:70000",
        "
port 70000 is out of range, ports go from 0 to 65535
  tcp:70000
      ^^^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:-1",
        "
`-1` is not a port, which is a number from 0 to 65535
  tcp:-1
      ^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80x",
        "
`80x` is not a port, which is a number from 0 to 65535
  tcp:80x
      ^^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:",
        "
the port is missing
  tcp:
      ^ a number goes here
  help: ropewalk help endpoints
",
    ),
    (
        "tcp",
        "
nothing follows `tcp`
  tcp
     ^ an address is missing
  help: ropewalk help endpoints
",
    ),
    (
        "tcp::80",
        "
the host is missing
  tcp::80
      ^ write `*` for every address, or leave it out for this machine
  help: ropewalk help endpoints
",
    ),
    (
        "8080:",
        "
the port is missing
  8080:
       ^ a number goes here
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:localhost",
        "
`localhost` is not a port, which is a number from 0 to 65535
  tcp:localhost
      ^^^^^^^^^ write `localhost:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:*",
        "
`*` is not a port, which is a number from 0 to 65535
  tcp:*
      ^ write `*:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:[::1]",
        "
`[::1]` is not a port, which is a number from 0 to 65535
  tcp:[::1]
      ^^^^^ write `[::1]:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:[::1:80",
        "
a bracket is not closed
  tcp:[::1:80
             ^ write `]` here
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:[::1]80",
        "
the bracket is not the end of the host
  tcp:[::1]80
           ^^ write `[::1]:8080`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:[127.0.0.1]:80",
        "
`127.0.0.1` is not an IPv6 address
  tcp:[127.0.0.1]:80
       ^^^^^^^^^ brackets hold one, such as `[::1]`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:[fe80::1%eth0]:80",
        "
a scope is not supported yet
  tcp:[fe80::1%eth0]:80
              ^^^^^
  help: name an address that is not link-local
",
    ),
    (
        "::1:80",
        "
an IPv6 address is written in brackets
  ::1:80
  ^^^^^^ write `[::1]:80`
  help: ropewalk help endpoints
",
    ),
    (
        "2001:db8::1",
        "
an IPv6 address is written in brackets
  2001:db8::1
  ^^^^^^^^^^^ write `[2001:db8::1]:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:a:b:80",
        "
`a:b:80` has too many colons
  tcp:a:b:80
      ^^^^^^ write `HOST:PORT`
  help: ropewalk help endpoints
",
    ),
    (
        "localhost:http",
        "
`http` is not a port, which is a number from 0 to 65535
  localhost:http
            ^^^^
  help: ropewalk help endpoints
",
    ),
    (
        "localhost",
        "
`localhost` is neither a port nor a path
  localhost
  ^^^^^^^^^ write `HOST:PORT`, or `./PATH` for a Unix socket
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:my host:80",
        "
` ` cannot stand in the name of a host
  tcp:my host:80
        ^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:a..b:80",
        "
the host has an empty label
  tcp:a..b:80
        ^ a dot too much
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:-a:80",
        "
a label of the host begins or ends with `-`
  tcp:-a:80
      ^^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:300.1.1.1:80",
        "
`300.1.1.1` is not an IPv4 address
  tcp:300.1.1.1:80
      ^^^^^^^^^ four numbers from 0 to 255
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:user@h:80",
        "
`@` cannot stand in the name of a host
  tcp:user@h:80
          ^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp://h:80/x",
        "
the path of a URL has no meaning here
  tcp://h:80/x
            ^^ leave it out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:bücher.de:80",
        "
`bücher.de` is not in ASCII
  tcp:bücher.de:80
       ^ write the host's `xn--` form
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:日本:80",
        "
`日本` is not in ASCII
  tcp:日本:80
      ^^ write the host's `xn--` form
  help: ropewalk help endpoints
",
    ),
    (
        "unix:",
        "
the path is missing
  unix:
       ^
  help: ropewalk help endpoints
",
    ),
    (
        "unix:x.sock",
        "
a relative path begins with `./`
  unix:x.sock
       ^^^^^^ write `unix:./x.sock`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:~/x.sock",
        "
`~` is the shell's, which has not replaced it here
  unix:~/x.sock
       ^^^^^^^^ write `unix:$HOME/x.sock`
  help: ropewalk help endpoints
",
    ),
    (
        "~/x.sock",
        "
`~` is the shell's, which has not replaced it here
  ~/x.sock
  ^^^^^^^^ write `$HOME/x.sock`
  help: ropewalk help endpoints
",
    ),
    (
        "unixgram:~ann/x.sock",
        "
`~` is the shell's, which has not replaced it here
  unixgram:~ann/x.sock
           ^^^^^^^^^^^ write the whole path
  help: ropewalk help endpoints
",
    ),
    (
        "unix://run/x",
        "
the path of a URL begins with a third slash
  unix://run/x
         ^^^^^ write `unix:/run/x`
  help: ropewalk help endpoints
",
    ),
    (
        "@",
        "
the abstract name is missing
  @
   ^
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/a\\nb",
        r"
`\n` is no escape
  unix:/run/a\nb
             ^^ there are `\,`, `\:`, `\=` and `\\`
  help: ropewalk help endpoints
",
    ),
    (
        "unix:/run/a\\",
        r"
nothing follows the backslash
  unix:/run/a\
             ^ a backslash itself is written `\\`
  help: ropewalk help endpoints
",
    ),
    (
        "fd:x",
        "
`x` is not the number of a descriptor
  fd:x
     ^ the first that a program can be given is 3
  help: ropewalk help endpoints
",
    ),
    (
        "fd:",
        "
the number of the descriptor is missing
  fd:
     ^ the first that a program can be given is 3
  help: ropewalk help endpoints
",
    ),
    (
        "fd:2147483648",
        "
`2147483648` is not the number of a descriptor
  fd:2147483648
     ^^^^^^^^^^ the first that a program can be given is 3
  help: ropewalk help endpoints
",
    ),
    (
        "fd:-1",
        "
`-1` is not the number of a descriptor
  fd:-1
     ^^ the first that a program can be given is 3
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:INET:x",
        "
`x` is no index
  systemd:INET:x
               ^ the first socket is 0
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:AX25:0",
        "
`AX25` is no domain
  systemd:AX25:0
          ^^^^ there are INET, INET6 and UNIX
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:domain=INET",
        "
which socket is not said
  systemd:domain=INET
                     ^ write `index=0` or `name=NAME`
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:INET:index=0:name=web",
        "
which socket is said twice
  systemd:INET:index=0:name=web
                       ^^^^^^^^ leave one out
  help: ropewalk help endpoints
",
    ),
    (
        "systemd:idx=0",
        "
`idx=0` is too much
  systemd:idx=0
          ^^^^^ there are `index=N` and `name=NAME`
  help: ropewalk help endpoints
",
    ),
    (
        r"systemd:a\:b",
        r"
a name of systemd's has no colon
  systemd:a\:b
          ^^^^ it is what `FileDescriptorName=` says
  help: ropewalk help endpoints
",
    ),
    (
        "memory:x",
        "
`x` is not a number of 64 bits
  memory:x
         ^
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:80\0",
        r"
a control character (\0) in endpoint
  tcp:80\0
        ^^ leave it out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:\u{1b}[31m:80",
        r"
a control character (\u{1b}) in endpoint
  tcp:\u{1b}[31m:80
      ^^^^^^ leave it out
  help: ropewalk help endpoints
",
    ),
    (
        "tcp:a\u{202e}b:80",
        r"
`a\u{202e}b` is not in ASCII
  tcp:a\u{202e}b:80
       ^^^^^^^^ write the host's `xn--` form
  help: ropewalk help endpoints
",
    ),
    (
        " 8080",
        "
a space around the endpoint
   8080
  ^ leave it out
  help: ropewalk help endpoints
",
    ),
];

#[test]
fn a_bad_address_is_answered_exactly() {
    assert_rendered(BAD);
}
