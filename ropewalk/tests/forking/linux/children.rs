//! A child for each request: who works, how many there are, what they keep.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use ropewalk::Addr;
use ropewalk::server::{
    BaseServer, Forking, HandlerResult, Server, StreamRequest, StreamRequestHandler, TcpServer,
    run_handler,
};

use super::{Does, Says, Test, apart, bound, children, line, say, serves, tests};
use crate::serve::{A_MOMENT, read_all};

pub const TESTS: &[Test] = tests![
    each_client_is_answered_by_a_process_of_its_own,
    a_foreign_childs_exit_code_is_left_to_the_program,
    at_max_children_the_next_client_waits_until_one_ends,
    no_child_that_ended_is_kept,
    a_child_keeps_no_port_of_its_server,
    the_parent_closes_the_request_and_the_child_does_the_rest,
    what_was_printed_before_a_fork_is_printed_once,
    a_handlers_answer_arrives_whole_though_its_process_ends,
    a_server_that_is_asked_for_one_request_at_a_time_forks_too,
    a_child_that_becomes_another_program_costs_its_server_no_polling,
];

fn each_client_is_answered_by_a_process_of_its_own() {
    let server = apart(|| serves(bound::<_, Forking>(Says::default())));
    let Some(mut server) = server else { return };
    let held: Vec<_> = (0..5).map(|_| server.asks("hold")).collect();
    let mut ids: BTreeSet<_> = held.iter().map(|(_, id)| id.clone()).collect();
    ids.insert(server.id().to_string());
    assert_eq!(ids.len(), 6);
    drop(held);
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
    assert!(server.ends().is_empty());
}

fn a_foreign_childs_exit_code_is_left_to_the_program() {
    let server = apart(|| {
        let mut foreign = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let hooks = Says { max_children: 1, ..Says::default() };
        bound::<_, Forking>(hooks).serve_forever().unwrap();
        say(format!("foreign: {:?}", foreign.wait().unwrap().code()));
    });
    let Some(mut server) = server else { return };
    for _ in 0..3 {
        server.asks("again");
    }
    server.asks("stop");
    assert_eq!(server.hears("foreign: "), "Some(7)");
}

fn at_max_children_the_next_client_waits_until_one_ends() {
    let server = apart(|| {
        serves(bound::<_, Forking>(Says { max_children: 2, ..Says::default() }));
    });
    let Some(mut server) = server else { return };
    let (first, second) = (server.asks("hold"), server.asks("hold"));
    let mut third = server.sends("hold");
    third.set_read_timeout(Some(A_MOMENT)).unwrap();
    assert!(third.peek(&mut [0; 1]).is_err(), "a third was served");
    drop(first);
    third.set_read_timeout(Some(crate::serve::WATCHDOG)).unwrap();
    let id = line(&mut third);
    assert_ne!(id, second.1);
    drop((second, third));
    server.asks("stop");
    assert_eq!(server.hears("children left: "), "0");
}

fn no_child_that_ended_is_kept() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        for _ in 0..100 {
            assert!(server.handle_request().unwrap());
        }
        // Each was waited for at the latest when the one after it came.
        say(format!("kept: {}", children()));
    });
    let Some(mut server) = server else { return };
    for _ in 0..100 {
        let (client, _) = server.asks("word");
        read_all(client);
    }
    let kept: usize = server.hears("kept: ").parse().unwrap();
    assert!(kept <= 3, "{kept} children of 100 are kept");
}

fn a_child_keeps_no_port_of_its_server() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        server.handle_request().unwrap();
        drop(server);
        say("closed");
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.hears("closed");
    let at = held.peer_addr().unwrap();
    assert!(TcpServer::new(at, || Does).is_ok(), "the child works on, and holds the port");
    drop(held);
    server.ends();
}

/// Says each hook, and in which process.
struct Traced(Says);

impl Traced {
    fn says(&self, hook: &str) {
        let place = if self.0.parent == std::process::id() { "parent" } else { "child" };
        say(format!("{place} {hook}"));
    }
}

