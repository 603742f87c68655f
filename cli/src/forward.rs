//! `ropewalk forward`: what comes to one endpoint goes on to another, and back.
//! Owns: which endpoints go together, and what is said of them. Never: passes a byte; the
//! library's services do.

use std::sync::Arc;

use ropewalk::endpoint::{Endpoint, Place};
use ropewalk::protocol::DatagramProtocol;
use ropewalk::service::{Forward, ForwardDatagrams, ToEndpoint};
use ropewalk::{Addr, Net, Reactor};

use crate::args;
use crate::certificate;
use crate::course::Course;
use crate::explain;
use crate::failure::{self, Failure};
use crate::log::Log;
use crate::signals::Stop;
use crate::watch::{At, Label, Watch};

/// Forwards until it is told to stop; or, from standard input, until that connection is over.
pub(crate) fn run(forward: &args::Forward, log: &Log) -> Result<u8, Failure> {
    let (from, to) = (args::endpoint(&forward.listen)?, args::endpoint(&forward.target)?);
    let datagrams = go_together(&from, &to)?;
    let watch = Arc::new(Watch::of_a_forwarder(log.clone()));
    let (wraps, own_certificate) = certificate::wraps(&from)?;
    let renewable = certificate::renewable(&from, &wraps).into_iter().collect();
    let course = Course { log, watch, drain: forward.drain, renewable };
    let builder = Reactor::builder().limits(course.limits()).observer(course.watch.clone());
    let reactor = builder.build().map_err(|error| explain::plain(&error))?;
    let label = Label::default();
    let addrs = if datagrams {
        forward_datagrams(forward, &reactor, &from, &to)?
    } else {
        let factory = streams(forward, &reactor, &from, &to)?;
        let factory = At::new(label.clone(), factory).telling(log);
        let listener = from.listen_with(&reactor, &wraps, factory);
        listener.map_err(|error| explain::listening(&from, &error))?.addrs().to_vec()
    };
    let target = name(&to);
    label.set(format!("{} → {target}", at(&from, &addrs[..addrs.len().min(1)])));
    let signals = course.hear(Stop::Engine(reactor.remote()));
    log.say(&format!("forwarding {} → {target}", at(&from, &addrs)));
    course.tell_certificate(&from, own_certificate, &addrs);
    course.conclude(reactor.run_reporting(), signals.as_ref())
}

/// Whether both carry datagrams. A stream has no boundaries to cut datagrams at, and datagrams
/// that are lost or late would be a stream with holes.
fn go_together(from: &Endpoint, to: &Endpoint) -> Result<bool, Failure> {
    let carries =
        |endpoint: &Endpoint| matches!(endpoint.place(), Place::Udp(_) | Place::Unixgram(_));
    let sentence = match (carries(from), carries(to)) {
        (same, other) if same == other => return Ok(same),
        (true, _) => format!("{from} has datagrams, and {to} a stream: datagrams are no stream"),
        (false, _) => format!("{from} has a stream, and {to} datagrams: a stream has no datagrams"),
    };
    let help = "streams go to streams (tcp, tls, unix, -), datagrams to datagrams (udp, unixgram)";
    Err(Failure::new(failure::USAGE, sentence).help(help))
}

fn streams(
    args: &args::Forward,
    reactor: &Reactor,
    from: &Endpoint,
    to: &Endpoint,
) -> Result<Forward<ToEndpoint>, Failure> {
    let onward = ToEndpoint::new(to, reactor).map_err(|error| explain::plain(&error))?;
    let mut factory = Forward::to(onward);
    if let Some(after) = args.idle {
        factory = factory.idle_timeout(after);
    }
    if *from.place() == Place::Stdio {
        let remote = reactor.remote();
        factory = factory.on_end(move |_| {
            let _ = remote.stop(); // it may be stopping already
        });
    }
    Ok(factory)
}

fn forward_datagrams(
    args: &args::Forward,
    reactor: &Reactor,
    from: &Endpoint,
    to: &Endpoint,
) -> Result<Vec<Addr>, Failure> {
    let (site, target) = (from.datagram_site()?, to.datagram_target()?);
    let (options, opener) = (to.options().clone(), reactor.clone());
    let onward = move |_: &dyn Net, _: &Addr, protocol: Box<dyn DatagramProtocol>| {
        opener.connect_datagrams_with(target.clone(), &options, protocol)
    };
    let make = || {
        let forward = ForwardDatagrams::to(onward.clone());
        match args.idle {
            Some(after) => forward.idle_timeout(after),
            None => forward,
        }
    };
    let port = reactor.listen_datagrams_with(&site, from.options(), make);
    let port = port.map_err(|error| explain::listening(from, &error))?;
    Ok(port.addrs().to_vec())
}

/// An endpoint without its options.
fn name(endpoint: &Endpoint) -> String {
    match endpoint.place() {
        Place::Stdio => "-".to_owned(),
        place => {
            let wrap = if endpoint.proxy_header() { "haproxy:" } else { "" };
            let text = place.to_string();
            // Of TLS the place is TCP's.
            let (_, rest) = text.split_once(':').unwrap_or(("", &text));
            format!("{wrap}{}:{rest}", endpoint.scheme())
        }
    }
}

/// The same, where it is bound.
fn at(endpoint: &Endpoint, addrs: &[Addr]) -> String {
    if addrs.is_empty() {
        return name(endpoint);
    }
    let wrap = if endpoint.proxy_header() { "haproxy:" } else { "" };
    let scheme = endpoint.scheme();
    let names: Vec<String> = addrs.iter().map(|addr| format!("{wrap}{scheme}:{addr}")).collect();
    names.join(" and ")
}
