//! Errors: what, why, what now; and the exit codes.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};

use crate::rig::{
    Ended, Running, Serving, TempPath, has, needs, program, program_as_nobody, serve,
};

fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Ended {
    Running::start(&mut program(arguments)).finish()
}

#[test]
fn a_port_in_use_names_who_holds_it() {
    let serving = serve(["echo", "tcp:0"]);
    let endpoint = format!("tcp:{}", serving.port);
    let ended = run(["serve", "echo", &endpoint]);
    assert_eq!(ended.code, Some(3));
    let lines: Vec<&str> = ended.said.lines().collect();
    let sentence = format!(
        "error: cannot listen on tcp:127.0.0.1:{}: address already in use (EADDRINUSE)",
        serving.port
    );
    assert_eq!(lines[0], sentence);
    let holder = format!("  held by: ropewalk (pid {}, user ", serving.run.pid());
    assert!(lines[1].starts_with(&holder), "{}", ended.said);
    assert!(lines[1].contains("), up ") && lines[1].ends_with(" serve echo tcp:0"), "{}", lines[1]);
    assert_eq!(lines[2], "  help: stop it, or take a free port with tcp:0");
    assert_eq!(lines.len(), 3, "{}", ended.said);
}

#[test]
fn a_holder_on_all_interfaces_of_the_other_family_is_found_too() {
    if !has("python3") {
        return;
    }
    let script = "import socket, sys\n\
        s = socket.socket(socket.AF_INET6)\n\
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)\n\
        s.bind(('::', 0)); s.listen()\n\
        print(s.getsockname()[1], flush=True)\n\
        sys.stdin.read()\n";
    let mut holder = Running::start(
        Command::new("python3")
            .args(["-c", "exec(__import__('os').environ['S'])", "\x1b[31m\nx"])
            .env("S", script),
    );
    let mut port = String::new();
    std::io::BufRead::read_line(holder.stdout.as_mut().unwrap(), &mut port).unwrap();
    if !needs("IPv6", !port.is_empty()) {
        return;
    }
    let ended = run(["serve", "echo", &format!("tcp:{}", port.trim())]);
    assert_eq!(ended.code, Some(3));
    let holder = format!("(pid {}, user ", holder.pid());
    assert!(
        ended.said.contains("  held by: python3 ") && ended.said.contains(&holder),
        "{}",
        ended.said
    );
    assert!(ended.said.contains("\\x1b[31m\\nx") && !ended.said.contains('\x1b'), "{}", ended.said);
}

#[test]
fn a_holder_of_another_user_is_said_to_be_so() {
    let serving = serve(["echo", "tcp:0"]);
    let endpoint = format!("tcp:{}", serving.port);
    let Some((mut command, _copy)) = program_as_nobody(["serve", "echo", &endpoint]) else {
        return;
    };
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    let line = "  held by a process of user root; `sudo ss -ltnp` names it\n";
    assert!(ended.said.contains(line), "{}", ended.said);
    // Each kind of socket has a table of its own.
    let path = TempPath::new("roots.sock");
    let unix = format!("unix:{}", path.text());
    let serving = serve(["echo", "udp:0", &unix]);
    let udp = format!("udp:{}", serving.port);
    for (endpoint, table) in [(udp, "-lunp"), (unix, "-lxp")] {
        let (mut command, _copy) = program_as_nobody(["serve", "echo", &endpoint]).unwrap();
        let ended = Running::start(&mut command).finish();
        assert_eq!(ended.code, Some(3), "{}", ended.said);
        let line = format!("  held by a process of user root; `sudo ss {table}` names it\n");
        assert!(ended.said.contains(&line), "{}", ended.said);
    }
}

