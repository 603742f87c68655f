//! Listeners: where they listen, and what is in the way.

mod tcp_port_tests_mixin {
    use crate::transports::*;
    use ropewalk::addr::{ListenAt, Site};
    use ropewalk::{Addr, Reactor};
    use std::net::IpAddr;

    /// What a listener, a factory and a transport say of their addresses, at this one.
    fn seen(host: &str) -> Vec<Addr> {
        let reactor = Reactor::new().unwrap();
        let kept = Kept::new();
        let told = kept.clone();
        struct Tells(Kept<Addr>);
        impl ropewalk::Protocol for Tells {
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                self.0.put(transport.local_addr());
                self.0.put(transport.peer_addr());
                transport.close();
                transport.net().stop();
            }
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        }
        struct Builds(Kept<Addr>);
        impl ropewalk::Factory for Builds {
            type Protocol = Tells;
            fn build(&mut self, peer: &Addr) -> Option<Tells> {
                self.0.put(peer.clone());
                Some(Tells(self.0.clone()))
            }
        }
        let at = Site::Tcp(ListenAt::from((host, 0)));
        let listener = reactor.listen(&at, Builds(told)).unwrap();
        let addrs = listener.addrs();
        assert_eq!(addrs.len(), 1);
        let to = addrs[0].ip().unwrap();
        let client = std::thread::spawn(move || {
            let client = std::net::TcpStream::connect(to).unwrap();
            let ours = client.local_addr().unwrap();
            std::io::Read::read(&mut &client, &mut [0]).unwrap();
            ours
        });
        reactor.run().unwrap();
        let ours = Addr::from(client.join().unwrap());
        [&[addrs[0].clone(), ours][..], &kept.all()].concat()
    }

    fn host_of(addr: &Addr) -> IpAddr {
        addr.ip().unwrap().ip()
    }

    #[test]
    fn test_port_get_host_on_ipv4() {
        let seen = seen("127.0.0.1");
        assert_eq!(host_of(&seen[0]).to_string(), "127.0.0.1");
        assert_ne!(seen[0].ip().unwrap().port(), 0);
    }

    #[test]
    fn test_port_get_host_on_ipv6() {
        assert_eq!(host_of(&seen("::1")[0]).to_string(), "::1");
    }

    #[test]
    fn test_build_protocol_ipv4_address() {
        let seen = seen("127.0.0.1");
        assert_eq!(seen[2], seen[1], "the peer's own address");
    }

    #[test]
    fn test_build_protocol_ipv6_address() {
        let seen = seen("::1");
        assert_eq!(seen[2], seen[1]);
    }

    #[test]
    fn test_server_get_host_on_ipv4() {
        let seen = seen("127.0.0.1");
        assert_eq!(seen[3], seen[0]);
    }

    #[test]
    fn test_server_get_host_on_ipv6() {
        let seen = seen("::1");
        assert_eq!(seen[3], seen[0]);
    }

    #[test]
    fn test_server_get_peer_on_ipv4() {
        let seen = seen("127.0.0.1");
        assert_eq!(seen[4], seen[1]);
    }

    #[test]
    fn test_server_get_peer_on_ipv6() {
        let seen = seen("::1");
        assert_eq!(seen[4], seen[1]);
    }
}

// Where a port can be shared.
#[cfg(unix)]
mod test_bind_address_builder {
    use crate::transports::*;
    use ropewalk::addr::{ListenAt, Site};
    use ropewalk::error::ErrorKind;
    use ropewalk::options::SocketOptions;
    use ropewalk::{Listener, Reactor, Result};

    fn listen(reactor: &Reactor, port: u16, options: &SocketOptions) -> Result<Listener> {
        let at = Site::Tcp(ListenAt::from(("127.0.0.1", port)));
        reactor.listen_with(&at, options, || Quiet)
    }

    struct Quiet;
    impl ropewalk::Protocol for Quiet {
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    }

    fn port_of(listener: &Listener) -> u16 {
        listener.addrs()[0].ip().unwrap().port()
    }

    #[test]
    fn test_bind_address_basic() {
        let reactor = Reactor::new().unwrap();
        let one = listen(&reactor, 0, &SocketOptions::default()).unwrap();
        let error = listen(&reactor, port_of(&one), &SocketOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressInUse, "{error}");
    }

    #[test]
    fn test_bind_address_reuse_port() {
        let reactor = Reactor::new().unwrap();
        let options = SocketOptions { reuse_port: Some(true), ..Default::default() };
        let one = listen(&reactor, 0, &options).unwrap();
        let other = listen(&reactor, port_of(&one), &options).unwrap();
        assert_eq!(port_of(&one), port_of(&other));
        // Both must want it.
        let error = listen(&reactor, port_of(&one), &SocketOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressInUse, "{error}");
    }

    /// Neither option takes the other away, as one does in Twisted.
    #[test]
    fn test_bind_address_reuse_addr_port() {
        let reactor = Reactor::new().unwrap();
        let (reuse_address, reuse_port) = (Some(false), Some(true));
        let options = SocketOptions { reuse_address, reuse_port, ..Default::default() };
        let one = listen(&reactor, 0, &options).unwrap();
        listen(&reactor, port_of(&one), &options).unwrap();
    }

