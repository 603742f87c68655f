//! The hooks of a server, in the order in which they are called.

use ropewalk::Addr;
use ropewalk::error::Result;
use ropewalk::server::{DatagramRequest, MixIn, Pooling, Serial, Server, StreamRequest, Threading};

use crate::ends::*;
use crate::outcome::{Text, absent, caught};
use crate::probes;
use crate::traces::On::{Path, Port};
use crate::traces::*;

fn request<R: Called, M: MixIn>(on: On, fails: &'static str) -> Result<Text> {
    let hooks = Traced::failing(fails);
    let server = serving::<R, _, M>(on, hooks.clone())?;
    hooks.trace.clear();
    let _client = call(&server, "c")?;
    server.0.handle_request()?;
    // A request that is not passed on is dropped in the serving thread.
    hooks.trace.wait(if fails == "process_request" { "handle_error" } else { "close_request" }, 1);
    Ok(hooks.trace.text())
}

/// What one of no kind in particular writes down while it is made.
fn made(hooks: &Traced, at: Addr) -> (Text, Text) {
    let at = at.ip().unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    let made = Server::<StreamRequest, _, Serial>::new(at, hooks.clone());
    let text = hooks.trace.text();
    (caught(made.map(drop)), text)
}

fn anywhere() -> Addr {
    Addr::Ip(([127, 0, 0, 1], 0).into())
}

fn tells_time<R: Called>() -> Result<Text> {
    let hooks = Traced { timeout: Some(MOMENT), ..Traced::default() };
    let server = serving::<R, _, Serial>(Port, hooks.clone())?;
    hooks.trace.clear();
    server.0.handle_request()?;
    Ok(hooks.trace.text())
}

/// Serves until so many requests are closed.
fn until_stopped<R: Called, M: MixIn>(fails: &'static str, calls: usize) -> Result<Text> {
    let hooks = Traced::failing(fails);
    let server = serving::<R, _, M>(Port, hooks.clone())?;
    hooks.trace.clear();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| server.0.serve_forever());
        let called = (1..=calls).try_for_each(|number| {
            let _client = call(&server, &format!("c{number}"))?;
            hooks.trace.wait("close_request", number);
            Ok(())
        });
        server.0.shutdown();
        let served = serving.join().unwrap_or(Ok(()));
        called.and(served)
    })?;
    Ok(hooks.trace.text())
}

fn fails_once<R: Called, M: MixIn>(fails: &'static str) -> Result<(Text, Text)> {
    let hooks = Traced::failing(fails);
    let server = serving::<R, _, M>(Port, hooks.clone())?;
    hooks.trace.clear();
    let _client = call(&server, "c")?;
    Ok((caught(server.0.handle_request()), hooks.trace.text()))
}

fn serves_actions() -> Result<(Traced, (Server<StreamRequest, Traced, Serial>, Folder))> {
    let hooks = Traced { traces_service: true, ..Traced::default() };
    let server = serving(Port, hooks.clone())?;
    hooks.trace.clear();
    Ok((hooks, server))
}

