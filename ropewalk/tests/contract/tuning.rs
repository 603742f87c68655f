//! Contract: options are set on a live connection.

use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::options::SocketOptions;
use ropewalk::protocol::Kind;

use crate::rig::{Call, Kept, Script, on, on_every_engine};

#[test]
fn what_can_be_set_is_set_and_the_rest_is_named() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| {
            let options = SocketOptions {
                nodelay: Some(false),
                keepalive: Some(Duration::from_secs(30)),
                keepalive_interval: Some(Duration::from_secs(5)),
                keepalive_count: Some(3),
                ttl: Some(9),
                ..SocketOptions::default()
            };
            transport.tune(&options).unwrap();
            let refused = [
                (SocketOptions { backlog: Some(1), ..Default::default() }, "backlog"),
                (SocketOptions { reuse_port: Some(true), ..Default::default() }, "reuse_port"),
                (SocketOptions { timeout: Some(Duration::ZERO), ..Default::default() }, "connect"),
                (SocketOptions { mode: Some(0o600), ..Default::default() }, "mode"),
                (SocketOptions { linger: Some(Duration::MAX), ..Default::default() }, "linger"),
            ];
            for (options, name) in refused {
                let error = transport.tune(&options).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert!(error.to_string().contains(name), "{error}");
            }
            transport.close();
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn no_linger_makes_a_reset_of_a_close() {
    // Where a kernel has it.
    on(
        |kind| kind.has_reset() && !kind.is_memory(),
        |rig| {
            let server = rig.serve(Script::new().made(|transport| {
                let now = Some(Duration::ZERO);
                transport.tune(&SocketOptions { linger: now, ..Default::default() }).unwrap();
                transport.close();
            }));
            let (_, ended) = rig.dial(server).read_until_over();
            assert_eq!(ended, Some(std::io::ErrorKind::ConnectionReset));
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
        },
    );
}

#[test]
#[cfg(target_os = "linux")] // a process can look at its descriptors there
fn the_system_has_them_afterwards() {
    use ropewalk::socket::*;
    // The descriptor is of this process, found by its addresses.
    on(
        |kind| kind == crate::rig::Kind::PollTcp || kind == crate::rig::Kind::ThreadsTcp,
        |rig| {
            let kept = Kept::new();
            let addrs = kept.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                let options = SocketOptions {
                    nodelay: Some(false),
                    keepalive: Some(Duration::from_secs(30)),
                    keepalive_interval: Some(Duration::from_millis(4_100)),
                    keepalive_count: Some(3),
                    user_timeout: Some(Duration::from_secs(7)),
                    ..SocketOptions::default()
                };
                transport.tune(&options).unwrap();
                addrs.put((transport.local_addr(), transport.peer_addr()));
            }));
            let _peer = rig.dial(server);
            let (local, peer) = rig.until_kept(&kept, 1).remove(0);
            let ours = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
                let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let path = format!("/proc/self/fd/{number}");
                std::fs::read_link(path).ok()?.to_str()?.starts_with("socket:").then_some(number)
            });
            let ours = ours.filter_map(copy_of).find(|socket| {
                let is_it =
                    |addr: Result<ropewalk::Addr, _>, wanted| addr.is_ok_and(|a| a == wanted);
                is_it(socket.local_addr().map_err(drop), local.clone())
                    && is_it(socket.peer_addr().map_err(drop), peer.clone())
            });
            let ours = ours.expect("the connection's socket");
            assert!(!ours.no_delay().unwrap());
            let keep_alive = ours.keep_alive().unwrap().unwrap();
            assert_eq!(keep_alive.idle, Some(Duration::from_secs(30)));
            assert_eq!(keep_alive.interval, Some(Duration::from_secs(5)), "rounded up");
            assert_eq!(keep_alive.count, Some(3));
            assert_eq!(ours.user_timeout().unwrap(), Some(Duration::from_secs(7)));
        },
    );

    /// A copy of one of this process's sockets, if it still is one.
    #[allow(unsafe_code, reason = "a number is no owner")]
    fn copy_of(number: i32) -> Option<Socket> {
        // SAFETY: it is only copied by the system, which says so if there is no such number.
        let lent = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        Some(Socket::from(lent.try_clone_to_owned().ok()?))
    }
}
