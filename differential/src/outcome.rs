//! What a probe gives, in the form that both halves write: `probes/outcome.py` is the other.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::socket::{Family, Kind};
use rustix::io::Errno;

/// A probe: its section, its name there, and what it does.
pub(crate) struct Probe {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Result<String, Failure>,
}

impl Probe {
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// A section's probes: `name = expression;`, in which `?` ends the probe with the error.
#[macro_export]
macro_rules! probes {
    ($section:literal: $($name:ident = $body:expr;)*) => {
        pub(crate) const PROBES: &[$crate::outcome::Probe] = &[$($crate::outcome::Probe {
            section: $section,
            name: stringify!($name),
            run: || Ok($crate::outcome::Show::show(&{ $body })),
        }),*];
    };
}

/// What Python refuses when it runs does not compile here: the method has this type.
#[macro_export]
macro_rules! by_type {
    ($method:expr, $type:ty, $words:literal) => {{
        let _: $type = $method;
        $crate::outcome::Text(concat!("by type: ", $words).to_owned())
    }};
}

/// What Python has and this crate does not, on purpose.
pub(crate) fn absent() -> Text {
    words("absent")
}

/// Words that are written as they are.
pub(crate) struct Text(pub(crate) String);

pub(crate) fn words(words: &str) -> Text {
    Text(words.to_owned())
}

pub(crate) trait Show {
    fn show(&self) -> String;
}

impl Show for Text {
    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Show for () {
    fn show(&self) -> String {
        "None".to_owned()
    }
}

impl Show for bool {
    fn show(&self) -> String {
        if *self { "True" } else { "False" }.to_owned()
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn show(&self) -> String {
        (**self).show()
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| ().show(), Show::show)
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Show for $number {
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
numbers!(i32 i64 u16 u32 u64 usize);

impl Show for str {
    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Show for String {
    fn show(&self) -> String {
        self.as_str().show()
    }
}

impl Show for [u8] {
    fn show(&self) -> String {
        let letter = |byte: &u8| match byte {
            b'"' | b'\\' => format!("\\x{byte:02x}"),
            32..127 => char::from(*byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        };
        format!("b\"{}\"", self.iter().map(letter).collect::<String>())
    }
}

impl Show for Vec<u8> {
    fn show(&self) -> String {
        self.as_slice().show()
    }
}

impl<const N: usize> Show for [u8; N] {
    fn show(&self) -> String {
        self.as_slice().show()
    }
}

/// A list; one of bytes is none.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T: Show> Show for List<T> {
    fn show(&self) -> String {
        let shown: Vec<String> = self.0.iter().map(Show::show).collect();
        format!("[{}]", shown.join(", "))
    }
}

macro_rules! tuples {
    ($(($($field:ident)*))*) => {$(
        impl<$($field: Show),*> Show for ($($field,)*) {
            #[allow(non_snake_case, reason = "fields are named as their types")]
            fn show(&self) -> String {
                let ($($field,)*) = self;
                format!("({})", [$($field.show()),*].join(", "))
            }
        }
    )*};
}
tuples!((A B) (A B C) (A B C D) (A B C D E) (A B C D E F));

impl Show for Duration {
    fn show(&self) -> String {
        match self.subsec_nanos() {
            0 => format!("{} s", self.as_secs()),
            _ => format!("{} ns", self.as_nanos()),
        }
    }
}

impl Show for SocketAddr {
    fn show(&self) -> String {
        let port = if self.port() == 0 { "0" } else { "PORT" };
        match self {
            SocketAddr::V4(v4) => format!("{}:{port}", v4.ip()),
            SocketAddr::V6(v6) => format!("[{}]:{port}", v6.ip()),
        }
    }
}

impl Show for Addr {
    fn show(&self) -> String {
        let Some(path) = self.path() else {
            return self.ip().map_or_else(|| "unnamed".to_owned(), |ip| ip.show());
        };
        let bytes = path.as_os_str().as_encoded_bytes();
        match bytes.strip_prefix(b"\0") {
            Some(name) => format!("abstract {}", name.show()),
            None => {
                let name = bytes.rsplit(|byte| *byte == b'/').next().unwrap_or(bytes);
                format!("path {}", String::from_utf8_lossy(name))
            }
        }
    }
}

/// By Python's names; what has none, by its number.
impl Show for Family {
    fn show(&self) -> String {
        match self {
            Family::Inet => "AF_INET".to_owned(),
            Family::Inet6 => "AF_INET6".to_owned(),
            Family::Unix => "AF_UNIX".to_owned(),
            other => other.number().to_string(),
        }
    }
}

impl Show for Kind {
    fn show(&self) -> String {
        match self {
            Kind::Stream => "SOCK_STREAM".to_owned(),
            Kind::Datagram => "SOCK_DGRAM".to_owned(),
            Kind::Raw => "SOCK_RAW".to_owned(),
            Kind::SeqPacket => "SOCK_SEQPACKET".to_owned(),
            other => other.number().to_string(),
        }
    }
}

/// An error, in its form.
pub(crate) struct Failure(pub(crate) String);

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        if let Some(code) = error.resolver_code() {
            let known = RESOLVER_CODES.iter().find(|(number, _)| *number == code);
            return Failure(format!("error gaierror {}", known.map_or("-", |(_, name)| name)));
        }
        let code = error.raw_os_error().map_or("-", code_name);
        Failure(format!("error {} errno {code}", kind_name(&error)))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        // Bytes that are no text, where a text is asked for.
        if error.kind() == io::ErrorKind::InvalidData {
            return Failure("error ValueError errno -".to_owned());
        }
        match error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            true => error.downcast::<Error>().map_or_else(Failure::from, Failure::from),
            false => Error::from_io(Operation::Run, "", error).into(),
        }
    }
}

/// The table of words for kinds: Python's exceptions, which a program there tells apart. The
/// other half has the rest of it: a value that cannot be meant is a ValueError.
pub(crate) fn kind_name(error: &Error) -> &'static str {
    let is = |code: Errno| error.raw_os_error() == Some(code.raw_os_error());
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::InProgress => "BlockingIOError",
        ErrorKind::TimedOut => "TimeoutError",
        ErrorKind::Refused => "ConnectionRefusedError",
        ErrorKind::Reset => "ConnectionResetError",
        ErrorKind::Aborted => "ConnectionAbortedError",
        ErrorKind::BrokenPipe => "BrokenPipeError",
        ErrorKind::PermissionDenied => "PermissionError",
        ErrorKind::NotFound if is(Errno::NOENT) => "FileNotFoundError",
        ErrorKind::NotFound if error.resolver_code().is_some() => "gaierror",
        ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::Unsupported
            if error.raw_os_error().is_none() =>
        {
            "ValueError"
        }
        ErrorKind::AlreadyRunning | ErrorKind::Stopped => "RuntimeError",
        _ => "OSError",
    }
}

/// The outcome of one call within a probe of several.
pub(crate) fn caught<T: Show, E: Into<Failure>>(result: Result<T, E>) -> Text {
    Text(result.map_or_else(|error| error.into().0, |value| value.show()))
}

/// An errno by its name.
pub(crate) fn code(number: i32) -> Text {
    words(code_name(number))
}

pub(crate) fn code_name(number: i32) -> &'static str {
    CODES.iter().find(|(code, _)| code.raw_os_error() == number).map_or("-", |(_, name)| name)
}

