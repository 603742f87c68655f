//! How children end, and the servers with them.

use std::time::Duration;

use ropewalk::Addr;
use ropewalk::server::{BaseServer, Forking, HandlerResult, StreamRequest, StreamRequestHandler};
use signal_hook::consts::{SIGTERM, SIGUSR1};

use super::{Says, Test, apart, bound, say, serves, signal, tests};
use crate::serve::{A_MOMENT, read_all};

pub const TESTS: &[Test] = tests![
    what_fails_in_a_handler_is_told_in_its_child,
    a_child_that_exits_by_itself_is_told_in_the_parent,
    a_child_that_is_killed_is_told_in_the_parent,
    a_handler_that_shuts_down_over_and_over_is_held_up_by_nobody,
    a_signal_to_the_parent_shuts_it_down_and_waits_for_the_child,
    a_signal_that_a_child_gets_shuts_the_whole_server_down,
    at_the_end_of_the_grace_children_are_ended,
    a_child_that_does_not_hear_that_is_killed,
    a_panic_of_any_hook_stays_in_the_child,
    a_server_serves_again_after_a_shutdown,
];

fn what_fails_in_a_handler_is_told_in_its_child() {
    let server = apart(|| serves(bound::<_, Forking>(Says::default())));
    let Some(mut server) = server else { return };
    assert_eq!(read_all(server.sends("error")), "");
    let said = server.hears("failed in the child: ");
    assert_eq!(said, "the handler failed: as the client wants it");
    assert_eq!(read_all(server.sends("panic")), "");
    let said = server.hears("failed in the child: ");
    assert_eq!(said, "the handler panicked: as the client wants it");
    server.asks("stop");
    let rest = server.ends();
    assert!(!rest.iter().any(|line| line.starts_with("failed")), "told twice: {rest:?}");
}

fn a_child_that_exits_by_itself_is_told_in_the_parent() {
    let server = apart(|| serves(bound::<_, Forking>(Says::default())));
    let Some(mut server) = server else { return };
    let _ = read_all(server.sends("exit"));
    let said = server.hears("failed in the parent: ");
    assert_eq!(said, "the handler's process ended: exit status: 3");
    let _ = read_all(server.sends("leave"));
    server.asks("stop");
    let rest = server.ends();
    assert_eq!(rest, ["children left: 0"], "an exit with 0 is no failure");
}

fn a_child_that_is_killed_is_told_in_the_parent() {
    let server = apart(|| serves(bound::<_, Forking>(Says::default())));
    let Some(mut server) = server else { return };
    let (_client, id) = server.asks("hold");
    signal(&id, "-KILL");
    let said = server.hears("failed in the parent: ");
    assert!(said.starts_with("the handler's process ended: signal: 9"), "{said}");
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
}

fn a_handler_that_shuts_down_over_and_over_is_held_up_by_nobody() {
    let server = apart(|| serves(bound::<_, Forking>(Says::default())));
    let Some(mut server) = server else { return };
    server.asks("stop often");
    assert_eq!(server.hears("children left: "), "0");
}

/// Shuts down when this signal comes, as a program would do it.
#[allow(unsafe_code, reason = "a signal's action")]
fn shut_down_on<M: ropewalk::server::MixIn>(
    server: &ropewalk::server::Server<StreamRequest, Says, M>,
    signal: i32,
) {
    let handle = server.shutdown_handle();
    // SAFETY: `shutdown` says of itself that it takes no lock and allocates nothing.
    unsafe { signal_hook::low_level::register(signal, move || handle.shutdown()) }.unwrap();
}

fn a_signal_to_the_parent_shuts_it_down_and_waits_for_the_child() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        shut_down_on(&server, SIGUSR1);
        serves(server);
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    signal(&server.id().to_string(), "-USR1");
    assert!(server.is_silent_for(A_MOMENT), "it did not wait");
    drop(held);
    assert_eq!(server.hears("children left: "), "0");
}

fn a_signal_that_a_child_gets_shuts_the_whole_server_down() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        shut_down_on(&server, SIGUSR1);
        serves(server);
    });
    let Some(mut server) = server else { return };
    let (held, id) = server.asks("hold");
    signal(&id, "-USR1");
    drop(held);
    assert_eq!(server.hears("children left: "), "0");
}

fn at_the_end_of_the_grace_children_are_ended() {
    let server = apart(|| {
        let grace = Some(Duration::from_millis(20));
        serves(bound::<_, Forking>(Says { grace, ..Says::default() }));
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
    assert_eq!(read_all(held), "", "its child is gone");
}

fn a_child_that_does_not_hear_that_is_killed() {
    let server = apart(|| {
        let grace = Some(Duration::from_millis(20));
        let server = bound::<_, Forking>(Says { grace, ..Says::default() });
        shut_down_on(&server, SIGTERM); // inherited by the children: it does not end them
        serves(server);
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
    assert_eq!(read_all(held), "");
}

/// A hook that fails at the worst time.
struct Fails;

impl StreamRequestHandler for Fails {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        Ok(())
    }
}

impl BaseServer<StreamRequest> for Fails {
    type Handler = Fails;
    fn handler(&self, _: &Addr) -> Fails {
        Fails
    }
    fn shutdown_request(&self, mut request: StreamRequest) {
        ropewalk::server::Request::say_goodbye(&mut request);
        panic!("as it is written");
    }
}

fn a_panic_of_any_hook_stays_in_the_child() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Fails);
        for _ in 0..2 {
            server.handle_request().unwrap();
        }
        say("over"); // by two processes, if one came back
    });
    let Some(mut server) = server else { return };
    for _ in 0..2 {
        assert_eq!(read_all(server.sends("word")), "");
    }
    let said = server.ends();
    assert_eq!(said, ["over"]);
}

fn a_server_serves_again_after_a_shutdown() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        server.serve_forever().unwrap();
        say("first over");
        server.serve_forever().unwrap();
        say("second over");
    });
    let Some(mut server) = server else { return };
    server.asks("stop");
    server.hears("first over");
    server.asks("word");
    server.asks("stop");
    server.hears("second over");
}
