//! `ropewalk serve`: a service on endpoints, on the model asked for.
//! Owns: the course of a server's life, and what is told of it. Never: writes to standard
//! output; that is for what a peer says.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use ropewalk::addr::{ListenAt, ListenHost, Site};
use ropewalk::endpoint::Endpoint;
use ropewalk::limits::Limits;
use ropewalk::protocol::Factory;
use ropewalk::server::ThreadServer;
use ropewalk::service::{Echo, Timestamp};
use ropewalk::{Addr, Listener, Protocol, Reactor, Remote, Report};

use crate::args::{self, Model, Serve};
use crate::explain;
use crate::failure::{self, Failure};
use crate::figures;
use crate::log::{Level, Log};
use crate::places::Places;
use crate::services::{self, Service};
use crate::signals::{self, Asked, Signals};
use crate::watch::{At, Label, Watch};

/// Serves until it is told to stop.
pub(crate) fn run(serve: &Serve, log: &Log) -> Result<u8, Failure> {
    if serve.list {
        // Whoever closes it has read enough.
        let _ = std::io::stdout().write_all(services::list().as_bytes());
        return Ok(0);
    }
    let service = Service::named(serve.service.as_deref().unwrap_or_default())?;
    let endpoints = args::endpoints(&serve.endpoints)?;
    let course = Course { serve, service, endpoints: &endpoints, log };
    match service {
        Service::Echo => course.run(|| Echo),
        Service::Timestamp => {
            let log = log.clone();
            course.run(move || {
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
struct Course<'a> {
    serve: &'a Serve,
    service: Service,
    endpoints: &'a [Endpoint],
    log: &'a Log,
}

impl Course<'_> {
    fn run<P, F>(&self, make: F) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + Send + 'static,
    {
        let limits = Limits { drain_grace: self.serve.drain, ..Limits::default() };
        let watch = Arc::new(Watch::new(self.log.clone()));
        match self.serve.model {
            Model::Reactor => {
                let builder = Reactor::builder().limits(limits).observer(watch.clone());
                let reactor = builder.build().map_err(|error| explain::plain(&error))?;
                let listeners = self.listen(&make, |endpoint, factory| {
                    reactor.listen_with(endpoint.site(), endpoint.options(), factory)
                })?;
                let signals = self.signals(reactor.remote(), &watch);
                self.tell_serving(&listeners);
                self.conclude(reactor.run_reporting(), signals.as_ref(), &watch)
            }
            Model::Threads => {
                let server = ThreadServer::with(limits, Some(watch.clone()))
                    .map_err(|error| explain::plain(&error))?;
                let listeners = self.listen(&make, |endpoint, factory| {
                    server.listen_with(endpoint.site(), endpoint.options(), factory)
                })?;
                let signals = self.signals(server.remote(), &watch);
                self.tell_serving(&listeners);
                self.conclude(server.serve_reporting(), signals.as_ref(), &watch)
            }
        }
    }

    /// All of them or none: what was bound before a failure is dropped with its reactor.
    fn listen<F>(
        &self,
        make: &F,
        mut listen: impl FnMut(&Endpoint, At<F>) -> ropewalk::Result<Listener>,
    ) -> Result<Vec<Listener>, Failure>
    where
        F: Factory + Clone,
    {
        let one = |endpoint: &Endpoint| {
            let label = Label::default();
            let listener = listen(endpoint, At::new(label.clone(), make.clone()))
                .map_err(|error| explain::listening(endpoint, &error))?;
            label.set(bound_name(endpoint, listener.addrs()));
            Ok(listener)
        };
        self.endpoints.iter().map(one).collect()
    }

    /// Signals stop it. Where there are none, ending it ends it at once: worth a word.
    fn signals(&self, remote: Remote, watch: &Arc<Watch>) -> Option<Signals> {
        let (clock, table, log) = (watch.clone(), watch.clone(), self.log.clone());
        let heard = signals::hear(remote, move || clock.now(), move || log.lines(&table.listing()));
        heard.inspect_err(|error| tracing::warn!("signals are not heard: {error}")).ok()
    }

    fn tell_serving(&self, listeners: &[Listener]) {
        let mut addrs = Vec::new();
        let mut for_all = Vec::new();
        for (endpoint, listener) in self.endpoints.iter().zip(listeners) {
            let scheme = endpoint.scheme();
            let bound = listener.addrs();
            addrs.extend(bound.iter().map(|addr| format!("{scheme}:{addr}")));
            let is_bare =
                matches!(endpoint.site(), Site::Tcp(at) if at.host == ListenHost::Loopback);
            if let (true, Some(port)) = (is_bare, bound.first().and_then(Addr::port)) {
                for_all.push(format!("{scheme}:*:{port}"));
            }
        }
        let mut line = format!("serving {} on {}", self.service.name(), addrs.join(" and "));
        if !for_all.is_empty() {
            line.push_str(&format!(" ({} for all)", for_all.join(" and ")));
        }
        self.log.say(&line);
        if self.service == Service::Timestamp && self.log.level() >= Level::Usual {
            self.log.say("waiting for connection..");
        }
    }

    /// The last line, and the code: a drain that had to cut is the signal's doing.
    fn conclude(
        &self,
        report: ropewalk::Result<Report>,
        signals: Option<&Signals>,
        watch: &Watch,
    ) -> Result<u8, Failure> {
        let report = report.map_err(|error| explain::plain(&error))?;
        let asked = signals.and_then(Signals::asked);
        let took = asked.map(|asked| watch.now().since(asked.since));
        self.log.say(&drained(&report, took));
        Ok(match asked {
            Some(Asked { signal, .. }) if report.cut > 0 => failure::SIGNAL + signal,
            _ => 0,
        })
    }
}

/// The endpoint as it was written, with the port that the system chose for 0.
fn bound_name(endpoint: &Endpoint, bound: &[Addr]) -> String {
    match (endpoint.site(), bound.first().and_then(Addr::port)) {
        (Site::Tcp(at), Some(port)) if at.port == 0 => {
            format!("{}:{}", endpoint.scheme(), ListenAt { port, ..at.clone() })
        }
        _ => endpoint.to_string(),
    }
}

/// `drained 3 of 3 connections in 0.4 s`
fn drained(report: &Report, took: Option<Duration>) -> String {
    let mut line = format!("drained {} of {} connections", report.ended, report.open);
    if let Some(took) = took {
        line.push_str(&format!(" in {}", figures::time(took)));
    }
    if report.cut > 0 {
        line.push_str(&format!("; {} cut", report.cut));
    }
    if report.unsent > 0 {
        line.push_str(&format!(", {} unsent", figures::bytes(report.unsent)));
    }
    line
}