#[test]
fn the_holder_of_a_unix_socket_is_found_whatever_its_path() {
    let folder = TempPath::new("two  spaces");
    std::fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join(" a  b.sock");
    let absolute = format!("unix:{}", path.display());
    let here = |endpoint: &str| {
        let mut command = program(["serve", "echo", "tcp:0", endpoint]);
        command.current_dir(&folder.0);
        command
    };
    for bound in [absolute.as_str(), "unix:./ a  b.sock"] {
        let serving = Serving::started(Running::start(&mut here(bound)));
        for asked in [absolute.as_str(), "unix:./ a  b.sock"] {
            let ended = Running::start(&mut here(asked)).finish();
            assert_eq!(ended.code, Some(3), "{}", ended.said);
            let holder = format!("  held by: ropewalk (pid {}, user ", serving.run.pid());
            assert!(ended.said.contains(&holder), "{bound} {asked}: {}", ended.said);
            assert!(ended.said.ends_with("help: stop it, or take another path\n"));
        }
        assert_eq!(serving.terminate().code, Some(0));
    }
    std::fs::remove_dir(&folder.0).unwrap();
}

#[test]
fn what_is_no_socket_at_a_sockets_path_is_said_to_be_in_the_way() {
    let file = TempPath::new("file");
    std::fs::write(&file.0, "mine").unwrap();
    for (path, what) in [(file.text(), "a file that is no socket"), ("/tmp/", "a folder")] {
        let endpoint = format!("unix:{path}");
        let ended = run(["serve", "echo", &endpoint]);
        assert_eq!(ended.code, Some(3), "{}", ended.said);
        let lines = format!("  {what} is in the way\n  help: take another path\n");
        assert!(ended.said.ends_with(&lines), "{}", ended.said);
        let ended = run(["connect", &endpoint]);
        assert_eq!(ended.code, Some(4), "{}", ended.said);
        assert!(ended.said.contains(&format!("  {what} is there\n")), "{}", ended.said);
    }
    assert_eq!(std::fs::read(&file.0).unwrap(), b"mine");
}

#[test]
fn a_socket_of_another_kind_is_said_with_its_endpoint_and_not_waited_for() {
    let (stream, gram) = (TempPath::new("kind.sock"), TempPath::new("kind.gram"));
    let _listener = UnixListener::bind(&stream.0).unwrap();
    let _socket = UnixDatagram::bind(&gram.0).unwrap();
    let ended = run(["connect", "--retry", "1h", &format!("unix:{}", gram.text())]);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.contains("a socket of another kind is there (EPROTOTYPE)\n"));
    let help = format!("  help: it carries datagrams: write unixgram:{}\n", gram.text());
    assert!(ended.said.ends_with(&help), "{}", ended.said);
    let ended = run(["connect", &format!("unixgram:{}", stream.text())]);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    let help = format!("  help: it carries a stream: write unix:{}\n", stream.text());
    assert!(ended.said.ends_with(&help), "{}", ended.said);
}

#[test]
fn a_broadcast_address_is_said_not_to_be_supported() {
    let ended = run(["connect", "udp:255.255.255.255:9"]);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.contains("  help: broadcast cannot be sent to; "), "{}", ended.said);
}

#[test]
fn a_port_that_is_open_on_another_address_is_said_to_be_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ended = run(["connect", &format!("tcp:127.0.0.2:{port}")]);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    let note = format!("  port {port} is open on 127.0.0.1 (");
    assert!(ended.said.contains(&note), "{}", ended.said);
    assert!(ended.said.contains("), not on 127.0.0.2\n"), "{}", ended.said);
}

#[test]
fn an_abstract_name_has_no_file() {
    let ended = run(["connect", &format!("unix:@ropewalk-nobody-{}", std::process::id())]);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.contains("  nobody listens on this name\n"), "{}", ended.said);
}

#[test]
fn an_endpoint_that_is_there_twice_is_said_to_be_so() {
    let path = TempPath::new("twice.sock");
    let ended = run(["serve", "echo", path.text(), path.text()]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.said.contains("held by this command, which names it twice"), "{}", ended.said);
    assert!(ended.said.contains("help: name it once\n"), "{}", ended.said);
}

#[test]
fn nothing_is_left_bound_when_the_last_endpoint_cannot_be() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let serving = serve(["echo", "tcp:0", "-q"]);
        let path = TempPath::new("left.sock");
        let busy = format!("tcp:{}", serving.port);
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let free = format!("tcp:{free}");
        let ended = run(["serve", "echo", path.text(), &free, &busy, "--model", model]);
        assert_eq!(ended.code, Some(3), "{}", ended.said);
        assert!(!ended.said.contains("serving"), "{}", ended.said);
        assert!(!path.0.exists(), "{model}: the socket's file is gone");
        drop(TcpListener::bind(&free["tcp:".len()..]).unwrap());
    }
}

