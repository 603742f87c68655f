//! The connections that are there: counted, listed, and told of when they close.
//! Owns: the table, and the forms of its lines. Never: touches a connection.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::tz::TimeZone;
use ropewalk::Addr;
use ropewalk::clock::{Clock, MachineClock, Time};
use ropewalk::observe::{Direction, Observer, Totals};
use ropewalk::protocol::{ConnectionId, Factory, Kind, Layers, Net, Reason};

use crate::above::Event;
use crate::escape;
use crate::figures;
use crate::limits::TABLE_ROWS;
use crate::log::{Level, Log};

/// Watches every connection of a server.
pub(crate) struct Watch {
    log: Log,
    clock: MachineClock,
    /// Asked for once: where the system's is looked up there is a lock, and a child that was
    /// forked off while another thread held it would wait for ever.
    zone: TimeZone,
    table: Mutex<Table>,
    /// Connections of which no factory at an endpoint knows are the other halves of those of
    /// which one does: they are in no list.
    forwards: bool,
}

#[derive(Default)]
struct Table {
    /// How many there were: the last one's number.
    seen: u64,
    open: BTreeMap<ConnectionId, Row>,
}

impl Table {
    fn next(&mut self) -> u64 {
        self.seen += 1;
        self.seen
    }
}

/// One connection.
struct Row {
    /// From 1 on; 0 is not shown.
    number: u64,
    peer: String,
    endpoint: Option<String>,
    since: Time,
    totals: Totals,
}

impl Watch {
    pub(crate) fn new(log: Log) -> Watch {
        let (clock, zone) = (MachineClock::begin(), TimeZone::system());
        Watch { log, clock, zone, table: Mutex::default(), forwards: false }
    }

    /// Watches the accepted connections of a forwarder.
    pub(crate) fn of_a_forwarder(log: Log) -> Watch {
        Watch { forwards: true, ..Watch::new(log) }
    }

    /// The time, as it counts here.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The table as it is now, for a person.
    pub(crate) fn listing(&self) -> String {
        let now = self.now();
        let table = self.table();
        let mut rows: Vec<_> = table.open.values().filter(|row| row.number > 0).collect();
        if rows.is_empty() {
            return "no connections\n".to_owned();
        }
        rows.sort_by_key(|row| row.number);
        let left_out = rows.len().saturating_sub(TABLE_ROWS);
        rows.truncate(TABLE_ROWS);
        let mut cells = vec![["#", "peer", "endpoint", "age", "in", "out"].map(str::to_owned)];
        cells.extend(rows.iter().map(|row| row.cells(now)));
        let widths: Vec<usize> = (0..cells[0].len())
            .map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut listing = String::new();
        for row in &cells {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(listing, "{cell:<width$}  ");
            }
            listing.truncate(listing.trim_end().len());
            listing.push('\n');
        }
        if left_out > 0 {
            let _ = writeln!(listing, "and {left_out} more");
        }
        listing
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, row: &Row, what: &str) {
        let time = figures::clock(self.clock.wall(), &self.zone);
        self.log.say(&format!("{time} #{} {} {what}", row.number, row.way()));
    }
}

impl Row {
    /// `127.0.0.1:51234 → tcp:21555`
    fn way(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{} → {endpoint}", self.peer),
            None => self.peer.clone(),
        }
    }

    fn cells(&self, now: Time) -> [String; 6] {
        [
            self.number.to_string(),
            escape::line(&self.peer),
            escape::line(self.endpoint.as_deref().unwrap_or("-")),
            figures::time(now.since(self.since)),
            figures::bytes(self.totals.received),
            figures::bytes(self.totals.sent),
        ]
    }
}

impl Watch {
    /// Takes in what has happened: here, or in a child.
    pub(crate) fn note(&self, event: Event) {
        match event {
            Event::Opened { id, peer } => {
                let since = self.now();
                let mut table = self.table();
                let number = if self.forwards { 0 } else { table.next() };
                let totals = Totals::default();
                table.open.insert(id, Row { number, peer, endpoint: None, since, totals });
            }
            Event::Made { id, endpoint, peer } => {
                let mut table = self.table();
                let number = (self.forwards && !endpoint.is_empty()).then(|| table.next());
                let Some(row) = table.open.get_mut(&id) else { return };
                row.number = number.unwrap_or(row.number);
                row.peer = peer; // as a PROXY header may have told it
                row.endpoint = Some(endpoint).filter(|endpoint| !endpoint.is_empty());
                if self.log.level() >= Level::More && row.number > 0 {
                    self.say(row, "opened");
                }
            }
            Event::Moved { id, direction, bytes } => self.add(id, direction, bytes),
            Event::Ended { id, totals, why } => {
                let Some(row) = self.table().open.remove(&id) else { return };
                self.say_ended(&row, totals, &why);
            }
            Event::Lines(lines) => self.log.lines(&lines),
            Event::List => self.log.lines(&self.listing()),
            Event::Died | Event::Over => {} // for who hears
        }
    }

    /// Takes those out whose process is not there any more, and has not said how they ended.
    // Only Unix has such processes.
    #[cfg(unix)]
    pub(crate) fn bury(&self, is_there: impl Fn(u32) -> bool) {
        let mut table = self.table();
        let ids = table.open.keys().filter(|id| !is_there(id.engine));
        for id in ids.copied().collect::<Vec<_>>() {
            let Some(row) = table.open.remove(&id) else { continue };
            self.say_ended(&row, row.totals, "its process was killed");
        }
    }

