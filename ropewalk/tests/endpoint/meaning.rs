//! What can be written, and the full form in which each is displayed.

use std::time::Duration;

use ropewalk::endpoint::{Endpoint, GRAMMAR, nearest};
use ropewalk::options::{Cert, SocketOptions, TlsOptions};

use crate::{parsed, refused};

/// As written, as displayed.
const FORMS: &[(&str, &str)] = &[
    // As in the table of the grammar.
    ("tcp:8080", "tcp:8080"),
    ("tcp:*:8080", "tcp:*:8080"),
    ("tcp:[::1]:8080", "tcp:[::1]:8080"),
    ("tcp:0", "tcp:0"),
    ("unix:/run/x.sock,mode=0660", "unix:/run/x.sock,mode=0660"),
    ("unix:@name", "unix:@name"),
    ("udp:53", "udp:53"),
    ("unixgram:/run/x.sock", "unixgram:/run/x.sock"),
    ("haproxy:tcp:80", "haproxy:tcp:80"),
    ("-", "-"),
    ("memory:7", "memory:7"),
    ("tls:8443,cert=auto", "tls:8443,cert=auto"),
    ("tls:example.org:443", "tls:example.org:443"),
    ("fd:3", "fd:3"),
    ("systemd:", "systemd:"),
    ("systemd:web", "systemd:web"),
    ("systemd:0", "systemd:0"),
    ("haproxy:tls:8443,cert=c.pem", "haproxy:tls:8443,cert=c.pem"),
    ("haproxy:systemd:web", "haproxy:systemd:web"),
    // Without a scheme.
    ("8080", "tcp:8080"),
    ("08080", "tcp:8080"),
    ("host:80", "tcp:host:80"),
    ("my_host.example.org.:80", "tcp:my_host.example.org.:80"),
    ("*:80", "tcp:*:80"),
    ("127.0.0.1:80", "tcp:127.0.0.1:80"),
    ("[2001:0db8::0001]:80", "tcp:[2001:db8::1]:80"),
    ("/run/x", "unix:/run/x"),
    ("./x", "unix:./x"),
    ("../x", "unix:../x"),
    ("@name", "unix:@name"),
    ("haproxy:80", "haproxy:tcp:80"),
    ("haproxy:/run/x", "haproxy:unix:/run/x"),
    // In whatever case.
    ("TCP:80", "tcp:80"),
    ("Tls://Example.org:443", "tls:Example.org:443"),
    ("HAProxy:TCP:80", "haproxy:tcp:80"),
    ("UNIX:/run/X", "unix:/run/X"),
    ("SYSTEMD:Web", "systemd:Web"),
    ("STDIO", "-"),
    // As a URL.
    ("tcp://h:80", "tcp:h:80"),
    ("udp://[::1]:53", "udp:[::1]:53"),
    ("unix:///run/x", "unix:/run/x"),
    ("unix:////run/x", "unix:/run/x"),
    ("unix://./x", "unix:./x"),
    // A scheme's word can be a host's name.
    ("tcp:tcp:80", "tcp:tcp:80"),
    ("tcp:tls:443", "tcp:tls:443"),
    // What belongs to a path.
    (r"/a\,b\:c\\d\=e", r"unix:/a\,b\:c\\d=e"),
    ("/a:b=c", r"unix:/a\:b=c"),
    ("/a b[c,mode=600", "unix:/a b[c,mode=0600"),
    (r"/a\:mode=1", r"unix:/a\:mode=1"),
    ("/日本", "unix:/日本"),
    ("@a.b:c", r"unix:@a.b\:c"),
    // Twisted's spelling.
    ("tcp:8080:interface=127.0.0.1", "tcp:127.0.0.1:8080"),
    (r"tcp:8080:interface=\:\:1", "tcp:[::1]:8080"),
    ("tcp:8080:interface=[::1]:backlog=50", "tcp:[::1]:8080,backlog=50"),
    ("tcp:interface=*:port=8080", "tcp:*:8080"),
    ("tcp:port=8080", "tcp:8080"),
    ("tcp:host=h:port=80:timeout=30", "tcp:h:80,timeout=30s"),
    ("tcp:h:80:timeout=30,nodelay", "tcp:h:80,nodelay,timeout=30s"),
    ("tcp:h:port=80", "tcp:h:80"),
    ("tcp:host=h:80", "tcp:h:80"),
    ("h:80:timeout=30", "tcp:h:80,timeout=30s"),
    ("unix:address=/run/x", "unix:/run/x"),
    ("unix:path=/run/x:timeout=5", "unix:/run/x,timeout=5s"),
    ("unix:/run/x:mode=660:backlog=5", "unix:/run/x,backlog=5,mode=0660"),
    ("haproxy:tcp:8080:interface=127.0.0.1", "haproxy:tcp:127.0.0.1:8080"),
    ("tcp6:8080", "tcp:[::1]:8080"),
    (r"tcp6:8080:interface=\:\::backlog=5", "tcp:[::]:8080,backlog=5"),
    ("tcp6:*:8080", "tcp:[::]:8080"),
    ("ssl:443:privateKey=server.pem", "tls:443,cert=server.pem"),
    ("ssl:443:certKey=c.pem:privateKey=k.pem", "tls:443,cert=c.pem,key=k.pem"),
    (r"ssl:443:interface=127.0.0.1:certKey=/a\:b", "tls:127.0.0.1:443,cert=/a:b"),
    ("ssl:host=h:port=443:hostname=example.org", "tls:h:443,sni=example.org"),
    ("tls:h:443:timeout=5:trustRoots=ca.pem", "tls:h:443,timeout=5s,ca=ca.pem"),
    ("tls:h:443:certificate=c.pem:privateKey=k.pem", "tls:h:443,cert=c.pem,key=k.pem"),
    ("systemd:INET:0", "systemd:0"),
    ("systemd:domain=INET:index=0", "systemd:0"),
    ("systemd:domain=UNIX:name=web", "systemd:web"),
    ("systemd:name=web", "systemd:web"),
    ("systemd:INET6:name=0", "systemd:name=0"),
    ("systemd:INET", "systemd:INET"),
    (r"systemd:a\=b\,c", r"systemd:a\=b\,c"),
    ("stdio:", "-"),
    // Options, in whatever order.
    ("80,ttl=64,mark=16,backlog=1", "tcp:80,backlog=1,mark=0x10,ttl=64"),
    ("80,nodelay=on,reuseport=yes", "tcp:80,reuseport,nodelay"),
    ("80,nodelay=true,reuseport=no", "tcp:80,reuseport=off,nodelay"),
    ("80,nodelay=false", "tcp:80,nodelay=off"),
    ("80,keepalive=2m", "tcp:80,keepalive=120s"),
    ("h:80,timeout=1h", "tcp:h:80,timeout=3600s"),
    ("h:80,timeout=1500ms", "tcp:h:80,timeout=1500ms"),
    ("h:80,timeout=2000ms", "tcp:h:80,timeout=2s"),
    ("80,keepinterval=10s,keepcount=3", "tcp:80,keepinterval=10s,keepcount=3"),
    ("h:80,usertimeout=1500ms,linger=0", "tcp:h:80,usertimeout=1500ms,linger=0s"),
    ("h:80,source=127.0.0.1", "tcp:h:80,source=127.0.0.1"),
    ("h:80,source=[::1]", "tcp:h:80,source=::1"),
    ("h:80,source=[::1]:1024", "tcp:h:80,source=[::1]:1024"),
    ("tcp:h:80:bindAddress=127.0.0.1", "tcp:h:80,source=127.0.0.1"),
    ("haproxy:unix:/x,proxy=v1", "haproxy:unix:/x,proxy=v1"),
    ("haproxy:h:80,proxy=2", "haproxy:tcp:h:80,proxy=v2"),
    ("udp:53,reuseport,mark=0xff,ttl=1", "udp:53,reuseport,mark=0xff,ttl=1"),
];