    /// A port whose last connection waits in `TIME_WAIT` can be listened on at once, unless
    /// that was switched off.
    #[test]
    #[cfg(target_os = "linux")] // others let a listener have it, or give the wait to the client
    fn test_bind_address_reuse_addr() {
        struct Closes;
        impl ropewalk::Protocol for Closes {
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                transport.close();
                transport.net().stop();
            }
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        }
        let reactor = Reactor::new().unwrap();
        let listener = reactor.listen_tcp(("127.0.0.1", 0), || Closes).unwrap();
        let to = listener.addrs()[0].ip().unwrap();
        let client = std::thread::spawn(move || {
            let client = std::net::TcpStream::connect(to).unwrap();
            std::io::Read::read(&mut &client, &mut [0]).unwrap();
        });
        reactor.run().unwrap();
        client.join().unwrap();
        listener.stop();
        let never = SocketOptions { reuse_address: Some(false), ..Default::default() };
        let error = listen(&reactor, to.port(), &never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressInUse, "{error}");
        listen(&reactor, to.port(), &SocketOptions::default()).unwrap();
    }
}

mod listening_tests {
    use crate::transports::*;
    use ropewalk::Reactor;

    #[test]
    fn test_listen() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::sends_and_closes(1));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), [7]);
        });
    }

    #[test]
    fn test_stop_listening() {
        let reactor = Reactor::new().unwrap();
        let log = Log::default();
        let script = Script::new();
        let listener = reactor.listen_tcp(("127.0.0.1", 0), move || script.protocol(&log)).unwrap();
        let at = listener.addrs()[0].ip().unwrap();
        listener.stop();
        listener.stop(); // does nothing more
        reactor.remote().stop().unwrap();
        reactor.run().unwrap();
        std::net::TcpStream::connect(at).unwrap_err();
    }

    #[test]
    fn test_restart_listening() {
        let reactor = Reactor::new().unwrap();
        let log = Log::default();
        let listen = |port| {
            let (script, log) = (Script::new(), log.clone());
            reactor.listen_tcp(("127.0.0.1", port), move || script.protocol(&log)).unwrap()
        };
        let mut port = 0;
        for _ in 0..3 {
            let listener = listen(port);
            port = listener.addrs()[0].ip().unwrap().port();
            std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            listener.stop();
            reactor.remote().stop().unwrap();
            reactor.run().unwrap();
        }
    }

    /// It is a factory's failure there, and a connection's here: the port goes on either way.
    #[test]
    fn test_restart_after_except() {
        on(is_stream, |rig| {
            let script = Script::sends_and_closes(1);
            let server = rig.serve(script.build({
                let first = std::sync::atomic::AtomicBool::new(true);
                move |_| {
                    let first = first.swap(false, std::sync::atomic::Ordering::Relaxed);
                    assert!(!first, "it is meant to");
                    true
                }
            }));
            assert_eq!(rig.dial(server).read_until_over().0, b"");
            assert_eq!(rig.dial(server).read_to_end().unwrap(), [7]);
        });
    }
}

mod loopback_tests {
    use crate::transports::*;
    use ropewalk::{Factory, Listener, Reactor};
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn test_close_port_in_protocol_factory() {
        struct Once(Rc<RefCell<Option<Listener>>>);
        struct Stops;
        impl ropewalk::Protocol for Stops {
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                transport.write(b"x");
                transport.close();
            }
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
            fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
                assert_eq!(why.kind(), Kind::Closed);
                transport.net().stop();
            }
        }
        impl Factory for Once {
            type Protocol = Stops;
            fn build(&mut self, _: &ropewalk::Addr) -> Option<Stops> {
                self.0.borrow_mut().take().expect("one connection").stop();
                Some(Stops)
            }
        }
        let reactor = Reactor::new().unwrap();
        let own = Rc::new(RefCell::new(None));
        let listener = reactor.listen_tcp(("127.0.0.1", 0), Once(own.clone())).unwrap();
        let at = listener.addrs()[0].ip().unwrap();
        *own.borrow_mut() = Some(listener);
        let client = std::thread::spawn(move || {
            let mut got = Vec::new();
            let mut client = std::net::TcpStream::connect(at).unwrap();
            std::io::Read::read_to_end(&mut client, &mut got).unwrap();
            got
        });
        reactor.run().unwrap();
        assert_eq!(client.join().unwrap(), b"x");
        std::net::TcpStream::connect(at).unwrap_err();
    }
}

mod cannot_bind_tests {
    use ropewalk::Reactor;
    use ropewalk::error::ErrorKind;

    #[test]
    fn test_cannot_bind() {
        let reactor = Reactor::new().unwrap();
        let holder = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        let error =
            reactor.listen_tcp(("127.0.0.1", port), || ropewalk::service::Echo).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressInUse);
        let said = error.to_string();
        assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    }
}
