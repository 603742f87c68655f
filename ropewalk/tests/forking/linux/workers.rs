//! A fixed number of children that serve.

use std::collections::BTreeSet;
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::limits;
use ropewalk::server::{BaseServer, PreForking, StreamRequest};

use super::{Does, Says, Test, apart, bound, children, say, serves, signal, tests};
use crate::serve::read_all;

pub const TESTS: &[Test] = tests![
    the_children_serve_and_their_parent_does_not,
    a_child_that_died_is_replaced,
    what_fails_in_a_handler_ends_no_child,
    when_the_first_process_is_killed_its_children_end,
    one_that_does_not_end_within_the_grace_is_ended,
    there_are_no_more_workers_than_the_bound,
    it_works_on_no_request_itself,
];

fn the_children_serve_and_their_parent_does_not() {
    let server = apart(|| serves(bound::<_, PreForking>(Says { workers: 2, ..Says::default() })));
    let Some(mut server) = server else { return };
    // While one holds, the other answers all.
    let (held, first) = server.asks("hold");
    let others: BTreeSet<_> = (0..5).map(|_| server.asks("word").1).collect();
    assert_eq!(others.len(), 1);
    assert!(!others.contains(&first) && !others.contains(&server.id().to_string()));
    drop(held);
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
}

fn a_child_that_died_is_replaced() {
    let server = apart(|| serves(bound::<_, PreForking>(Says { workers: 1, ..Says::default() })));
    let Some(mut server) = server else { return };
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let (client, id) = server.asks("word");
        read_all(client);
        signal(&id, "-KILL");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 3);
    // One that its handler ends is no different.
    let _ = read_all(server.sends("exit"));
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
}

fn what_fails_in_a_handler_ends_no_child() {
    let server = apart(|| serves(bound::<_, PreForking>(Says { workers: 1, ..Says::default() })));
    let Some(mut server) = server else { return };
    let (_client, first) = server.asks("word");
    read_all(server.sends("panic"));
    server.hears("failed in the child: ");
    let (_client, second) = server.asks("word");
    assert_eq!(first, second);
    server.asks("stop");
    server.ends();
}

fn when_the_first_process_is_killed_its_children_end() {
    let server = apart(|| serves(bound::<_, PreForking>(Says { workers: 3, ..Says::default() })));
    let Some(mut server) = server else { return };
    let (client, _) = server.asks("word");
    read_all(client);
    signal(&server.id().to_string(), "-KILL");
    // All that could say something is gone.
    assert!(server.falls_silent().is_empty());
}

fn one_that_does_not_end_within_the_grace_is_ended() {
    let server = apart(|| {
        let grace = Some(Duration::from_millis(20));
        serves(bound::<_, PreForking>(Says { grace, ..Says::default() }));
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
    assert_eq!(read_all(held), "");
}

fn there_are_no_more_workers_than_the_bound() {
    /// Asks for as many as there are numbers.
    struct Many(u32);
    impl BaseServer<StreamRequest> for Many {
        type Handler = Does;
        fn handler(&self, _: &ropewalk::Addr) -> Does {
            Does
        }
        fn workers(&self) -> usize {
            usize::MAX
        }
        /// In the parent: after the first wake-up, when all were made.
        fn service_actions(&self) {
            if self.0 == std::process::id() {
                say(format!("workers: {}", children()));
            }
        }
    }
    let server = apart(|| {
        let server = bound::<_, PreForking>(Many(std::process::id()));
        server.serve_forever().unwrap();
        say("over");
    });
    let Some(mut server) = server else { return };
    // One that is killed is replaced: the others were there before.
    let (client, id) = server.asks("word");
    read_all(client);
    signal(&id, "-KILL");
    // It counts until it is buried, and again when another has its place.
    let counts = std::iter::repeat_with(|| server.hears("workers: ").parse::<usize>().unwrap());
    let seen = counts.inspect(|count| assert!(*count <= limits::WORKERS, "{count}"));
    seen.take_while(|count| *count != limits::WORKERS - 1).for_each(drop);
    server.asks("stop");
    server.hears("over");
}

fn it_works_on_no_request_itself() {
    let server = apart(|| {
        let server = bound::<_, PreForking>(Says::default());
        let error = server.handle_request().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(children(), 0);
        say(format!("error: {error}"));
    });
    let Some(server) = server else { return };
    let said = server.hears("error: ");
    assert!(said.contains("serve_forever") && said.contains("Forking"), "{said}");
}
