//! The hooks, in socketserver's order, as literal traces.

use std::time::Duration;

use ropewalk::error::{ErrorKind, Operation};
use ropewalk::options::SocketOptions;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, HandlerError, HandlerResult, MixIn, Pooling,
    Request, Serial, Server, ServerSocket, StreamRequest, Threading, run_handler,
};
use ropewalk::{Addr, Error};

use crate::serve::{Trace, datagrams, dial, read_all, serve};

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Nothing,
    BindFails,
    ActivateFails,
    CloseFails,
    GettingFails,
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

impl Traced {
    fn new(trace: &Trace, fault: Fault, timeout: Option<Duration>) -> Traced {
        Traced { trace: trace.clone(), fault, timeout }
    }

    fn does(&self, hook: &str, fails: Fault) -> ropewalk::Result<()> {
        let failing = self.fault == fails;
        self.trace.note(if failing { format!("{hook}!") } else { hook.to_owned() });
        if failing { Err(Error::new(Operation::Run, ErrorKind::Io, hook)) } else { Ok(()) }
    }
}

impl<R: Request> BaseServer<R> for Traced {
    type Handler = TracedHandler;
    fn server_bind(
        &self,
        at: &R::Site,
        options: &SocketOptions,
    ) -> ropewalk::Result<Vec<ServerSocket>> {
        self.does("server_bind", Fault::BindFails)?;
        ServerSocket::bind::<R>(at, options)
    }
    fn server_activate(&self, sockets: &[ServerSocket]) -> ropewalk::Result<()> {
        self.does("server_activate", Fault::ActivateFails)?;
        sockets.iter().try_for_each(|socket| socket.activate(5))
    }
    fn server_close(&self, sockets: Vec<ServerSocket>) -> ropewalk::Result<()> {
        let count = sockets.len();
        drop(sockets);
        self.trace.note(format!("server_close({count})"));
        match self.fault {
            Fault::CloseFails => Err(Error::new(Operation::Close, ErrorKind::Io, "as wanted")),
            _ => Ok(()),
        }
    }
    fn handler(&self, _: &Addr) -> TracedHandler {
        assert_ne!(self.fault, Fault::MakingPanics, "as the test wants it");
        TracedHandler { trace: self.trace.clone(), fault: self.fault }
    }
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<R> {
        let request = socket.take()?;
        self.does("get_request", Fault::GettingFails)?;
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
type Packets<M> = Server<DatagramRequest, Traced, M>;

/// A server that is made, and the trace of what comes then.
fn made<R, M>(fault: Fault, timeout: Option<Duration>) -> (Server<R, Traced, M>, Trace)
where
    R: Request<Site: From<(&'static str, u16)>>,
    M: MixIn,
{
    let trace = Trace::default();
    let server =
        Server::new(("127.0.0.1", 0), Traced::new(&trace, fault, timeout)).expect("it binds");
    trace.forget();
    (server, trace)
}

/// The trace of one request, up to its end.
fn through_the_end(trace: &Trace, fault: Fault) -> String {
    match fault {
        // What panicked has no hook that closes: the request's own drop does.
        Fault::ProcessPanics => trace.through("handle_error(panic)"),
        Fault::TellingPanics => trace.through("handle_error(handle)"),
        _ => trace.through("close_request"),
    }
}

/// One request from the calling thread's `handle_request`.
fn one_connection<M: MixIn>(fault: Fault) -> String {
    let (server, trace): (Stream<M>, _) = made(fault, None);
    let client = dial(server.local_addr().ip().unwrap());
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(&client), "", "closed in order");
    through_the_end(&trace, fault)
}

/// The same with a datagram.
fn one_datagram<M: MixIn>(fault: Fault) -> String {
    let (server, trace): (Packets<M>, _) = made(fault, None);
    datagrams(server.local_addr().ip().unwrap()).send(b"x").unwrap();
    assert!(server.handle_request().unwrap());
    through_the_end(&trace, fault)
}

#[track_caller]
fn on_all(fault: Fault, expected: &str) {
    assert_eq!(one_connection::<Serial>(fault), expected, "serial, streams");
    assert_eq!(one_connection::<Threading>(fault), expected, "threading, streams");
    assert_eq!(one_connection::<Pooling>(fault), expected, "pooling, streams");
    assert_eq!(one_datagram::<Serial>(fault), expected, "serial, datagrams");
    assert_eq!(one_datagram::<Pooling>(fault), expected, "pooling, datagrams");
    assert_eq!(one_datagram::<Threading>(fault), expected, "threading, datagrams");
}

#[test]
fn a_server_is_bound_then_activated_and_closed_once() {
    let trace = Trace::default();
    let hooks = Traced::new(&trace, Fault::Nothing, None);
    let server = Stream::<Serial>::new(("127.0.0.1", 0), hooks).unwrap();
    assert_eq!(trace.at_least(2), ["server_bind", "server_activate"]);
    server.close(Duration::ZERO).unwrap();
    assert_eq!(trace.at_least(3), ["server_bind", "server_activate", "server_close(1)"]);
    let hooks = Traced::new(&trace, Fault::Nothing, None);
    trace.forget();
    drop(Packets::<Threading>::new(0, hooks).unwrap());
    let notes = trace.at_least(3);
    assert_eq!(notes[..2], ["server_bind", "server_activate"]);
    assert!(notes[2].starts_with("server_close(") && notes.len() == 3, "{notes:?}");
}

#[test]
fn a_server_that_cannot_be_made_is_closed_and_says_why() {
    for (fault, expected) in [
        (Fault::BindFails, "server_bind! server_close(0)"),
        (Fault::ActivateFails, "server_bind server_activate! server_close(1)"),
    ] {
        let trace = Trace::default();
        let hooks = Traced::new(&trace, fault, None);
        let error = Stream::<Serial>::new(("127.0.0.1", 0), hooks).unwrap_err();
        assert!(expected.contains(&format!("{}!", error.cause())), "{error}");
        assert_eq!(trace.at_least(2).join(" "), expected);
    }
}

#[test]
fn what_closing_says_is_told_to_whoever_closes() {
    let (server, trace): (Stream<Serial>, _) = made(Fault::CloseFails, None);
    assert_eq!(server.close(Duration::ZERO).unwrap_err().cause(), "as wanted");
    assert_eq!(trace.at_least(1), ["server_close(1)"], "and not tried again");
    let (server, trace): (Stream<Serial>, _) = made(Fault::CloseFails, None);
    drop(server);
    assert_eq!(trace.at_least(1), ["server_close(1)"]);
}

#[test]
fn a_request_that_cannot_be_taken_goes_through_no_other_hook() {
    let (server, trace): (Stream<Serial>, _) = made(Fault::GettingFails, None);
    let client = dial(server.local_addr().ip().unwrap());
    assert_eq!(server.handle_request().unwrap_err().cause(), "get_request");
    assert_eq!(read_all(&client), "", "it was dropped, and so closed");
    assert_eq!(trace.at_least(1), ["get_request!"]);
}

#[test]
fn a_request_goes_through_the_hooks_in_socketservers_order() {
    on_all(
        Fault::Nothing,
        "get_request verify_request process_request finish_request \
         setup handle finish shutdown_request close_request",
    );
}

#[test]
fn a_refused_request_is_closed_and_no_more() {
    on_all(Fault::Refuses, "get_request verify_request shutdown_request close_request");
}

#[test]
fn a_handler_that_fails_is_finished_then_told_of() {
    on_all(
        Fault::HandleFails,
        "get_request verify_request process_request finish_request setup handle! finish \
         handle_error(handle) shutdown_request close_request",
    );
}

#[test]
fn a_handler_that_panics_is_finished_then_told_of() {
    on_all(
        Fault::HandlePanics,
        "get_request verify_request process_request finish_request setup handle finish \
         handle_error(panic) shutdown_request close_request",
    );
}

#[test]
fn a_handler_whose_setup_failed_is_not_finished() {
    on_all(
        Fault::SetupFails,
        "get_request verify_request process_request finish_request setup! \
         handle_error(setup) shutdown_request close_request",
    );
}

#[test]
fn a_finish_that_fails_is_told_of() {
    on_all(
        Fault::FinishFails,
        "get_request verify_request process_request finish_request setup handle finish! \
         handle_error(finish) shutdown_request close_request",
    );
}

#[test]
fn the_handlers_failure_is_told_of_rather_than_its_finishs() {
    on_all(
        Fault::HandleAndFinishFail,
        "get_request verify_request process_request finish_request setup handle! finish! \
         handle_error(handle) shutdown_request close_request",
    );
}

#[test]
fn hooks_that_panic_are_told_of_and_the_request_is_closed() {
    on_all(
        Fault::VerifyPanics,
        "get_request verify_request handle_error(panic) shutdown_request close_request",
    );
    on_all(Fault::ProcessPanics, "get_request verify_request process_request handle_error(panic)");
    on_all(
        Fault::MakingPanics,
        "get_request verify_request process_request finish_request handle_error(panic) \
         shutdown_request close_request",
    );
    on_all(
        Fault::TellingPanics,
        "get_request verify_request process_request finish_request setup handle! finish \
         handle_error(handle)",
    );
}

#[test]
fn service_actions_follow_each_request_of_a_serial_server() {
    let (server, trace): (Stream<Serial>, _) = made(Fault::Nothing, None);
    let mut served = serve(server);
    assert_eq!(read_all(served.dial()), "");
    trace.through("service_actions");
    assert_eq!(read_all(served.dial()), "");
    served.handle.shutdown();
    served.ends();
    let once = "get_request verify_request process_request finish_request \
                setup handle finish shutdown_request close_request service_actions";
    let twice = format!("{once} {once}");
    let seen = trace.through("server_close(1)");
    let both =
        [format!("{twice} service_actions server_close(1)"), format!("{twice} server_close(1)")];
    assert!(both.contains(&seen), "{seen}");
}

#[test]
fn handle_request_waits_for_its_timeout_then_says_so() {
    let timeout = Some(Duration::from_millis(20));
    let (server, trace): (Stream<Serial>, _) = made(Fault::Nothing, timeout);
    assert!(!server.handle_request().unwrap());
    assert_eq!(trace.at_least(1), ["handle_timeout"]);
    // Whoever is in the queue already is taken, whatever the timeout.
    let client = dial(server.local_addr().ip().unwrap());
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(&client), "");
}

#[test]
fn serve_forever_does_not_know_the_timeout() {
    let (server, trace): (Stream<Serial>, _) = made(Fault::Nothing, Some(Duration::ZERO));
    let mut served = serve(server);
    assert_eq!(read_all(served.dial()), "");
    served.handle.shutdown();
    served.ends();
    assert!(!trace.through("close_request").contains("handle_timeout"));
}
