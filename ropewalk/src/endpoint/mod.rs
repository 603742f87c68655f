//! Where to listen and connect, as one writes it: `tcp:21555`, `unix:/run/x.sock,mode=0660`.
//! Owns: the grammar, both ways, and what of it makes sense for whom.
//! Never: binds, connects or resolves.
//!
//! ```text
#![doc = include_str!("grammar.txt")]
//! ```
//!
//! The address is written as in systemd's `ListenStream=`. What is displayed is the full
//! form, which parses to the same. What cannot be meant is an [`EndpointError`], which knows
//! where in the text it is wrong. `memory:7` is a number in a simulated network
//! ([`testing`](crate::testing)).

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::addr::{Addr, DatagramSite, ListenAt, ListenHost, Site, Target, is_abstract, unix_name};
use crate::options::{SocketOptions, TlsOptions};

mod address;
mod error;
mod foreign;
mod layers;
mod nearest;
mod opening;
mod options;
mod parse;
mod values;

pub use error::EndpointError;
pub use layers::{PutLayers, Wraps};
pub use nearest::nearest;

use error::Fault;
use options::{Role, Written};
use parse::Scheme;

/// The grammar as a person reads it, with an example for each form.
pub const GRAMMAR: &str = include_str!("grammar.txt");

/// Where to listen or connect, and how its socket is set.
///
/// What it is used for decides what of it makes sense: ask for a [`site`](Endpoint::site) to
/// listen on or a [`target`](Endpoint::target) to connect to.
///
/// ```
/// use ropewalk::endpoint::Endpoint;
/// let endpoint: Endpoint = "21555,backlog=512".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp:21555,backlog=512");
/// assert_eq!(endpoint.options().backlog, Some(512));
/// assert_eq!(endpoint.site()?, ropewalk::addr::Site::Tcp(21555.into()));
/// let error = endpoint.target().unwrap_err();
/// assert_eq!(error.to_string(), "`backlog` has no meaning for connecting");
/// # Ok::<(), ropewalk::endpoint::EndpointError>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "clientFromString")]
#[doc(alias = "serverFromString")]
pub struct Endpoint {
    place: Place,
    proxy_header: bool,
    options: Written,
    /// What was written, for the errors of those who ask what it cannot be; and where in it
    /// the address is.
    text: String,
    address: Range<usize>,
}

/// The scheme and the address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A TCP port; without a host, of this machine.
    Tcp(ListenAt),
    /// TLS over a TCP port.
    Tls(ListenAt),
    /// A Unix stream socket's path; with a leading zero byte an abstract name.
    Unix(PathBuf),
    /// A UDP port; without a host, of this machine.
    Udp(ListenAt),
    /// A Unix datagram socket's path, as [`Place::Unix`].
    Unixgram(PathBuf),
    /// A socket that was open before this program began, by the number of its descriptor.
    Fd(u32),
    /// A service manager's sockets.
    Systemd(Passed),
    /// Standard input and output.
    Stdio,
    /// A number in a simulated network.
    Memory(u64),
}

/// Which of the sockets that a service manager has opened for this program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passed {
    /// All that no other endpoint has taken.
    All,
    /// Those of this name (`FileDescriptorName=`; by default the unit's own).
    Name(String),
    /// The one at this place of the list; the first is 0.
    Index(u32),
}

impl Endpoint {
    /// Its scheme and address, whatever it is used for.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How its socket is set.
    pub fn options(&self) -> &SocketOptions {
        &self.options.settings.socket
    }

    /// Whether each connection begins with a PROXY header: `haproxy:` in front. Whoever
    /// listens receives it, whoever connects sends it: [`wraps`](Endpoint::wraps).
    pub fn proxy_header(&self) -> bool {
        self.proxy_header
    }

    /// What a `tls` endpoint says of TLS; none for any other.
    pub fn tls(&self) -> Option<&TlsOptions> {
        matches!(self.place, Place::Tls(_)).then_some(&self.options.settings.tls)
    }

    /// Whether its sockets are open already, and have only to be taken
    /// ([`sockets`](Endpoint::sockets)): `fd` and `systemd`.
    pub fn is_open(&self) -> bool {
        matches!(self.place, Place::Fd(_) | Place::Systemd(_))
    }

