//! One TLS session: bytes of the wire on one side, plaintext on the other.
//! Owns: rustls' connection, how it is fed and emptied, the records that writes are gathered
//! into. Never: knows a layer, a socket or the time: the layer and the blocking stream are
//! both built on it.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, HandshakeKind, ProtocolVersion};
use rustls::{ServerConfig, ServerConnection};

use super::error::what_speaks;
use super::{Error, trust};
use crate::limits;

/// How many bytes tell what a peer speaks that speaks no TLS.
const FIRST_BYTES: usize = 8;

/// One session, and what its two ends agreed on: of a [`Tls`](super::Tls) layer, or of a
/// blocking `server::TlsStream`.
pub struct Session {
    tls: Connection,
    /// Written and not yet in a record.
    plain: Vec<u8>,
    /// The peer's first bytes, in case that they are no TLS.
    first: [u8; FIRST_BYTES],
    first_len: usize,
    /// The peer has sent data of its protocol.
    heard: bool,
    /// It said that this was all.
    peer_ended: bool,
    /// Our last word is said: a `close_notify`, or an alert.
    ended: bool,
}

impl Session {
    pub(super) fn server(config: Arc<ServerConfig>) -> Result<Session, Error> {
        let tls = ServerConnection::new(config);
        tls.map(|tls| Session::new(tls.into())).map_err(|error| Error::from_rustls(error, None))
    }

    pub(super) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Session, Error> {
        let tls = ClientConnection::new(config, name);
        tls.map(|tls| Session::new(tls.into())).map_err(|error| Error::from_rustls(error, None))
    }

    fn new(tls: Connection) -> Session {
        Session {
            tls,
            plain: Vec::new(),
            first: [0; FIRST_BYTES],
            first_len: 0,
            heard: false,
            peer_ended: false,
            ended: false,
        }
    }

    /// Takes some of the wire's bytes. What comes of them is to be asked for after each call,
    /// after a failed one as well: it came before what failed.
    pub(crate) fn take(&mut self, data: &mut &[u8]) -> Result<(), Error> {
        for byte in data.iter().take(FIRST_BYTES - self.first_len) {
            self.first[self.first_len] = *byte;
            self.first_len += 1;
        }
        match self.tls.read_tls(data) {
            // After the peer's last word nothing is looked at.
            Ok(0) => *data = &[],
            Ok(_) => {}
            // rustls' own bounds, since a slice has no errors.
            Err(error) => return Err(Error::Broken(error.to_string())),
        }
        let was_in_handshake = self.tls.is_handshaking();
        trust::take_last_seen();
        let state = self.tls.process_new_packets().map_err(|error| {
            let first = &self.first[..self.first_len];
            match what_speaks(first).filter(|_| was_in_handshake) {
                Some(what) => Error::NotTls(what),
                None => Error::from_rustls(error, trust::take_last_seen()),
            }
        })?;
        self.peer_ended = state.peer_has_closed();
        Ok(())
    }

    /// Appends the plaintext that there is.
    pub(crate) fn read_into(&mut self, plain: &mut Vec<u8>) {
        let before = plain.len();
        // It ends with `WouldBlock`, or at the peer's last word; all of it is there by then.
        let _ = self.tls.reader().read_to_end(plain);
        self.heard |= plain.len() > before;
    }

    /// Whether the peer said that this was all.
    pub(crate) fn has_peer_ended(&self) -> bool {
        self.peer_ended
    }

    /// Whether both sides have agreed.
    pub(crate) fn is_established(&self) -> bool {
        !self.tls.is_handshaking()
    }

    /// Whether bytes are under way to us whatever the protocols do: the rest of a handshake;
    /// or a server's tickets, which in TLS 1.3 come behind it, before anything else.
    pub(crate) fn awaits_bytes(&self) -> bool {
        let is_client = matches!(self.tls, Connection::Client(_));
        if self.tls.is_handshaking() {
            return is_client || self.first_len > 0;
        }
        let is_13 = self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        is_client && is_13 && !self.heard
    }

    /// Bytes written and in no record yet.
    pub(crate) fn gathered(&self) -> usize {
        self.plain.len()
    }

