//! The endpoints of a server: what each asks for, and its name once it is bound.
//! Owns: that all of them are understood before one is bound. Never: binds.

use ropewalk::Addr;
use ropewalk::Socket;
use ropewalk::addr::{DatagramSite, ListenAt, ListenHost, Site};
use ropewalk::endpoint::{Endpoint, Place, Wraps};
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::socket::SOCK_DGRAM;

use crate::args::{self, Model, Serve};
use crate::certificate;
use crate::failure::{self, Failure};
use crate::services::Service;

/// An endpoint that can be listened on.
pub(super) struct Spot {
    pub(super) endpoint: Endpoint,
    pub(super) at: Wanted,
    /// The layers of its words.
    pub(super) wraps: Wraps,
    /// The SHA-256 of the certificate that was made for it.
    pub(super) own_certificate: Option<[u8; 32]>,
}

/// What is to listen.
pub(super) enum Wanted {
    Stream(Site),
    Datagrams(DatagramSite),
    /// On what is open already.
    Open,
    /// On standard input and output, once.
    Session,
}

impl Spot {
    /// Reads all of them: a slip in the last leaves nothing listening.
    pub(super) fn read(serve: &Serve, service: Service) -> Result<Vec<Spot>, Failure> {
        let read = |text: &String| Spot::new(args::endpoint(text)?, service, serve);
        let spots: Vec<Spot> = serve.endpoints.iter().map(read).collect::<Result<_, _>>()?;
        let is_session = |spot: &Spot| matches!(spot.at, Wanted::Session);
        if spots.len() > 1 && spots.iter().any(is_session) {
            let sentence = "`-` is one session, whose end is the program's";
            let failure = Failure::new(failure::USAGE, sentence);
            return Err(failure.help("serve the other endpoints by another program"));
        }
        Ok(spots)
    }

    fn new(endpoint: Endpoint, service: Service, serve: &Serve) -> Result<Spot, Failure> {
        let (model, family) = (serve.model, serve.family);
        let at = match endpoint.place() {
            Place::Udp(_) | Place::Unixgram(_) => Wanted::Datagrams(endpoint.datagram_site()?),
            Place::Fd(_) | Place::Systemd(_) => Wanted::Open,
            Place::Stdio => Wanted::Session,
            _ => Wanted::Stream(endpoint.site()?),
        };
        let at = match at {
            Wanted::Stream(Site::Tcp(at)) => {
                Wanted::Stream(Site::Tcp(family.listen(&endpoint, at)?))
            }
            Wanted::Datagrams(DatagramSite::Udp(at)) => {
                Wanted::Datagrams(DatagramSite::Udp(family.listen(&endpoint, at)?))
            }
            other => family.refuse(&endpoint).map(|()| other)?,
        };
        if matches!(at, Wanted::Datagrams(_)) && !service.has_datagrams() {
            let sentence = format!("{endpoint} has no connections, which {} needs", service.name());
            let help = "serve it on tcp, unix, tls";
            return Err(Failure::new(failure::USAGE, sentence).help(help));
        }
        if matches!(at, Wanted::Datagrams(_)) && model != Model::Reactor {
            let sentence = format!("{endpoint} has no connections to give a thread each");
            let help = "datagrams are served by --model reactor, the default";
            return Err(Failure::new(failure::USAGE, sentence).help(help));
        }
        if matches!(at, Wanted::Session) && model != Model::Reactor {
            let sentence = "`-` is one session, and needs no thread or process of its own";
            return Err(Failure::new(failure::USAGE, sentence).help("leave out --model"));
        }
        let (wraps, own_certificate) = certificate::wraps(&endpoint)?;
        Ok(Spot { endpoint, at, wraps, own_certificate })
    }

    /// The sockets that are open already: streams, and datagram sockets.
    pub(super) fn open_sockets(&self) -> ropewalk::Result<(Vec<Socket>, Vec<Socket>)> {
        let all = self.endpoint.sockets()?;
        Ok(all.into_iter().partition(|socket| socket.kind() != SOCK_DGRAM))
    }

    /// The same where there are to be streams alone.
    pub(super) fn streams(&self) -> ropewalk::Result<Vec<Socket>> {
        match self.open_sockets()? {
            (streams, datagrams) if datagrams.is_empty() => Ok(streams),
            _ => {
                let cause = "it has datagrams, and no connections to give a thread each";
                let error = Error::new(Operation::Listen, ErrorKind::InvalidInput, cause);
                let error = error.at(&self.endpoint);
                Err(error.with_remedy("leave out --model, which is the reactor then"))
            }
        }
    }

    /// What stands before an address of it.
    pub(super) fn scheme(&self) -> String {
        let wrap = if self.endpoint.proxy_header() { "haproxy:" } else { "" };
        format!("{wrap}{}", self.endpoint.scheme())
    }

    /// Its name in the log: without options, and with the port that the system chose for 0.
    pub(super) fn name(&self, bound: &[Addr]) -> String {
        match (self.port_site(), bound.first().and_then(Addr::port)) {
            (Some(at), Some(port)) => {
                format!("{}:{}", self.scheme(), ListenAt { port, ..at.clone() })
            }
            _ => self.endpoint.place().to_string(),
        }
    }

    /// How to ask for all interfaces, if it was this machine only because nothing was said.
    pub(super) fn for_all(&self, bound: &[Addr]) -> Option<String> {
        let bare = self.port_site().is_some_and(|at| at.host == ListenHost::Loopback);
        let port = bound.first().and_then(Addr::port).filter(|_| bare)?;
        Some(format!("{}:*:{port}", self.scheme()))
    }

    fn port_site(&self) -> Option<&ListenAt> {
        match self.endpoint.place() {
            Place::Tcp(at) | Place::Tls(at) | Place::Udp(at) => Some(at),
            _ => None,
        }
    }
}