    fn say_ended(&self, row: &Row, totals: Totals, why: &str) {
        if self.log.level() >= Level::Usual && row.number > 0 {
            let received = figures::bytes(totals.received);
            let sent = figures::bytes(totals.sent);
            let lasted = figures::time(self.now().since(row.since));
            self.say(row, &format!("in {received} out {sent} {lasted} {why}"));
        }
    }

    /// Takes it in, or tells it to the process whose table it belongs to.
    fn tell(&self, event: Event) {
        match self.log.above() {
            Some(tell) => tell(&event),
            None => self.note(event),
        }
    }

    fn add(&self, id: ConnectionId, direction: Direction, bytes: usize) {
        let mut table = self.table();
        let Some(row) = table.open.get_mut(&id) else { return };
        match direction {
            Direction::In => row.totals.received += bytes as u64,
            Direction::Out => row.totals.sent += bytes as u64,
        }
    }
}

impl Observer for Watch {
    fn opened(&self, id: ConnectionId, peer: &Addr) {
        self.tell(Event::Opened { id, peer: peer.to_string() });
    }

    fn made(&self, id: ConnectionId, peer: &Addr) {
        let endpoint = BUILT_AT.take().map(|label| label.text().to_owned()).unwrap_or_default();
        self.tell(Event::Made { id, endpoint, peer: peer.to_string() });
    }

    fn moved(&self, id: ConnectionId, direction: Direction, bytes: usize) {
        self.tell(Event::Moved { id, direction, bytes });
    }

    fn ended(&self, id: ConnectionId, why: &Reason, totals: Totals) {
        self.tell(Event::Ended { id, totals, why: words(why) });
    }

    fn panicked(&self, what: &str, message: &str) {
        self.log.say(&format!("{what} panicked: {message}"));
    }

    fn accept_paused(&self, at: &Addr, why: Option<&std::io::Error>) {
        match why {
            Some(error) => self.log.say(&format!("accepting on {at} pauses: {error}")),
            None => self.log.say(&format!("accepting on {at} goes on")),
        }
    }
}

/// Why it ended, without the system's words where the kind says the same.
fn words(why: &Reason) -> String {
    match (why.kind(), why.unsent()) {
        (Kind::Reset, 0) => "reset by peer".to_owned(),
        (Kind::Reset, unsent) => format!("reset by peer, {unsent} B unsent"),
        _ => why.to_string(),
    }
}

/// An endpoint's name, which is complete when its port is known.
#[derive(Clone, Default)]
pub(crate) struct Label(Arc<OnceLock<String>>);

impl Label {
    /// The name, once.
    pub(crate) fn set(&self, text: String) {
        let _ = self.0.set(text);
    }

    fn text(&self) -> &str {
        self.0.get().map_or("-", String::as_str)
    }
}

thread_local! {
    /// The endpoint whose factory was asked last on this thread. An observer hears of
    /// `made` directly after that, on the same thread: so it learns which it was.
    static BUILT_AT: Cell<Option<Label>> = const { Cell::new(None) };
}

/// A factory at an endpoint: the [`Watch`] learns from it by which one a connection came.
pub(crate) struct At<F> {
    endpoint: Label,
    /// Who hears of connections that ended before they had a protocol, if nobody else does.
    log: Option<Log>,
    factory: F,
}

impl<F> At<F> {
    pub(crate) fn new(label: Label, factory: F) -> At<F> {
        At { endpoint: label, log: None, factory }
    }

    /// What came to nothing is said here.
    pub(crate) fn telling(self, log: &Log) -> At<F> {
        At { log: Some(log.clone()), ..self }
    }
}

impl<F: Factory> Factory for At<F> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        BUILT_AT.set(Some(self.endpoint.clone()));
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.factory.stack(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        if let Some(log) = self.log.as_ref().filter(|log| log.level() >= Level::Usual) {
            log.say(&format!("{}: ended before it began: {}", self.endpoint.text(), words(why)));
        }
        self.factory.failed(net, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> ConnectionId {
        ConnectionId { engine: 1, slot, generation: slot }
    }

    #[test]
    fn the_table_has_a_bound_and_says_what_it_leaves_out() {
        let watch = Watch::new(Log::start(Level::Quiet).unwrap());
        assert_eq!(watch.listing(), "no connections\n");
        for slot in 0..TABLE_ROWS as u32 + 7 {
            watch.opened(id(slot), &Addr::Memory(slot.into()));
        }
        watch.moved(id(0), Direction::In, 5);
        let listing = watch.listing();
        let lines: Vec<&str> = listing.lines().collect();
        assert_eq!(lines.len(), 1 + TABLE_ROWS + 1);
        assert!(
            lines[1].starts_with("1     memory:0") && lines[1].contains(" 5 B "),
            "{}",
            lines[1]
        );
        assert_eq!(lines.last(), Some(&"and 7 more"));
        let ends = |slot| watch.ended(id(slot), &Reason::new(Kind::Closed), Totals::default());
        (0..TABLE_ROWS as u32 + 7).for_each(ends);
        assert_eq!(watch.listing(), "no connections\n");
    }

    #[test]
    fn a_reset_is_said_in_two_words() {
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(words(&Reason::io(reset)), "reset by peer");
        assert_eq!(words(&Reason::failed("line too long")), "failed: line too long");
    }
}
