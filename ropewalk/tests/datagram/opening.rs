//! Opening: what is bound or connected, and who hears when it cannot be.

use std::net::UdpSocket;
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::error::ErrorKind;
use ropewalk::protocol::Kind as End;
use ropewalk::{Addr, Reactor};

use crate::rig::{Call, Script, Scripted, on, on_every_engine};

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = holder.local_addr().unwrap();
    let reactor = Reactor::new().unwrap();
    let error = reactor.listen_udp(at, || ropewalk::service::Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on {at}: ")), "{error}");
}

#[test]
fn a_port_taken_in_one_family_leaves_nothing_bound() {
    let Ok(holder) = UdpSocket::bind("[::1]:0") else { return }; // no IPv6 on this machine
    let port = holder.local_addr().unwrap().port();
    let reactor = Reactor::new().unwrap();
    let mut built = 0;
    let error = reactor.listen_udp(port, || {
        built += 1;
        ropewalk::service::Echo
    });
    assert_eq!((error.unwrap_err().kind(), built), (ErrorKind::AddressInUse, 0));
    UdpSocket::bind(("127.0.0.1", port)).unwrap();
}

#[test]
fn a_name_that_does_not_exist_fails_the_protocol_and_nothing_else_is_called() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            rig.connect(Target::Name("no-such-host.invalid".into(), 9), Script::new());
            let failed = |calls: &[(usize, Call)]| {
                matches!(calls, [(0, Call::Failed(End::Failed, why))]
                    if why.contains("cannot resolve no-such-host.invalid:9"))
            };
            rig.until("a failure", failed);
        },
    );
}

#[test]
fn a_name_is_resolved_off_the_loop_and_then_its_peer_is_talked_with() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let (v4, v6) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0"));
            let log = rig.log.clone();
            let script = Script::new().made(move |transport| {
                log.note(transport.peer_addr().unwrap().host().into_owned());
            });
            let port = v4.local_addr().unwrap().port();
            rig.connect(Target::Name("localhost".into(), port), script);
            rig.until("it is open", |calls| calls.len() == 2);
            let host = &rig.log.notes()[0];
            assert!(host == "127.0.0.1" || (host == "::1" && v6.is_ok()), "{host}");
        },
    );
}

#[test]
fn a_unix_path_where_nobody_receives_fails_the_protocol() {
    on(
        |kind| kind.is_unix(),
        |rig| {
            let path = rig.path();
            rig.connect(Target::Addr(path.clone().into()), Script::new());
            let said = format!("cannot connect to {}", path.display());
            rig.until(
                "a failure",
                |calls| matches!(calls, [(0, Call::Failed(_, why))] if why.contains(&said)),
            );
        },
    );
}

#[test]
fn a_socket_that_is_stopped_before_it_is_open_fails() {
    on_every_engine(|rig| {
        let (to, log) = (rig.peer().addr(), rig.log.clone());
        rig.call(move |net| {
            let protocol = Box::new(Scripted::new(&Script::new(), &log));
            let connector = net.connect_datagrams(to.into(), protocol);
            connector.stop();
            connector.stop();
        });
        rig.until("a failure", |calls| matches!(calls, [(0, Call::Failed(End::Aborted, _))]));
    });
}

#[test]
fn a_connector_that_is_stopped_closes_its_socket() {
    on_every_engine(|rig| {
        let (peer, log) = (rig.peer(), rig.log.clone());
        let to = peer.addr();
        rig.call(move |net| {
            let protocol = Box::new(Scripted::new(&Script::new(), &log));
            let connector = net.connect_datagrams(to.clone().into(), protocol);
            assert_eq!(*connector.target(), Target::Addr(to));
            net.call_later(Duration::from_millis(1), Box::new(move |_| connector.stop()));
        });
        rig.until_call(Call::Lost(End::Closed));
        assert_eq!(rig.log.of(0), [Call::Made, Call::Lost(End::Closed)]);
    });
}

#[test]
fn during_a_stop_nothing_is_opened() {
    on_every_engine(|rig| {
        let (site, to, log) = (rig.site(), rig.peer().addr(), rig.log.clone());
        rig.listen(
            Script::new()
                .stopping(move |transport| {
                    let refused =
                        crate::rig::listen(transport.net(), site.clone(), &Script::new(), &log);
                    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Stopped);
                    let protocol = Box::new(Scripted::new(&Script::new(), &log));
                    transport.net().connect_datagrams(to.clone().into(), protocol);
                    transport.set_timer(ropewalk::Timer(1), Duration::from_millis(1));
                })
                .timer(|transport| transport.close()),
        );
        rig.until_call(Call::Made);
        rig.remote().stop().unwrap();
        rig.until_call(Call::Lost(End::Closed));
        let failed = rig.log.of(1);
        assert!(matches!(&failed[..], [Call::Failed(End::Stopped, _)]), "{failed:?}");
    });
}

#[test]
fn a_unix_sockets_file_goes_with_it_and_a_stale_one_is_replaced() {
    on(
        |kind| kind.is_unix(),
        |rig| {
            let (path, log) = (rig.path(), rig.log.clone());
            drop(std::fs::File::create(&path).unwrap());
            let site = ropewalk::addr::DatagramSite::Unixgram(path.clone());
            let (at, seen) = (site.clone(), log.clone());
            let kind = rig.call(move |net| {
                crate::rig::listen(net, at, &Script::echo(), &seen).unwrap_err().kind()
            });
            assert_eq!(kind, ErrorKind::AddressInUse, "a file that is no socket stays");
            std::fs::remove_file(&path).unwrap();
            leave_stale(&path);
            rig.call(move |net| crate::rig::listen(net, site, &Script::echo(), &log).map(|_| ()))
                .unwrap();
            assert_eq!(rig.peer().ask(b"x", &Addr::from(&*path)), b"x");
            rig.handle().close().unwrap();
            rig.until_call(Call::Lost(End::Closed));
            rig.call(|_| ()); // the socket went with the end of that turn
            assert!(!path.exists());
        },
    );
}

/// The file of a socket whose program died.
fn leave_stale(path: &std::path::Path) {
    #[cfg(unix)] // Unix sockets
    drop(std::os::unix::net::UnixDatagram::bind(path).unwrap());
    assert!(path.exists());
}

#[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
#[test]
fn io_uring_says_that_it_has_no_datagrams() {
    let reactor = Reactor::builder().build_uring().unwrap();
    let error = reactor.listen_udp(("127.0.0.1", 0), || ropewalk::service::Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("no datagrams"), "{error}");
}
