//! The services that can be served, by name.
//! Owns: their names and what is said of each. Never: knows where or how they run.

use crate::failure::{self, Failure};
use crate::nearest;

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Timestamp,
    Echo,
    Discard,
    Daytime,
    Time,
    Chargen,
    Qotd,
    Chat,
}

const ALL: &[(Service, &str, &str)] = &[
    (Service::Timestamp, "timestamp", "answers with the time before it"),
    (Service::Echo, "echo", "sends back what it gets"),
    (Service::Discard, "discard", "throws away what it gets"),
    (Service::Daytime, "daytime", "tells the time in words"),
    (Service::Time, "time", "tells the seconds since 1900 in four bytes"),
    (Service::Chargen, "chargen", "sends characters without end"),
    (Service::Qotd, "qotd", "tells a quote (--quotes)"),
    (Service::Chat, "chat", "lets people talk in rooms; /help tells how"),
];

impl Service {
    pub(crate) fn named(written: &str) -> Result<Service, Failure> {
        let found = ALL.iter().find(|(_, name, _)| *name == written);
        found.map(|(service, ..)| *service).ok_or_else(|| {
            let names = || ALL.iter().map(|(_, name, _)| *name);
            let sentence = nearest::sentence("service", written, names());
            let there_are = names().collect::<Vec<_>>().join(", ");
            Failure::new(failure::USAGE, sentence).help(format!("there are: {there_are}"))
        })
    }

    /// Whether it is served over datagrams, too.
    pub(crate) fn has_datagrams(self) -> bool {
        matches!(self, Service::Timestamp | Service::Echo | Service::Discard)
    }

    pub(crate) fn name(self) -> &'static str {
        ALL.iter().find(|(service, ..)| *service == self).map_or("", |(_, name, _)| name)
    }
}

/// A line for each.
pub(crate) fn list() -> String {
    ALL.iter().map(|(_, name, what)| format!("{name:<12}{what}\n")).collect()
}
