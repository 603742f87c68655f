//! `-4` and `-6`.

use std::net::TcpStream;

use crate::rig::{Running, program, serve};

#[test]
fn one_family_is_listened_on_where_both_would_be() {
    for (flag, host, other) in [("-4", "127.0.0.1", "::1"), ("-6", "[::1]", "127.0.0.1")] {
        let mut run = Running::start(&mut program(["serve", "echo", "tcp:0", flag]));
        let first = run.said("serving echo on ");
        assert!(first.contains(&format!("on tcp:{host}:")) && !first.contains(" and "), "{first}");
        let port = first.split(&format!("{host}:")).nth(1).unwrap();
        let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
        let port: u16 = digits.parse().unwrap();
        assert!(TcpStream::connect((other, port)).is_err(), "{flag}");
        TcpStream::connect((host.trim_matches(['[', ']']), port)).unwrap();
        run.signal(rustix::process::Signal::TERM);
        assert_eq!(run.end().code, Some(0));
    }
}

#[test]
fn a_name_is_connected_to_in_one_family() {
    let serving = serve(["echo", "tcp:127.0.0.1:0"]);
    let endpoint = format!("localhost:{}", serving.port);
    let mut run = Running::start(&mut program(["connect", &endpoint, "-4"]));
    run.write(b"hello");
    assert_eq!(run.read(5), b"hello");
    assert_eq!(run.finish().code, Some(0));
    let ended = Running::start(&mut program(["connect", &endpoint, "-6"])).finish();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
}

#[test]
fn where_there_is_no_choice_it_is_said() {
    for arguments in [
        &["serve", "echo", "tcp:127.0.0.1:0", "-6"][..],
        &["serve", "echo", "unix:/nowhere/x", "-4"],
        &["serve", "echo", "tcp:localhost:0", "-4"],
        &["connect", "[::1]:1", "-4"],
        &["connect", "udp:localhost:1", "-4"],
        &["connect", "tcp:h:1,source=::1", "-4"],
        &["connect", "tcp:h:1", "-4", "-6"],
    ] {
        let ended = Running::start(&mut program(arguments.iter().copied())).finish();
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.said);
    }
}
