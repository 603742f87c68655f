//! shutdown and server_close: when, from where, and what they leave.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::Result;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, HandlerResult, MixIn, Request, Serial, Server,
    StreamRequest, Threading,
};

use crate::ends::*;
use crate::outcome::{Text, caught, words};
use crate::traces::On::Port;
use crate::traces::*;
use crate::{by_type, probes};

type Serving<M> = (Server<StreamRequest, Traced, M>, Folder);

fn tcp_server<M: MixIn>() -> Result<(Traced, Serving<M>)> {
    let hooks = Traced::default();
    let server = serving(Port, hooks.clone())?;
    hooks.trace.clear();
    Ok((hooks, server))
}

/// Serves in a thread, has `act` act meanwhile, and gives what it gave once the loop ended.
fn during<M: MixIn, T>(
    server: &Server<StreamRequest, Traced, M>,
    act: impl FnOnce() -> T,
) -> Result<T> {
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| server.serve_forever());
        let given = act();
        serving.join().unwrap_or(Ok(())).map(|()| given)
    })
}

/// A handler that shuts its server down.
struct Ends;

impl<R: Request> BaseRequestHandler<R> for Ends {
    fn handle(&mut self, request: &mut R) -> HandlerResult {
        request.server().shutdown();
        Ok(())
    }
}

fn from_a_handler<R: Called, M: MixIn>() -> Result<()> {
    let server = serving::<R, _, M>(Port, || Ends)?;
    let _client = call(&server, "c")?;
    server.0.serve_forever()
}

fn stopped() -> Result<(Traced, Serving<Serial>)> {
    let (hooks, server) = tcp_server()?;
    during(&server.0, || server.0.shutdown())?;
    Ok((hooks, server))
}

/// Hooks whose handler waits until it is told, and then answers.
struct Patient(Arc<Mutex<std::sync::mpsc::Receiver<()>>>, Traced);

struct Waiting(Arc<Mutex<std::sync::mpsc::Receiver<()>>>);

impl BaseRequestHandler<StreamRequest> for Waiting {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.recv_timeout(Duration::from_secs(10))?;
        Ok(request.send_all(b"done")?)
    }
}

impl BaseServer<StreamRequest> for Patient {
    type Handler = Waiting;
    fn handler(&self, _: &Addr) -> Waiting {
        self.1.trace.add("handler");
        Waiting(self.0.clone())
    }
}

fn returns(call: impl FnOnce()) -> Text {
    call();
    words("returns")
}

probes! { "server_shutdown":
    ends_the_loop = {
        let (_, server) = tcp_server::<Serial>()?;
        during(&server.0, || server.0.shutdown()).is_ok()
    };
    of_twenty = {
        for _ in 0..20 {
            let (_, server) = tcp_server::<Serial>()?;
            during(&server.0, || server.0.shutdown())?;
        }
        true
    };
    before_the_loop = {
        let (_, server) = tcp_server::<Serial>()?;
        server.0.shutdown();
        server.0.serve_forever().is_ok()
    };
    before_the_loop_returns_at_once = {
        let (_, server) = tcp_server::<Serial>()?;
        returns(|| server.0.shutdown())
    };
    after_the_loop = {
        let (_, server) = stopped()?;
        server.0.shutdown();
        server.0.serve_forever()?
    };
    after_the_loop_ends_one_more_and_no_other = {
        let (hooks, server) = stopped()?;
        server.0.shutdown();
        server.0.serve_forever()?;
        let served = during(&server.0, || {
            let client = call(&server, "c");
            hooks.trace.wait("close_request", 1);
            server.0.shutdown();
            client.is_ok()
        })?;
        (served, true)
    };
    twice = {
        let (_, server) = tcp_server::<Serial>()?;
        during(&server.0, || {
            server.0.shutdown();
            server.0.shutdown();
        })
        .is_ok()
    };
    from_a_handler = {
        self::from_a_handler::<StreamRequest, Serial>()?;
        words("returns")
    };
    from_a_handler_in_a_thread = self::from_a_handler::<StreamRequest, Threading>()?;
    from_a_handler_of_a_datagram = self::from_a_handler::<DatagramRequest, Threading>()?;
    takes_no_further_request = {
        let (hooks, server) = tcp_server::<Serial>()?;
        server.0.shutdown();
        let _client = call(&server, "c")?;
        server.0.serve_forever()?;
        hooks.trace.text()
    };
    leaves_the_listener_open = {
        let (_, server) = stopped()?;
        caught(call(&server, "c").map(drop))
    };
    serves_again_afterwards = {
        let (hooks, server) = stopped()?;
        let _client = call(&server, "c")?;
        server.0.handle_request()?;
        hooks.trace.text()
    };
    closing_resets_the_queue = {
        let (_, server) = tcp_server::<Serial>()?;
        let client = call(&server, "c")?;
        drop(server);
        wait_readable(&client)?;
        caught(client.recv(16))
    };
    closing_refuses_the_next = {
        let (_, server) = tcp_server::<Serial>()?;
        let at = server.0.local_addr().clone();
        drop(server);
        tcp()?.connect(at)?
    };
    closing_one_that_never_served = drop(tcp_server::<Threading>()?);
    closing_twice = by_type!(drop, fn(Server<StreamRequest, Traced, Serial>), "it is gone");
    fileno_after_closing = by_type!(drop, fn(Server<StreamRequest, Traced, Serial>), "it is gone");
    serving_after_closing = by_type!(drop, fn(Server<StreamRequest, Traced, Serial>), "it is gone");
    a_handler_at_work_goes_on = {
        let ((go, told), traced) = (channel(), Traced::default());
        let hooks = Patient(Arc::new(Mutex::new(told)), traced.clone());
        let server = serving::<StreamRequest, _, Threading>(Port, hooks)?;
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| server.0.serve_forever());
            let client = call(&server, "c")?;
            traced.trace.wait("handler", 1);
            server.0.shutdown();
            serving.join().unwrap_or(Ok(()))?;
            let _ = go.send(()); // it waits
            client.recv(16)
        })?
    };
    waits_until_the_loop_has_ended = {
        by_type!(Server::shutdown, fn(&Server<StreamRequest, Traced, Serial>), "it never waits")
    };
    serving_twice_at_once = {
        let (hooks, server) = tcp_server::<Serial>()?;
        during(&server.0, || {
            let client = call(&server, "c");
            hooks.trace.wait("close_request", 1);
            let second = server.0.serve_forever();
            server.0.shutdown();
            client.and(second)
        })??
    };
}
