//! The hooks, in socketserver's order, as literal traces.

use std::time::Duration;

use ropewalk::Addr;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, HandlerError, HandlerResult, MixIn, Request, Serial, Server,
    ServerSocket, StreamRequest, Threading, run_handler,
};

use crate::serve::{Trace, dial, read_all, serve};

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Nothing,
    Refuses,
    VerifyPanics,
    ProcessPanics,
    MakingPanics,
    SetupFails,
    HandleFails,
    HandlePanics,
    FinishFails,
    HandleAndFinishFail,
    TellingPanics,
}

/// Every hook notes that it was called, then does what it does by default.
struct Traced {
    trace: Trace,
    fault: Fault,
    timeout: Option<Duration>,
}

struct TracedHandler {
    trace: Trace,
    fault: Fault,
}

impl TracedHandler {
    fn does(&self, hook: &str, fails: &[Fault]) -> HandlerResult {
        let failing = fails.contains(&self.fault);
        self.trace.note(if failing { format!("{hook}!") } else { hook.to_owned() });
        if failing { Err(hook.into()) } else { Ok(()) }
    }
}

impl<R: Request> BaseRequestHandler<R> for TracedHandler {
    fn setup(&mut self, _: &mut R) -> HandlerResult {
        self.does("setup", &[Fault::SetupFails])
    }
    fn handle(&mut self, _: &mut R) -> HandlerResult {
        let fails = [Fault::HandleFails, Fault::HandleAndFinishFail, Fault::TellingPanics];
        self.does("handle", &fails)?;
        assert_ne!(self.fault, Fault::HandlePanics, "as the test wants it");
        Ok(())
    }
    fn finish(&mut self, _: &mut R) -> HandlerResult {
        self.does("finish", &[Fault::FinishFails, Fault::HandleAndFinishFail])
    }
}

impl<R: Request> BaseServer<R> for Traced {
    type Handler = TracedHandler;
    fn handler(&self, _: &Addr) -> TracedHandler {
        assert_ne!(self.fault, Fault::MakingPanics, "as the test wants it");
        TracedHandler { trace: self.trace.clone(), fault: self.fault }
    }
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<R> {
        let request = socket.take()?;
        self.trace.note("get_request");
        Ok(request)
    }
    fn verify_request(&self, request: &R, client: &Addr) -> bool {
        assert_eq!(request.client_address(), client);
        self.trace.note("verify_request");
        assert_ne!(self.fault, Fault::VerifyPanics, "as the test wants it");
        self.fault != Fault::Refuses
    }
    fn process_request(&self, request: R, process: &dyn Fn(R)) {
        self.trace.note("process_request");
        assert_ne!(self.fault, Fault::ProcessPanics, "as the test wants it");
        process(request);
    }
    fn handle_timeout(&self) {
        self.trace.note("handle_timeout");
    }
    fn service_actions(&self) {
        self.trace.note("service_actions");
    }
    fn finish_request(&self, request: &mut R, client: &Addr) -> HandlerResult {
        self.trace.note("finish_request");
        run_handler(&mut BaseServer::<R>::handler(self, client), request)
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        let why = match error {
            HandlerError::Failed(error) => error.to_string(),
            HandlerError::Panicked(why) if why.contains("as the test wants it") => "panic".into(),
            other => panic!("{other}"),
        };
        self.trace.note(format!("handle_error({why})"));
        assert_ne!(self.fault, Fault::TellingPanics, "as the test wants it");
    }
    fn shutdown_request(&self, mut request: R) {
        self.trace.note("shutdown_request");
        request.say_goodbye();
        BaseServer::<R>::close_request(self, request);
    }
    fn close_request(&self, request: R) {
        drop(request);
        self.trace.note("close_request");
    }
}

type Stream<M> = Server<StreamRequest, Traced, M>;

/// One request from the calling thread's `handle_request`, and the trace up to its close.
fn one_request<M: MixIn>(fault: Fault) -> String {
    let trace = Trace::default();
    let hooks = Traced { trace: trace.clone(), fault, timeout: None };
    let server = Stream::<M>::new(("127.0.0.1", 0), hooks).unwrap();
    let client = dial(server.local_addr().ip().unwrap());
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(&client), "", "closed in order");
    match fault {
        // What panicked has no hook that closes: the request's own drop does.
        Fault::ProcessPanics => trace.through("handle_error(panic)"),
        Fault::TellingPanics => trace.through("handle_error(handle)"),
        _ => trace.through("close_request"),
    }
}

