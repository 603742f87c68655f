//! Names of hosts, services and interfaces, and how addresses are written.

/// What of CPython's general tests is about names.
mod general_module_tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

    use ropewalk::Addr;
    use ropewalk::error::ErrorKind;
    use ropewalk::socket::*;

    const IPPROTO_UDP: i32 = 17;

    fn stream_of(family: Family) -> Hints {
        Hints { family: Some(family), kind: Some(SOCK_STREAM), ..Hints::default() }
    }

    /// The one answer there is.
    fn only(answers: Vec<AddrInfo>) -> AddrInfo {
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.into_iter().next().unwrap()
    }

    fn v6_of(answer: &AddrInfo) -> SocketAddrV6 {
        match answer.addr {
            Addr::Ip(SocketAddr::V6(v6)) => v6,
            ref other => panic!("{other} is none of IPv6"),
        }
    }

    #[test]
    fn test_hostname_res() {
        let name = gethostname().unwrap();
        assert!(!name.is_empty());
        // Whether a machine's own name is known is its administrator's affair.
        let Ok(found) = getaddrinfo(Some(&name), Service::Any, stream_of(AF_INET)) else { return };
        let ip = found[0].addr.ip().unwrap();
        let (named, _) = getnameinfo(ip, NameHints::default()).unwrap();
        let full = getfqdn(&ip.ip().to_string());
        assert!([name, named.clone()].contains(&full) || named == full, "{full}, {named}");
    }

    #[test]
    fn test_host_resolution() {
        for host in ["127.0.0.1", "10.0.0.1", "255.255.255.255"] {
            let found = only(getaddrinfo(Some(host), Service::Any, stream_of(AF_INET)).unwrap());
            assert_eq!(found.addr.host(), host);
        }
    }

    #[test]
    fn test_host_resolution_bad_address() {
        for host in ["0.1.1.~1", "1+.1.1.1", "::1q", "::1::2", "1:1:1:1:1:1:1:1:1"] {
            let error = getaddrinfo(Some(host), Service::Any, Hints::default()).unwrap_err();
            assert!(error.resolver_code().is_some(), "{error}");
            assert!(error.to_string().contains(host), "{error}");
        }
    }

    #[test]
    fn test_interface_name_index() {
        let interfaces = if_nameindex().unwrap();
        assert!(!interfaces.is_empty(), "there is a loopback");
        for (index, name) in interfaces {
            assert!(index > 0);
            assert_eq!(if_nametoindex(&name).unwrap(), index);
            assert_eq!(if_indextoname(index).unwrap(), name);
        }
    }

    #[test]
    fn test_invalid_interface_index_to_name() {
        let error = if_indextoname(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("interface 0"), "{error}");
    }

    #[test]
    fn test_invalid_interface_name_to_index() {
        let error = if_nametoindex("_DEADBEEF").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("_DEADBEEF"), "{error}");
        assert_eq!(if_nametoindex("l\0o").unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    /// Of std: a number that does not fit has another type, or does not compile.
    #[test]
    fn test_nto_h() {
        for number in [0, 1, 0xffff, 2, 0x0123_4567, 0x7654_3210_u32] {
            assert_eq!(u32::from_be(number.to_be()), number);
            let low = number as u16;
            assert_eq!(u16::from_be(low.to_be()), low);
        }
        assert_eq!((u32::MAX.to_be(), u16::MAX.to_be()), (u32::MAX, u16::MAX));
        assert_eq!(1_u16.to_be().to_ne_bytes(), [0, 1]);
    }

    #[test]
    fn test_get_serv_by() {
        let service = ["daytime", "qotd", "domain"]
            .into_iter()
            .find(|service| getservbyname(service, Some(SOCK_STREAM)).is_ok())
            .expect("the system knows one of them");
        let port = getservbyname(service, Some(SOCK_STREAM)).unwrap();
        assert_eq!(getservbyname(service, None).unwrap(), port);
        assert_eq!(getservbyport(port, None).unwrap(), service);
        assert_eq!(getservbyport(port, Some(SOCK_STREAM)).unwrap(), service);
        if let Ok(udp) = getservbyname(service, Some(SOCK_DGRAM)) {
            assert_eq!(udp, port);
            assert_eq!(getservbyport(udp, Some(SOCK_DGRAM)).unwrap(), service);
        }
        for unknown in ["no-such-service", "80", ""] {
            let error = getservbyname(unknown, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        let error = getservbyport(1, Some(SOCK_DGRAM)).and_then(|_| getservbyport(65_535, None));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn test_ipv4_inet_aton_fourbytes() {
        assert_eq!("0.0.0.0".parse::<Ipv4Addr>().unwrap().octets(), [0; 4]);
        assert_eq!("255.255.255.255".parse::<Ipv4Addr>().unwrap().octets(), [0xff; 4]);
    }

    #[test]
    fn test_ipv4to_string() {
        for (text, octets) in [
            ("0.0.0.0", [0; 4]),
            ("255.0.255.0", [0xff, 0, 0xff, 0]),
            ("170.170.170.170", [0xaa; 4]),
            ("1.2.3.4", [1, 2, 3, 4]),
            ("255.255.255.255", [0xff; 4]),
        ] {
            assert_eq!(text.parse::<Ipv4Addr>().unwrap().octets(), octets);
        }
        for text in ["0.0.0.", "300.0.0.0", "a.0.0.0", "1.2.3.4.5", "::1"] {
            assert!(text.parse::<Ipv4Addr>().is_err(), "{text}");
        }
    }

    #[test]
    fn test_ipv6to_string() {
        for (text, segments) in [
            ("::", [0; 8]),
            ("0::0", [0; 8]),
            ("1::", [1, 0, 0, 0, 0, 0, 0, 0]),
            (
                "45ef:76cb:1a:56ef:afeb:bac:1924:aeae",
                [0x45ef, 0x76cb, 0x1a, 0x56ef, 0xafeb, 0xbac, 0x1924, 0xaeae],
            ),
            ("ad42:abc::127:0:254:2", [0xad42, 0xabc, 0, 0, 0x127, 0, 0x254, 2]),
            ("12:a::", [0x12, 0xa, 0, 0, 0, 0, 0, 0]),
            ("::254.42.23.64", [0, 0, 0, 0, 0, 0, 0xfe2a, 0x1740]),
            ("42::a29b:254.42.23.64", [0x42, 0, 0, 0, 0, 0xa29b, 0xfe2a, 0x1740]),
            (
                "42:a8b9:0:2:ffff:a29b:254.42.23.64",
                [0x42, 0xa8b9, 0, 2, 0xffff, 0xa29b, 0xfe2a, 0x1740],
            ),
        ] {
            assert_eq!(text.parse::<Ipv6Addr>().unwrap().segments(), segments, "{text}");
        }
        for text in [
            "0x20::",
            ":::",
            "::0::",
            "1::abc::",
            "1::abc::def",
            "1:2:3:4:5:6",
            "1:2:3:4:5:6:",
            "1:2:3:4:5:6:7:8:0",
            "1:2:3:4:5:6:7:8:",
            "255.254.253.252",
            "1::260.2.3.0",
            "1::0.be.e.0",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1.2.3.4:0",
            "0.100.200.0:3:4:5:6:7:8",
        ] {
            assert!(text.parse::<Ipv6Addr>().is_err(), "{text}");
        }
    }

    /// As many bytes as an address has, or it does not compile.
    #[test]
    fn test_string_to_ipv4() {
        for (octets, text) in [
            ([1, 0, 1, 0], "1.0.1.0"),
            ([0xaa, 0x55, 0xaa, 0x55], "170.85.170.85"),
            ([0xff; 4], "255.255.255.255"),
            ([1, 2, 3, 4], "1.2.3.4"),
        ] {
            assert_eq!(Ipv4Addr::from(octets).to_string(), text);
        }
        for wrong in [3, 5, 16] {
            assert!(<[u8; 4]>::try_from(&vec![0_u8; wrong][..]).is_err());
        }
    }

    #[test]
    fn test_string_to_ipv6() {
        assert_eq!(Ipv6Addr::from([0; 16]).to_string(), "::");
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(Ipv6Addr::from(one).to_string(), "::1");
        let octets: [u8; 16] = [10, 239, 11, 1, 5, 6, 16, 1, 255, 255, 153, 151, 0, 85, 1, 112];
        assert_eq!(Ipv6Addr::from(octets).to_string(), "aef:b01:506:1001:ffff:9997:55:170");
    }

    #[test]
    fn test_getaddrinfo() {
        let any = Hints::default();
        for (host, service) in [
            (Some("localhost"), Service::Port(80)),
            (Some("127.0.0.1"), Service::Port(80)),
            (None, Service::Port(80)),
            (Some("::1"), Service::Port(80)),
            (Some("localhost"), Service::Name("http")),
            (Some("localhost"), Service::Name("80")),
            (Some("localhost"), Service::Any),
        ] {
            let found = getaddrinfo(host, service, any).unwrap();
            let port = if service == Service::Any { 0 } else { 80 };
            assert!(!found.is_empty(), "{host:?} {service}");
            assert!(found.iter().all(|answer| answer.addr.port() == Some(port)), "{found:?}");
        }
        let found = getaddrinfo(Some("localhost"), 80, stream_of(AF_INET)).unwrap();
        assert!(found.iter().all(|answer| (answer.family, answer.kind) == (AF_INET, SOCK_STREAM)));
        let hints = Hints { kind: Some(SOCK_STREAM), ..any };
        let found = getaddrinfo(Some("localhost"), Service::Any, hints).unwrap();
        assert!(found.iter().all(|answer| answer.kind == SOCK_STREAM));
        let hints = Hints { protocol: IPPROTO_TCP, ..any };
        let found = getaddrinfo(Some("localhost"), Service::Any, hints).unwrap();
        assert!(found.iter().all(|answer| answer.protocol == IPPROTO_TCP));
        // A server of both families asks like this.
        let hints = Hints { kind: Some(SOCK_STREAM), passive: true, ..any };
        let found = getaddrinfo(None, 0, hints).unwrap();
        assert!(found.iter().all(|answer| answer.addr.ip().unwrap().ip().is_unspecified()));
        let hints = Hints { canonical_name: true, ..stream_of(AF_INET) };
        let found = getaddrinfo(Some("127.0.0.1"), 80, hints).unwrap();
        assert!(found[0].canonical_name.is_some());
        // Neither a host nor a service asks for nothing.
        let error = getaddrinfo(None, Service::Any, any).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        for (host, service) in [("local\0host", "http"), ("localhost", "ht\0tp")] {
            let error = getaddrinfo(Some(host), service, any).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        let error = getaddrinfo(Some("localhost"), "no-such-service", any).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.resolver_code().is_some() && error.remedy().is_some(), "{error}");
        let error = getaddrinfo(Some("localhost"), 80, Hints { numeric_host: true, ..any });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound, "nobody was asked");
    }

    /// No number wraps to another port, whatever the system's resolver would make of it.
    #[test]
    fn test_getaddrinfo_int_port_overflow() {
        for port in [
            i64::MAX.to_string(),
            i64::MIN.to_string(),
            u64::MAX.to_string(),
            format!("{}0", u64::MAX),
            "65536".to_owned(),
            "-1".to_owned(),
            "+80".to_owned(),
            " 80".to_owned(),
        ] {
            let error = getaddrinfo(None, port.as_str(), stream_of(AF_INET)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("0 to 65535"), "{error}");
        }
        for port in [0, 1, u16::MAX] {
            let found = only(getaddrinfo(None, port, stream_of(AF_INET)).unwrap());
            assert_eq!(found.addr.port(), Some(port));
        }
    }

    /// Only addresses are taken: a name is of another type. What is not known is its number.
    #[test]
    fn test_getnameinfo() {
        let hints = NameHints { numeric_host: true, numeric_service: true, ..NameHints::default() };
        let names = getnameinfo(([127, 0, 0, 1], 80).into(), hints).unwrap();
        assert_eq!(names, ("127.0.0.1".to_owned(), "80".to_owned()));
        let unknown = SocketAddr::from(([192, 0, 2, 1], 80));
        let hints = NameHints { numeric_host: true, required: true, ..NameHints::default() };
        assert!(getnameinfo(unknown, hints).is_err(), "a number is no name");
    }

    #[test]
    fn test_flowinfo() {
        let with_flow = |flow: u32| SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, flow.to_be(), 0);
        let error = getnameinfo(with_flow(u32::MAX).into(), NameHints::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let socket = Socket::new(AF_INET6, SOCK_STREAM).unwrap();
        let at = |flow| Addr::Ip(with_flow(flow).into());
        let error = socket.bind(at(0x10_0000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("0 to 1048575"), "{error}");
        socket.bind(at(0xf_ffff)).unwrap();
    }

    fn datagrams_of(host: &str) -> AddrInfo {
        let (family, kind) = (Some(AF_INET6), Some(SOCK_DGRAM));
        let hints = Hints { family, kind, protocol: IPPROTO_UDP, ..Hints::default() };
        only(getaddrinfo(Some(host), 1234, hints).unwrap())
    }

    #[test]
    fn test_getaddrinfo_ipv6_basic() {
        let answer = datagrams_of("ff02::1de:c0:face:8D");
        assert_eq!(answer.addr.to_string(), "[ff02::1de:c0:face:8d]:1234");
        assert_eq!((v6_of(&answer).flowinfo(), v6_of(&answer).scope_id()), (0, 0));
    }

    #[cfg(unix)] // Windows resolves numbers of interfaces alone
    #[test]
    fn test_getaddrinfo_ipv6_scopeid_symbolic() {
        let (index, name) = if_nameindex().unwrap().remove(0);
        let answer = datagrams_of(&format!("ff02::1de:c0:face:8D%{name}"));
        assert_eq!(v6_of(&answer).scope_id(), index);
        let ip: IpAddr = "ff02::1de:c0:face:8d".parse().unwrap();
        assert_eq!(answer.addr.ip().unwrap().ip(), ip);
    }

    #[test]
    fn test_getaddrinfo_ipv6_scopeid_numeric() {
        let answer = datagrams_of("ff02::1de:c0:face:8D%42");
        assert_eq!(v6_of(&answer).scope_id(), 42);
    }

    #[test]
    fn test_getfqdn_filter_localhost() {
        assert_eq!(getfqdn(""), getfqdn("0.0.0.0"));
        assert_eq!(getfqdn(""), getfqdn("::"));
    }
}
