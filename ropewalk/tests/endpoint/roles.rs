//! What an endpoint can be used for, and what is said when it cannot.

use std::net::SocketAddr;
use std::path::PathBuf;

use ropewalk::Addr;
use ropewalk::addr::DatagramSite;
use ropewalk::addr::{ListenAt, Site, Target};
use ropewalk::endpoint::{Endpoint, EndpointError, Passed, Place};

use crate::{parsed, refused};

fn ip(text: &str) -> Target {
    Target::Addr(text.parse::<SocketAddr>().expect("an address").into())
}

fn path(text: &str) -> Target {
    Target::Addr(PathBuf::from(text).into())
}

#[test]
fn streams_are_listened_for_where_it_says() {
    let sites = [
        ("8080", Site::Tcp(8080.into())),
        ("tcp:*:80", Site::Tcp(ListenAt::all(80))),
        ("tcp:localhost:0", Site::Tcp(("localhost", 0).into())),
        ("unix:/run/x,mode=0600", Site::Unix("/run/x".into())),
        ("@name", Site::Unix("\0name".into())),
        ("haproxy:80", Site::Tcp(80.into())),
        ("tls:*:443,cert=auto", Site::Tcp(ListenAt::all(443))),
        ("memory:7", Site::Memory(7)),
    ];
    for (text, site) in sites {
        assert_eq!(parsed(text).site().unwrap(), site, "{text}");
    }
}

#[test]
fn streams_are_connected_to_what_it_says() {
    let targets = [
        ("8080", Target::Name("localhost".into(), 8080)),
        ("tcp:example.org:80,timeout=5s", Target::Name("example.org".into(), 80)),
        ("tcp:127.0.0.1:80", ip("127.0.0.1:80")),
        ("[::1]:80", ip("[::1]:80")),
        ("tls:example.org:443,insecure", Target::Name("example.org".into(), 443)),
        ("haproxy:h:80,proxy=v1", Target::Name("h".into(), 80)),
        ("unix:/run/x", path("/run/x")),
        ("@name", path("\0name")),
        ("memory:7", Target::Addr(Addr::Memory(7))),
    ];
    for (text, target) in targets {
        assert_eq!(parsed(text).target().unwrap(), target, "{text}");
    }
}

#[test]
fn datagrams_go_where_it_says() {
    let site = |text| parsed(text).datagram_site().unwrap();
    assert_eq!(site("udp:53"), DatagramSite::Udp(53.into()));
    assert_eq!(site("udp:*:53,reuseport"), DatagramSite::Udp(ListenAt::all(53)));
    assert_eq!(site("unixgram:/run/x,mode=0600"), DatagramSite::Unixgram("/run/x".into()));
    let target = |text| parsed(text).datagram_target().unwrap();
    assert_eq!(target("udp:53"), Target::Name("localhost".into(), 53));
    assert_eq!(target("udp:[::1]:53,ttl=1"), ip("[::1]:53"));
    assert_eq!(target("unixgram:@x"), path("\0x"));
}

/// Asks an endpoint what it is to be used for.
type Ask = fn(&Endpoint) -> Option<EndpointError>;

const SITE: Ask = |endpoint| endpoint.site().err();
const TARGET: Ask = |endpoint| endpoint.target().err();
const DATAGRAM_SITE: Ask = |endpoint| endpoint.datagram_site().err();
const DATAGRAM_TARGET: Ask = |endpoint| endpoint.datagram_target().err();

