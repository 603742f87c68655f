//! Endpoint strings, standard input and output, and sockets that others have opened: Twisted's
//! tests of `test_endpoints`, `test_stdio`, `test_socket` and `test_systemd`.

use std::time::Duration;

use ropewalk::addr::{ListenHost, Target};
use ropewalk::endpoint::{Endpoint, EndpointError, Passed, Place};
use ropewalk::options::Cert;

#[cfg(unix)] // what is handed over by number is Unix's
mod handed;

#[track_caller]
fn parse(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|error: EndpointError| panic!("{error:#}"))
}

#[track_caller]
fn refused(text: &str) -> EndpointError {
    text.parse::<Endpoint>().unwrap_err()
}

/// An address of TCP: who, and which port.
fn tcp(endpoint: &Endpoint) -> (&ListenHost, u16) {
    match endpoint.place() {
        Place::Tcp(at) | Place::Tls(at) => (&at.host, at.port),
        other => panic!("{other:?}"),
    }
}

fn unix(endpoint: &Endpoint) -> &str {
    match endpoint.place() {
        Place::Unix(path) => path.to_str().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn ip(text: &str) -> ListenHost {
    ListenHost::Ip(text.parse().unwrap())
}

fn name(text: &str) -> ListenHost {
    ListenHost::Name(text.to_owned())
}

mod parser_tests {
    use super::*;

    #[test]
    fn test_simple_tcp() {
        // Ours is this machine's alone; `*` is everybody's.
        assert_eq!(tcp(&parse("tcp:80")), (&ListenHost::Loopback, 80));
        assert_eq!(parse("tcp:80").options().backlog, None);
    }

    #[test]
    fn test_interface_tcp() {
        assert_eq!(tcp(&parse("tcp:80:interface=127.0.0.1")), (&ip("127.0.0.1"), 80));
    }

    #[test]
    fn test_backlog_tcp() {
        assert_eq!(parse("tcp:80:backlog=6").options().backlog, Some(6));
    }

    #[test]
    fn test_simple_unix() {
        let endpoint = parse("unix:/var/run/finger");
        assert_eq!(unix(&endpoint), "/var/run/finger");
        assert_eq!(endpoint.options(), &Default::default());
    }

    #[test]
    fn test_mode_unix() {
        assert_eq!(parse("unix:/var/run/finger:mode=0660").options().mode, Some(0o660));
        // Theirs is a ValueError of base 8.
        assert_eq!(refused("unix:/x:mode=999").cause(), "`mode` is octal, from 0000 to 0777");
    }

    #[test]
    fn test_want_pid_unix() {
        // A file beside the socket is not needed, and whoever asks for it is told.
        let error = refused("unix:/var/run/finger:lockfile=0");
        assert_eq!(&error.text()[error.span()], "lockfile");
        assert!(error.label().contains("a stale socket is replaced"), "{error:#}");
    }

    #[test]
    fn test_escape() {
        let endpoint = parse(r"unix:./foo\:bar\=baz\:qux\\");
        assert_eq!(unix(&endpoint), r"./foo:bar=baz:qux\");
    }

    #[test]
    fn test_quote_string_argument() {
        let endpoint = Endpoint::from(ropewalk::addr::Site::Unix(r"./some : stuff \".into()));
        assert_eq!(endpoint.to_string(), r"unix:./some \: stuff \\");
        assert_eq!(unix(&parse(&endpoint.to_string())), r"./some : stuff \");
    }

    #[test]
    fn test_implied_escape() {
        assert_eq!(unix(&parse("unix:address=./foo=bar")), "./foo=bar");
    }

    #[test]
    fn test_unknown_type() {
        let error = refused("bogus-type:nothing:at=all");
        assert!(error.span().end <= error.text().len(), "{error:#}");
        let error = refused("nope:1:2");
        assert_eq!(error.cause(), "unknown scheme `nope`");
        assert_eq!(error.span(), 0..4);
    }
}

mod server_string_tests {
    use super::*;

    #[test]
    fn test_tcp() {
        let endpoint = parse("tcp:1234:backlog=12:interface=10.0.0.1");
        assert_eq!(tcp(&endpoint), (&ip("10.0.0.1"), 1234));
        assert_eq!(endpoint.options().backlog, Some(12));
        assert!(endpoint.site().is_ok());
    }

    #[test]
    fn test_ssl() {
        let text = "ssl:1234:backlog=12:privateKey=/a.pem:certKey=/b.pem:interface=10.0.0.1";
        let endpoint = parse(text);
        assert_eq!(tcp(&endpoint), (&ip("10.0.0.1"), 1234));
        assert_eq!(endpoint.options().backlog, Some(12));
        let tls = endpoint.tls().unwrap();
        assert_eq!(tls.cert, Some(Cert::File("/b.pem".into())));
        assert_eq!(tls.key, Some("/a.pem".into()));
        assert!(endpoint.site().is_ok());
        let method = refused("ssl:1234:privateKey=/a.pem:sslmethod=TLSv1_2_METHOD");
        assert!(method.label().contains("leave it out"), "{method:#}");
    }

    #[test]
    fn test_ssl_with_defaults() {
        let endpoint = parse("ssl:4321:privateKey=/a.pem");
        assert_eq!(endpoint.tls().unwrap().cert, Some(Cert::File("/a.pem".into())));
        // `server.pem` is no default: a file that is taken unasked is a surprise.
        let error = parse("ssl:4321").site().unwrap_err();
        assert!(error.label().contains("cert=FILE"), "{error:#}");
    }

    #[test]
    fn test_unix() {
        let endpoint = parse("unix:/var/foo/bar:backlog=7:mode=0123");
        assert_eq!(unix(&endpoint), "/var/foo/bar");
        assert_eq!((endpoint.options().backlog, endpoint.options().mode), (Some(7), Some(0o123)));
        assert!(endpoint.site().is_ok());
    }

    #[test]
    fn test_unknown_type() {
        let error = refused("ftl:andromeda/carcosa/hali/2387");
        assert_eq!(error.span().start, 4, "a host of that name could be: its port is none");
    }
}

mod client_string_tests {
    use super::*;

    fn example(text: &str) -> Endpoint {
        let endpoint = parse(text);
        assert_eq!(endpoint.target().unwrap(), Target::Name("example.com".into(), 1234));
        endpoint
    }

    #[test]
    fn test_tcp() {
        let text = "tcp:host=example.com:port=1234:timeout=7:bindAddress=10.0.0.2";
        let endpoint = example(text);
        assert_eq!(endpoint.options().timeout, Some(Duration::from_secs(7)));
        assert_eq!(endpoint.options().source, Some("10.0.0.2:0".parse().unwrap()));
    }

    #[test]
    fn test_tcp_positional_args() {
        let endpoint = example("tcp:example.com:1234:timeout=7:bindAddress=10.0.0.2");
        assert_eq!(endpoint.options().timeout, Some(Duration::from_secs(7)));
        assert_eq!(endpoint.options().source, Some("10.0.0.2:0".parse().unwrap()));
    }

    #[test]
    fn test_tcp_host_positional_arg() {
        example("tcp:example.com:port=1234:timeout=7:bindAddress=10.0.0.2");
    }

    #[test]
    fn test_tcp_port_positional_arg() {
        example("tcp:host=example.com:1234:timeout=7:bindAddress=10.0.0.2");
    }

    #[test]
    fn test_tcp_defaults() {
        let endpoint = example("tcp:host=example.com:port=1234");
        assert_eq!(endpoint.options(), &Default::default());
    }

    #[test]
    fn test_unix() {
        let endpoint = parse("unix:path=/var/foo/bar:timeout=9");
        assert_eq!(unix(&endpoint), "/var/foo/bar");
        assert_eq!(endpoint.options().timeout, Some(Duration::from_secs(9)));
        assert!(endpoint.target().is_ok());
    }

    #[test]
    fn test_unix_defaults() {
        assert_eq!(parse("unix:path=/var/foo/bar").options(), &Default::default());
    }

    #[test]
    fn test_unix_path_positional_arg() {
        let endpoint = parse("unix:/var/foo/bar:timeout=9");
        assert_eq!(unix(&endpoint), "/var/foo/bar");
        assert_eq!(endpoint.options().timeout, Some(Duration::from_secs(9)));
    }
}

mod ssl_client_string_tests {
    use super::*;

    #[test]
    fn test_ssl() {
        let text = "ssl:host=example.net:port=4321:privateKey=/k.pem:certKey=/c.pem:\
                    bindAddress=10.0.0.3:timeout=3:hostname=example.com";
        let endpoint = parse(text);
        assert_eq!(endpoint.target().unwrap(), Target::Name("example.net".into(), 4321));
        assert_eq!(endpoint.options().timeout, Some(Duration::from_secs(3)));
        assert_eq!(endpoint.options().source, Some("10.0.0.3:0".parse().unwrap()));
        let tls = endpoint.tls().unwrap();
        assert_eq!(tls.cert, Some(Cert::File("/c.pem".into())));
        assert_eq!(tls.key, Some("/k.pem".into()));
        assert_eq!(tls.sni.as_deref(), Some("example.com"));
        let folder = refused("ssl:h:1:caCertsDir=/certs");
        assert!(folder.label().contains("ca=FILE"), "{folder:#}");
    }

    #[test]
    fn test_ssl_positional_args() {
        let endpoint = parse("ssl:example.net:4321:hostname=example.com");
        assert_eq!(endpoint.target().unwrap(), Target::Name("example.net".into(), 4321));
    }

    #[test]
    fn test_ssl_simple() {
        let endpoint = parse("ssl:host=simple.example.org:port=4321");
        assert_eq!(endpoint.target().unwrap(), Target::Name("simple.example.org".into(), 4321));
        // Unlike there, the host must prove its name.
        assert!(!endpoint.tls().unwrap().insecure);
    }
}

mod wrap_client_tls_parser_tests {
    use super::*;

    #[test]
    fn test_hostname_endpoint_construction() {
        let endpoint = parse("tls:example.com:443:timeout=10:bindAddress=127.0.0.1");
        assert_eq!(endpoint.target().unwrap(), Target::Name("example.com".into(), 443));
        assert_eq!(endpoint.options().timeout, Some(Duration::from_secs(10)));
        assert_eq!(endpoint.options().source, Some("127.0.0.1:0".parse().unwrap()));
    }

    #[test]
    fn test_hostname_endpoint_construction_no_parameters() {
        assert_eq!(parse("tls:example.com:443").options(), &Default::default());
    }

    #[test]
    fn test_utf8_encoding() {
        // Names go as they are looked up: the error says what is to be written.
        let error = refused("tls:\u{e9}xample.example.com:443");
        assert_eq!(error.label(), "write the host's `xn--` form");
    }

    #[test]
    fn test_tls() {
        let text = "tls:example.com:443:certificate=/c.pem:privateKey=/k.pem:trustRoots=/r.pem";
        let endpoint = parse(text);
        let tls = endpoint.tls().unwrap();
        assert_eq!(tls.cert, Some(Cert::File("/c.pem".into())));
        assert_eq!(tls.key, Some("/k.pem".into()));
        assert_eq!(tls.ca, Some("/r.pem".into()));
    }

    #[test]
    fn test_tls_with_defaults() {
        assert_eq!(parse("tls:example.com:443").tls(), Some(&Default::default()));
    }
}

mod systemd_endpoint_plugin_tests {
    use super::*;

    fn passed(text: &str) -> Passed {
        match parse(text).place() {
            Place::Systemd(passed) => passed.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn test_parse_index_stream_server_inet() {
        for domain in ["INET", "INET6", "UNIX"] {
            assert_eq!(passed(&format!("systemd:domain={domain}:index=1")), Passed::Index(1));
            assert_eq!(passed(&format!("systemd:{domain}:1")), Passed::Index(1));
        }
    }

    #[test]
    fn test_parse_name_stream_server_inet() {
        for domain in ["INET", "INET6", "UNIX"] {
            let named = Passed::Name("web".to_owned());
            assert_eq!(passed(&format!("systemd:domain={domain}:name=web")), named);
        }
    }

    #[test]
    fn test_index_and_name_mutually_exclusive() {
        let error = refused("systemd:domain=INET:index=0:name=foo");
        assert_eq!(error.cause(), "which socket is said twice");
        assert_eq!(refused("systemd:domain=INET").cause(), "which socket is not said");
    }
}

mod tcp6_server_endpoint_plugin_tests {
    use super::*;

    #[test]
    fn test_string_description() {
        let endpoint = parse(r"tcp6:8080:backlog=12:interface=\:\:1");
        assert_eq!(tcp(&endpoint), (&ip("::1"), 8080));
        assert_eq!(endpoint.options().backlog, Some(12));
    }
}

mod standard_io_endpoint_plugin_tests {
    use super::*;

    #[test]
    fn test_string_description() {
        assert_eq!(parse("stdio:").place(), &Place::Stdio);
    }
}
