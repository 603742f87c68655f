//! TLS 1.2 and 1.3 as a layer: between the wire and any protocol, from the start or in the
//! middle of a connection.
//!
//! Owns: the configurations of both sides, the layer, its causes of failure. Never: does I/O
//! (but for the files and the trust that a configuration names), or keeps a time of its own;
//! deadlines, marks and the end are the connection's. The cryptography is rustls' with ring.
//!
//! # What is promised
//!
//! | what happens | what follows |
//! | --- | --- |
//! | the handshake is done | `connection_made`; after [`start_tls`] the event [`Ready`] |
//! | it is not, within [`HANDSHAKE`](crate::limits::HANDSHAKE) | `Deadline(Handshake)` |
//! | it fails | our alert is sent, the connection ends in order; the factory's `failed` has the [`Error`], no protocol was built |
//! | several writes in one callback | one record (of 16 KiB at most), encrypted when the callback returns |
//! | `close` | what is unsent, `close_notify`, the end; with the connection's own deadlines |
//! | `shutdown_write` | the same, and reading goes on |
//! | `abort` | a reset, and `Aborted` |
//! | the peer's `close_notify` | `eof_received` |
//! | the peer's end without it | [`Kind::Truncated`], source [`Error::Cut`] |
//! | a record that was tampered with | an alert, then `Failed` by the peer, source [`Error::Broken`]; what came before it is delivered |
//!
//! Renegotiation is refused, 0-RTT is off (what comes by it may be somebody's replay), keys may
//! be changed. A client of TLS 1.3 learns only after its own handshake whether the server takes
//! its certificate: its protocol may be built, and then end with [`Error::Rejected`].
//!
//! ```
//! use ropewalk::protocol::{Factory, client, with_layer};
//! use ropewalk::testing::Network;
//! use ropewalk::tls::{Client, Identity, Server, Tls};
//! use ropewalk::{Protocol, Transport};
//! # fn certificate() -> (String, String) {
//! #     let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
//! #     (made.cert.pem(), made.signing_key.serialize_pem())
//! # }
//!
//! struct Echo;
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! struct Hello;
//! impl Protocol for Hello {
//!     fn connection_made(&mut self, transport: &mut dyn Transport) {
//!         let version = with_layer(transport, |tls: &mut Tls| tls.agreed()?.version());
//!         assert_eq!(version.flatten(), Some("TLSv1.3"));
//!         transport.write(b"hello");
//!     }
//!     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
//!         assert_eq!(data, b"hello");
//!         transport.close();
//!     }
//! }
//!
//! # fn main() -> ropewalk::Result<()> {
//! let (cert, key) = certificate(); // in PEM, for `localhost`
//! let server = Server::builder()
//!     .identity(Identity::from_pem(cert.as_bytes(), key.as_bytes())?)
//!     .build()?;
//! let believer = Client::builder().ca(cert.as_bytes()).build()?;
//!
//! let network = Network::with_seed(7); // in memory; a `Reactor` does the same over sockets
//! network.listen(1, (|| Echo).layer(move || server.layer()))?;
//! let hello = (|| Hello).layer(move || believer.layer("localhost"));
//! network.connect(1, client(hello).on_end(|_, _, why| assert!(why.is_clean())));
//! network.run();
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod identity;
mod server;
mod session;
mod trust;

use std::fmt;

pub use client::{Client, ClientBuilder};
pub use error::Error;
pub use identity::Identity;
pub use rustls;
pub use server::{Server, ServerBuilder};
pub use session::Session;
pub use trust::sha256;

use crate::protocol::{Below, Kind, Layer, Reason, Transport, Up};

