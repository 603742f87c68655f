//! The endpoints of a server: what each asks for, and its name once it is bound.
//! Owns: that all of them are understood before one is bound. Never: binds.

use ropewalk::Addr;
use ropewalk::addr::{DatagramSite, ListenAt, ListenHost, Site};
use ropewalk::endpoint::{Endpoint, Place};

use crate::args::{self, Model};
use crate::failure::{self, Failure};
use crate::services::Service;

/// An endpoint that can be listened on.
pub(super) struct Spot {
    pub(super) endpoint: Endpoint,
    pub(super) at: Wanted,
}

/// What is to listen.
pub(super) enum Wanted {
    Stream(Site),
    Datagrams(DatagramSite),
}

impl Spot {
    /// Reads all of them: a slip in the last leaves nothing listening.
    pub(super) fn read(
        texts: &[String],
        service: Service,
        model: Model,
    ) -> Result<Vec<Spot>, Failure> {
        texts.iter().map(|text| Spot::new(args::endpoint(text)?, service, model)).collect()
    }

    fn new(endpoint: Endpoint, service: Service, model: Model) -> Result<Spot, Failure> {
        let at = match endpoint.place() {
            Place::Udp(_) | Place::Unixgram(_) => Wanted::Datagrams(endpoint.datagram_site()?),
            _ => Wanted::Stream(endpoint.site()?),
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
        Ok(Spot { endpoint, at })
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
            Place::Tcp(at) | Place::Udp(at) => Some(at),
            _ => None,
        }
    }
}
