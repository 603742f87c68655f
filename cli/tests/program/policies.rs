//! `ropewalk serve` with policies in front of its service, on every model that has them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::rig::{Serving, serve};

const MODELS: [&str; 4] = ["reactor", "threads", "pool", "fork"];

/// What an echo service answers to this, until it ends; nothing if it refuses.
fn answer(mut stream: TcpStream, message: &[u8]) -> Vec<u8> {
    // A refusal may come before it is written.
    let _ = stream.write_all(message);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn echo<'a>(options: &[&'a str], model: &'a str) -> Serving {
    let arguments = [&["echo", "tcp:0", "--model", model], options].concat();
    serve(arguments)
}

#[test]
fn a_network_that_is_denied_or_not_allowed_gets_nothing() {
    for model in MODELS {
        for (options, served) in [
            (&["--allow", "127.0.0.0/8"][..], true),
            (&["--allow", "10.0.0.0/8", "--allow", "127.0.0.1"], true),
            (&["--allow", "10.0.0.0/8"], false),
            (&["--deny", "10.0.0.0/8"], true),
            (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.1"], false),
        ] {
            let serving = echo(options, model);
            let wanted = if served { &b"hello"[..] } else { b"" };
            assert_eq!(answer(serving.dial(), b"hello"), wanted, "{model} {options:?}");
            assert_eq!(serving.terminate().code, Some(0));
        }
    }
}

#[test]
fn one_connection_too_many_is_closed_and_the_next_has_its_place() {
    for model in ["reactor", "threads", "pool"] {
        for flag in ["--max-connections", "--max-per-peer"] {
            let serving = echo(&[flag, "1"], model);
            let mut first = serving.dial();
            first.write_all(b"x").unwrap();
            first.read_exact(&mut [0]).unwrap();
            assert_eq!(answer(serving.dial(), b""), b"", "{model} {flag}");
            assert_eq!(answer(first, b"y"), b"y");
            // Its end is told to the peer a moment before its place is free.
            let again = || answer(serving.dial(), b"hello") == b"hello";
            assert!((0..1000).any(|_| again()), "{model} {flag}");
            assert_eq!(serving.terminate().code, Some(0));
        }
    }
}

#[test]
fn what_moves_is_shown_as_text_or_in_hex() {
    for model in MODELS {
        for (how, line) in [
            ("text", r#"< "hi\x1b\r\n""#),
            ("hex", "< 00000000  68 69 1b 0d 0a                                   |hi...|"),
        ] {
            let serving = echo(&["--dump", how, "--quiet"], model);
            assert_eq!(answer(serving.dial(), b"hi\x1b\r\n"), b"hi\x1b\r\n");
            let said = serving.terminate().said;
            assert!(said.contains(line), "{model}: {said}");
            assert!(said.contains(&line.replace('<', ">")), "{model}: {said}");
        }
    }
}

#[test]
fn a_rate_holds_back_what_is_over_it_and_loses_nothing() {
    for model in MODELS {
        let serving = echo(&["--rate", "1MiB/s"], model);
        let message = vec![b'x'; 300_000]; // three times the burst
        let mut stream = serving.dial();
        let sender = stream.try_clone().unwrap();
        let sent = message.clone();
        let writes = std::thread::spawn(move || {
            (&sender).write_all(&sent).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        writes.join().unwrap();
        assert!(got == message, "{model}: {} bytes", got.len());
    }
}

#[test]
fn a_header_is_believed_only_of_a_balancer_and_names_who_is_allowed() {
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\nhello";
    for model in MODELS {
        for (options, served) in [
            (&["--balancer", "127.0.0.1"][..], true),
            (&["--balancer", "10.0.0.1"], false),
            (&["--balancer", "127.0.0.1", "--allow", "192.0.2.0/24"], true),
            (&["--balancer", "127.0.0.1", "--deny", "192.0.2.7"], false),
        ] {
            let arguments = [&["echo", "haproxy:tcp:0", "--model", model], options].concat();
            let serving = serve(arguments);
            let wanted = if served { &b"hello"[..] } else { b"" };
            assert_eq!(answer(serving.dial(), header), wanted, "{model} {options:?}");
        }
    }
}
