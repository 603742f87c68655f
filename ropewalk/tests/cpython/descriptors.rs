//! Descriptors: passed beside a message, copied, adopted, and who inherits them.

use std::fs::File;
use std::io::{IoSlice, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{listener, tcp_pair, udp, watched};
use crate::folder::Folder;
use crate::messages::{BOTH, Got, INT, receive, unix_pair};
use crate::sockets::MSG;

/// Files, each with its own number in it.
fn files(count: usize) -> Vec<File> {
    let folder = Folder::new();
    let numbered = |number: usize| {
        let path = folder.path(&number.to_string());
        let mut file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        write!(file, "{number}").unwrap();
        file
    };
    (0..count).map(numbered).collect()
}

/// They are those files.
#[track_caller]
fn check_files(descriptors: Vec<OwnedFd>) {
    for (number, descriptor) in descriptors.into_iter().enumerate() {
        let mut file = File::from(descriptor);
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, number.to_string());
    }
}

fn lend(files: &[File]) -> Vec<BorrowedFd<'_>> {
    files.iter().map(File::as_fd).collect()
}

/// Sends the message with what is beside it.
fn send(client: &Socket, ancillary: &[Attachment<'_>]) -> ropewalk::Result<usize> {
    client.send_msg(&[IoSlice::new(MSG)], ancillary, Flags::default(), None)
}

/// Sends the message with new files, and receives it with so much room, by each call.
fn pass(count: usize, room: usize, check: impl Fn(Got)) {
    let files = files(count);
    pass_with(&[Attachment::Descriptors(&lend(&files))], room, check);
}

fn pass_with(ancillary: &[Attachment<'_>], room: usize, check: impl Fn(Got)) {
    for by in BOTH {
        eprintln!("by {by:?}");
        let (client, server) = unix_pair();
        assert_eq!(send(&client, ancillary).unwrap(), MSG.len());
        let got = receive(&server, *by, MSG.len(), room, Flags::default()).unwrap();
        assert_eq!(got.bytes, MSG);
        check(got);
    }
}

/// What came is descriptors alone, in at most so many items.
#[track_caller]
fn descriptors_of(got: Got, most_items: usize) -> Vec<OwnedFd> {
    assert!(got.ancillary.len() <= most_items, "{got:?}");
    let mut all = Vec::new();
    for item in got.ancillary {
        match item {
            Ancillary::Descriptors(descriptors) => all.extend(descriptors),
            other => panic!("{other:?}"),
        }
    }
    for descriptor in &all {
        let flags = rustix::io::fcntl_getfd(descriptor).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "Python's would be inherited");
    }
    all
}

#[track_caller]
fn check_passed(got: Got, count: usize, most_items: usize, may_be_cut: bool) {
    assert!(may_be_cut || !got.flags.contains(MSG_CTRUNC), "{got:?}");
    let descriptors = descriptors_of(got, most_items);
    assert_eq!(descriptors.len(), count);
    check_files(descriptors);
}

mod scm_rights_test {
    use super::*;

    /// `SCM_RIGHTS`, for what is no array of descriptors.
    fn raw(data: &[u8]) -> Attachment<'_> {
        Attachment::Other { level: SOL_SOCKET, kind: libc::SCM_RIGHTS, data }
    }

    const BAD: [u8; INT] = (-0x5555_i32).to_ne_bytes();

    #[test]
    fn test_fd_pass_simple() {
        pass(1, 10240, |got| check_passed(got, 1, 1, false));
    }

    #[test]
    fn test_multiple_fd_pass() {
        pass(4, 10240, |got| check_passed(got, 4, 1, false));
    }

    #[test]
    fn test_fd_pass_cmsg_space() {
        pass(4, cmsg_space(4 * INT).unwrap(), |got| check_passed(got, 4, 1, false));
    }

    #[test]
    fn test_fd_pass_cmsg_len() {
        pass(1, cmsg_len(4 * INT).unwrap(), |got| check_passed(got, 1, 1, true));
    }

    #[test]
    fn test_fd_pass_separate() {
        let files = files(2);
        let lent = lend(&files);
        let ancillary = [Attachment::Descriptors(&lent[..1]), Attachment::Descriptors(&lent[1..])];
        pass_with(&ancillary, 10240, |got| check_passed(got, 2, 2, false));
    }

    #[test]
    fn test_fd_pass_separate_min_space() {
        let files = files(2);
        let lent = lend(&files);
        let ancillary = [Attachment::Descriptors(&lent[..1]), Attachment::Descriptors(&lent[1..])];
        let room = cmsg_space(INT).unwrap() + cmsg_len(2 * INT).unwrap();
        pass_with(&ancillary, room, |got| check_passed(got, 2, 2, true));
    }

    #[test]
    fn test_fd_pass_empty() {
        pass_with(&[Attachment::Descriptors(&[])], 10240, |got| check_passed(got, 0, 1, true));
    }

    #[test]
    fn test_fd_pass_partial_int() {
        pass_with(&[raw(&BAD[1..])], 10240, |got| {
            assert!(descriptors_of(got, 1).is_empty());
        });
    }

    #[test]
    fn test_fd_pass_partial_int_in_middle() {
        let files = files(2);
        let numbers: Vec<[u8; INT]> = files.iter().map(|f| f.as_raw_fd().to_ne_bytes()).collect();
        let cut = [&numbers[0][..], &BAD[1..]].concat();
        let ancillary = [raw(&cut), raw(&numbers[1])];
        pass_with(&ancillary, 10240, |got| check_passed(got, 2, 2, true));
    }

    /// Nothing comes where there is no room for a header.
    fn check_truncated_header(room: usize) {
        pass(1, room, |got| {
            assert!(got.ancillary.is_empty(), "{got:?}");
            assert!(got.flags.contains(MSG_CTRUNC));
        });
    }

    #[test]
    fn test_cmsg_trunc_no_buf_size() {
        // Python's room for none by default; the plain receive has none at all.
        let (client, server) = unix_pair();
        let files = files(1);
        send(&client, &[Attachment::Descriptors(&lend(&files))]).unwrap();
        assert_eq!(server.recv_from(MSG.len()).unwrap().bytes, MSG);
    }

    #[test]
    fn test_cmsg_trunc0() {
        check_truncated_header(0);
    }

    #[test]
    fn test_cmsg_trunc1() {
        check_truncated_header(1);
    }

    #[test]
    fn test_cmsg_trunc2_int() {
        check_truncated_header(2 * INT);
    }

    #[test]
    fn test_cmsg_trunc_len0_minus1() {
        check_truncated_header(cmsg_len(0).unwrap() - 1);
    }

    /// Only whole descriptors come, and no more than there is room for.
    fn check_truncated_array(count: usize, room: usize, most_bytes: usize) {
        pass(count, room, |got| {
            assert!(got.flags.contains(MSG_CTRUNC));
            let descriptors = descriptors_of(got, 1);
            assert!(descriptors.len() <= most_bytes / INT, "{descriptors:?}");
            check_files(descriptors);
        });
    }

    #[test]
    fn test_cmsg_trunc_len0() {
        check_truncated_array(1, cmsg_len(0).unwrap(), 0);
    }

    #[test]
    fn test_cmsg_trunc_len0_plus1() {
        check_truncated_array(2, cmsg_len(0).unwrap() + 1, 1);
    }

    #[test]
    fn test_cmsg_trunc_len1() {
        check_truncated_array(2, cmsg_len(INT).unwrap(), INT);
    }

    #[test]
    fn test_cmsg_trunc_len2_minus1() {
        check_truncated_array(2, cmsg_len(2 * INT).unwrap() - 1, 2 * INT - 1);
    }
}