#[test]
fn each_form_is_displayed_in_full_and_read_as_the_same() {
    for (text, full) in FORMS {
        // On Windows two slashes at the beginning of a path name another machine.
        if cfg!(windows) && text.contains("////") {
            continue;
        }
        let endpoint = parsed(text);
        assert_eq!(endpoint.to_string(), *full, "{text}");
        assert_eq!(parsed(full), endpoint, "{text}");
    }
}

#[test]
fn each_option_is_the_setting_it_names() {
    let tcp =
        "tcp:h:80,backlog=512,reuseport,nodelay=off,keepalive=30s,timeout=5s,mark=0x10,ttl=64";
    let expected = SocketOptions {
        backlog: Some(512),
        reuse_port: Some(true),
        nodelay: Some(false),
        keepalive: Some(Duration::from_secs(30)),
        timeout: Some(Duration::from_secs(5)),
        mark: Some(16),
        ttl: Some(64),
        ..SocketOptions::default()
    };
    assert_eq!(parsed(tcp).options(), &expected);
    let unix = SocketOptions { mode: Some(0o660), ..SocketOptions::default() };
    assert_eq!(parsed("/run/x,mode=660").options(), &unix);
    assert_eq!(parsed("tcp:h:80").options(), &SocketOptions::default());
}

#[test]
fn each_word_of_tls_is_what_it_names() {
    let written = "tls:h:443,cert=c.pem,key=k.pem,ca=/etc/a\\,b.pem,alpn=h2+http/1.1,sni=x.y";
    let mut expected = TlsOptions {
        cert: Some(Cert::File("c.pem".into())),
        key: Some("k.pem".into()),
        ca: Some("/etc/a,b.pem".into()),
        alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
        sni: Some("x.y".to_owned()),
        ..TlsOptions::default()
    };
    assert_eq!(parsed(written).tls(), Some(&expected));
    assert_eq!(parsed("tls:1,cert=auto").tls().unwrap().cert, Some(Cert::Auto));
    assert_eq!(parsed("tls:1,cert=./auto").tls().unwrap().cert, Some(Cert::File("./auto".into())));
    assert!(parsed("tls:h:1,insecure").tls().unwrap().insecure);
    assert!(!parsed("tls:h:1,insecure=off").tls().unwrap().insecure);
    expected = TlsOptions::default();
    assert_eq!(parsed("tls:h:443").tls(), Some(&expected));
    assert_eq!(parsed("tcp:h:443").tls(), None);
}

