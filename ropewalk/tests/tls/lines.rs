//! TLS begun by a protocol of lines.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::Reason;
use ropewalk::framing::{LineProtocol, LineTransport, Lines};
use ropewalk::protocol::with_layer;
use ropewalk::testing::Network;
use ropewalk::tls::{self, Error, Server, Tls};

use crate::meet::{client, server};
use crate::rig::Peer as _;

/// What was heard: lines, each with whether it came encrypted; and the end.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<(Vec<(String, bool)>, Option<Reason>)>>);

/// Starts TLS when it is told to, and answers each line.
struct Mail {
    tls: Server,
    heard: Heard,
}

impl LineProtocol for Mail {
    fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
        let encrypted = with_layer(&mut **transport, |_: &mut Tls| ()).is_some();
        let text = String::from_utf8(line.to_vec()).unwrap();
        self.heard.0.borrow_mut().0.push((text, encrypted));
        transport.send_line(b"220 go ahead").unwrap();
        if line == b"STARTTLS" {
            tls::start_tls(&mut **transport, self.tls.layer(), &[]);
        }
    }

    fn connection_lost(&mut self, _: &mut LineTransport<'_>, why: &Reason) {
        self.heard.0.borrow_mut().1 = Some(why.clone());
    }
}

fn serve(network: &Network) -> Heard {
    let (heard, tls) = (Heard::default(), server());
    let copy = heard.clone();
    network.listen(1, move || Lines::new(Mail { tls: tls.clone(), heard: copy.clone() })).unwrap();
    heard
}

#[test]
fn a_line_behind_the_command_is_no_line_of_the_encrypted_peer() {
    // CVE-2011-0411, however the network cuts it.
    for seed in 0..50 {
        let network = Network::with_seed(seed);
        let heard = serve(&network);
        let mut peer = network.dial(1).unwrap();
        peer.send(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n");
        let _ = peer.read_to_end();
        network.run_until(|| heard.0.borrow().1.is_some());
        let (lines, why) = &*heard.0.borrow();
        assert_eq!(lines[..], [("STARTTLS".to_owned(), false)], "seed {seed}");
        let why = why.as_ref().unwrap();
        assert_eq!(Error::of(why), Some(&Error::NotTls("plain text")), "seed {seed}: {why}");
    }
}

#[test]
fn lines_go_on_encrypted_even_if_the_hello_came_with_the_command() {
    let network = Network::calm();
    let heard = serve(&network);
    let mut end = crate::benches::End::new(client().layer("localhost"));
    let mut peer = network.dial(1).unwrap();
    peer.send(&[b"STARTTLS\r\n", &end.bench.take_wire()[..]].concat());
    assert_eq!(peer.read_exact(14).unwrap(), b"220 go ahead\r\n");
    let (mut got, mut said) = (Vec::new(), false);
    while got.is_empty() {
        let wire = peer.read_some().unwrap();
        got = end.receive(&wire);
        peer.send(&end.bench.take_wire());
        if end.bench.is_made() && !said {
            said = true;
            let hello = end.write(b"NOOP\r\n");
            peer.send(&hello);
        }
    }
    assert_eq!(got, b"220 go ahead\r\n");
    let lines = &heard.0.borrow().0;
    assert_eq!(lines[..], [("STARTTLS".to_owned(), false), ("NOOP".to_owned(), true)]);
}
