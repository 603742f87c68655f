//! Unix sockets, and the descriptors that travel over them.

mod unix_tests_builder {
    use crate::transports::*;
    use ropewalk::options::SocketOptions;
    use ropewalk::{Addr, Reactor};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn test_mode() {
        let folder = crate::rig::Folder::new();
        let path = folder.path("s");
        let reactor = Reactor::new().unwrap();
        let options = SocketOptions { mode: Some(0o600), ..Default::default() };
        let at = ropewalk::addr::Site::Unix(path.clone());
        let listener = reactor.listen_with(&at, &options, || ropewalk::service::Echo).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(listener);
    }

    #[test]
    fn test_listen_failure() {
        use ropewalk::error::ErrorKind;
        let folder = crate::rig::Folder::new();
        let path = folder.path("s");
        let reactor = Reactor::new().unwrap();
        let _held = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let refused = reactor.listen_unix(&path, || ropewalk::service::Echo);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::AddressInUse);
    }

    #[test]
    fn test_addresses() {
        on(is_unix, |rig| {
            let kept = Kept::new();
            let addrs = kept.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                addrs.put((transport.local_addr(), transport.peer_addr()));
            }));
            let _peer = rig.dial(server);
            let (ours, theirs) = rig.until_kept(&kept, 1).remove(0);
            assert_eq!((ours, theirs), (rig.addr(server), Addr::Unix(None)));
        });
    }

    /// A name in the abstract namespace is listened on, and connected to.
    #[test]
    #[cfg(target_os = "linux")] // nowhere else is there that namespace
    fn test_listen_on_linux_abstract_namespace() {
        let name = format!("\0ropewalk-twisted-{}", std::process::id());
        let reactor = Reactor::new().unwrap();
        reactor.listen_unix(&name, || ropewalk::service::Echo).unwrap();
        struct Asks(Kept<Vec<u8>>);
        impl ropewalk::Protocol for Asks {
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                transport.write(b"abstract");
            }
            fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
                self.0.put(data.to_vec());
                transport.net().stop();
            }
        }
        let kept = Kept::new();
        let got = kept.clone();
        reactor.connect_unix(&name, ropewalk::protocol::client(move || Asks(got.clone())));
        reactor.run().unwrap();
        assert_eq!(kept.first(), b"abstract");
    }

    /// Two pieces of ancillary data with one message are one to whoever receives them.
    #[test]
    fn test_multi_file_descriptor_received_per_recvmsg_two_cmsgs() {
        use ropewalk::protocol::{Descriptor, Event};
        use ropewalk::socket::{Attachment, Flags, Socket};
        use std::os::fd::{AsFd, OwnedFd};

        struct Takes(usize, Kept<usize>);
        impl ropewalk::Protocol for Takes {
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                transport.accept_descriptors(true).unwrap();
            }
            fn event(&mut self, _: &mut dyn Transport, event: Event) {
                self.0 += usize::from(event.is::<Descriptor>());
            }
            fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
                assert_eq!(data, b"x");
                self.1.put(self.0);
                transport.net().stop();
            }
        }
        let folder = crate::rig::Folder::new();
        let path = folder.path("s");
        let reactor = Reactor::new().unwrap();
        let kept = Kept::new();
        let counted = kept.clone();
        reactor.listen_unix(&path, move || Takes(0, counted.clone())).unwrap();
        let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let peer = Socket::from(OwnedFd::from(stream));
        let null = std::fs::File::open("/dev/null").unwrap();
        let lent = [null.as_fd()];
        let both = [Attachment::Descriptors(&lent), Attachment::Descriptors(&lent)];
        // Some systems send one such piece only.
        let sent = peer.send_msg(&[std::io::IoSlice::new(b"x")], &both, Flags::default(), None);
        if sent.is_err() {
            return;
        }
        reactor.run().unwrap();
        assert_eq!(kept.first(), 2);
    }
}
