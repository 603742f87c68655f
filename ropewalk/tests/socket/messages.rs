//! Messages: what travels beside their bytes, and what becomes of it.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ropewalk::error::ErrorKind;
use ropewalk::limits::ANCILLARY_BYTES;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, fill, tcp_pair, watched};
use crate::folder::Folder;

fn pair() -> (Socket, Socket) {
    let (one, other) = socketpair().unwrap();
    one.set_timeout(Some(WATCHDOG)).unwrap();
    other.set_timeout(Some(WATCHDOG)).unwrap();
    (one, other)
}

/// Ends that can be passed on, and others that meet the end of input when all copies of those
/// are closed.
fn watched_ends(count: usize) -> (Vec<UnixStream>, Vec<UnixStream>) {
    let ends = (0..count).map(|_| UnixStream::pair().unwrap()).collect::<Vec<_>>();
    ends.iter().for_each(|(_, end)| end.set_read_timeout(Some(WATCHDOG)).unwrap());
    ends.into_iter().unzip()
}

fn lend(ends: &[UnixStream]) -> Vec<BorrowedFd<'_>> {
    ends.iter().map(|end| end.as_fd()).collect()
}

#[track_caller]
fn assert_all_closed(others: Vec<UnixStream>) {
    for mut other in others {
        assert_eq!(other.read(&mut [0; 1]).unwrap(), 0, "a copy is open somewhere");
    }
}