#[track_caller]
fn on_both(fault: Fault, expected: &str) {
    assert_eq!(one_request::<Serial>(fault), expected, "serial");
    assert_eq!(one_request::<Threading>(fault), expected, "threading");
}

#[test]
fn a_request_goes_through_the_hooks_in_socketservers_order() {
    on_both(
        Fault::Nothing,
        "get_request verify_request process_request finish_request \
         setup handle finish shutdown_request close_request",
    );
}

#[test]
fn a_refused_request_is_closed_and_no_more() {
    on_both(Fault::Refuses, "get_request verify_request shutdown_request close_request");
}

#[test]
fn a_handler_that_fails_is_finished_then_told_of() {
    on_both(
        Fault::HandleFails,
        "get_request verify_request process_request finish_request setup handle! finish \
         handle_error(handle) shutdown_request close_request",
    );
}

#[test]
fn a_handler_that_panics_is_finished_then_told_of() {
    on_both(
        Fault::HandlePanics,
        "get_request verify_request process_request finish_request setup handle finish \
         handle_error(panic) shutdown_request close_request",
    );
}

#[test]
fn a_handler_whose_setup_failed_is_not_finished() {
    on_both(
        Fault::SetupFails,
        "get_request verify_request process_request finish_request setup! \
         handle_error(setup) shutdown_request close_request",
    );
}

#[test]
fn a_finish_that_fails_is_told_of() {
    on_both(
        Fault::FinishFails,
        "get_request verify_request process_request finish_request setup handle finish! \
         handle_error(finish) shutdown_request close_request",
    );
}

#[test]
fn the_handlers_failure_is_told_of_rather_than_its_finishs() {
    on_both(
        Fault::HandleAndFinishFail,
        "get_request verify_request process_request finish_request setup handle! finish! \
         handle_error(handle) shutdown_request close_request",
    );
}

#[test]
fn hooks_that_panic_are_told_of_and_the_request_is_closed() {
    on_both(
        Fault::VerifyPanics,
        "get_request verify_request handle_error(panic) shutdown_request close_request",
    );
    on_both(Fault::ProcessPanics, "get_request verify_request process_request handle_error(panic)");
    on_both(
        Fault::MakingPanics,
        "get_request verify_request process_request finish_request handle_error(panic) \
         shutdown_request close_request",
    );
    on_both(
        Fault::TellingPanics,
        "get_request verify_request process_request finish_request setup handle! finish \
         handle_error(handle)",
    );
}

#[test]
fn service_actions_follow_each_request_of_a_serial_server() {
    let trace = Trace::default();
    let hooks = Traced { trace: trace.clone(), fault: Fault::Nothing, timeout: None };
    let mut served = serve(Stream::<Serial>::new(("127.0.0.1", 0), hooks).unwrap());
    assert_eq!(read_all(served.dial()), "");
    trace.through("service_actions");
    assert_eq!(read_all(served.dial()), "");
    served.handle.shutdown();
    served.ends();
    let once = "get_request verify_request process_request finish_request \
                setup handle finish shutdown_request close_request service_actions";
    let twice = format!("{once} {once}");
    let seen = trace.through("service_actions");
    assert!(seen == twice || seen == format!("{twice} service_actions"), "{seen}");
}

#[test]
fn handle_request_waits_for_its_timeout_then_says_so() {
    let trace = Trace::default();
    let timeout = Some(Duration::from_millis(20));
    let hooks = Traced { trace: trace.clone(), fault: Fault::Nothing, timeout };
    let server = Stream::<Serial>::new(("127.0.0.1", 0), hooks).unwrap();
    assert!(!server.handle_request().unwrap());
    assert_eq!(trace.at_least(1), ["handle_timeout"]);
    // Whoever is in the queue already is taken, whatever the timeout.
    let client = dial(server.local_addr().ip().unwrap());
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(&client), "");
}

#[test]
fn serve_forever_does_not_know_the_timeout() {
    let trace = Trace::default();
    let timeout = Some(Duration::ZERO);
    let hooks = Traced { trace: trace.clone(), fault: Fault::Nothing, timeout };
    let mut served = serve(Stream::<Serial>::new(("127.0.0.1", 0), hooks).unwrap());
    assert_eq!(read_all(served.dial()), "");
    served.handle.shutdown();
    served.ends();
    assert!(!trace.through("close_request").contains("handle_timeout"));
}