/// Those which are safe; the newest that both ends know is taken.
const VERSIONS: &[&rustls::SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// The event that a protocol gets when the handshake which [`start_tls`] began is done. What
/// was agreed on says the layer: `with_layer(transport, |tls: &mut Tls| …)`.
///
/// ```
/// use ropewalk::protocol::Event;
/// use ropewalk::tls::Ready;
/// fn is_ready(event: &Event) -> bool {
///     event.is::<Ready>()
/// }
/// assert!(is_ready(&(Box::new(Ready) as Event)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "handshakeCompleted")]
#[doc(alias = "IHandshakeListener")]
pub struct Ready;

/// TLS from here on, in the middle of a connection: what a command such as `STARTTLS` asks for.
///
/// What was written before goes in plain, what is written from now on waits for the handshake
/// and then goes encrypted. When the handshake is done the protocol hears [`Ready`]; there is
/// no second `connection_made`. A handshake that fails ends the connection, with the
/// [`Error`] as the source of the reason.
///
/// `rest` is what the read that brought the command has behind it. It is taken as the peer's
/// first bytes of TLS, never as commands: a plaintext command that somebody put behind the
/// peer's `STARTTLS` (CVE-2011-0411) is no handshake, and fails with [`Error::NotTls`]. A
/// protocol that cuts lines out of what it receives has to hand over all that it still holds;
/// what it keeps would be taken for the encrypted peer's.
///
/// ```
/// use ropewalk::tls::{self, Server};
/// use ropewalk::{Protocol, Transport};
///
/// struct Mail {
///     tls: Server,
/// }
///
/// impl Protocol for Mail {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
///         if let Some(rest) = data.strip_prefix(b"STARTTLS\r\n") {
///             transport.write(b"220 go ahead\r\n"); // in plain, and the last that is
///             tls::start_tls(transport, self.tls.layer(), rest);
///         }
///     }
/// }
/// ```
#[doc(alias = "startTLS")]
#[doc(alias = "wrap_socket")]
pub fn start_tls(transport: &mut dyn Transport, mut layer: Tls, rest: &[u8]) {
    layer.in_the_middle = true;
    layer.early = rest.to_vec();
    transport.push_layer(Box::new(layer));
}

/// One connection's TLS, as a layer: made by [`Server::layer`] and [`Client::layer`].
///
/// What was agreed on is known from `connection_made` (after [`start_tls`] from [`Ready`]) on:
///
/// ```
/// use ropewalk::protocol::with_layer;
/// use ropewalk::tls::Tls;
/// use ropewalk::{Protocol, Transport};
/// struct Whois;
/// impl Protocol for Whois {
///     fn connection_made(&mut self, transport: &mut dyn Transport) {
///         with_layer(transport, |tls: &mut Tls| {
///             let Some(agreed) = tls.agreed() else { return };
///             println!("{:?} {:?} {}", agreed.version(), agreed.alpn(), agreed.is_resumed());
///         });
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
/// }
/// ```
pub struct Tls {
    session: Result<Session, Error>,
    state: State,
    in_the_middle: bool,
    /// Came before the layer did.
    early: Vec<u8>,
    /// No more is written, and our last word waits for the handshake.
    ending: bool,
    told_end: bool,
}

#[derive(Debug)]
enum State {
    Handshake,
    Established,
    /// It failed, and the connection is to end when the protocol has heard what came before.
    Failing(Error),
    Failed,
}

impl Tls {
    fn new(session: Result<Session, Error>) -> Tls {
        Tls {
            session,
            state: State::Handshake,
            in_the_middle: false,
            early: Vec::new(),
            ending: false,
            told_end: false,
        }
    }

    /// What was agreed on; `None` before the handshake is done.
    pub fn agreed(&self) -> Option<&Session> {
        self.session.as_ref().ok().filter(|session| session.is_established())
    }

    /// Both sides agree: what waited for that goes on.
    fn establish(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        self.state = State::Established;
        below.end_handshake();
        up.made();
        if self.in_the_middle {
            up.event(Box::new(Ready));
        }
        if let (true, Ok(session)) = (self.ending, &mut self.session) {
            end(session, below);
        }
    }

    fn fail(&mut self, below: &mut Below<'_>, error: Error) {
        if let Ok(session) = &mut self.session {
            let unsent = session.give_up(&mut |data| below.write(data));
            below.count_unsent(unsent);
        }
        below.end_handshake();
        self.state = State::Failing(error);
    }
}

impl Layer for Tls {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        let session = match &mut self.session {
            Ok(session) => session,
            // There is nothing to say to the peer, who may not even be asked for.
            Err(error) => return below.close_because(Reason::failed(error.clone())),
        };
        below.begin_handshake();
        session.emit(&mut |data| below.write(data));
        let early = std::mem::take(&mut self.early);
        self.feed(below, &early, up);
    }

    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        self.feed(below, data, up);
    }

    fn eof(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
        let error = match self.state {
            State::Handshake => Error::HandshakeCut,
            State::Established if !self.told_end => Error::Cut,
            _ => return,
        };
        below.fail(Reason::new(Kind::Truncated).because(error));
    }

    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        match (&mut self.session, &self.state) {
            (Ok(session), State::Handshake | State::Established) => {
                session.write(data, &mut |data| below.write(data));
            }
            _ => below.count_unsent(data.len()),
        }
    }

    fn flush(&mut self, below: &mut Below<'_>) {
        if let State::Failing(error) = &self.state {
            below.close_because(Reason::peer_failed(error.clone()));
            self.state = State::Failed;
        } else if let Ok(session) = &mut self.session {
            session.flush(&mut |data| below.write(data));
        }
    }

    fn finish(&mut self, below: &mut Below<'_>) {
        self.ending = true;
        let Ok(session) = &mut self.session else { return };
        // What waits for the handshake is not given up; a close with nothing to say is.
        let waits = session.gathered() > 0 || !below.is_closing();
        if !matches!(self.state, State::Handshake) || !waits {
            end(session, below);
            below.end_handshake();
        }
    }

    fn pending(&self) -> usize {
        let Ok(session) = &self.session else { return 0 };
        let gathered = session.gathered();
        // The end of our direction waits for the handshake, too, where nothing else does.
        if self.ending && !session.has_ended() { gathered.max(1) } else { gathered }
    }
}

impl Tls {
    fn feed(&mut self, below: &mut Below<'_>, mut data: &[u8], up: &mut Up<'_>) {
        while !data.is_empty() && matches!(self.state, State::Handshake | State::Established) {
            let Ok(session) = &mut self.session else { return };
            let taken = session.take(&mut data);
            let is_established = session.is_established();
            if is_established && matches!(self.state, State::Handshake) {
                self.establish(below, up);
            }
            let Ok(session) = &mut self.session else { return };
            if is_established {
                session.read_into(up.bytes());
            }
            match taken {
                Ok(()) => session.emit(&mut |data| below.write(data)),
                Err(error) => self.fail(below, error),
            }
        }
        let peer_ended = self.session.as_ref().is_ok_and(Session::has_peer_ended);
        if peer_ended && !self.told_end {
            self.told_end = true;
            up.eof();
        }
    }
}

/// Our last word, and how the close is to wait for the peer's.
fn end(session: &mut Session, below: &mut Below<'_>) {
    session.end(&mut |data| below.write(data));
    if session.awaits_bytes() {
        below.linger();
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("state", &self.state)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
