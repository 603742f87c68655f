//! The course of a long-lived verb: signals stop it, and its last line says how that went.
//! Owns: what `serve` and `forward` have in common. Never: listens.

use std::sync::Arc;
use std::time::Duration;

use ropewalk::endpoint::Endpoint;
use ropewalk::limits::Limits;
use ropewalk::{Addr, Report};

use crate::above::Event;
use crate::certificate::{self, Renewable};
use crate::explain;
use crate::failure::{self, Failure};
use crate::figures;
use crate::log::Log;
use crate::signals::{self, Asked, Signals, Stop};
use crate::watch::Watch;

/// What such a verb says, and what it knows of its connections.
pub(crate) struct Course<'a> {
    pub(crate) log: &'a Log,
    pub(crate) watch: Arc<Watch>,
    /// How long a stop waits for connections to end.
    pub(crate) drain: Duration,
    /// What HUP reads again.
    pub(crate) renewable: Vec<Renewable>,
}

impl Course<'_> {
    /// The library's bounds, with our grace.
    pub(crate) fn limits(&self) -> Limits {
        Limits { drain_grace: self.drain, ..Limits::default() }
    }

    /// Signals stop it. Where there are none, ending it ends it at once: worth a word.
    pub(crate) fn hear(&self, stop: Stop) -> Option<Signals> {
        let table = self.watch.clone();
        self.hear_and_list(stop, move || table.note(Event::List))
    }

    /// The same, where the table is asked for in another way.
    pub(crate) fn hear_and_list(
        &self,
        stop: Stop,
        list: impl Fn() + Send + 'static,
    ) -> Option<Signals> {
        let clock = self.watch.clone();
        let heard = signals::hear(stop, move || clock.now(), list, self.read_again());
        heard.inspect_err(|error| tracing::warn!("signals are not heard: {error}")).ok()
    }

    /// What HUP does, if there is anything to read again; else it stops, as a terminal's end.
    fn read_again(&self) -> Option<signals::ReadAgain> {
        if self.renewable.is_empty() {
            return None;
        }
        let (log, renewable) = (self.log.clone(), self.renewable.clone());
        Some(Box::new(move || {
            for (endpoint, wraps) in &renewable {
                match endpoint.read_again(wraps) {
                    Ok(()) => log.say(&format!("read the certificate of {endpoint} again")),
                    Err(error) => log.say(&format!("the certificate of {endpoint} stays: {error}")),
                }
            }
        }))
    }

    /// How to believe a certificate that was made for this endpoint.
    pub(crate) fn tell_certificate(
        &self,
        endpoint: &Endpoint,
        sha256: Option<[u8; 32]>,
        bound: &[Addr],
    ) {
        let (Some(sha256), Some(port)) = (sha256, bound.first().and_then(Addr::port)) else {
            return;
        };
        let (short, whole) = certificate::told(&sha256);
        self.log.say(&format!("  certificate self-signed, sha256 {short}"));
        let wrap = if endpoint.proxy_header() { "haproxy:" } else { "" };
        self.log.say(&format!("  try: ropewalk connect {wrap}tls:{port},pin={whole}"));
    }

    /// The last line, and the code: a drain that had to cut is the signal's doing.
    pub(crate) fn conclude(
        &self,
        report: ropewalk::Result<Report>,
        signals: Option<&Signals>,
    ) -> Result<u8, Failure> {
        let report = report.map_err(|error| explain::plain(&error))?;
        let asked = signals.and_then(Signals::asked);
        let took = asked.map(|asked| self.watch.now().since(asked.since));
        self.log.say(&drained(&report, took));
        Ok(match asked {
            Some(Asked { signal, .. }) if report.cut > 0 => failure::SIGNAL + signal,
            _ => 0,
        })
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
