//! The notes' programs, both ways: their clients with our server, and the other way round.

use std::net::TcpListener;
use std::process::Command;

use crate::rig::{Running, output_of, program, python_with_twisted, serve};

/// The notes' script as it stands, but for the number of its port: tests have no fixed
/// ports.
fn on_port(script: &str, port: u16) -> String {
    assert!(script.contains("PORT = 21555"));
    script.replace("PORT = 21555", &format!("PORT = {port}"))
}

#[test]
fn the_notes_twisted_client_talks_to_our_server() {
    let Some(python) = python_with_twisted() else { return };
    let serving = serve(["timestamp", "tcp:0"]);
    let client = on_port(
        include_str!("../../../ropewalk/tests/examples/python/timestamp_client.py"),
        serving.port,
    );
    let output = output_of(Command::new(&python).args(["-c", &client]), "hello\nworld\n\n");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for word in ["hello", "world"] {
        assert!(said.contains(&format!("...sending {word}...")), "{said}");
        assert!(said.contains(&format!("] {word}'")), "{said}");
    }
}

#[test]
fn our_client_talks_to_the_notes_twisted_server() {
    let Some(python) = python_with_twisted() else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script =
        on_port(include_str!("../../../ropewalk/tests/examples/python/timestamp_server.py"), port);
    let server = Running::start(Command::new(&python).args(["-c", &script]));
    let address = format!("tcp:127.0.0.1:{port}");
    let arguments = ["connect", &address, "--prompt", "--retry", "60s", "-q"];
    let mut client = Running::start(&mut program(arguments));
    client.write(b"hello\nworld\n\n");
    let ended = client.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let said = String::from_utf8(ended.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "> ...sending hello...", "{said}");
    // Python's `%s` of bytes is what the notes' server sends.
    assert!(lines[1].starts_with('[') && lines[1].ends_with("] b'hello'"), "{said}");
    assert_eq!(lines[2], "> ...sending world...", "{said}");
    assert!(lines[3].ends_with("] b'world'"), "{said}");
    assert_eq!(lines[4..], ["> "], "an empty line ends it: {said}");
    drop(server);
}

#[test]
fn our_client_is_the_notes_client_with_our_server() {
    let serving = serve(["timestamp", "tcp:0", "-q"]);
    let port = serving.port.to_string();
    for last in ["\n", ""] {
        let mut client = Running::start(&mut program(["connect", &port, "--prompt"]));
        client.write(format!("hello\r\nworld\n{last}").as_bytes());
        let ended = client.finish(); // the end of input ends it as an empty line does
        assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
        let said = String::from_utf8(ended.stdout).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!([lines[0], lines[2]], ["> ...sending hello...", "> ...sending world..."]);
        assert!(lines[1].ends_with("] hello") && lines[3].ends_with("] world"), "{said}");
        assert_eq!(lines[4..], ["> "], "{said}");
    }
}