    /// Writes; whole records go out at once, the rest waits for more or for
    /// [`Session::flush`]. Before both sides have agreed all of it waits.
    pub(crate) fn write(&mut self, mut data: &[u8], out: &mut dyn FnMut(&[u8])) {
        if !self.is_established() {
            return self.plain.extend_from_slice(data);
        }
        while self.plain.len() + data.len() >= limits::TLS_RECORD_BYTES {
            if self.plain.is_empty() {
                let (record, rest) = data.split_at(limits::TLS_RECORD_BYTES);
                self.encrypt(record, out);
                data = rest;
            } else {
                let (fill, rest) = data.split_at(limits::TLS_RECORD_BYTES - self.plain.len());
                self.plain.extend_from_slice(fill);
                self.flush(out);
                data = rest;
            }
        }
        self.plain.extend_from_slice(data);
    }

    /// What was gathered goes out, if both sides have agreed.
    pub(crate) fn flush(&mut self, out: &mut dyn FnMut(&[u8])) {
        if self.plain.is_empty() || !self.is_established() {
            return;
        }
        let mut plain = std::mem::take(&mut self.plain);
        for record in plain.chunks(limits::TLS_RECORD_BYTES) {
            self.encrypt(record, out);
        }
        if plain.capacity() <= limits::TLS_KEPT_BYTES {
            plain.clear();
            self.plain = plain;
        }
    }

    /// What was gathered, then our last word: `close_notify`.
    pub(crate) fn end(&mut self, out: &mut dyn FnMut(&[u8])) {
        if !self.ended {
            self.flush(out);
            self.tls.send_close_notify();
            self.emit(out);
            self.ended = true;
        }
    }

    /// It failed: rustls' alert, if there is one, is our last word. Answers how many bytes
    /// were written in vain.
    pub(crate) fn give_up(&mut self, out: &mut dyn FnMut(&[u8])) -> usize {
        self.emit(out);
        self.ended = true;
        std::mem::take(&mut self.plain).len()
    }

    /// Whether our last word is said.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What rustls has to say by itself: the handshake, an answer to a change of keys.
    pub(crate) fn emit(&mut self, out: &mut dyn FnMut(&[u8])) {
        while self.tls.wants_write() {
            let mut sink = Sink { out, ended: self.ended };
            if self.tls.write_tls(&mut sink).is_err() {
                break; // a sink has no errors
            }
        }
    }

    fn encrypt(&mut self, record: &[u8], out: &mut dyn FnMut(&[u8])) {
        // Less than rustls' own bound, and emptied each time: all of it is taken.
        let taken = self.tls.writer().write(record);
        debug_assert_eq!(taken.ok(), Some(record.len()));
        self.emit(out);
    }

    // What the two agreed on.

    /// `TLSv1.2` or `TLSv1.3`.
    pub fn version(&self) -> Option<&'static str> {
        Some(match self.tls.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "another version", // none other is offered
        })
    }

    /// The cipher suite, by its name in the registry.
    #[doc(alias = "cipher")]
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.tls.negotiated_cipher_suite()?.suite().as_str()
    }

    /// The protocol that was agreed on (ALPN); `None` if one end named none.
    #[doc(alias = "negotiatedProtocol")]
    #[doc(alias = "selected_alpn_protocol")]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// The name that the client asked for, at the server's end (SNI).
    #[doc(alias = "server_hostname")]
    pub fn server_name(&self) -> Option<&str> {
        match &self.tls {
            Connection::Server(server) => server.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// The certificates that the peer showed, its own first, as DER; none if it showed none.
    #[doc(alias = "getPeerCertificate")]
    #[doc(alias = "getpeercert")]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.tls.peer_certificates().unwrap_or_default()
    }

    /// Whether an earlier session was gone on with.
    #[doc(alias = "session_reused")]
    pub fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.version())
            .field("gathered", &self.gathered())
            .finish_non_exhaustive()
    }
}

/// Where rustls writes to. Behind our last word nothing may follow: it is dropped.
struct Sink<'a> {
    out: &'a mut dyn FnMut(&[u8]),
    ended: bool,
}

impl Write for Sink<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if !self.ended {
            (self.out)(data);
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