/// As glibc and musl number them.
const RESOLVER_CODES: &[(i32, &str)] = &[
    (-1, "EAI_BADFLAGS"),
    (-2, "EAI_NONAME"),
    (-3, "EAI_AGAIN"),
    (-4, "EAI_FAIL"),
    (-5, "EAI_NODATA"),
    (-6, "EAI_FAMILY"),
    (-7, "EAI_SOCKTYPE"),
    (-8, "EAI_SERVICE"),
    (-9, "EAI_ADDRFAMILY"),
];

pub(crate) const CODES: &[(Errno, &str)] = &[
    (Errno::ACCESS, "EACCES"),
    (Errno::ADDRINUSE, "EADDRINUSE"),
    (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (Errno::AFNOSUPPORT, "EAFNOSUPPORT"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::ALREADY, "EALREADY"),
    (Errno::BADF, "EBADF"),
    (Errno::CONNABORTED, "ECONNABORTED"),
    (Errno::CONNREFUSED, "ECONNREFUSED"),
    (Errno::CONNRESET, "ECONNRESET"),
    (Errno::DESTADDRREQ, "EDESTADDRREQ"),
    (Errno::EXIST, "EEXIST"),
    (Errno::FAULT, "EFAULT"),
    (Errno::HOSTUNREACH, "EHOSTUNREACH"),
    (Errno::INPROGRESS, "EINPROGRESS"),
    (Errno::INTR, "EINTR"),
    (Errno::INVAL, "EINVAL"),
    (Errno::ISCONN, "EISCONN"),
    (Errno::MFILE, "EMFILE"),
    (Errno::MSGSIZE, "EMSGSIZE"),
    (Errno::NAMETOOLONG, "ENAMETOOLONG"),
    (Errno::NETDOWN, "ENETDOWN"),
    (Errno::NETUNREACH, "ENETUNREACH"),
    (Errno::NFILE, "ENFILE"),
    (Errno::NOBUFS, "ENOBUFS"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NOENT, "ENOENT"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::NOPROTOOPT, "ENOPROTOOPT"),
    (Errno::NOTCONN, "ENOTCONN"),
    (Errno::NOTDIR, "ENOTDIR"),
    (Errno::NOTSOCK, "ENOTSOCK"),
    (Errno::NXIO, "ENXIO"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    (Errno::PERM, "EPERM"),
    (Errno::PIPE, "EPIPE"),
    (Errno::PROTONOSUPPORT, "EPROTONOSUPPORT"),
    (Errno::PROTOTYPE, "EPROTOTYPE"),
    (Errno::SHUTDOWN, "ESHUTDOWN"),
    (Errno::SOCKTNOSUPPORT, "ESOCKTNOSUPPORT"),
    (Errno::TIMEDOUT, "ETIMEDOUT"),
];