    /// `tcp`, `tls`, `unix`, `udp`, `unixgram`, `fd`, `systemd`, `memory`, or `-` for standard
    /// input and output.
    pub fn scheme(&self) -> &'static str {
        self.place.scheme().name()
    }

    /// Where to listen for streams.
    ///
    /// # Errors
    /// It carries datagrams, is standard input and output, or has an option that belongs to
    /// connecting.
    pub fn site(&self) -> Result<Site, EndpointError> {
        let site = match &self.place {
            Place::Tcp(at) | Place::Tls(at) => Site::Tcp(at.clone()),
            Place::Unix(path) => Site::Unix(path.clone()),
            Place::Memory(number) => Site::Memory(*number),
            Place::Udp(_) | Place::Unixgram(_) => return Err(self.is_for_datagrams()),
            Place::Fd(_) | Place::Systemd(_) => return Err(self.is_no_address("listen on")),
            Place::Stdio => return Err(self.is_stdio("listened on")),
        };
        self.check(Role::Listening)?;
        Ok(site)
    }

    /// Where to connect a stream. A port without a host is `localhost`.
    ///
    /// # Errors
    /// It carries datagrams, is standard input and output, is every address (`*`) or port 0,
    /// or has an option that belongs to listening.
    pub fn target(&self) -> Result<Target, EndpointError> {
        let target = match &self.place {
            Place::Tcp(at) | Place::Tls(at) => self.remote(at)?,
            Place::Unix(path) => Target::Addr(path.clone().into()),
            Place::Memory(number) => Target::Addr(Addr::Memory(*number)),
            Place::Udp(_) | Place::Unixgram(_) => return Err(self.is_for_datagrams()),
            Place::Fd(_) | Place::Systemd(_) => return Err(self.is_no_address("connect to")),
            Place::Stdio => return Err(self.is_stdio("connected to")),
        };
        self.check(Role::Connecting)?;
        Ok(target)
    }

    /// Where to receive datagrams.
    ///
    /// # Errors
    /// It carries streams, is standard input and output, or has an option that belongs to
    /// connecting.
    pub fn datagram_site(&self) -> Result<DatagramSite, EndpointError> {
        let site = match &self.place {
            Place::Udp(at) => DatagramSite::Udp(at.clone()),
            Place::Unixgram(path) => DatagramSite::Unixgram(path.clone()),
            Place::Tcp(_) | Place::Tls(_) | Place::Unix(_) | Place::Memory(_) => {
                return Err(self.is_for_streams());
            }
            Place::Fd(_) | Place::Systemd(_) => return Err(self.is_no_address("listen on")),
            Place::Stdio => return Err(self.is_stdio("listened on")),
        };
        self.check(Role::Listening)?;
        Ok(site)
    }

    /// Where to send datagrams. A port without a host is `localhost`.
    ///
    /// # Errors
    /// It carries streams, is standard input and output, is every address (`*`) or port 0, or
    /// has an option that belongs to listening.
    pub fn datagram_target(&self) -> Result<Target, EndpointError> {
        let target = match &self.place {
            Place::Udp(at) => self.remote(at)?,
            Place::Unixgram(path) => Target::Addr(path.clone().into()),
            Place::Tcp(_) | Place::Tls(_) | Place::Unix(_) | Place::Memory(_) => {
                return Err(self.is_for_streams());
            }
            Place::Fd(_) | Place::Systemd(_) => return Err(self.is_no_address("connect to")),
            Place::Stdio => return Err(self.is_stdio("connected to")),
        };
        self.check(Role::Connecting)?;
        Ok(target)
    }

    fn remote(&self, at: &ListenAt) -> Result<Target, EndpointError> {
        if at.port == 0 {
            let fault = Fault::new(self.address.clone(), "port 0 cannot be connected to");
            return Err(self.error(fault.label("it lets the system choose one to listen on")));
        }
        match &at.host {
            ListenHost::Loopback => Ok(Target::Name("localhost".to_owned(), at.port)),
            ListenHost::Ip(ip) => Ok(Target::Addr(Addr::Ip((*ip, at.port).into()))),
            ListenHost::Name(name) => Ok(Target::Name(name.clone(), at.port)),
            ListenHost::All => {
                let fault = Fault::new(self.address.clone(), "`*` cannot be connected to");
                Err(self.error(fault.label("it is every address of this machine: name one")))
            }
        }
    }

    /// The host as a peer would prove it, without brackets.
    fn host(&self) -> String {
        match &self.place {
            Place::Tcp(at) | Place::Tls(at) | Place::Udp(at) => match &at.host {
                ListenHost::Ip(ip) => ip.to_string(),
                ListenHost::Name(name) => name.clone(),
                ListenHost::Loopback | ListenHost::All => "localhost".to_owned(),
            },
            _ => "localhost".to_owned(),
        }
    }

    fn check(&self, role: Role) -> Result<(), EndpointError> {
        self.options.check(role).map_err(|fault| self.error(fault))?;
        let shown = self.tls().is_none_or(|tls| tls.cert.is_some());
        if role == Role::Connecting || shown {
            return Ok(());
        }
        let fault = Fault::new(self.whole(), "whoever listens with TLS shows a certificate");
        Err(self.error(fault.label("write `,cert=FILE`, or `,cert=auto` for a trial")))
    }

    fn is_for_datagrams(&self) -> EndpointError {
        let cause = format!("`{}` carries datagrams, streams are wanted", self.scheme());
        self.error(Fault::new(self.whole(), cause).label("`tcp` and `unix` carry streams"))
    }

    fn is_for_streams(&self) -> EndpointError {
        let cause = format!("`{}` carries streams, datagrams are wanted", self.scheme());
        self.error(Fault::new(self.whole(), cause).label("`udp` and `unixgram` carry datagrams"))
    }

    fn is_no_address(&self, verb: &str) -> EndpointError {
        let cause = format!("`{}` is a socket that is open already, no address", self.scheme());
        self.error(Fault::new(self.whole(), cause).label(format!("name what to {verb}")))
    }

    fn is_stdio(&self, verb: &str) -> EndpointError {
        let cause = format!("`-` is standard input and output, and cannot be {verb}");
        self.error(Fault::new(self.whole(), cause).label("name a socket here"))
    }

    /// Up to where the address ends.
    fn whole(&self) -> Range<usize> {
        0..self.address.end
    }

    fn error(&self, fault: Fault) -> EndpointError {
        EndpointError::new(&self.text, fault)
    }
}