#[test]
fn a_privileged_port_without_the_privilege_is_said_with_the_cure() {
    let limit = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let limit: u16 = limit.unwrap_or_default().trim().parse().unwrap_or(0);
    if !needs("a port that takes a privilege", limit > 1) {
        return;
    }
    let endpoint = format!("tcp:{}", limit - 1);
    let Some((mut command, _copy)) = program_as_nobody(["serve", "echo", &endpoint]) else {
        return;
    };
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.said.contains("permission denied (EACCES)"), "{}", ended.said);
    assert!(ended.said.contains("  help: ") && ended.said.contains("privilege"), "{}", ended.said);
}

#[test]
fn a_unix_socket_that_cannot_be_is_said_with_its_own_cure() {
    let ended = run(["serve", "echo", "unix:/nowhere/at/all"]);
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(
        ended.said.contains("unix:/nowhere/at/all") && ended.said.contains("folder"),
        "{}",
        ended.said
    );
}

#[test]
fn an_unknown_host_is_three_to_listen_on_and_four_to_connect_to() {
    let cases: &[(&[&str], i32)] = &[
        (&["serve", "echo", "tcp:nohost.invalid:80"], 3),
        (&["serve", "echo", "udp:nohost.invalid:80"], 3),
        (&["connect", "tcp:nohost.invalid:80"], 4),
        (&["connect", "udp:nohost.invalid:80"], 4),
    ];
    for (arguments, code) in cases {
        let mut command = program(arguments.iter().copied());
        // A machine without a name server is to say so before our own deadline.
        let ended = Running::start(command.env("RES_OPTIONS", "timeout:1 attempts:1")).finish();
        assert_eq!(ended.code, Some(*code), "{}", ended.said);
        assert!(ended.said.contains(":nohost.invalid:80: unknown host ("), "{}", ended.said);
        assert!(ended.said.contains("\n  help: "), "{}", ended.said);
    }
}

#[test]
fn a_refusal_says_who_refused_and_what_is_open() {
    let _open = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run(["connect", &format!("tcp:{closed}")]);
    assert_eq!(ended.code, Some(4));
    let lines: Vec<&str> = ended.said.lines().collect();
    let sentence =
        format!("error: cannot connect to tcp:{closed}: refused by 127.0.0.1 (ECONNREFUSED)");
    assert_eq!(lines[0], sentence);
    // At least ours is open; it may not be among the few that are named.
    let open = format!("  nothing listens on port {}; ports open here: ", closed.port());
    let ports = lines[1].strip_prefix(&open).unwrap_or_else(|| panic!("{}", ended.said));
    assert!(ports.starts_with(|c: char| c.is_ascii_digit()), "{ports}");
    assert_eq!(lines.last(), Some(&"  help: wait for it with --retry 10s"));
}

#[test]
fn a_unix_socket_without_a_server_or_a_right_is_said_to_be_so() {
    let path = TempPath::new("dead.sock");
    let ended = run(["connect", path.text()]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.said.contains("no such file (ENOENT)"), "{}", ended.said);
    let listener = UnixListener::bind(&path.0).unwrap();
    std::fs::set_permissions(&path.0, std::fs::Permissions::from_mode(0o600)).unwrap();
    if let Some((mut command, _copy)) = program_as_nobody(["connect", path.text()]) {
        let ended = Running::start(&mut command).finish();
        assert_eq!(ended.code, Some(4), "{}", ended.said);
        assert!(ended.said.contains("permission denied (EACCES)"), "{}", ended.said);
        assert!(ended.said.contains("help: the socket's owner may permit it"), "{}", ended.said);
    }
    drop(listener);
    let ended = run(["connect", path.text()]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.said.contains("refused (ECONNREFUSED)"), "{}", ended.said);
    assert!(ended.said.contains("the file is there, its server is not"), "{}", ended.said);
}

#[test]
fn an_error_that_nobody_reads_still_has_its_code() {
    let status = program(["connect", "tcp:x"]).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}
