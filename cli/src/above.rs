//! What forked children tell the process that made them: its log and its table are there.
//! Owns: the events, and how they are spelled. Never: carries them, or decides what is said of
//! one.

// Only Unix has such children.
#![cfg_attr(not(unix), allow(dead_code, reason = "as said above"))]

use ropewalk::observe::{Direction, Totals};
use ropewalk::protocol::ConnectionId;

/// What happened in a child.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Opened {
        id: ConnectionId,
        peer: String,
    },
    Made {
        id: ConnectionId,
        endpoint: String,
        peer: String,
    },
    Moved {
        id: ConnectionId,
        direction: Direction,
        bytes: usize,
    },
    Ended {
        id: ConnectionId,
        totals: Totals,
        why: String,
    },
    Lines(String),
    /// From the parent itself: the table is asked for, with all that was told before.
    List,
    /// From the parent itself: a child was killed, and has said no more.
    Died,
    /// From the parent itself: all that was told before has been heard.
    Over,
}

impl Event {
    /// Its words with zeros between, since neither an address nor a line has one.
    pub(crate) fn spelled(&self) -> String {
        match self {
            Event::Opened { id, peer } => format!("opened\0{}\0{peer}", spelled(*id)),
            Event::Made { id, endpoint, peer } => {
                format!("made\0{}\0{endpoint}\0{peer}", spelled(*id))
            }
            Event::Moved { id, direction: Direction::In, bytes } => {
                format!("in\0{}\0{bytes}", spelled(*id))
            }
            Event::Moved { id, direction: Direction::Out, bytes } => {
                format!("out\0{}\0{bytes}", spelled(*id))
            }
            Event::Ended { id, totals: Totals { received, sent }, why } => {
                format!("ended\0{}\0{received}\0{sent}\0{why}", spelled(*id))
            }
            Event::Lines(lines) => format!("lines\0{lines}"),
            Event::List => "list".to_owned(),
            Event::Died => "died".to_owned(),
            Event::Over => "over".to_owned(),
        }
    }

    pub(crate) fn read(text: &str) -> Option<Event> {
        let (word, rest) = text.split_once('\0').unwrap_or((text, ""));
        match word {
            "lines" => return Some(Event::Lines(rest.to_owned())),
            "list" => return Some(Event::List),
            "died" => return Some(Event::Died),
            "over" => return Some(Event::Over),
            _ => {}
        }
        let mut words = rest.splitn(6, '\0');
        let mut number = || words.next()?.parse().ok();
        let id = ConnectionId { engine: number()?, slot: number()?, generation: number()? };
        Some(match word {
            "opened" => Event::Opened { id, peer: words.next()?.to_owned() },
            "made" => {
                let endpoint = words.next()?.to_owned();
                Event::Made { id, endpoint, peer: words.next()?.to_owned() }
            }
            "in" | "out" => {
                let direction = if word == "in" { Direction::In } else { Direction::Out };
                Event::Moved { id, direction, bytes: words.next()?.parse().ok()? }
            }
            "ended" => {
                let received = words.next()?.parse().ok()?;
                let totals = Totals { received, sent: words.next()?.parse().ok()? };
                Event::Ended { id, totals, why: words.next()?.to_owned() }
            }
            _ => return None,
        })
    }
}

/// A child's engines have the numbers that all of its siblings' have: the process makes the
/// difference.
fn spelled(id: ConnectionId) -> String {
    format!("{}\0{}\0{}", std::process::id(), id.slot, id.generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_heard_as_it_was_told() {
        let id = ConnectionId { engine: std::process::id(), slot: 7, generation: 9 };
        let (peer, endpoint) = ("127.0.0.1:5".to_owned(), "unix:/a path".to_owned());
        let totals = Totals { received: 1, sent: u64::MAX };
        let told = [
            Event::Opened { id, peer: peer.clone() },
            Event::Made { id, endpoint, peer },
            Event::Moved { id, direction: Direction::In, bytes: 3 },
            Event::Moved { id, direction: Direction::Out, bytes: 0 },
            Event::Ended { id, totals, why: "failed: line\ttoo long".to_owned() },
            Event::Lines("one\ntwo\n".to_owned()),
            Event::List,
            Event::Died,
            Event::Over,
        ];
        for event in told {
            assert_eq!(Event::read(&event.spelled()), Some(event));
        }
        assert_eq!(Event::read("ended\0a\0b"), None);
    }
}