/// What was written does not count, only what it means.
impl PartialEq for Endpoint {
    fn eq(&self, other: &Endpoint) -> bool {
        self.place == other.place
            && self.proxy_header == other.proxy_header
            && self.options.settings == other.options.settings
    }
}

impl Eq for Endpoint {}

impl Place {
    fn scheme(&self) -> Scheme {
        match self {
            Place::Tcp(_) => Scheme::Tcp,
            Place::Tls(_) => Scheme::Tls,
            Place::Fd(_) => Scheme::Fd,
            Place::Systemd(_) => Scheme::Systemd,
            Place::Unix(_) => Scheme::Unix,
            Place::Udp(_) => Scheme::Udp,
            Place::Unixgram(_) => Scheme::Unixgram,
            Place::Stdio => Scheme::Stdio,
            Place::Memory(_) => Scheme::Memory,
        }
    }

    /// A Unix socket without a file.
    fn is_abstract(&self) -> bool {
        match self {
            Place::Unix(path) | Place::Unixgram(path) => is_abstract(path),
            _ => false,
        }
    }
}

impl From<Site> for Endpoint {
    /// With the default options. A path that is not UTF-8 can be listened on, but its display
    /// is not the same path.
    fn from(site: Site) -> Endpoint {
        let place = match site {
            Site::Tcp(at) => Place::Tcp(at),
            Site::Unix(path) => Place::Unix(path),
            Site::Memory(number) => Place::Memory(number),
        };
        let (options, text) = (Written::default(), String::new());
        let mut endpoint = Endpoint { place, proxy_header: false, options, text, address: 0..0 };
        endpoint.text = endpoint.to_string();
        endpoint.address = 0..endpoint.text.len();
        endpoint
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        match parse::parse(text) {
            Ok(parsed) => Ok(Endpoint {
                place: parsed.place,
                proxy_header: parsed.proxy_header,
                options: parsed.options,
                text: text.to_owned(),
                address: parsed.address,
            }),
            Err(fault) => Err(EndpointError::new(text, fault)),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.proxy_header {
            write!(f, "{}:", parse::PROXY)?;
        }
        self.place.fmt(f)?;
        options::display(&self.options.settings, f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme().name();
        match self {
            Place::Tcp(at) | Place::Tls(at) | Place::Udp(at) => write!(f, "{scheme}:{at}"),
            Place::Fd(number) => write!(f, "{scheme}:{number}"),
            Place::Systemd(passed) => write!(f, "{scheme}:{passed}"),
            Place::Unix(path) | Place::Unixgram(path) => write!(f, "{scheme}:{}", written(path)),
            Place::Stdio => f.write_str(scheme),
            Place::Memory(number) => write!(f, "{scheme}:{number}"),
        }
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Passed::All => Ok(()),
            Passed::Index(index) => index.fmt(f),
            Passed::Name(name) => {
                // A number alone would be an index, and two slashes a URL's.
                let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
                let key = if is_number || name.starts_with('/') { "name=" } else { "" };
                write!(f, "{key}{}", address::escape_name(name))
            }
        }
    }
}

/// A path as it is parsed.
fn written(path: &Path) -> String {
    let escaped = address::escape(&unix_name(path));
    if is_abstract(path) || path.starts_with(".") || path.starts_with("..") {
        return escaped;
    }
    match escaped.strip_prefix('/') {
        // Two slashes would be a URL's.
        Some(rest) => format!("/{}", rest.trim_start_matches('/')),
        None => format!("./{escaped}"),
    }
}
