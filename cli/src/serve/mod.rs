//! `ropewalk serve`: a service on endpoints, on the model asked for.
//! Owns: the course of a server's life, and what is told of it. Never: writes to standard
//! output; that is for what a peer says.

// Windows has no fork.
#[cfg(unix)]
mod forked;
mod mixed;
mod options;
mod policies;
mod session;
mod spot;

use std::sync::Arc;

use ropewalk::addr::DatagramSite;
use ropewalk::endpoint::PutLayers;
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::options::SocketOptions;
use ropewalk::protocol::OnLayers;
use ropewalk::server::{Pooling, Threading};
use ropewalk::service::{Chargen, Chat, Daytime, Discard, Echo, Qotd, Time, Timestamp};
use ropewalk::{Addr, DatagramProtocol, Factory, Protocol, Reactor, Socket};

use crate::args::{Model, Serve};
use crate::certificate;
use crate::course::Course;
use crate::explain;
use crate::failure::Failure;
use crate::log::{Level, Log};
use crate::notify;
use crate::services::{self, Service};
use crate::signals::Stop;
use crate::stdio;
use crate::watch::{At, Label, Watch};
use policies::{Behind, Policies};
use spot::{Spot, Wanted};

/// Serves until it is told to stop.
pub(crate) fn run(serve: &Serve, log: &Log) -> Result<u8, Failure> {
    if serve.list {
        return stdio::print(&services::list());
    }
    let service = Service::named(serve.service.as_deref().unwrap_or_default())?;
    serve.check(service)?;
    let spots = Spot::read(serve, service)?;
    let is_session = spots.iter().any(|spot| matches!(spot.at, Wanted::Session));
    // Whoever starts a program for one session may have made its standard error the peer's.
    let log = &match log.level() {
        Level::Usual if is_session => log.at(Level::Quiet),
        _ => log.clone(),
    };
    let policies = Policies::of(serve, &spots, log)?;
    let watch = Arc::new(Watch::new(log.clone()));
    let renewable = spots.iter();
    let renewable =
        renewable.filter_map(|spot| certificate::renewable(&spot.endpoint, &spot.wraps));
    let course = Course { log, watch, drain: serve.drain, renewable: renewable.collect() };
    let server = Server { serve, service, spots, policies, course };
    match service {
        Service::Echo => server.run(|| Echo),
        Service::Discard => server.run(|| Discard),
        Service::Daytime => server.run_streams(|| Daytime),
        Service::Time => server.run_streams(|| Time),
        Service::Chargen => server.run_streams(|| Chargen),
        Service::Qotd => {
            let quotes = serve.quotes()?;
            server.run_streams(move || Qotd::new(quotes.clone()))
        }
        Service::Chat => {
            let chat = Chat::with_limits(serve.chat_limits());
            server.run_streams(move || chat.member())
        }
        Service::Timestamp => {
            let log = log.clone();
            server.run(move || {
                let log = log.clone();
                Timestamp::new(move |peer: &Addr| {
                    if log.level() >= Level::Usual {
                        log.say(&format!("...connected from: {}", peer.host()));
                    }
                })
            })
        }
    }
}

/// What is served, and where.
struct Server<'a> {
    serve: &'a Serve,
    service: Service,
    spots: Vec<Spot>,
    policies: Policies,
    course: Course<'a>,
}

/// A factory with all that stands between its protocols and the wire.
type AtSpot<F> = OnLayers<At<Behind<F>>, PutLayers>;

/// Where datagrams are to be received.
enum Datagrams<'a> {
    At(&'a DatagramSite, &'a SocketOptions),
    /// Sockets that are bound already.
    Open(Vec<Socket>),
}

/// Receives datagrams; answers where.
type ListenDatagrams<'a> = dyn Fn(&Reactor, Datagrams<'_>) -> ropewalk::Result<Vec<Addr>> + 'a;

