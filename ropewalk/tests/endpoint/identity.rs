//! Whatever is read is displayed so that it is read as the same; whatever is not is refused
//! with a place inside the text. Over endpoints and slips composed at random, by a fixed seed.

use ropewalk::endpoint::Endpoint;

use crate::parsed;

/// A small generator, the same on every machine (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.next(from.len())]
    }
}

const HOSTS: &[&str] =
    &["", "*:", "h:", "a-b.c_d.:", "127.0.0.1:", "0.0.0.0:", "[::]:", { "[fe80::1:2]:" }];
const PORTS: &[&str] = &["0", "1", "80", "0080", "65535"];
const PATHS: &[&str] = &["/", "@", "./", "../", "//", "/./", "/../"];
const PIECES: &[&str] = &[
    "a", "日本", " ", r"\,", r"\:", r"\\", r"\=", ":", "=", "[", "]", "modes", "/", ".", "@", "-",
    "%", "address=", ":b=", "é",
];
const STREAM: &[&str] = &["backlog=1", "backlog=512", "timeout=1ms", "timeout=90s", "timeout=2h"];
const INTERNET: &[&str] =
    &["reuseport", "reuseport=off", "mark=7", "mark=0xff", "ttl=1", "ttl=255"];
const TCP: &[&str] = &[
    "nodelay",
    "nodelay=no",
    "keepalive=1s",
    "keepalive=5m",
    "keepcount=7",
    "usertimeout=9ms",
    "linger=0",
    "source=::1",
    "source=[::1]:7",
    "source=1.2.3.4",
];
const FILE: &[&str] = &["mode=0", "mode=7", "mode=0660", "mode=777"];

const TLS: &[&str] =
    &["cert=auto", r"cert=/a\,b:c", "ca=x.pem", "alpn=h2+h3", "sni=a.b", "sni=::1", "insecure"];
const SCHEMES: &[&str] = &[
    "",
    "tcp:",
    "unix:",
    "udp:",
    "unixgram:",
    "tcp://",
    "memory:",
    "-",
    "tls:",
    "TLS:",
    "fd:",
    "systemd:",
];
const NAMES: &[&str] = &["", "0", "12", "web", r"a\=b", r"x\,y", "name=7", "INET:name=web", "日本"];

/// An endpoint of any form, with options of which each word stands once.
fn endpoint(dice: &mut Dice) -> String {
    let scheme = dice.pick(SCHEMES);
    let mut text = scheme.to_owned();
    let mut options: Vec<&[&str]> = Vec::new();
    match scheme {
        "-" => {}
        "memory:" | "fd:" => text.push_str(dice.pick(PORTS)),
        "systemd:" => text.push_str(dice.pick(NAMES)),
        "unix:" | "unixgram:" => {
            let start = dice.pick(&PATHS[..4]);
            text.push_str(start);
            text.push('x');
            for _ in 0..dice.next(6) {
                text.push_str(dice.pick(PIECES));
            }
            // A space at the end would stand at the end of the text.
            text.push('y');
            if start != "@" {
                options.push(FILE);
            }
        }
        _ => {
            text.push_str(dice.pick(HOSTS));
            text.push_str(dice.pick(PORTS));
            options.push(INTERNET);
        }
    }
    let is_tls = scheme.eq_ignore_ascii_case("tls:");
    if is_tls || matches!(scheme, "" | "tcp:" | "tcp://" | "unix:") {
        options.push(STREAM);
        if scheme != "unix:" {
            options.push(TCP);
        }
        if is_tls {
            options.push(TLS);
        }
        if dice.next(4) == 0 {
            text.insert_str(0, "haproxy:");
        }
    }
    for words in options {
        if dice.next(2) == 0 {
            text.push(',');
            text.push_str(dice.pick(words));
        }
    }
    text
}

/// What is displayed is read as the same, and displayed as the same.
fn assert_identity(endpoint: &Endpoint, text: &str) {
    // On Windows two slashes at the beginning of a path name another machine.
    if cfg!(windows) && text.contains("//") {
        return;
    }
    let full = endpoint.to_string();
    let again = parsed(&full);
    assert_eq!(again, *endpoint, "{text:?} was displayed as {full:?}");
    assert_eq!(again.to_string(), full, "{text:?}");
}

#[test]
fn whatever_is_composed_is_read_displayed_and_read_as_the_same() {
    let mut dice = Dice(21555);
    for _ in 0..20_000 {
        let text = endpoint(&mut dice);
        assert_identity(&parsed(&text), &text);
    }
}

#[test]
fn a_slip_anywhere_is_read_as_something_or_refused_inside_the_text() {
    const SLIPS: &[&str] = &["", ":", ",", "=", "\\", "[", "]", "\0", "\u{202e}", "日", " ", "//"];
    let mut dice = Dice(8080);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let whole = endpoint(&mut dice);
        let places: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
        let at = places[dice.next(places.len())];
        let removed = whole[at..].chars().next().map_or(0, char::len_utf8) * dice.next(2);
        let text = [&whole[..at], dice.pick(SLIPS), &whole[at + removed..]].concat();
        match text.parse::<Endpoint>() {
            Ok(endpoint) => {
                read += 1;
                assert_identity(&endpoint, &text);
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.text(), text);
                assert!(text.get(error.span()).is_some(), "{text:?}: {:?}", error.span());
                assert_eq!(error.render().lines().count(), 4, "{text:?}");
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
