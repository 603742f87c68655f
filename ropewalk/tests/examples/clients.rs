//! The reconnecting client, with a server that comes and goes.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::program::{Program, example};

#[test]
fn the_reconnecting_client_comes_back_whenever_it_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = Program::start(example("reconnecting_client").arg(port.to_string()));
    for nth in 0..3 {
        let (mut stream, _) = listener.accept().unwrap();
        let mut said = [0; 5];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"hello");
        stream.write_all(format!("welcome {nth}").as_bytes()).unwrap();
        drop(stream);
        assert_eq!(client.line(), format!("...connected to 127.0.0.1:{port}"));
        assert_eq!(client.line(), format!("welcome {nth}"));
        let line = client.line();
        assert!(line.starts_with("...peer closed: again in "), "{line}");
    }
}

#[test]
fn the_reconnecting_client_gives_up_where_nobody_listens() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Program::start(example("reconnecting_client").arg(gone.port().to_string()));
    let said = client.talk("");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 8, "{said}");
    let all_refused = lines.iter().all(|line| line.contains("ECONNREFUSED"));
    assert!(all_refused && lines[7].ends_with(": no more"), "{said}");
}