#[test]
fn a_pin_is_read_with_colons_and_without_in_either_case() {
    let plain = "00112233445566778899aabbccddeeff".repeat(2);
    let bytes = |text: &str| parsed(&format!("tls:h:1,pin={text}")).tls().unwrap().pin.unwrap();
    assert_eq!(bytes(&plain)[..3], [0x00, 0x11, 0x22]);
    let pairs: Vec<&str> = (0..32).map(|at| &plain[2 * at..2 * at + 2]).collect();
    assert_eq!(bytes(&pairs.join(":").to_uppercase()), bytes(&plain));
    assert_eq!(
        parsed(&format!("tls:h:1,pin={}", pairs.join(":"))).to_string(),
        format!("tls:h:1,pin={plain}")
    );
}

#[test]
fn endpoints_are_equal_by_what_they_mean() {
    assert_eq!(parsed("8080"), parsed("tcp:08080"));
    assert_ne!(parsed("8080"), parsed("8080,nodelay"));
    assert_ne!(parsed("8080"), parsed("haproxy:8080"));
    assert_ne!(parsed("8080"), parsed("udp:8080"));
}

#[test]
fn every_example_of_the_grammar_is_an_endpoint() {
    let mut options = 0;
    for line in GRAMMAR.lines() {
        let row = line.strip_prefix("  ").and_then(|line| line.split_once("  "));
        let Some((example, _)) = row else { continue };
        let is_address = example == "-" || example.contains(':') && !example.contains(' ');
        match example.split_once('=') {
            Some((word, _)) if !is_address => {
                let scheme = match word {
                    "mode" => "unix:/x",
                    "proxy" => "haproxy:80",
                    _ => "tls:80",
                };
                let example = example.replace("SHA-256", &"0a".repeat(32));
                parsed(&format!("{scheme},{example}"));
                options += 1;
            }
            _ if is_address => assert_eq!(parsed(example).to_string(), example),
            _ => {}
        }
    }
    assert_eq!(options, 19, "all of them but `reuseport` and `insecure`, which have no value");
}

#[test]
fn the_grammar_names_every_option_that_an_error_names() {
    let error = crate::refused("tls:80,zzz");
    let listed = error.label().strip_prefix("`tls` has ").expect("the list");
    for word in listed.split(", ") {
        assert!(GRAMMAR.lines().any(|line| line.trim_start().starts_with(word)), "{word}");
    }
}

#[test]
fn the_nearest_word_is_there_for_other_words_too() {
    assert_eq!(nearest("ehco", ["timestamp", "echo", "discard"]), Some("echo"));
    assert_eq!("tpc:80".parse::<Endpoint>().unwrap_err().label(), "did you mean `tcp`?");
}

/// What Twisted answers with an error of Python's is answered with its place and a remedy.
#[test]
fn what_is_a_traceback_there_has_a_place_and_a_remedy_here() {
    for (text, place, cause, remedy) in [
        ("tcp", 3..3, "nothing follows `tcp`", "an address is missing"),
        ("tcp:http", 4..8, "`http` is not a port", "write `http:PORT`"),
        ("tcp:80:foo=1", 7..10, "unknown option `foo` in endpoint", "`tcp` has backlog"),
        (r"tcp:80\", 4..7, r"`80\` is not a port", ""),
        ("", 0..0, "the endpoint is empty", "write a port, such as `8080`"),
        ("unix:/x:mode=999", 13..16, "`mode` is octal", "write `mode=0660`"),
        ("tcp:99999", 4..9, "port 99999 is out of range", ""),
        ("tcp:-1", 4..6, "`-1` is not a port", ""),
        ("tcp:h:80:timeout=0.5", 17..20, "a time is a whole number", "write 1500ms"),
    ] {
        let error = refused(text);
        assert_eq!(error.span(), place, "{error:#}");
        assert!(error.label().contains(remedy), "{error:#}");
        assert!(error.cause().starts_with(cause), "{error:#}");
    }
    // What is an error there and is meant here.
    assert_eq!(parsed("80").to_string(), "tcp:80");
    assert_eq!(parsed("nope:1").to_string(), "tcp:nope:1");
    assert_eq!(parsed("TCP:80").to_string(), "tcp:80");
    assert_eq!(parsed("systemd:INET:0").to_string(), "systemd:0");
    assert_eq!(
        parsed("tcp:h:80,timeout=500ms").options().timeout,
        Some(Duration::from_millis(500))
    );
}
