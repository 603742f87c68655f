//! Unix sockets: their paths, as files and as abstract names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{abstract_name, watched};
use crate::folder::Folder;

fn stream() -> Socket {
    watched(AF_UNIX, SOCK_STREAM)
}

/// Binds to a path, which the socket then has, byte for byte.
#[track_caller]
fn check_bound(path: &Path) {
    let socket = stream();
    socket.bind(path).unwrap();
    assert_eq!(socket.local_addr().unwrap().path(), Some(path));
}

mod test_unix_domain {
    use super::*;

    #[test]
    fn test_unbound() {
        assert_eq!(stream().local_addr().unwrap(), Addr::Unix(None));
    }

    #[test]
    fn test_str_addr() {
        let folder = Folder::new();
        let path = folder.path("socket");
        let socket = stream();
        socket.bind(path.to_str().unwrap()).unwrap();
        assert_eq!(socket.local_addr().unwrap().path(), Some(path.as_path()));
    }

    #[test]
    fn test_bytes_addr() {
        let folder = Folder::new();
        let bytes = folder.path("socket").into_os_string();
        check_bound(Path::new(OsStr::from_bytes(bytes.as_bytes())));
    }

    #[test]
    fn test_surrogateescape_bind() {
        check_bound(&Folder::new().path("ſocket-\u{e9}"));
    }

    #[test]
    #[cfg(target_os = "linux")] // some systems want their files' names in UTF-8
    fn test_unencodable_addr() {
        let folder = Folder::new();
        check_bound(&folder.0.join(OsStr::from_bytes(b"\xff\xfe is no text")));
    }
}

#[cfg(target_os = "linux")] // abstract names are its
mod test_linux_abstract_namespace {
    use super::*;
    use std::path::PathBuf;

    /// A name with these bytes behind what makes it this process's own.
    fn named(bytes: &[u8]) -> PathBuf {
        let own = abstract_name("cpython").into_os_string();
        PathBuf::from(OsStr::from_bytes(&[own.as_bytes(), bytes].concat()))
    }

    #[test]
    fn test_linux_abstract_namespace() {
        let name = named(b"hello\0\xff");
        let (server, client) = (stream(), stream());
        server.bind(&name).unwrap();
        server.listen().unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        server.accept().unwrap();
        assert_eq!(server.local_addr().unwrap().path(), Some(name.as_path()));
        assert_eq!(client.peer_addr().unwrap().path(), Some(name.as_path()));
    }

    /// The most that a name has: 108 bytes, with the zero before it.
    const NAME_BYTES_MAX: usize = 108;

    #[test]
    fn test_max_name() {
        let own = named(b"").into_os_string().len();
        check_bound(&named(&vec![b'h'; NAME_BYTES_MAX - own]));
    }

    #[test]
    fn test_name_overflow() {
        let own = named(b"").into_os_string().len();
        let error = stream().bind(named(&vec![b'h'; NAME_BYTES_MAX + 1 - own])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("at most 108"), "{error}");
    }

    #[test]
    fn test_str_name() {
        let name = named(b"string\0and zero\0");
        let socket = stream();
        socket.bind(name.to_str().unwrap()).unwrap();
        assert_eq!(socket.local_addr().unwrap().path(), Some(name.as_path()));
    }

    #[test]
    fn test_bytearray_name() {
        let mut bytes = named(b"array\0and zero\0").into_os_string().as_bytes().to_vec();
        bytes[1] = b'\xfe'; // it is changed before it is used, and no text
        check_bound(Path::new(OsStr::from_bytes(&bytes)));
    }

    #[test]
    fn test_autobind() {
        let bound = || {
            let socket = stream();
            socket.bind(Addr::Unix(None)).unwrap();
            socket
        };
        let (one, other) = (bound(), bound());
        let name = |socket: &Socket| socket.local_addr().unwrap().path().unwrap().to_owned();
        for socket in [&one, &other] {
            let name = name(socket).into_os_string();
            let (zero, digits) = name.as_bytes().split_first().unwrap();
            assert_eq!((*zero, digits.len()), (0, 5));
            assert!(digits.iter().all(|byte| b"0123456789abcdef".contains(byte)), "{name:?}");
        }
        assert_ne!(name(&one), name(&other));
    }
}
