//! Rules 1 to 5 of the socket object: its timeout, in three modes.

use std::time::Duration;

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{absent, caught, code};
use crate::{by_type, probes};

const FIVE: Option<Duration> = Some(Duration::from_secs(5));
const ZERO: Option<Duration> = Some(Duration::ZERO);
type SetTimeout = fn(&Socket, Option<Duration>) -> Result<()>;

type State = (Option<Duration>, bool, bool);

fn state(socket: &Socket) -> Result<State> {
    Ok((socket.timeout(), socket.is_blocking(), is_non_blocking(socket)?))
}

fn after(timeouts: &[Option<Duration>]) -> Result<State> {
    let socket = tcp()?;
    timeouts.iter().try_for_each(|timeout| socket.set_timeout(*timeout))?;
    state(&socket)
}

fn after_blocking(flags: &[bool]) -> Result<State> {
    let socket = tcp()?;
    flags.iter().try_for_each(|flag| socket.set_blocking(*flag))?;
    state(&socket)
}

fn closed(timeout: Option<Duration>) -> Result<Socket> {
    let mut socket = tcp()?;
    socket.set_timeout(timeout)?;
    socket.close()?;
    Ok(socket)
}

fn accepted_by(timeout: Option<Duration>) -> Result<State> {
    let (server, client) = (listener()?, tcp()?);
    server.set_timeout(timeout)?;
    client.connect(server.local_addr()?)?;
    wait_readable(&server)?;
    state(&server.accept()?.0)
}

/// What a call on a connection says that has nothing to receive.
fn blocked<T>(call: impl Fn(&Socket) -> Result<T>, timeout: Duration) -> Result<T> {
    let (client, _server) = pair()?;
    call(&with_timeout(client, timeout)?)
}

/// The same of one that has no room to send.
fn crammed<T>(call: impl Fn(&Socket) -> Result<T>, timeout: Duration) -> Result<T> {
    let (client, _server) = pair()?;
    fill(&client)?;
    call(&with_timeout(client, timeout)?)
}

fn empty<T>(call: impl Fn(&Socket) -> Result<T>, timeout: Duration) -> Result<T> {
    call(&with_timeout(bound_udp()?, timeout)?)
}

fn copy(socket: &Socket) -> Result<std::os::fd::OwnedFd, crate::outcome::Failure> {
    Ok(socket.descriptor()?.try_clone_to_owned()?)
}

const NOW: Duration = Duration::ZERO;

probes! { "modes":
    fresh = after(&[])?;
    none = after(&[None])?;
    zero = after(&[ZERO])?;
    five = after(&[FIVE])?;
    half_a_millisecond = after(&[Some(Duration::from_micros(500))])?;
    a_nanosecond = after(&[Some(Duration::from_nanos(1))])?;
    five_then_none = after(&[FIVE, None])?;
    none_then_five = after(&[None, FIVE])?;
    zero_then_five = after(&[ZERO, FIVE])?;
    five_then_zero = after(&[FIVE, ZERO])?;
    zero_then_none = after(&[ZERO, None])?;
    blocking = after_blocking(&[true])?;
    not_blocking = after_blocking(&[false])?;
    not_blocking_then_blocking = after_blocking(&[false, true])?;
    negative = by_type!(Socket::set_timeout, SetTimeout, "a Duration");
    negative_zero = after(&[Some(Duration::from_secs_f64(-0.0))])?;
    not_a_number = by_type!(Socket::set_timeout, SetTimeout, "a Duration");
    infinite = by_type!(Socket::set_timeout, SetTimeout, "a Duration");
    a_text = by_type!(Socket::set_timeout, SetTimeout, "a Duration");
    less_than_a_nanosecond = by_type!(Socket::set_timeout, SetTimeout, "a Duration");

    settimeout_after_close = closed(None)?.set_timeout(FIVE)?;
    setblocking_after_close = closed(None)?.set_blocking(false)?;
    gettimeout_after_close = closed(FIVE)?.timeout();
    getblocking_after_close = closed(ZERO)?.is_blocking();

    accepted_by_a_blocking_one = accepted_by(None)?;
    accepted_by_a_non_blocking_one = accepted_by(ZERO)?;
    accepted_by_one_with_a_timeout = accepted_by(FIVE)?;
    accepted_under_a_default = absent();
    fresh_under_a_default = absent();

    recv_now = blocked(|s| s.recv(16), NOW)?;
    recv_into_now = blocked(|s| s.recv_into(&mut [0; 16]), NOW)?;
    recv_from_now = empty(|s| s.recv_from(16), NOW)?.bytes;
    recv_from_into_now = empty(|s| s.recv_from_into(&mut [0; 16]), NOW)?.bytes;
    udp_recv_now = empty(|s| s.recv(16), NOW)?;
    send_now = crammed(|s| s.send(b"x"), NOW)?;
    send_all_now = crammed(|s| s.send_all(b"x"), NOW)?;
    accept_now = with_timeout(listener()?, NOW)?.accept()?.1;
    recv_in_time = blocked(|s| s.recv(16), MOMENT)?;
    recv_into_in_time = blocked(|s| s.recv_into(&mut [0; 16]), MOMENT)?;
    recv_from_in_time = empty(|s| s.recv_from(16), MOMENT)?.bytes;
    recv_from_into_in_time = empty(|s| s.recv_from_into(&mut [0; 16]), MOMENT)?.bytes;
    udp_recv_in_time = empty(|s| s.recv(16), MOMENT)?;
    send_in_time = crammed(|s| s.send(b"x"), MOMENT)?;
    send_all_in_time = crammed(|s| s.send_all(b"x"), MOMENT)?;
    accept_in_time = with_timeout(listener()?, MOMENT)?.accept()?.1;
    connect_in_time = {
        let (server, _inside) = full_listener()?;
        with_timeout(tcp()?, MOMENT)?.connect(server.local_addr()?)?
    };
    connect_ex_in_time = {
        let (server, _inside) = full_listener()?;
        code(with_timeout(tcp()?, MOMENT)?.connect_ex(server.local_addr()?)?)
    };
    send_all_of_more_than_fits_now = {
        let (client, _server) = pair()?;
        client.set_blocking(false)?;
        client.send_all(&vec![0; 64 << 20])?
    };
    send_all_of_more_than_fits_in_time = {
        let (client, _server) = pair()?;
        client.set_timeout(Some(Duration::from_millis(50)))?;
        client.send_all(&vec![0; 64 << 20])?
    };
    a_timed_out_socket_goes_on = {
        let (client, server) = pair()?;
        client.set_timeout(Some(MOMENT))?;
        let first = caught(client.recv(16));
        server.send_all(b"late")?;
        client.set_timeout(Some(Duration::from_secs(10)))?;
        (first, client.recv(16)?)
    };
    a_timeout_is_above_the_descriptor = {
        const SO_RCVTIMEO: i32 = 20;
        with_timeout(tcp()?, Duration::from_secs(5))?.option_bytes(SOL_SOCKET, SO_RCVTIMEO, 16)?
    };
    fresh_is_closed_on_exec = is_inherited(tcp()?.descriptor()?);
    accepted_is_closed_on_exec = is_inherited(pair()?.1.descriptor()?);
    a_copy_is_closed_on_exec = is_inherited(copy(&tcp()?)?);
    a_copy_shares_the_mode = {
        let socket = tcp()?;
        let copy = copy(&socket)?;
        let flags = rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&copy, flags).map_err(std::io::Error::from)?;
        (socket.timeout(), is_non_blocking(&socket)?)
    };
}