mod send_recv_fds_tests {
    use super::*;

    #[test]
    fn test_send_and_recv_fds() {
        let pipes: Vec<_> = (0..10).map(|_| UnixStream::pair().unwrap()).collect();
        let lent: Vec<BorrowedFd<'_>> = pipes.iter().map(|(reader, _)| reader.as_fd()).collect();
        let (one, other) = unix_pair();
        one.send_fds(&[IoSlice::new(MSG)], &lent).unwrap();
        let mut message = other.recv_fds(2 * MSG.len(), 2 * lent.len()).unwrap();
        let received = message.take_descriptors();
        assert_eq!((message.bytes.as_slice(), received.len()), (MSG, lent.len()));
        assert_eq!((message.flags, message.ancillary.len()), (Flags::default(), 0));
        for (index, (_, writer)) in pipes.iter().enumerate() {
            rustix::io::write(writer, index.to_string().as_bytes()).unwrap();
        }
        for (index, reader) in received.iter().enumerate() {
            let mut text = [0; 100];
            let count = rustix::io::read(reader, &mut text).unwrap();
            assert_eq!(text[..count], *index.to_string().as_bytes());
        }
    }
}

mod inheritance_test {
    use super::*;
    use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

    fn stream() -> Socket {
        Socket::new(AF_INET, SOCK_STREAM).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")] // the bit is Linux's
    fn test_sock_cloexec() {
        let kind = Kind::from(SOCK_STREAM.number() | libc::SOCK_CLOEXEC);
        let socket = Socket::new(AF_INET, kind).unwrap();
        assert_eq!(socket.kind(), SOCK_STREAM);
        assert!(!socket.is_inheritable().unwrap());
    }

    #[test]
    fn test_default_inheritable() {
        assert!(!stream().is_inheritable().unwrap());
    }

    #[test]
    fn test_dup() {
        let mut socket = stream();
        let copy = socket.dup().unwrap();
        socket.close().unwrap();
        assert!(!copy.is_inheritable().unwrap());
    }

    #[test]
    fn test_set_inheritable() {
        let socket = stream();
        for inheritable in [true, false] {
            socket.set_inheritable(inheritable).unwrap();
            assert_eq!(socket.is_inheritable().unwrap(), inheritable);
        }
    }

    #[test]
    fn test_socketpair() {
        let (one, other) = socketpair().unwrap();
        assert!(!one.is_inheritable().unwrap() && !other.is_inheritable().unwrap());
    }

    #[test]
    fn test_get_inheritable_cloexec() {
        let socket = stream();
        assert!(!socket.is_inheritable().unwrap());
        let flags = fcntl_getfd(&socket).unwrap();
        fcntl_setfd(&socket, flags - FdFlags::CLOEXEC).unwrap();
        assert!(socket.is_inheritable().unwrap());
    }

    #[test]
    fn test_set_inheritable_cloexec() {
        let socket = stream();
        assert!(fcntl_getfd(&socket).unwrap().contains(FdFlags::CLOEXEC));
        socket.set_inheritable(true).unwrap();
        assert!(!fcntl_getfd(&socket).unwrap().contains(FdFlags::CLOEXEC));
    }
}

mod basic_tcp_test {
    use super::*;

