//! Threads beside a forking server: refused, unless its hook says that they do no harm.

use std::sync::mpsc;

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::server::{BaseServer, Forking, HandlerError, PreForking, StreamRequest};

use super::{Does, Says, Test, apart, bound, say, serves, tests};
use crate::serve::read_all;

pub const TESTS: &[Test] = tests![
    with_another_thread_it_refuses_to_serve_and_says_what_to_do,
    a_thread_that_was_joined_is_none,
    it_serves_beside_threads_if_its_hook_says_so,
    a_thread_that_came_meanwhile_is_found_at_the_fork,
];

/// A thread that waits until this is dropped.
fn a_thread() -> mpsc::Sender<()> {
    let (keep, kept) = mpsc::channel::<()>();
    std::thread::spawn(move || kept.recv());
    keep
}

fn with_another_thread_it_refuses_to_serve_and_says_what_to_do() {
    let server = apart(|| {
        let _thread = a_thread();
        let server = bound::<_, Forking>(Says::default());
        let error = server.serve_forever().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OtherThreads);
        assert_eq!(server.handle_request().unwrap_err().kind(), ErrorKind::OtherThreads);
        let workers = bound::<_, PreForking>(Says::default());
        assert_eq!(workers.serve_forever().unwrap_err().kind(), ErrorKind::OtherThreads);
        say(format!("error: {error}"));
    });
    let Some(server) = server else { return };
    let said = server.hears("error: ");
    for part in ["another thread runs", "lock", "Threading", "fork_with_threads"] {
        assert!(said.contains(part), "{said}");
    }
    server.ends();
}

fn a_thread_that_was_joined_is_none() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        for _ in 0..200 {
            std::thread::spawn(|| {}).join().unwrap();
            server.shutdown();
            server.serve_forever().unwrap();
        }
        say("served");
    });
    let Some(server) = server else { return };
    server.hears("served");
}

fn it_serves_beside_threads_if_its_hook_says_so() {
    let server = apart(|| {
        let _thread = a_thread();
        serves(bound::<_, Forking>(Says { with_threads: true, ..Says::default() }));
    });
    let Some(mut server) = server else { return };
    let (_client, id) = server.asks("word");
    assert_ne!(id, server.id().to_string());
    server.asks("stop");
    server.ends();
}

/// Starts a thread while it serves.
struct Starts(Says);

impl BaseServer<StreamRequest> for Starts {
    type Handler = Does;
    fn handler(&self, _: &Addr) -> Does {
        Does
    }
    fn verify_request(&self, _: &StreamRequest, _: &Addr) -> bool {
        std::mem::forget(a_thread());
        true
    }
    fn handle_error(&self, error: &HandlerError, client: &Addr) {
        self.0.handle_error(error, client);
    }
}

fn a_thread_that_came_meanwhile_is_found_at_the_fork() {
    let server = apart(|| {
        bound::<_, Forking>(Starts(Says::default())).handle_request().unwrap();
    });
    let Some(mut server) = server else { return };
    let client = server.dial();
    assert!(server.hears("failed in the parent: ").contains("fork_with_threads"));
    assert_eq!(read_all(client), "", "it is closed in order");
    server.ends();
}