impl Server<'_> {
    /// A service of connections and of datagrams.
    fn run<P, F>(&self, make: F) -> Result<u8, Failure>
    where
        P: Protocol + DatagramProtocol + 'static,
        F: Fn() -> P + Clone + Send + 'static,
    {
        let of_datagrams = make.clone();
        self.run_with(make, &|reactor, sockets| {
            let make = of_datagrams.clone();
            let port = match sockets {
                Datagrams::At(site, options) => reactor.listen_datagrams_with(site, options, make),
                Datagrams::Open(sockets) => reactor.adopt_datagrams(sockets, make),
            };
            Ok(port?.addrs().to_vec())
        })
    }

    /// A service of connections alone: endpoints of datagrams were refused when they were read,
    /// but for sockets that are open already.
    fn run_streams<P, F>(&self, make: F) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + Send + 'static,
    {
        self.run_with(make, &|_, _| {
            let cause = format!("it has no connections, which {} needs", self.service.name());
            Err(Error::new(Operation::Listen, ErrorKind::InvalidInput, cause))
        })
    }

    fn run_with<P, F>(&self, make: F, datagrams: &ListenDatagrams<'_>) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + Send + 'static,
    {
        if let [Spot { at: Wanted::Session, .. }] = self.spots.as_slice() {
            return self.run_session(make);
        }
        match self.serve.model {
            Model::Reactor => self.run_reactor(make, datagrams),
            Model::Threads => self.run_mixed::<Threading, _, _>(make),
            Model::Pool => self.run_mixed::<Pooling, _, _>(make),
            // As above.
            #[cfg(unix)]
            Model::Fork => self.run_forked(make),
            // As above.
            #[cfg(not(unix))]
            Model::Fork => {
                let sentence = "--model fork needs a system that forks, and this one does not";
                let help = "a thread for each connection is --model threads, or pool";
                Err(Failure::new(crate::failure::USAGE, sentence.to_owned()).help(help))
            }
        }
    }

    fn run_reactor<P, F>(&self, make: F, datagrams: &ListenDatagrams<'_>) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + 'static,
    {
        let builder =
            Reactor::builder().limits(self.course.limits()).observer(self.course.watch.clone());
        let reactor = builder.build().map_err(|error| explain::plain(&error))?;
        let bound = self.bind(|spot, label| {
            let options = spot.endpoint.options();
            match &spot.at {
                Wanted::Stream(site) => {
                    let factory = self.factory(spot, label, make.clone());
                    Ok(reactor.listen_with(site, options, factory)?.addrs().to_vec())
                }
                Wanted::Open => {
                    let (streams, others) = spot.open_sockets()?;
                    let mut addrs = Vec::new();
                    if !streams.is_empty() {
                        let factory = self.factory(spot, label, make.clone());
                        addrs.extend(reactor.listen_from(streams, factory)?.addrs().to_vec());
                    }
                    if !others.is_empty() {
                        addrs.extend(datagrams(&reactor, Datagrams::Open(others))?);
                    }
                    Ok(addrs)
                }
                Wanted::Session => Ok(Vec::new()), // alone, and so not here
                Wanted::Datagrams(site) => datagrams(&reactor, Datagrams::At(site, options)),
            }
        })?;
        let signals = self.course.hear(Stop::Engine(reactor.remote()));
        self.tell_serving(&bound);
        self.course.conclude(reactor.run_reporting(), signals.as_ref())
    }

    /// A factory at its endpoint, with the layers of its words, behind the policies.
    fn factory<F: Factory>(&self, spot: &Spot, label: Label, make: F) -> AtSpot<F> {
        let wraps = match policies::balancers(self.serve, spot) {
            Some(list) => spot.wraps.clone().believing(list),
            None => spot.wraps.clone(),
        };
        wraps.on(At::new(label, self.policies.around(make)))
    }

    /// All of them or none: what was bound before a failure is dropped with its reactor.
    /// The addresses of each.
    fn bind(
        &self,
        mut bind: impl FnMut(&Spot, Label) -> ropewalk::Result<Vec<Addr>>,
    ) -> Result<Vec<Vec<Addr>>, Failure> {
        let one = |spot: &Spot| {
            let label = Label::default();
            let addrs = bind(spot, label.clone())
                .map_err(|error| explain::listening(&spot.endpoint, &error))?;
            label.set(spot.name(&addrs));
            Ok(addrs)
        };
        self.spots.iter().map(one).collect()
    }

    fn tell_serving(&self, bound: &[Vec<Addr>]) {
        let spots = || self.spots.iter().zip(bound);
        let addrs: Vec<String> = spots()
            .flat_map(|(spot, addrs)| {
                let scheme = spot.scheme();
                addrs.iter().map(move |addr| match spot.at {
                    Wanted::Open => format!("{addr} ({})", spot.endpoint),
                    _ => format!("{scheme}:{addr}"),
                })
            })
            .collect();
        let mut line = format!("serving {} on {}", self.service.name(), addrs.join(" and "));
        let for_all: Vec<String> =
            spots().filter_map(|(spot, addrs)| spot.for_all(addrs)).collect();
        if !for_all.is_empty() {
            line.push_str(&format!(" ({} for all)", for_all.join(" and ")));
        }
        self.course.log.say(&line);
        for (spot, addrs) in spots() {
            self.course.tell_certificate(&spot.endpoint, spot.own_certificate, addrs);
        }
        notify::ready();
        if self.service == Service::Timestamp && self.course.log.level() >= Level::Usual {
            self.course.log.say("waiting for connection..");
        }
    }
}
