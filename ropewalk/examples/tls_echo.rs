//! An echo over TLS, with a certificate that it makes itself: the same protocol as without.
//! It writes the certificate to a file, so that a client can be told to believe it:
//!
//! ```text
//! cargo run --example tls_echo --features tls -- /tmp/echo.pem
//! openssl s_client -quiet -CAfile /tmp/echo.pem -connect 127.0.0.1:21555
//! ```
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use ropewalk::addr::ListenAt;
use ropewalk::protocol::{Factory, with_layer};
use ropewalk::service::Echo;
use ropewalk::tls::{Identity, Server, Tls};
use ropewalk::{Protocol, Reactor, Transport};

const PORT: u16 = 21555; // 端口号

/// An echo that says how its connections are protected. Nothing else of it knows of TLS.
struct Shown(Echo);

impl Protocol for Shown {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        let peer = transport.peer_addr();
        let version = with_layer(transport, |tls: &mut Tls| tls.agreed()?.version()).flatten();
        println!("...connected from {peer} by {}", version.unwrap_or("nothing"));
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.0.data_received(transport, data);
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.0.resume_writing(transport);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let file = words.next().ok_or("name the file that the certificate is to be written to")?;
    let at = words.next().map_or(Ok(ListenAt::from(PORT)), |at| at.parse::<ListenAt>())?;

    let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
    std::fs::write(file, made.cert.pem())?;
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes())?;
    let server = Server::builder().identity(identity).build()?;

    let reactor = Reactor::new()?;
    let _signals = reactor.stop_on_signals()?;
    let factory = (|| Shown(Echo)).layer(move || server.layer());
    let listener = reactor.listen_tcp(at, factory)?;
    println!("waiting for connection on {}...", listener.addrs()[0]);
    Ok(reactor.run()?)
}
