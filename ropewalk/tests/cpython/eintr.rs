//! Signals that interrupt: `_test_eintr.py`, where a call blocks without end, and what
//! `test_socket.py` has of interrupted calls, which have a timeout.
//!
//! A handler of Python's may raise, and so end the call. None of ours can: each call goes on.

use std::io::{IoSlice, IoSliceMut};
use std::sync::mpsc;

use ropewalk::Result;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, fill, listener, tcp_pair, udp, watched};
use crate::rain::under_signals;
use crate::sockets::MSG;

/// A client with this timeout that cannot send before its peer reads.
fn full(timeout: Option<std::time::Duration>) -> (Socket, Socket) {
    let (client, server) = tcp_pair();
    client.set_timeout(timeout).unwrap();
    fill(&client);
    server.set_blocking(false).unwrap();
    (client, server)
}

/// Sends a byte as a message.
fn send_message(socket: &Socket) -> Result<usize> {
    socket.send_msg(&[IoSlice::new(b"x")], &[], Flags::default(), None)
}

fn make_room(server: &Socket) {
    while server.recv(1 << 20).is_ok() {}
}

mod interrupted_recv_timeout_test {
    use super::*;

    /// What a datagram socket with a timeout receives though signals rain on it.
    fn received<T: Send>(receive: impl FnOnce(&Socket) -> Result<T> + Send) -> T {
        let (socket, other) = (udp(), udp());
        assert_eq!(socket.timeout(), Some(WATCHDOG));
        let to = socket.local_addr().unwrap();
        let send = || assert_eq!(other.send_to(MSG, to).unwrap(), MSG.len());
        under_signals(|| receive(&socket), send).unwrap()
    }

    #[test]
    fn test_interrupted_recv_timeout() {
        assert_eq!(received(|socket| socket.recv(1024)), MSG);
    }

    #[test]
    fn test_interrupted_recv_into_timeout() {
        let mut buffer = [0; 1024];
        let count = received(|socket| socket.recv_into(&mut buffer));
        assert_eq!(&buffer[..count], MSG);
    }

    #[test]
    fn test_interrupted_recvfrom_timeout() {
        assert_eq!(received(|socket| socket.recv_from(1024)).bytes, MSG);
    }

    #[test]
    fn test_interrupted_recvfrom_into_timeout() {
        let mut buffer = [0; 1024];
        let count = received(|socket| socket.recv_from_into(&mut buffer)).bytes;
        assert_eq!(&buffer[..count], MSG);
    }

    #[test]
    fn test_interrupted_recvmsg_timeout() {
        assert_eq!(received(|socket| socket.recv_msg(1024, 0, Flags::default())).bytes, MSG);
    }

    #[test]
    fn test_interrupted_recvmsg_into_timeout() {
        let mut buffer = [0; 1024];
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let count = received(|socket| socket.recv_msg_into(&mut parts, 0, Flags::default())).bytes;
        assert_eq!(&buffer[..count], MSG);
    }
}

mod interrupted_send_timeout_test {
    use super::*;

    #[test]
    fn test_interrupted_send_timeout() {
        let (client, server) = full(Some(WATCHDOG));
        assert_eq!(under_signals(|| client.send(b"x"), || make_room(&server)).unwrap(), 1);
    }

    #[test]
    #[cfg(not(target_os = "macos"))] // it refuses the address of a connected stream
    fn test_interrupted_sendto_timeout() {
        let (client, server) = full(Some(WATCHDOG));
        let to = server.local_addr().unwrap();
        let sent = under_signals(|| client.send_to(b"x", to), || make_room(&server));
        assert_eq!(sent.unwrap(), 1);
    }

    #[test]
    fn test_interrupted_sendmsg_timeout() {
        let (client, server) = full(Some(WATCHDOG));
        assert_eq!(under_signals(|| send_message(&client), || make_room(&server)).unwrap(), 1);
    }
}

/// The peer gets each byte once though signals rain on the sender.
fn sends_all_under_signals(timeout: Option<std::time::Duration>) {
    let (client, server) = tcp_pair();
    client.set_timeout(timeout).unwrap();
    let data: Vec<u8> = (0..32 << 20).map(|n: u32| (n % 251) as u8).collect();
    let (ready, begins) = mpsc::channel();
    let arrived = std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            begins.recv().unwrap();
            let mut arrived = Vec::new();
            std::io::Read::read_to_end(&mut &server, &mut arrived).unwrap();
            arrived
        });
        under_signals(|| client.send_all(&data), move || ready.send(()).unwrap()).unwrap();
        drop(client);
        reading.join().unwrap()
    });
    assert!(arrived == data, "{timeout:?}: {} bytes", arrived.len());
}

mod general_module_tests {
    use super::*;

    #[test]
    fn test_sendall_interrupted_with_timeout() {
        sends_all_under_signals(Some(WATCHDOG));
        let (client, _server) = tcp_pair();
        client.set_timeout(Some(SOON)).unwrap();
        let error = under_signals(|| client.send_all(&vec![0; 256 << 20]), || {}).unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None), "{error}");
    }
}

mod socket_eintr_test {
    use super::*;

    /// A byte that comes while signals rain on the receiver, three times.
    fn receives(receive: impl Fn(&Socket) -> Result<Vec<u8>> + Sync) {
        let (client, server) = tcp_pair();
        client.set_timeout(None).unwrap();
        for byte in [b"x", b"y", b"z"] {
            let got = under_signals(|| receive(&client), || server.send_all(byte).unwrap());
            assert_eq!(got.unwrap(), byte);
        }
    }

    #[test]
    fn test_recv() {
        receives(|client| client.recv(1));
    }

    #[test]
    fn test_recvmsg() {
        receives(|client| client.recv_msg(1, 0, Flags::default()).map(|message| message.bytes));
    }

    #[test]
    fn test_send() {
        let (client, server) = full(None);
        assert_eq!(under_signals(|| client.send(b"x"), || make_room(&server)).unwrap(), 1);
    }

    #[test]
    fn test_sendmsg() {
        let (client, server) = full(None);
        assert_eq!(under_signals(|| send_message(&client), || make_room(&server)).unwrap(), 1);
    }

    #[test]
    fn test_sendall() {
        sends_all_under_signals(None);
    }

    #[test]
    fn test_accept() {
        let (listener, client) = (listener(), watched(AF_INET, SOCK_STREAM));
        listener.set_timeout(None).unwrap();
        let at = listener.local_addr().unwrap();
        let got = under_signals(|| listener.accept(), || client.connect(at).unwrap());
        assert_eq!(got.unwrap().1, client.local_addr().unwrap());
    }
}
