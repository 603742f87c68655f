//! A signal interrupts no call (PEP 475), and moves no deadline.

use std::time::Duration;

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::probes;
use crate::rain::under_signals;

const TEN: Option<Duration> = Some(Duration::from_secs(10));

fn of_a_pair<T: Send>(
    timeout: Option<Duration>,
    call: impl FnOnce(&Socket) -> Result<T> + Send,
) -> Result<T> {
    let (client, server) = pair()?;
    server.set_timeout(timeout)?;
    under_signals(|| call(&server), || drop(client.send_all(b"late")))
}

fn of_datagrams<T: Send>(
    timeout: Option<Duration>,
    call: impl FnOnce(&Socket) -> Result<T> + Send,
) -> Result<T> {
    let (a, b) = udp_pair()?;
    b.set_timeout(timeout)?;
    under_signals(|| call(&b), || drop(a.send(b"late")))
}

fn all_of(size: usize, timeout: Option<Duration>) -> Result<usize> {
    let (client, server) = pair()?;
    client.set_timeout(timeout)?;
    std::thread::scope(|scope| {
        let mut reader = None;
        let read = || {
            let mut count = 0;
            loop {
                match server.recv(65536)?.len() {
                    0 => return Ok(count),
                    more => count += more,
                }
            }
        };
        let start = || reader = Some(scope.spawn(read));
        let data = vec![0; size];
        let sent = under_signals(|| client.send_all(&data), start);
        drop(client);
        let count = reader.map_or(Ok(0), |reader| reader.join().unwrap_or(Ok(0)));
        sent.and(count)
    })
}

fn deadline<T: Send>(socket: Socket, call: impl FnOnce(&Socket) -> Result<T> + Send) -> Result<T> {
    socket.set_timeout(Some(Duration::from_millis(100)))?;
    under_signals(|| call(&socket), || {})
}

probes! { "signals":
    recv = of_a_pair(None, |s| s.recv(16))?;
    recv_into = of_a_pair(None, |s| s.recv_into(&mut [0; 16]))?;
    recv_from = of_datagrams(None, |s| s.recv_from(16))?.bytes;
    recv_from_into = of_datagrams(None, |s| s.recv_from_into(&mut [0; 16]))?.bytes;
    recv_msg = of_datagrams(None, |s| s.recv_msg(16, 0, Flags::default()))?.bytes;
    recv_with_a_timeout = of_a_pair(TEN, |s| s.recv(16))?;
    recv_into_with_a_timeout = of_a_pair(TEN, |s| s.recv_into(&mut [0; 16]))?;
    recv_from_with_a_timeout = of_datagrams(TEN, |s| s.recv_from(16))?.bytes;
    recv_from_into_with_a_timeout = of_datagrams(TEN, |s| s.recv_from_into(&mut [0; 16]))?.bytes;
    recv_msg_with_a_timeout = of_datagrams(TEN, |s| s.recv_msg(16, 0, Flags::default()))?.bytes;
    accept = {
        let (server, client) = (listener()?, tcp()?);
        let at = server.local_addr()?;
        under_signals(|| server.accept().map(drop), || drop(client.connect(at)))?
    };
    connect = {
        let ((server, inside), client) = (full_listener()?, tcp()?);
        let at = server.local_addr()?;
        let room = || inside.iter().for_each(|_| drop(server.accept()));
        under_signals(|| client.connect(at), room)?
    };
    send_all = all_of(16 << 20, None)?;
    send_all_with_a_timeout = all_of(16 << 20, TEN)?;
    deadline_of_recv = deadline(bound_udp()?, |s| s.recv(1))?;
    deadline_of_accept = deadline(listener()?, |s| s.accept().map(drop))?;
}
