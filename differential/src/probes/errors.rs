//! Which kind of error each code of the system's is.

use ropewalk::error::{Error, ErrorKind, Operation};
use rustix::io::Errno;

use crate::ends::*;
use crate::outcome::{CODES, Text, kind_name, words};
use crate::probes;

fn of(code: Errno) -> Error {
    Error::from_io(Operation::Send, "", code.into())
}

fn kind(name: &str) -> Text {
    let code = CODES.iter().find(|(_, known)| *known == name);
    code.map_or(words("not listed"), |(code, _)| words(kind_name(&of(*code))))
}

probes! { "errors":
    eagain = kind("EAGAIN");
    ealready = kind("EALREADY");
    einprogress = kind("EINPROGRESS");
    epipe = kind("EPIPE");
    eshutdown = kind("ESHUTDOWN");
    econnaborted = kind("ECONNABORTED");
    econnrefused = kind("ECONNREFUSED");
    econnreset = kind("ECONNRESET");
    eintr = kind("EINTR");
    eacces = kind("EACCES");
    eperm = kind("EPERM");
    etimedout = kind("ETIMEDOUT");
    enoent = kind("ENOENT");
    eaddrinuse = kind("EADDRINUSE");
    eaddrnotavail = kind("EADDRNOTAVAIL");
    enotconn = kind("ENOTCONN");
    eisconn = kind("EISCONN");
    edestaddrreq = kind("EDESTADDRREQ");
    emsgsize = kind("EMSGSIZE");
    ebadf = kind("EBADF");
    einval = kind("EINVAL");
    emfile = kind("EMFILE");
    enfile = kind("ENFILE");
    enotsock = kind("ENOTSOCK");
    enoprotoopt = kind("ENOPROTOOPT");
    eprototype = kind("EPROTOTYPE");
    eprotonosupport = kind("EPROTONOSUPPORT");
    eafnosupport = kind("EAFNOSUPPORT");
    eopnotsupp = kind("EOPNOTSUPP");
    ehostunreach = kind("EHOSTUNREACH");
    enetunreach = kind("ENETUNREACH");
    enetdown = kind("ENETDOWN");
    enobufs = kind("ENOBUFS");
    enomem = kind("ENOMEM");
    our_deadline_has_no_code = {
        let error = with_timeout(bound_udp()?, MOMENT)?.recv(16).err();
        error.and_then(|error| error.raw_os_error())
    };
    the_kernels_deadline_has_its_code = {
        let error = of(Errno::TIMEDOUT);
        let code = error.raw_os_error() == Some(Errno::TIMEDOUT.raw_os_error());
        (error.kind() == ErrorKind::TimedOut, code)
    };
}
