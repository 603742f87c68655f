//! `ropewalk serve`: a service on endpoints, on the model asked for.
//! Owns: the services' names, and what is told on standard error. Never: writes to
//! standard output; that is the peers' in later verbs.

use std::io::Write as _;

use ropewalk::addr::Addr;
use ropewalk::endpoint::Endpoint;
use ropewalk::limits::Limits;
use ropewalk::protocol::Factory;
use ropewalk::server::ThreadServer;
use ropewalk::service::{Echo, Timestamp};
use ropewalk::{Error, Listener, Reactor, Report};

use crate::args::{self, Model, Serve};
use crate::failure::Failure;

const SERVICES: &[(&str, &str)] =
    &[("echo", "sends back what it gets"), ("timestamp", "answers with the time before it")];

/// Serves until it is told to stop.
pub(crate) fn run(serve: &Serve) -> Result<(), Failure> {
    if serve.list {
        for (name, what) in SERVICES {
            let _ = writeln!(std::io::stdout(), "{name:<12}{what}");
        }
        return Ok(());
    }
    let endpoints = args::endpoints(&serve.endpoints)?;
    let service = serve.service.as_deref().unwrap_or_default();
    let notes = service == "timestamp";
    match service {
        "echo" => serve_with(serve, &endpoints, notes, || || Echo),
        "timestamp" => serve_with(serve, &endpoints, notes, || || Timestamp::new(tell_connected)),
        other => {
            let names: Vec<_> = SERVICES.iter().map(|(name, _)| *name).collect();
            let help = format!("there are: {}", names.join(", "));
            Err(Failure::usage(format!("no service `{other}`"), help))
        }
    }
}

fn serve_with<F>(
    serve: &Serve,
    endpoints: &[Endpoint],
    notes: bool,
    make: impl Fn() -> F,
) -> Result<(), Failure>
where
    F: Factory + Send + 'static,
{
    let limits = Limits { drain_grace: serve.drain, ..Limits::default() };
    let mut listeners = Vec::new();
    let report = match serve.model {
        Model::Reactor => {
            let reactor = Reactor::builder().limits(limits).build()?;
            for endpoint in endpoints {
                let (site, options) = (endpoint.site().map_err(Error::from)?, endpoint.options());
                let listening = reactor.listen_with(&site, options, make());
                listeners.push(with_scheme(endpoint, listening)?);
            }
            let _signals = or_warn(reactor.stop_on_signals());
            tell_serving(serve, endpoints, &listeners, notes);
            reactor.run_reporting()?
        }
        Model::Threads => {
            let server = ThreadServer::with(limits, None)?;
            for endpoint in endpoints {
                let (site, options) = (endpoint.site().map_err(Error::from)?, endpoint.options());
                let listening = server.listen_with(&site, options, make());
                listeners.push(with_scheme(endpoint, listening)?);
            }
            let _signals = or_warn(server.stop_on_signals());
            tell_serving(serve, endpoints, &listeners, notes);
            server.serve_reporting()?
        }
    };
    tell_stopped(&report);
    Ok(())
}

/// Where there are no such signals, ending it ends it at once: worth a word, no more.
fn or_warn<T>(result: ropewalk::Result<T>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!("{error}")).ok()
}

/// The address of an error as an endpoint is written.
fn with_scheme<T>(endpoint: &Endpoint, result: ropewalk::Result<T>) -> ropewalk::Result<T> {
    let scheme = endpoint.scheme();
    result.map_err(|error| {
        let written = error.address().map(|address| format!("{scheme}:{address}"));
        match written {
            Some(written) => error.at(written),
            None => error,
        }
    })
}

fn tell_serving(serve: &Serve, endpoints: &[Endpoint], listeners: &[Listener], notes: bool) {
    let addrs: Vec<String> = endpoints
        .iter()
        .zip(listeners)
        .flat_map(|(endpoint, listener)| {
            let scheme = endpoint.scheme();
            listener.addrs().iter().map(move |addr| format!("{scheme}:{addr}"))
        })
        .collect();
    let service = serve.service.as_deref().unwrap_or_default();
    tell(&format!("serving {service} on {}", addrs.join(" and ")));
    if notes {
        tell("waiting for connection..");
    }
}

fn tell_connected(peer: &Addr) {
    tell(&format!("...connected from: {}", peer.host()));
}

fn tell_stopped(report: &Report) {
    let mut line = format!("drained {} of {} connections", report.ended, report.open);
    if report.cut > 0 {
        line.push_str(&format!(", {} cut", report.cut));
    }
    tell(&line);
}

/// A line on standard error. If nobody reads it, that is no reason to stop serving.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
