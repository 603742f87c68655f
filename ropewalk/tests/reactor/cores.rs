//! How many reactors there are, and a system on which they cannot share a port.

use ropewalk::error::ErrorKind;
use ropewalk::limits;
use ropewalk::reactor::Cores;

use crate::Echo;

#[test]
fn one_core_needs_no_shared_port() {
    let mut cores = Cores::of(1).unwrap();
    cores.listen_tcp(0, || Echo).unwrap();
    cores.remote().stop().unwrap();
    assert_eq!(cores.run_reporting().unwrap(), ropewalk::Report::default());
}

#[test]
fn none_and_too_many_are_refused() {
    for count in [0, limits::CORES + 1] {
        let error = Cores::of(count).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let said = format!("cannot start reactors: {count} is not between 1 and 256");
        assert_eq!(error.to_string(), said);
    }
    let cores = Cores::new().unwrap();
    assert!((1..=limits::CORES).contains(&cores.count()));
}

#[cfg(not(unix))] // the others share ports
#[test]
fn a_system_that_shares_no_port_says_so() {
    let mut cores = Cores::of(2).unwrap();
    let error = cores.listen_tcp(0, || Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