impl BaseServer<StreamRequest> for Traced {
    type Handler = Does;
    fn handler(&self, _: &Addr) -> Does {
        Does
    }
    fn verify_request(&self, _: &StreamRequest, _: &Addr) -> bool {
        self.says("verify");
        true
    }
    fn process_request(&self, request: StreamRequest, process: &dyn Fn(StreamRequest)) {
        self.says("process");
        process(request);
        self.says("processed");
    }
    fn finish_request(&self, request: &mut StreamRequest, client: &Addr) -> HandlerResult {
        self.says("finish");
        run_handler(&mut self.handler(client), request)
    }
    fn shutdown_request(&self, request: StreamRequest) {
        self.says("shutdown");
        self.close_request(request);
    }
    fn close_request(&self, _: StreamRequest) {
        self.says("close");
    }
}

fn the_parent_closes_the_request_and_the_child_does_the_rest() {
    let server = apart(|| serves(bound::<_, Forking>(Traced(Says::default()))));
    let Some(mut server) = server else { return };
    server.asks("stop");
    let said = server.ends();
    let of = |place: &str| -> Vec<String> {
        let hooks = said.iter().filter_map(|line| line.strip_prefix(place));
        hooks.map(str::to_owned).collect()
    };
    assert_eq!(of("parent "), ["verify", "process", "close", "processed"]);
    assert_eq!(of("child "), ["finish", "shutdown", "close"]);
}

fn what_was_printed_before_a_fork_is_printed_once() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        print!("\n@ once"); // no end of line: it stays in the buffer
        serves(server);
    });
    let Some(mut server) = server else { return };
    server.asks("word");
    server.asks("stop");
    let said = server.ends();
    assert_eq!(said.iter().filter(|line| line.contains("once")).count(), 1, "{said:?}");
}

fn a_handlers_answer_arrives_whole_though_its_process_ends() {
    let server = apart(|| serves(bound::<_, Forking>(Says::default())));
    let Some(mut server) = server else { return };
    for _ in 0..20 {
        let mut client = server.dial();
        client.write_all(b"word").unwrap();
        // Unread when the handler returns: a reset would take the answer with it.
        client.write_all(&[b'x'; 1000]).unwrap();
        assert!(read_all(client).trim().parse::<u32>().is_ok());
    }
    server.asks("stop");
    server.ends();
}

/// Only a child's copy of this is changed.
fn a_server_that_is_asked_for_one_request_at_a_time_forks_too() {
    let server = apart(|| {
        let hooks = Says::default();
        let server: Server<StreamRequest, _, Forking> = bound(hooks);
        while server.handle_request().unwrap() {}
        say("over");
    });
    let Some(mut server) = server else { return };
    let (_client, first) = server.asks("word");
    let (_client, second) = server.asks("word");
    assert_ne!(first, second);
    server.asks("stop");
    server.hears("over");
}

/// As `inetd` does: the connection is another program's standard input and output. The second
/// client hears how often the server woke up.
struct Becomes(usize);

impl StreamRequestHandler for Becomes {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut word = [0; 1];
        request.recv_into(&mut word)?;
        if word == *b"?" {
            return Ok(writeln!(request.wfile, "{}", self.0)?);
        }
        let ends = [(); 2].map(|()| request.connection().descriptor()?.try_clone_to_owned());
        let [input, output] = ends;
        Err(Command::new("cat").stdin(input?).stdout(output?).exec().into())
    }
}

#[derive(Default)]
struct CountsWakes(AtomicUsize);

impl BaseServer<StreamRequest> for CountsWakes {
    type Handler = Becomes;
    fn handler(&self, _: &Addr) -> Becomes {
        Becomes(self.0.load(Ordering::Relaxed))
    }
    fn service_actions(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn a_child_that_becomes_another_program_costs_its_server_no_polling() {
    let server = apart(|| {
        bound::<_, Forking>(CountsWakes::default()).serve_forever().unwrap();
    });
    let Some(mut server) = server else { return };
    let mut cat = server.dial();
    cat.write_all(b"!hello\n").unwrap();
    assert_eq!(line(&mut cat), "hello"); // it is the other program by now
    cat.set_read_timeout(Some(A_MOMENT)).unwrap();
    assert!(cat.read(&mut [0; 1]).is_err(), "it lives on");
    let mut asks = server.dial();
    asks.write_all(b"?").unwrap();
    let wakes: usize = line(&mut asks).parse().unwrap();
    assert!(wakes < 30, "the server woke up {wakes} times");
}
