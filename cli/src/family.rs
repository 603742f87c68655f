//! `-4` and `-6`: one family of the Internet's addresses, where both would do.
//! Owns: what that means for listening and connecting. Never: resolves a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ropewalk::addr::{Addr, ListenAt, ListenHost, Target};
use ropewalk::endpoint::{Endpoint, Place};
use ropewalk::options::SocketOptions;

use crate::failure::{self, Failure};

/// One of them, or both.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Family {
    /// IPv4 alone.
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    v4: bool,
    /// IPv6 alone.
    #[arg(short = '6', long = "ipv6")]
    v6: bool,
}

impl Family {
    /// Where to listen: of two addresses one.
    pub(crate) fn listen(self, endpoint: &Endpoint, at: ListenAt) -> Result<ListenAt, Failure> {
        let Some((loopback, all)) = self.addresses() else { return Ok(at) };
        let host = match at.host {
            ListenHost::Loopback => ListenHost::Ip(loopback),
            ListenHost::All => ListenHost::Ip(all),
            ListenHost::Ip(ip) if self.has(ip) => ListenHost::Ip(ip),
            ListenHost::Ip(_) => return Err(self.refused(endpoint)),
            _ => {
                let sentence = format!("{} does not choose an address of a name", self.flag());
                return Err(Failure::new(failure::USAGE, sentence).help("name the address itself"));
            }
        };
        Ok(ListenAt { host, ..at })
    }

    /// How to connect: from any address of the family, so that none of the other is tried.
    pub(crate) fn connect(
        self,
        endpoint: &Endpoint,
        target: &Target,
        options: &mut SocketOptions,
    ) -> Result<(), Failure> {
        let Some((_, any)) = self.addresses() else { return Ok(()) };
        let is_stream = matches!(endpoint.place(), Place::Tcp(_) | Place::Tls(_));
        let named = match target {
            Target::Addr(Addr::Ip(ip)) => Some(ip.ip()),
            _ => None,
        };
        let from = options.source.map(|source| source.ip());
        if !is_stream || !named.into_iter().chain(from).all(|ip| self.has(ip)) {
            return Err(self.refused(endpoint));
        }
        options.source.get_or_insert((any, 0).into());
        Ok(())
    }

    /// There is no choice to be made.
    pub(crate) fn refuse(self, endpoint: &Endpoint) -> Result<(), Failure> {
        self.addresses().map_or(Ok(()), |_| Err(self.refused(endpoint)))
    }

    /// This machine, and every address.
    fn addresses(self) -> Option<(IpAddr, IpAddr)> {
        match (self.v4, self.v6) {
            (true, _) => Some((Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into())),
            (_, true) => Some((Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into())),
            _ => None,
        }
    }

    fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.v4
    }

    fn flag(self) -> &'static str {
        if self.v4 { "-4" } else { "-6" }
    }

    fn refused(self, endpoint: &Endpoint) -> Failure {
        let family = if self.v4 { "IPv4" } else { "IPv6" };
        let sentence = format!("{} has no address of {family} to choose", endpoint);
        Failure::new(failure::USAGE, sentence).help(format!("leave out {}", self.flag()))
    }
}
