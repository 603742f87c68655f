//! Ancillary data of IPv6: the hop limit and the traffic class, sent, received and cut.

use std::collections::BTreeMap;

use ropewalk::socket::*;

use crate::messages::{BOTH, Ends, Got, INT, Over, ends};
use crate::sockets::MSG;

mod rfc3542_ancillary_test {
    use super::*;
    use libc::{IPV6_HOPLIMIT, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS};

    /// What a sender sets, and what a receiver then finds at most.
    const HOP_LIMIT: i32 = 2;
    const HOP_LIMIT_MAX: i32 = 255;
    const TRAFFIC_CLASS_MAX: i32 = 255;
    /// The kernel's own.
    const DEFAULT_TRAFFIC_CLASS: [u8; INT] = (-1_i32).to_ne_bytes();

    fn item(kind: i32, data: &[u8]) -> Attachment<'_> {
        Attachment::Other { level: IPPROTO_IPV6, kind, data }
    }

    /// Asks for these, sends, and receives with so much room, by each call.
    fn exchange(asked: &[i32], room: usize, send: impl Fn(&Ends), check: impl Fn(Got)) {
        for by in BOTH {
            eprintln!("by {by:?}");
            let Some(ends) = ends(Over::Udp6) else { return };
            for option in asked {
                ends.server.set_option(IPPROTO_IPV6, *option, 1).unwrap();
            }
            send(&ends);
            let got = ends.receive(*by, MSG.len(), room);
            assert_eq!(got.bytes, MSG);
            ends.check_address(&got.from);
            assert!(!got.flags.contains(MSG_TRUNC) && !got.flags.contains(MSG_OOB));
            check(got);
        }
    }

    fn plain(ends: &Ends) {
        ends.send(MSG);
    }

    fn send_with(ends: &Ends, ancillary: &[Attachment<'_>]) -> ropewalk::Result<usize> {
        ends.send_msg(&[MSG], ancillary, Flags::default())
    }

    /// Each item by its kind, which is there once.
    fn by_kind(got: Got) -> BTreeMap<i32, Vec<u8>> {
        let mut items = BTreeMap::new();
        for item in got.ancillary {
            let Ancillary::Other { level, kind, data } = item else { panic!("{item:?}") };
            assert_eq!(level, IPPROTO_IPV6);
            assert!(items.insert(kind, data).is_none(), "kind {kind} came twice");
        }
        items
    }

    #[track_caller]
    fn check_number(data: &[u8], most: i32) {
        let number = i32::from_ne_bytes(data.try_into().unwrap());
        assert!((0..=most).contains(&number), "{number}");
    }

    fn check_hop_limit(room: usize, most: i32, send: impl Fn(&Ends)) {
        exchange(&[IPV6_RECVHOPLIMIT], room, send, |got| {
            assert!(!got.flags.contains(MSG_CTRUNC));
            let items = by_kind(got);
            assert_eq!(items.len(), 1);
            check_number(&items[&IPV6_HOPLIMIT], most);
        });
    }

    const BOTH_OPTIONS: &[i32] = &[IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS];

    fn check_traffic_class_and_hop_limit(room: usize, most: i32, send: impl Fn(&Ends)) {
        exchange(BOTH_OPTIONS, room, send, |got| {
            assert!(!got.flags.contains(MSG_CTRUNC));
            let items = by_kind(got);
            assert_eq!(items.len(), 2);
            check_number(&items[&IPV6_TCLASS], TRAFFIC_CLASS_MAX);
            check_number(&items[&IPV6_HOPLIMIT], most);
        });
    }

    #[test]
    fn test_recv_hop_limit() {
        check_hop_limit(10240, HOP_LIMIT_MAX, plain);
    }

    #[test]
    fn test_recv_hop_limit_cmsg_space() {
        check_hop_limit(cmsg_space(INT).unwrap(), HOP_LIMIT_MAX, plain);
    }

    #[test]
    fn test_set_hop_limit() {
        check_hop_limit(10240, HOP_LIMIT, |ends| {
            let sent = send_with(ends, &[item(IPV6_HOPLIMIT, &HOP_LIMIT.to_ne_bytes())]);
            assert_eq!(sent.unwrap(), MSG.len());
        });
    }

    #[test]
    fn test_recv_traffic_class_and_hop_limit() {
        check_traffic_class_and_hop_limit(10240, HOP_LIMIT_MAX, plain);
    }

    #[test]
    fn test_recv_traffic_class_and_hop_limit_cmsg_space() {
        let room = 2 * cmsg_space(INT).unwrap();
        check_traffic_class_and_hop_limit(room, HOP_LIMIT_MAX, plain);
    }

    #[test]
    fn test_set_traffic_class_and_hop_limit() {
        check_traffic_class_and_hop_limit(10240, HOP_LIMIT, |ends| {
            let hop_limit = HOP_LIMIT.to_ne_bytes();
            let both = [item(IPV6_TCLASS, &DEFAULT_TRAFFIC_CLASS), item(IPV6_HOPLIMIT, &hop_limit)];
            assert_eq!(send_with(ends, &both).unwrap(), MSG.len());
        });
    }

    #[test]
    fn test_odd_cmsg_size() {
        check_traffic_class_and_hop_limit(10240, HOP_LIMIT, |ends| {
            let hop_limit = HOP_LIMIT.to_ne_bytes();
            let long = [&DEFAULT_TRAFFIC_CLASS[..], &[0]].concat();
            let odd = [item(IPV6_TCLASS, &long), item(IPV6_HOPLIMIT, &hop_limit)];
            let even = [item(IPV6_TCLASS, &DEFAULT_TRAFFIC_CLASS), odd[1]];
            let sent = send_with(ends, &odd).or_else(|refused| {
                assert!(refused.raw_os_error().is_some(), "the system refuses it: {refused}");
                send_with(ends, &even)
            });
            assert_eq!(sent.unwrap(), MSG.len());
        });
    }

    fn check_hop_limit_truncated_header(room: usize) {
        exchange(&[IPV6_RECVHOPLIMIT], room, plain, |got| {
            assert!(got.flags.contains(MSG_CTRUNC));
            assert!(got.ancillary.is_empty(), "{got:?}");
        });
    }

    #[test]
    fn test_cmsg_trunc_no_buf_size() {
        // Python's room for none by default; the plain receive has none at all.
        let Some(ends) = ends(Over::Udp6) else { return };
        ends.server.set_option(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1).unwrap();
        ends.send(MSG);
        let received = ends.server.recv_from(MSG.len()).unwrap();
        assert_eq!((received.bytes.as_slice(), received.truncated), (MSG, false));
    }

    #[test]
    fn test_single_cmsg_trunc0() {
        check_hop_limit_truncated_header(0);
    }

    #[test]
    fn test_single_cmsg_trunc1() {
        check_hop_limit_truncated_header(1);
    }

    #[test]
    fn test_single_cmsg_trunc2_int() {
        check_hop_limit_truncated_header(2 * INT);
    }

    #[test]
    fn test_single_cmsg_trunc_len0_minus1() {
        check_hop_limit_truncated_header(cmsg_len(0).unwrap() - 1);
    }

    #[test]
    fn test_single_cmsg_trunc_in_data() {
        let room = cmsg_len(INT).unwrap() - 1;
        exchange(&[IPV6_RECVHOPLIMIT], room, plain, |got| {
            assert!(got.flags.contains(MSG_CTRUNC));
            for (kind, data) in by_kind(got) {
                assert_eq!(kind, IPV6_HOPLIMIT);
                assert!(data.len() < INT, "{data:?}");
            }
        });
    }

    /// The first item comes, the second does not.
    fn check_truncated_second_header(beyond_the_first: usize) {
        let room = cmsg_space(INT).unwrap() + beyond_the_first;
        exchange(BOTH_OPTIONS, room, plain, |got| {
            assert!(got.flags.contains(MSG_CTRUNC));
            let items = by_kind(got);
            assert_eq!(items.len(), 1);
            for (kind, data) in items {
                assert!([IPV6_TCLASS, IPV6_HOPLIMIT].contains(&kind));
                check_number(&data, HOP_LIMIT_MAX);
            }
        });
    }

    #[test]
    fn test_second_cmsg_trunc0() {
        check_truncated_second_header(0);
    }

    #[test]
    fn test_second_cmsg_trunc1() {
        check_truncated_second_header(1);
    }

    #[test]
    fn test_second_cmsg_trunc2_int() {
        check_truncated_second_header(2 * INT);
    }

    #[test]
    fn test_second_cmsg_trunc_len0_minus1() {
        check_truncated_second_header(cmsg_len(0).unwrap() - 1);
    }

    #[test]
    fn test_second_cmsg_trunc_in_data() {
        let room = cmsg_space(INT).unwrap() + cmsg_len(INT).unwrap() - 1;
        exchange(BOTH_OPTIONS, room, plain, |got| {
            assert!(got.flags.contains(MSG_CTRUNC));
            let items = by_kind(got);
            assert!(!items.is_empty() && items.len() <= 2);
            let whole: Vec<_> = items.values().filter(|data| data.len() == INT).collect();
            assert_eq!(whole.len(), 1, "{items:?}");
            check_number(whole[0], HOP_LIMIT_MAX);
        });
    }
}