    #[test]
    fn test_from_fd() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        let copy = client.descriptor().unwrap().try_clone_to_owned().unwrap();
        let socket = Socket::from_fd(copy).unwrap();
        assert_eq!((socket.family(), socket.kind()), (AF_INET, SOCK_STREAM));
        assert_eq!(socket.recv(1024).unwrap(), MSG);
    }

    #[test]
    fn test_dup() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        let copy = client.dup().unwrap();
        assert_ne!(copy.as_raw_fd(), client.as_raw_fd());
        assert_eq!(copy.timeout(), client.timeout());
        assert_eq!(copy.recv(1024).unwrap(), MSG);
    }
}

mod general_module_tests {
    use super::*;

    #[test]
    fn test_socket_fileno() {
        let folder = Folder::new();
        let path = watched(AF_UNIX, SOCK_STREAM);
        path.bind(folder.path("socket")).unwrap();
        let six = watched(AF_INET6, SOCK_STREAM);
        for socket in [listener(), udp(), six, path] {
            let (family, kind) = (socket.family(), socket.kind());
            let addr = socket.local_addr().unwrap();
            let number = socket.as_raw_fd();
            let adopted = Socket::from_fd(OwnedFd::try_from(socket).unwrap()).unwrap();
            assert_eq!((adopted.family(), adopted.kind()), (family, kind));
            assert_eq!(adopted.local_addr().unwrap(), addr);
            assert_eq!(adopted.as_raw_fd(), number);
        }
    }

    #[test]
    fn test_socket_fileno_requires_socket_fd() {
        let file = || OwnedFd::from(files(1).remove(0));
        let error = Socket::from_fd(file()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // What is adopted without being asked says so later.
        let adopted = Socket::from(file());
        assert_eq!(adopted.family(), Family::Other(0));
        assert_eq!(adopted.recv(1).unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
    }

    #[test]
    fn test_unknown_socket_family_repr() {
        let (family, kind) = (Family::from(9999), Kind::from(7777));
        assert_eq!((family, kind), (Family::Other(9999), Kind::Other(7777)));
        assert_eq!((family.number(), kind.number()), (9999, 7777));
        assert_eq!(
            (family.to_string(), kind.to_string()),
            ("family 9999".into(), "kind 7777".into())
        );
        let error = Socket::new(family, SOCK_STREAM).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}