#[test]
fn what_makes_no_sense_in_a_role_is_said_with_its_place() {
    let refusals = [
        ("tcp:h:80,nodelay,timeout=5s", SITE, "timeout", "`timeout` has no meaning for listening"),
        ("h:80:timeout=5", SITE, "timeout", "`timeout` has no meaning for listening"),
        ("tcp:h:80,backlog=5", TARGET, "backlog", "`backlog` has no meaning for connecting"),
        ("tcp:h:80,reuseport", TARGET, "reuseport", "`reuseport` has no meaning for connecting"),
        ("/run/x,mode=0660", TARGET, "mode", "`mode` has no meaning for connecting"),
        ("tcp:0", TARGET, "0", "port 0 cannot be connected to"),
        ("tcp:h:0", TARGET, "h:0", "port 0 cannot be connected to"),
        ("*:80", TARGET, "*:80", "`*` cannot be connected to"),
        ("haproxy:80,proxy=v1", SITE, "proxy", "`proxy` has no meaning for listening"),
        ("80,source=127.0.0.1", SITE, "source", "`source` has no meaning for listening"),
        ("tls:443", SITE, "tls:443", "whoever listens with TLS shows a certificate"),
        ("tls:443,cert=auto,sni=x", SITE, "sni", "`sni` has no meaning for listening"),
        ("tls:443,cert=auto,insecure", SITE, "insecure", "`insecure` has no meaning for listening"),
        ("tls:443", DATAGRAM_SITE, "tls:443", "`tls` carries streams, datagrams are wanted"),
        ("fd:3", SITE, "fd:3", "`fd` is a socket that is open already, no address"),
        ("systemd:web", TARGET, "systemd:web", {
            "`systemd` is a socket that is open already, no address"
        }),
        ("fd:3", DATAGRAM_SITE, "fd:3", "`fd` is a socket that is open already, no address"),
        ("fd:3", DATAGRAM_TARGET, "fd:3", "`fd` is a socket that is open already, no address"),
        ("-", SITE, "-", "`-` is standard input and output, and cannot be listened on"),
        ("-", TARGET, "-", "`-` is standard input and output, and cannot be connected to"),
        ("-", DATAGRAM_SITE, "-", "`-` is standard input and output, and cannot be listened on"),
        ("-", DATAGRAM_TARGET, "-", "`-` is standard input and output, and cannot be connected to"),
        ("udp:53", SITE, "udp:53", "`udp` carries datagrams, streams are wanted"),
        ("unixgram:@x", TARGET, "unixgram:@x", "`unixgram` carries datagrams, streams are wanted"),
        ("80,ttl=1", DATAGRAM_SITE, "80", "`tcp` carries streams, datagrams are wanted"),
        ("/x", DATAGRAM_TARGET, "/x", "`unix` carries streams, datagrams are wanted"),
        ("memory:1", DATAGRAM_SITE, "memory:1", "`memory` carries streams, datagrams are wanted"),
        ("udp:h:53,reuseport", DATAGRAM_TARGET, "reuseport", {
            "`reuseport` has no meaning for connecting"
        }),
        ("udp:*:53", DATAGRAM_TARGET, "*:53", "`*` cannot be connected to"),
        ("udp:0", DATAGRAM_TARGET, "0", "port 0 cannot be connected to"),
    ];
    for (text, ask, place, cause) in refusals {
        let error = ask(&parsed(text)).unwrap_or_else(|| panic!("{text} was not refused"));
        assert_eq!(error.cause(), cause, "{text}");
        assert_eq!(&error.text()[error.span()], place, "{text}");
        assert_eq!(error.text(), text, "as it was written, not as it is displayed");
    }
}

#[test]
fn the_place_and_the_scheme_are_there_whatever_the_role() {
    let places = [
        ("80", "tcp", Place::Tcp(80.into())),
        ("/x", "unix", Place::Unix("/x".into())),
        ("udp:1", "udp", Place::Udp(1.into())),
        ("unixgram:/x", "unixgram", Place::Unixgram("/x".into())),
        ("-", "-", Place::Stdio),
        ("memory:1", "memory", Place::Memory(1)),
        ("tls:1", "tls", Place::Tls(1.into())),
        ("fd:4", "fd", Place::Fd(4)),
        ("systemd:", "systemd", Place::Systemd(Passed::All)),
        ("systemd:7", "systemd", Place::Systemd(Passed::Index(7))),
        ("systemd:web", "systemd", Place::Systemd(Passed::Name("web".into()))),
    ];
    for (text, scheme, place) in places {
        let endpoint = parsed(text);
        assert_eq!((endpoint.scheme(), endpoint.place()), (scheme, &place));
        assert!(!endpoint.proxy_header());
    }
    assert!(parsed("haproxy:unix:/x").proxy_header());
}

#[test]
fn a_site_is_an_endpoint_with_the_default_options() {
    let sites = [
        (Site::Tcp(8080.into()), "tcp:8080"),
        (Site::Unix("/run/a,b".into()), r"unix:/run/a\,b"),
        (Site::Unix("\0name".into()), "unix:@name"),
        (Site::Unix("@name".into()), "unix:./@name"),
        (Site::Unix("//x".into()), "unix:/x"),
        (Site::Memory(7), "memory:7"),
    ];
    for (site, written) in sites {
        let endpoint = Endpoint::from(site.clone());
        assert_eq!(endpoint.to_string(), written);
        assert_eq!(endpoint.site().unwrap(), site);
        assert_eq!(endpoint.options(), &Default::default());
    }
    let error = Endpoint::from(Site::Tcp(0.into())).target().unwrap_err();
    assert_eq!((error.text(), error.span()), ("tcp:0", 0..5));
}

#[test]
fn options_are_refused_before_a_role_is_asked_for() {
    assert_eq!(refused("udp:53,backlog=1").label(), "it belongs to `tcp`, `tls` and `unix`");
}
