//! The hooks of a forking server, in each of its two processes.

use std::io::Read;

use ropewalk::server::{BaseServer, DatagramRequest, Forking, StreamRequest};

use crate::outcome::{Failure, Text, words};
use crate::probes;
use crate::traces::On::{Path, Port};
use crate::traces::*;

fn request<R: Called>(on: On, fails: &'static str) -> Result<(Text, Text), Failure> {
    let hooks = Traced::failing(fails);
    let server = serving::<R, _, Forking>(on, hooks.clone())?;
    hooks.trace.clear();
    let mut told = hooks.trace.told()?;
    let _client = call(&server, "c")?;
    server.0.handle_request()?;
    hooks.trace.no_more_children();
    let parent = hooks.trace.text();
    let mut child = String::new();
    told.read_to_string(&mut child)?;
    let child: Vec<&str> = child.lines().collect();
    Ok((parent, if child.is_empty() { words("-") } else { Text(child.join(" ")) }))
}

probes! { "server_forking":
    tcp = request::<StreamRequest>(Port, "")?;
    tcp_refuses = request::<StreamRequest>(Port, "refuse")?;
    tcp_setup_fails = request::<StreamRequest>(Port, "setup")?;
    tcp_handle_fails = request::<StreamRequest>(Port, "handle")?;
    tcp_finish_fails = request::<StreamRequest>(Port, "finish")?;
    tcp_handle_and_finish_fail = request::<StreamRequest>(Port, "handle+finish")?;

    unix = request::<StreamRequest>(Path, "")?;
    unix_refuses = request::<StreamRequest>(Path, "refuse")?;
    unix_setup_fails = request::<StreamRequest>(Path, "setup")?;
    unix_handle_fails = request::<StreamRequest>(Path, "handle")?;
    unix_finish_fails = request::<StreamRequest>(Path, "finish")?;
    unix_handle_and_finish_fail = request::<StreamRequest>(Path, "handle+finish")?;

    udp = request::<DatagramRequest>(Port, "")?;
    udp_refuses = request::<DatagramRequest>(Port, "refuse")?;
    udp_setup_fails = request::<DatagramRequest>(Port, "setup")?;
    udp_handle_fails = request::<DatagramRequest>(Port, "handle")?;
    udp_finish_fails = request::<DatagramRequest>(Port, "finish")?;
    udp_handle_and_finish_fail = request::<DatagramRequest>(Port, "handle+finish")?;

    unixgram = request::<DatagramRequest>(Path, "")?;
    unixgram_refuses = request::<DatagramRequest>(Path, "refuse")?;
    unixgram_setup_fails = request::<DatagramRequest>(Path, "setup")?;
    unixgram_handle_fails = request::<DatagramRequest>(Path, "handle")?;
    unixgram_finish_fails = request::<DatagramRequest>(Path, "finish")?;
    unixgram_handle_and_finish_fail = request::<DatagramRequest>(Path, "handle+finish")?;
    max_children = {
        let made: fn() -> Steps = Steps::default;
        BaseServer::<StreamRequest>::max_children(&made)
    };
}
