//! Protocols in children: the same machine, which hears of a shutdown and drains.

use std::io::{Read, Write};
use std::time::Duration;

use ropewalk::limits::Limits;
use ropewalk::server::{Forking, MixIn, PreForking, Protocols};
use ropewalk::{Protocol, Reason, Transport};

use super::{Apart, Test, apart, bound, line, say, serves, signal, tests};
use crate::serve::{WATCHDOG, read_all};

pub const TESTS: &[Test] = tests![
    a_connection_lives_in_its_child_until_its_protocol_closes_it,
    a_protocol_stops_its_server_and_the_others_drain,
    a_protocol_stops_its_pre_forking_server_and_the_others_drain,
    at_the_end_of_the_grace_a_protocol_is_cut_by_its_own_machine,
    at_the_end_of_the_grace_a_workers_protocol_is_cut_too,
    when_the_parent_is_killed_the_protocols_drain,
];

/// Echoes lines after its process; `#` stops the server, `!` closes. Says its life.
struct Echo {
    stays: bool,
}

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(format!("{}\n", std::process::id()).as_bytes());
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
        match data.first() {
            Some(b'#') => transport.net().stop(),
            Some(b'!') => transport.close(),
            _ => {}
        }
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        say("stopping");
        if !self.stays {
            transport.write(b"bye\n");
            transport.close();
        }
    }
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        say(format!("lost {:?}", why.kind()));
    }
}

fn echo(stays: bool, grace: Duration) -> Protocols<impl ropewalk::Factory + Send + 'static> {
    let limits = Limits { drain_grace: grace, ..Limits::default() };
    Protocols::with(move || Echo { stays }, limits, None)
}

fn a_connection_lives_in_its_child_until_its_protocol_closes_it() {
    let server = apart(|| serves(bound::<_, Forking>(echo(false, WATCHDOG))));
    let Some(mut server) = server else { return };
    let (mut first, mut second) = (server.dial(), server.dial());
    let ids = [line(&mut first), line(&mut second)];
    assert_ne!(ids[0], ids[1]);
    assert!(!ids.contains(&server.id().to_string()));
    for word in ["one\n", "two\n"] {
        for client in [&mut first, &mut second] {
            client.write_all(word.as_bytes()).unwrap();
            assert_eq!(line(client), word.trim_end());
        }
    }
    first.write_all(b"!\n").unwrap();
    assert_eq!(read_all(first), "!\n");
    assert_eq!(server.hears("lost "), "Closed");
    second.write_all(b"#\n").unwrap();
    assert_eq!(server.hears("children left: "), "0");
}

/// One client stops the server; the other is told.
fn a_shutdown_drains(mut server: Apart) {
    let (mut first, mut second) = (server.dial(), server.dial());
    line(&mut first);
    line(&mut second);
    first.write_all(b"#\n").unwrap();
    assert_eq!(read_all(second), "bye\n");
    assert_eq!(read_all(first), "#\nbye\n");
    let said = server.ends();
    for words in ["stopping", "lost Closed"] {
        assert_eq!(said.iter().filter(|line| *line == words).count(), 2, "{said:?}");
    }
    assert!(said.contains(&"children left: 0".to_owned()), "{said:?}");
}

fn a_protocol_stops_its_server_and_the_others_drain() {
    let server = apart(|| serves(bound::<_, Forking>(echo(false, WATCHDOG))));
    if let Some(server) = server {
        a_shutdown_drains(server);
    }
}

fn a_protocol_stops_its_pre_forking_server_and_the_others_drain() {
    let server = apart(|| serves(bound::<_, PreForking>(Two(echo(false, WATCHDOG)))));
    if let Some(server) = server {
        a_shutdown_drains(server);
    }
}

fn a_grace_that_is_over_cuts<M: MixIn>() {
    let server = bound::<_, M>(Two(echo(true, Duration::from_millis(20))));
    let handle = server.shutdown_handle();
    serves(server);
    say(format!("cut: {}", handle.take_report().cut));
}

fn is_cut(mut server: Apart) {
    let mut client = server.dial();
    line(&mut client);
    client.write_all(b"#").unwrap();
    server.hears("stopping");
    assert_eq!(server.hears("lost "), "Stopped");
    assert_eq!(server.hears("children left: "), "0");
    assert_eq!(server.hears("cut: "), "1", "the child's report is its parent's");
    assert!(client.read_to_end(&mut Vec::new()).is_err(), "cut: it does not look whole");
}

fn at_the_end_of_the_grace_a_protocol_is_cut_by_its_own_machine() {
    let server = apart(a_grace_that_is_over_cuts::<Forking>);
    if let Some(server) = server {
        is_cut(server);
    }
}

fn at_the_end_of_the_grace_a_workers_protocol_is_cut_too() {
    let server = apart(a_grace_that_is_over_cuts::<PreForking>);
    if let Some(server) = server {
        is_cut(server);
    }
}

fn when_the_parent_is_killed_the_protocols_drain() {
    let server = apart(|| serves(bound::<_, Forking>(echo(false, WATCHDOG))));
    let Some(mut server) = server else { return };
    let mut client = server.dial();
    line(&mut client);
    signal(&server.id().to_string(), "-KILL");
    assert_eq!(read_all(client), "bye\n");
    assert_eq!(server.falls_silent(), ["stopping", "lost Closed"]);
}

/// Two workers, with the hooks of protocols.
struct Two<F>(Protocols<F>);

impl<F: ropewalk::Factory + Send + 'static>
    ropewalk::server::BaseServer<ropewalk::server::StreamRequest> for Two<F>
{
    type Handler = ropewalk::server::ProtocolHandler<F>;
    fn handler(&self, client: &ropewalk::Addr) -> Self::Handler {
        self.0.handler(client)
    }
    fn workers(&self) -> usize {
        2
    }
    fn drain_grace(&self) -> Option<Duration> {
        self.0.drain_grace()
    }
}
