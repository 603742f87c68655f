//! Every bound of an endpoint: what is at it is read, what is past it is refused.

use std::time::Duration;

use ropewalk::endpoint::Endpoint;
use ropewalk::limits;

use crate::{parsed, refused};

#[test]
fn a_text_at_the_bound_is_read_and_one_past_it_is_not() {
    // Leading zeros make a port as long as one likes.
    let longest = format!("{:0>1$}", 8080, limits::ENDPOINT_BYTES);
    assert_eq!(parsed(&longest).to_string(), "tcp:8080");
    let longer = format!("0{longest}");
    let error = refused(&longer);
    assert_eq!(error.cause(), "the endpoint has 4097 bytes, 4096 are the most");
    assert_eq!(error.text().len(), limits::ENDPOINT_BYTES, "no more is kept");
}

#[test]
fn a_text_past_the_bound_is_cut_between_characters() {
    let error = refused(&"日".repeat(limits::ENDPOINT_BYTES));
    assert_eq!(error.text().len(), limits::ENDPOINT_BYTES / 3 * 3);
    assert!(error.text().get(error.span()).is_some());
    assert_eq!(error.render().lines().count(), 4);
}

#[test]
fn a_path_is_as_long_as_the_system_takes() {
    for (start, most) in [("/", 107), ("@", 108)] {
        assert_eq!(limits::unix_path_bytes(start == "@"), most);
        let longest = format!("{start}{}", "p".repeat(most - 1));
        assert_eq!(parsed(&longest).to_string(), format!("unix:{longest}"));
        let cause = format!("the path has {} bytes, {most} are the most", most + 1);
        assert_eq!(refused(&format!("{longest}p")).cause(), cause);
    }
    // What counts is the path, not how it is written.
    let escaped = format!("/{}", r"\,".repeat(limits::UNIX_PATH_BYTES - 1));
    assert_eq!(parsed(&escaped).to_string(), format!("unix:{escaped}"));
}

#[test]
fn a_host_is_as_long_as_dns_takes() {
    let label = "a".repeat(limits::HOST_LABEL_BYTES);
    let longest = [label.as_str(), &label, &label, &label[2..]].join(".");
    assert_eq!(longest.len(), limits::HOST_BYTES);
    assert_eq!(parsed(&format!("{longest}:80")).to_string(), format!("tcp:{longest}:80"));
    let longer = [label.as_str(), &label, &label, &label[1..]].join(".");
    let cause = "the host has 254 bytes, 253 are the most";
    assert_eq!(refused(&format!("{longer}:80")).cause(), cause);
}

#[test]
fn a_label_is_as_long_as_dns_takes() {
    let label = "a".repeat(limits::HOST_LABEL_BYTES);
    parsed(&format!("{label}.{label}:80"));
    let error = refused(&format!("{label}.{label}a.b:80"));
    assert_eq!(error.cause(), "a label of the host has 64 bytes, 63 are the most");
    assert_eq!(error.span(), 64..128);
}

#[test]
fn a_time_goes_up_to_its_bound() {
    let longest = parsed("tcp:h:80,timeout=24h");
    assert_eq!(longest.options().timeout, Some(limits::ENDPOINT_TIMEOUT));
    refused("tcp:h:80,timeout=86400001ms");
    let least = parsed("tcp:h:80,timeout=1ms");
    assert_eq!(least.options().timeout, Some(Duration::from_millis(1)));
    refused("tcp:h:80,timeout=0ms");

    let longest = parsed("tcp:h:80,keepalive=32767s");
    assert_eq!(longest.options().keepalive, Some(limits::KEEPALIVE));
    refused("tcp:h:80,keepalive=32768s");
    refused("tcp:h:80,keepalive=0s");
    refused("tcp:h:80,keepalive=18446744073709551615h");
}

#[test]
fn a_number_goes_up_to_its_bound() {
    assert_eq!(parsed("tcp:80,backlog=2147483647").options().backlog, Some(i32::MAX as u32));
    refused("tcp:80,backlog=2147483648");
    assert_eq!(parsed("tcp:80,mark=0xffffffff").options().mark, Some(u32::MAX));
    assert_eq!(parsed("tcp:80,mark=0").options().mark, Some(0));
    refused("tcp:80,mark=4294967296");
    assert_eq!(parsed("tcp:80,ttl=255").options().ttl, Some(255));
    refused("tcp:80,ttl=256");
    assert_eq!(parsed("/run/x,mode=777").options().mode, Some(0o777));
    refused("/run/x,mode=1000");
    for text in ["tcp:0", "tcp:65535"] {
        assert_eq!(parsed(text).to_string(), text);
    }
    refused("tcp:65536");
}

#[test]
fn a_sentence_quotes_a_long_piece_in_part() {
    let longest = "z".repeat(limits::ENDPOINT_QUOTED_CHARS);
    let cause = format!("unknown option `{longest}` in endpoint");
    assert_eq!(refused(&format!("tcp:80,{longest}")).cause(), cause);
    let cause = format!("unknown option `{longest}…` in endpoint");
    assert_eq!(refused(&format!("tcp:80,{longest}z")).cause(), cause);
    let long = "x".repeat(3000);
    for text in
        [format!("tcp:80,{long}"), format!("tcp:80,keepalive={long}"), format!("{long}:1:2")]
    {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(error.cause().len() < 120, "{}", error.cause());
        // It may have to name every option that there is.
        assert!(error.label().len() < 160, "{}", error.label());
        assert!(error.help().len() < 120, "{}", error.help());
    }
}