probes! { "server_hooks":
    tcp_serial = request::<StreamRequest, Serial>(Port, "")?;
    tcp_serial_refuses = request::<StreamRequest, Serial>(Port, "refuse")?;
    tcp_serial_setup_fails = request::<StreamRequest, Serial>(Port, "setup")?;
    tcp_serial_handle_fails = request::<StreamRequest, Serial>(Port, "handle")?;
    tcp_serial_finish_fails = request::<StreamRequest, Serial>(Port, "finish")?;
    tcp_serial_handle_and_finish_fail = request::<StreamRequest, Serial>(Port, "handle+finish")?;
    tcp_serial_process_fails = request::<StreamRequest, Serial>(Port, "process_request")?;

    tcp_threading = request::<StreamRequest, Threading>(Port, "")?;
    tcp_threading_refuses = request::<StreamRequest, Threading>(Port, "refuse")?;
    tcp_threading_setup_fails = request::<StreamRequest, Threading>(Port, "setup")?;
    tcp_threading_handle_fails = request::<StreamRequest, Threading>(Port, "handle")?;
    tcp_threading_finish_fails = request::<StreamRequest, Threading>(Port, "finish")?;
    tcp_threading_handle_and_finish_fail = {
        request::<StreamRequest, Threading>(Port, "handle+finish")?
    };
    tcp_threading_process_fails = request::<StreamRequest, Threading>(Port, "process_request")?;

    tcp_pooling = request::<StreamRequest, Pooling>(Port, "")?;
    tcp_pooling_refuses = request::<StreamRequest, Pooling>(Port, "refuse")?;
    tcp_pooling_setup_fails = request::<StreamRequest, Pooling>(Port, "setup")?;
    tcp_pooling_handle_fails = request::<StreamRequest, Pooling>(Port, "handle")?;
    tcp_pooling_finish_fails = request::<StreamRequest, Pooling>(Port, "finish")?;
    tcp_pooling_handle_and_finish_fail = {
        request::<StreamRequest, Pooling>(Port, "handle+finish")?
    };
    tcp_pooling_process_fails = request::<StreamRequest, Pooling>(Port, "process_request")?;

    unix_serial = request::<StreamRequest, Serial>(Path, "")?;
    unix_serial_refuses = request::<StreamRequest, Serial>(Path, "refuse")?;
    unix_serial_setup_fails = request::<StreamRequest, Serial>(Path, "setup")?;
    unix_serial_handle_fails = request::<StreamRequest, Serial>(Path, "handle")?;
    unix_serial_finish_fails = request::<StreamRequest, Serial>(Path, "finish")?;
    unix_serial_handle_and_finish_fail = request::<StreamRequest, Serial>(Path, "handle+finish")?;
    unix_serial_process_fails = request::<StreamRequest, Serial>(Path, "process_request")?;

    unix_threading = request::<StreamRequest, Threading>(Path, "")?;
    unix_threading_refuses = request::<StreamRequest, Threading>(Path, "refuse")?;
    unix_threading_setup_fails = request::<StreamRequest, Threading>(Path, "setup")?;
    unix_threading_handle_fails = request::<StreamRequest, Threading>(Path, "handle")?;
    unix_threading_finish_fails = request::<StreamRequest, Threading>(Path, "finish")?;
    unix_threading_handle_and_finish_fail = {
        request::<StreamRequest, Threading>(Path, "handle+finish")?
    };
    unix_threading_process_fails = request::<StreamRequest, Threading>(Path, "process_request")?;

    unix_pooling = request::<StreamRequest, Pooling>(Path, "")?;
    unix_pooling_refuses = request::<StreamRequest, Pooling>(Path, "refuse")?;
    unix_pooling_setup_fails = request::<StreamRequest, Pooling>(Path, "setup")?;
    unix_pooling_handle_fails = request::<StreamRequest, Pooling>(Path, "handle")?;
    unix_pooling_finish_fails = request::<StreamRequest, Pooling>(Path, "finish")?;
    unix_pooling_handle_and_finish_fail = {
        request::<StreamRequest, Pooling>(Path, "handle+finish")?
    };
    unix_pooling_process_fails = request::<StreamRequest, Pooling>(Path, "process_request")?;

    udp_serial = request::<DatagramRequest, Serial>(Port, "")?;
    udp_serial_refuses = request::<DatagramRequest, Serial>(Port, "refuse")?;
    udp_serial_setup_fails = request::<DatagramRequest, Serial>(Port, "setup")?;
    udp_serial_handle_fails = request::<DatagramRequest, Serial>(Port, "handle")?;
    udp_serial_finish_fails = request::<DatagramRequest, Serial>(Port, "finish")?;
    udp_serial_handle_and_finish_fail = request::<DatagramRequest, Serial>(Port, "handle+finish")?;
    udp_serial_process_fails = request::<DatagramRequest, Serial>(Port, "process_request")?;

    udp_threading = request::<DatagramRequest, Threading>(Port, "")?;
    udp_threading_refuses = request::<DatagramRequest, Threading>(Port, "refuse")?;
    udp_threading_setup_fails = request::<DatagramRequest, Threading>(Port, "setup")?;
    udp_threading_handle_fails = request::<DatagramRequest, Threading>(Port, "handle")?;
    udp_threading_finish_fails = request::<DatagramRequest, Threading>(Port, "finish")?;
    udp_threading_handle_and_finish_fail = {
        request::<DatagramRequest, Threading>(Port, "handle+finish")?
    };
    udp_threading_process_fails = request::<DatagramRequest, Threading>(Port, "process_request")?;

    udp_pooling = request::<DatagramRequest, Pooling>(Port, "")?;
    udp_pooling_refuses = request::<DatagramRequest, Pooling>(Port, "refuse")?;
    udp_pooling_setup_fails = request::<DatagramRequest, Pooling>(Port, "setup")?;
    udp_pooling_handle_fails = request::<DatagramRequest, Pooling>(Port, "handle")?;
    udp_pooling_finish_fails = request::<DatagramRequest, Pooling>(Port, "finish")?;
    udp_pooling_handle_and_finish_fail = {
        request::<DatagramRequest, Pooling>(Port, "handle+finish")?
    };
    udp_pooling_process_fails = request::<DatagramRequest, Pooling>(Port, "process_request")?;

    unixgram_serial = request::<DatagramRequest, Serial>(Path, "")?;
    unixgram_serial_refuses = request::<DatagramRequest, Serial>(Path, "refuse")?;
    unixgram_serial_setup_fails = request::<DatagramRequest, Serial>(Path, "setup")?;
    unixgram_serial_handle_fails = request::<DatagramRequest, Serial>(Path, "handle")?;
    unixgram_serial_finish_fails = request::<DatagramRequest, Serial>(Path, "finish")?;
    unixgram_serial_handle_and_finish_fail = {
        request::<DatagramRequest, Serial>(Path, "handle+finish")?
    };
    unixgram_serial_process_fails = request::<DatagramRequest, Serial>(Path, "process_request")?;

    unixgram_threading = request::<DatagramRequest, Threading>(Path, "")?;
    unixgram_threading_refuses = request::<DatagramRequest, Threading>(Path, "refuse")?;
    unixgram_threading_setup_fails = request::<DatagramRequest, Threading>(Path, "setup")?;
    unixgram_threading_handle_fails = request::<DatagramRequest, Threading>(Path, "handle")?;
    unixgram_threading_finish_fails = request::<DatagramRequest, Threading>(Path, "finish")?;
    unixgram_threading_handle_and_finish_fail = {
        request::<DatagramRequest, Threading>(Path, "handle+finish")?
    };
    unixgram_threading_process_fails = {
        request::<DatagramRequest, Threading>(Path, "process_request")?
    };

    unixgram_pooling = request::<DatagramRequest, Pooling>(Path, "")?;
    unixgram_pooling_refuses = request::<DatagramRequest, Pooling>(Path, "refuse")?;
    unixgram_pooling_setup_fails = request::<DatagramRequest, Pooling>(Path, "setup")?;
    unixgram_pooling_handle_fails = request::<DatagramRequest, Pooling>(Path, "handle")?;
    unixgram_pooling_finish_fails = request::<DatagramRequest, Pooling>(Path, "finish")?;
    unixgram_pooling_handle_and_finish_fail = {
        request::<DatagramRequest, Pooling>(Path, "handle+finish")?
    };
    unixgram_pooling_process_fails = {
        request::<DatagramRequest, Pooling>(Path, "process_request")?
    };

    making_one = made(&Traced::default(), anywhere()).1;
    making_one_of_datagrams = {
        let hooks = Traced::default();
        let _server = serving::<DatagramRequest, _, Serial>(Port, hooks.clone())?;
        hooks.trace.text()
    };
    closing_one = {
        let hooks = Traced::default();
        let server = serving::<StreamRequest, _, Serial>(Port, hooks.clone())?.0;
        hooks.trace.clear();
        drop(server);
        hooks.trace.text()
    };
    leaving_its_scope = {
        let hooks = Traced::default();
        {
            let _server = serving::<StreamRequest, _, Serial>(Port, hooks.clone())?;
            hooks.trace.clear();
        }
        hooks.trace.text()
    };
    making_one_where_another_is = {
        let holder = listener()?;
        made(&Traced::default(), holder.local_addr()?)
    };
    making_one_whose_bind_fails = made(&Traced::failing("server_bind"), anywhere()).1;
    making_one_whose_activation_fails = made(&Traced::failing("server_activate"), anywhere()).1;
    making_one_without_binding = {
        let (hooks, socket) = (Traced::default(), listener()?);
        let server = Server::<StreamRequest, _, Serial>::from_sockets(vec![socket], hooks.clone())?;
        hooks.trace.clear();
        let client = tcp()?;
        client.connect(server.local_addr())?;
        server.handle_request()?;
        hooks.trace.text()
    };
    nobody_comes = tells_time::<StreamRequest>()?;
    nobody_sends = tells_time::<DatagramRequest>()?;
    handle_request_answers = {
        let hooks = Traced { timeout: Some(MOMENT), ..Traced::default() };
        let server = serving::<StreamRequest, _, Serial>(Port, hooks)?;
        let _client = call(&server, "c")?;
        (server.0.handle_request()?, server.0.handle_request()?)
    };
    get_request_fails = fails_once::<StreamRequest, Serial>("get_request")?;

    two_in_turn = until_stopped::<StreamRequest, Serial>("", 2)?;
    two_in_turn_in_threads = until_stopped::<StreamRequest, Threading>("", 2)?;
    two_in_turn_of_datagrams = until_stopped::<DatagramRequest, Serial>("", 2)?;
    it_goes_on_after_a_failure = until_stopped::<StreamRequest, Serial>("handle", 2)?;
    it_goes_on_after_a_failure_in_a_thread = {
        until_stopped::<StreamRequest, Threading>("handle", 2)?
    };
    it_goes_on_after_a_refusal = until_stopped::<StreamRequest, Serial>("refuse", 2)?;
    verify_fails = fails_once::<StreamRequest, Serial>("verify_request")?;
    verify_fails_of_a_threading_one = fails_once::<StreamRequest, Threading>("verify_request")?;
    verify_fails_of_a_datagram = fails_once::<DatagramRequest, Serial>("verify_request")?;
    service_actions_after_a_request = {
        let (hooks, server) = serves_actions()?;
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| server.0.serve_forever());
            let called = call(&server, "c");
            hooks.trace.wait("close_request", 1);
            hooks.trace.wait("service", 1);
            server.0.shutdown();
            serving.join().unwrap_or(Ok(())).and(called)
        })?;
        hooks.trace.has("service")
    };
    service_actions_of_handle_request = {
        let (hooks, server) = serves_actions()?;
        let _client = call(&server, "c")?;
        server.0.handle_request()?;
        hooks.trace.has("service")
    };
    handler_exits = absent();
    handler_exits_in_a_thread = absent();
    handler_panics = request::<StreamRequest, Serial>(Port, "panic:handle")?;
    handler_panics_in_a_thread = request::<StreamRequest, Threading>(Port, "panic:handle")?;
    handler_panics_in_setup = request::<StreamRequest, Serial>(Port, "panic:setup")?;
    handler_panics_in_finish = request::<StreamRequest, Serial>(Port, "panic:finish")?;
}
