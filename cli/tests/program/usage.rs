//! What the command line says of itself, and of what cannot be meant.

use crate::rig::{needs, program};

fn said<'a>(arguments: impl IntoIterator<Item = &'a str>) -> (Option<i32>, String, String) {
    let output = program(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_cannot_be_meant_ends_with_two_and_does_nothing() {
    let cases: &[(&[&str], &str)] = &[
        (&["serve", "echo", "tcp:70000"], "0 to 65535"),
        (&["serve", "echo", "tcp:0", "tcp:x"], "not a port"),
        (&["serve", "ehco", "tcp:0"], "no service `ehco`; did you mean `echo`?\n  help: there are"),
        (&["serve", "finger", "tcp:0"], "no service `finger`\n"),
        (&["serve", "chat", "udp:0"], "udp:0 has no connections, which chat needs"),
        (&["serve", "chat", "tcp:0", "--model", "fork"], "chat is in one process"),
        (&["serve", "echo", "tcp:0", "--members", "5"], "--members is for chat, not for echo"),
        (&["serve", "chat", "tcp:0", "--members", "0"], "1 is the least"),
        (&["serve", "chat", "tcp:0", "--quotes", "x"], "--quotes is for qotd, not for chat"),
        (&["serve", "qotd", "tcp:0", "--quotes", "/nowhere"], "cannot tell the quotes of /nowhere"),
        (&["serve", "echo"], "required"),
        (&["serve", "echo", "tcp:0,timeout=5s"], "`timeout` has no meaning for listening"),
        (&["serve", "echo", "tcp:0", "--drain", "5"], "5s or 5ms"),
        (&["serve", "echo", "tcp:0", "--model", "thread"], "'threads'"),
        (&["serve", "echo", "udp:0", "--model", "threads"], "--model reactor"),
        (&["serve", "echo", "udp:0", "--model", "pool"], "--model reactor"),
        (&["serve", "echo", "udp:0", "--model", "fork"], "--model reactor"),
        (&["serve", "echo", "tcp:0", "--allow", "10.0.0.1/8"], "write 10.0.0.0/8"),
        (&["serve", "echo", "tcp:0", "--deny", "localhost"], "no IP address"),
        (&["serve", "echo", "tcp:0", "--rate", "5"], "write 5KiB/s"),
        (&["serve", "echo", "tcp:0", "--dump", "json"], "[possible values: text, hex]"),
        (&["serve", "echo", "tcp:0", "udp:0", "--allow", "::1"], "udp:0 has none"),
        (&["serve", "echo", "tcp:0", "--model", "fork", "--max-per-peer", "1"], "other models"),
        (&["serve", "echo", "tcp:0", "--balancer", "::1"], "write haproxy: in front"),
        (&["connect"], "required"),
        (&["connect", "-"], "`-` is standard input and output"),
        (&["connect", "tcp:0"], "port 0 cannot be connected to"),
        (&["connect", "memory:7"], "memory:7 is within one program"),
        (&["serve", "echo", "memory:7"], "memory:7 is within one program"),
        (&["connect", "80", "--nonsense"], "\n  help: ropewalk --help\n"),
        (&["connect", "*:80"], "`*` cannot be connected to"),
        (&["connect", "80", "-w", "0"], "within no time"),
        (&["connect", "80", "--retry", "5"], "5s or 5ms"),
        (&["connect", "80", "--prompt", "--on-eof", "close"], "cannot be used with"),
        (&["help", "enpoints"], "no help on `enpoints`; did you mean `endpoints`?"),
        (&["conect", "80"], "connect"),
    ];
    for (arguments, words) in cases {
        let (code, out, said) = said(arguments.iter().copied());
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(words), "{arguments:?}: {said}");
        assert!(out.is_empty() && !said.contains("serving"), "{arguments:?}: {said}");
    }
}

#[test]
fn an_endpoints_error_points_at_the_fault() {
    let (code, _, said) = said(["connect", "tcp:0.0.0.0:8080,bakclog=512"]);
    assert_eq!(code, Some(2));
    let expected = "error: unknown option `bakclog` in endpoint\n  \
                    tcp:0.0.0.0:8080,bakclog=512\n  \
                    \x20                ^^^^^^^ did you mean `backlog`?\n  \
                    help: ropewalk help endpoints\n";
    assert_eq!(said, expected);
}

#[test]
fn help_has_the_exit_codes_and_the_rule_of_the_end_of_input() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["connect", "--help"], &["help"]] {
        let (code, out, _) = said(arguments.iter().copied());
        assert_eq!(code, Some(0));
        for words in ["Exit codes:", "3      cannot listen", "4      cannot connect", "128+n"] {
            assert!(out.contains(words), "{arguments:?} lacks {words:?}: {out}");
        }
    }
    let (_, out, _) = said(["help", "connect"]);
    for words in ["end of standard input", "--on-eof", "--linger", "--retry", "--prompt", "--raw"] {
        assert!(out.contains(words), "it lacks {words:?}: {out}");
    }
    let (_, out, _) = said(["help", "serve"]);
    for words in ["TERM and INT", "USR1", "--drain", "tcp:*:PORT"] {
        assert!(out.contains(words), "it lacks {words:?}: {out}");
    }
}

#[test]
fn help_that_cannot_be_written_is_an_error() {
    let asked: &[&[&str]] =
        &[&["help"], &["help", "endpoints"], &["serve", "--list"], &["--help"], &["--version"]];
    for arguments in asked {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(arguments.iter().copied()).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(141), 0), "{arguments:?}");
        let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
            needs("/dev/full", false);
            continue;
        };
        let output = program(arguments.iter().copied()).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("error: cannot write to standard output: "), "{said}");
    }
}

#[test]
fn the_grammar_of_endpoints_is_the_librarys() {
    let (code, out, _) = said(["help", "endpoints"]);
    assert_eq!((code, out.trim_end()), (Some(0), ropewalk::endpoint::GRAMMAR.trim_end()));
}

#[test]
fn without_a_verb_it_says_which_there_are() {
    let (code, _, said) = said([]);
    assert_eq!(code, Some(2));
    for verb in ["serve", "connect", "help"] {
        assert!(said.contains(verb), "it lacks {verb}: {said}");
    }
}
