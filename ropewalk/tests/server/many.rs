//! Many servers that cannot bind leave nothing behind. In a process of its own, so that no
//! other test is counted. (Many clients are in `tests/load`.)

use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};

use crate::apart;

struct Silent;

impl StreamRequestHandler for Silent {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        Ok(())
    }
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part_of_the_failing_binds() {
    if apart::words().is_none() {
        return;
    }
    let holder = TcpServer::new(("127.0.0.1", 0), || Silent).unwrap();
    let at = holder.local_addr().ip().unwrap();
    let open = apart::descriptors();
    for _ in 0..1024 {
        TcpServer::new(at, || Silent).unwrap_err();
    }
    assert_eq!(apart::descriptors(), open, "descriptors open");
}

/// CPython's `test_tcpserver_bind_leak`.
#[test]
fn a_thousand_binds_that_fail_leave_no_descriptor() {
    apart::play("many::the_part_of_the_failing_binds", &["1".to_owned()]);
}