#[test]
fn a_received_descriptor_is_closed_on_exec() {
    let (one, other) = pair();
    one.send_fds(&[IoSlice::new(b"x")], &[File::open("/dev/null").unwrap().as_fd()]).unwrap();
    let descriptors = other.recv_fds(1, 1).unwrap().take_descriptors();
    let flags = rustix::io::fcntl_getfd(&descriptors[0]).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn descriptors_that_nobody_takes_are_closed() {
    let (one, other) = pair();
    let (ends, others) = watched_ends(3);
    one.send_fds(&[IoSlice::new(b"x")], &lend(&ends)).unwrap();
    drop(ends);
    let message = other.recv_fds(1, 3).unwrap();
    assert_eq!(message.bytes, b"x");
    drop(message);
    assert_all_closed(others);
}

#[test]
fn descriptors_without_room_are_closed_and_the_others_are_whole() {
    for (sent, room) in [(4, 0), (4, 1), (5, 2), (4, 3)] {
        let (one, other) = pair();
        let (ends, others) = watched_ends(sent);
        one.send_fds(&[IoSlice::new(b"x")], &lend(&ends)).unwrap();
        drop(ends);
        let mut message = other.recv_fds(1, room).unwrap();
        assert!(message.control_truncated());
        let taken = message.take_descriptors();
        assert_eq!(taken.len(), room, "no more than were asked for, though one more may fit");
        drop(taken);
        assert_all_closed(others);
    }
}

#[test]
fn descriptors_sent_to_a_call_that_takes_none_are_closed() {
    let (one, other) = pair();
    let (ends, others) = watched_ends(1);
    one.send_fds(&[IoSlice::new(b"x")], &lend(&ends)).unwrap();
    drop(ends);
    assert_eq!(other.recv(16).unwrap(), b"x");
    assert_all_closed(others);
}

#[test]
fn descriptors_that_were_peeked_at_come_again() {
    let (one, other) = pair();
    let (ends, others) = watched_ends(1);
    one.send_fds(&[IoSlice::new(b"x")], &lend(&ends)).unwrap();
    drop(ends);
    let room = cmsg_space(4).unwrap();
    for flags in [MSG_PEEK, Flags::default()] {
        let mut message = other.recv_msg(1, room, flags).unwrap();
        assert_eq!(message.take_descriptors().len(), 1);
    }
    assert_all_closed(others);
}

#[test]
fn a_received_descriptor_works_when_the_sender_has_closed_it() {
    let (one, other) = pair();
    let (client, server) = tcp_pair();
    one.send_fds(&[IoSlice::new(b"x")], &[server.descriptor().unwrap()]).unwrap();
    drop(server);
    let fd: OwnedFd = other.recv_fds(1, 1).unwrap().take_descriptors().remove(0);
    Socket::from_fd(fd).unwrap().send_all(b"hello").unwrap();
    assert_eq!(client.recv(16).unwrap(), b"hello");
}

#[test]
#[cfg(target_os = "linux")] // credentials beside a message are its
fn the_system_vouches_for_who_sends() {
    let (one, other) = pair();
    other.set_option(SOL_SOCKET, libc::SO_PASSCRED, 1).unwrap();
    one.send(b"x").unwrap();
    let mut message = other.recv_msg(1, cmsg_space(12).unwrap(), Flags::default()).unwrap();
    let Some(Ancillary::Credentials(seen)) = message.ancillary.pop() else { panic!("{message:?}") };
    assert_eq!(seen.pid, Some(std::process::id()));
    assert_eq!(seen, one.peer_credentials().unwrap());

    let (ours, true_ones) = (Credentials { pid: None, ..seen }, seen);
    one.send_msg(&[IoSlice::new(b"y")], &[Attachment::Credentials(ours)], Flags::default(), None)
        .unwrap();
    let mut message = other.recv_msg(1, cmsg_space(12).unwrap(), Flags::default()).unwrap();
    let Some(Ancillary::Credentials(seen)) = message.ancillary.pop() else { panic!("{message:?}") };
    assert_eq!(seen, true_ones);
}

#[test]
fn who_is_at_the_other_end_is_told_of_unix_sockets_that_have_one() {
    let (one, other) = pair();
    let (ours, theirs) = (one.peer_credentials().unwrap(), other.peer_credentials().unwrap());
    assert_eq!((ours.uid, ours.gid), (theirs.uid, theirs.gid));
    let made_by_us = std::fs::metadata(&Folder::new().0).unwrap();
    assert_eq!(ours.uid, std::os::unix::fs::MetadataExt::uid(&made_by_us));
    let alone = watched(AF_UNIX, SOCK_STREAM);
    let error = alone.peer_credentials().unwrap_err();
    assert!([ErrorKind::NotConnected, ErrorKind::InvalidInput].contains(&error.kind()), "{error}");
    let (tcp, _peer) = tcp_pair();
    assert_eq!(tcp.peer_credentials().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn more_buffers_than_the_system_takes_are_refused_by_it() {
    const IOV_MAX: usize = 1024;
    let (client, server) = tcp_pair();
    let byte = IoSlice::new(b"x");
    let sent = client.send_msg(&[byte; IOV_MAX], &[], Flags::default(), None).unwrap();
    assert_eq!(server.recv_exact(sent).unwrap(), vec![b'x'; IOV_MAX]);
    let error = client.send_msg(&[byte; IOV_MAX + 1], &[], Flags::default(), None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(error.kind(), ErrorKind::TooLong);
}

#[test]
fn more_ancillary_data_than_its_bound_is_refused_before_it_is_made() {
    let (one, other) = pair();
    let fits = ANCILLARY_BYTES - cmsg_space(0).unwrap();
    let long = vec![0; 2 * ANCILLARY_BYTES];
    const NO_SUCH: i32 = 999;
    let item =
        |bytes: usize| Attachment::Other { level: SOL_SOCKET, kind: NO_SUCH, data: &long[..bytes] };
    let send = |items: &[Attachment<'_>]| {
        one.send_msg(&[IoSlice::new(b"x")], items, Flags::default(), None).unwrap_err()
    };
    let at_the_bound = send(&[item(fits)]);
    assert!(at_the_bound.raw_os_error().is_some(), "the system says no: {at_the_bound}");
    for items in [&[item(fits + 1)][..], &[item(2 * ANCILLARY_BYTES)], &[item(fits), item(0)]] {
        let error = send(items);
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::InvalidInput, None));
        assert!(error.to_string().contains("of ancillary data"), "{error}");
    }
    one.send(b"x").unwrap();
    other.recv_msg(1, ANCILLARY_BYTES, Flags::default()).unwrap();
    let error = other.recv_msg(1, ANCILLARY_BYTES + 1, Flags::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = other.recv_fds(1, ANCILLARY_BYTES).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_message_keeps_the_deadline_whichever_way_it_goes() {
    let (client, server) = tcp_pair();
    for socket in [&client, &server] {
        socket.set_timeout(Some(SOON)).unwrap();
    }
    fill(&client);
    let long = [0; 65536];
    let error = client.send_msg(&[IoSlice::new(&long)], &[], Flags::default(), None).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
    let error = client.recv_msg(1, 0, Flags::default()).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
}

#[test]
fn a_full_unix_receiver_is_waited_for_until_the_deadline() {
    let folder = Folder::new();
    let server = watched(AF_UNIX, SOCK_DGRAM);
    server.bind(folder.path("full")).unwrap();
    let client = watched(AF_UNIX, SOCK_DGRAM);
    client.set_timeout(Some(SOON)).unwrap();
    let send = || {
        let to = Some(server.local_addr().unwrap().into());
        client.send_msg(&[IoSlice::new(b"x")], &[], Flags::default(), to)
    };
    let error = loop {
        match send() {
            Ok(sent) => assert_eq!(sent, 1),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(server.recv(16).unwrap(), b"x");
    assert_eq!(send().unwrap(), 1);
}

#[test]
fn urgent_data_is_besides_the_stream() {
    let (client, server) = tcp_pair();
    let error = server.recv_with(1, MSG_OOB).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "there is none");
    client.send_all(b"normal").unwrap();
    client.send_with(b"!", MSG_OOB).unwrap();
    assert_eq!(server.recv_exact(6).unwrap(), b"normal");
    assert_eq!(server.recv_with(1, MSG_OOB).unwrap(), b"!");
}

#[test]
fn an_unfinished_call_waits_for_all_where_it_is_asked_to_and_may() {
    let (client, server) = tcp_pair();
    server.set_timeout(None).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.recv_with(6, MSG_WAITALL).unwrap());
        for piece in [b"ab", b"cd", b"ef"] {
            client.send_all(piece).unwrap();
        }
        assert_eq!(waiting.join().unwrap(), b"abcdef");
    });
}

#[test]
#[cfg(target_os = "linux")] // it alone tells
fn a_refusal_is_received_as_an_error_of_its_own() {
    let deaf = crate::ends::udp();
    let at = deaf.local_addr().unwrap();
    drop(deaf);
    let client = crate::ends::udp();
    client.set_option(libc::IPPROTO_IP, libc::IP_RECVERR, 1).unwrap();
    client.send_to(b"anybody?", &at).unwrap();
    let message = client.recv_msg(64, 512, MSG_ERRQUEUE).unwrap();
    assert_eq!(message.bytes, b"anybody?");
    assert!(message.flags.contains(MSG_ERRQUEUE));
    let [Ancillary::Other { level, kind, .. }] = &message.ancillary[..] else {
        panic!("{message:?}")
    };
    assert_eq!((*level, *kind), (libc::IPPROTO_IP, libc::IP_RECVERR));
}

/// Asked for, it has Linux count bytes that it does not write.
#[test]
fn that_something_was_cut_is_told_and_cannot_be_asked_for() {
    let (client, stream) = tcp_pair();
    let datagrams = crate::ends::udp();
    let sender = watched(AF_INET, SOCK_DGRAM);
    sender.connect(datagrams.local_addr().unwrap()).unwrap();
    client.send_all(b"hello").unwrap();
    sender.send(b"hello").unwrap();
    for socket in [stream, datagrams] {
        let (mut three, mut rest) = ([0; 3], [0; 3]);
        let flags = MSG_TRUNC | MSG_PEEK;
        let refusals = [
            socket.recv_with(3, flags).map(drop),
            socket.recv_into_with(&mut three, flags).map(drop),
            socket.recv_from_with(3, flags).map(drop),
            socket.recv_from_into_with(&mut three, flags).map(drop),
            socket.recv_msg(3, 0, flags).map(drop),
            socket.recv_msg_into(&mut [IoSliceMut::new(&mut rest)], 0, flags).map(drop),
        ];
        for refusal in refusals {
            let error = refusal.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("MSG_TRUNC"), "{error}");
        }
        assert_eq!(socket.recv(16).unwrap(), b"hello", "and nothing of it is lost");
    }
}

#[test]
#[cfg(target_os = "linux")] // it alone has it
fn a_senders_process_is_a_descriptor_that_somebody_owns() {
    let (one, other) = pair();
    let passes = other.set_option(SOL_SOCKET, libc::SO_PASSPIDFD, 1).is_ok();
    if !crate::needs::needs("a kernel that passes processes (6.5)", passes) {
        return;
    }
    one.send(b"x").unwrap();
    let mut message = other.recv_msg(1, cmsg_space(4).unwrap(), Flags::default()).unwrap();
    assert!(message.take_descriptors().is_empty(), "none was sent");
    let [Ancillary::Process(descriptor)] = &message.ancillary[..] else { panic!("{message:?}") };
    let flags = rustix::io::fcntl_getfd(descriptor).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}
