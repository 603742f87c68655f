//! The other end of a connection through TLS: a peer around a peer.

use std::io::{self, Read, Write};
use std::sync::{Arc, LazyLock};

use ropewalk::tls::{Client, Server, rustls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use super::certs::{Authority, Pem};
use super::peer::Peer;

/// Both ends of TLS for a rig, in one version.
pub struct Ends {
    pub server: Server,
    pub client: Client,
    config: Arc<ClientConfig>,
}

/// Of TLS 1.3. Its server sends no tickets: those that nobody had read would turn a peer's
/// close in order into a reset.
pub static TLS13: LazyLock<Ends> = LazyLock::new(|| Ends::new(&rustls::version::TLS13));
/// Of TLS 1.2.
pub static TLS12: LazyLock<Ends> = LazyLock::new(|| Ends::new(&rustls::version::TLS12));

/// For `localhost`, and who signed it.
static CERTIFICATE: LazyLock<(Pem, String)> = LazyLock::new(|| {
    let authority = Authority::new("the rig's");
    (authority.signs(&["localhost"]), authority.pem())
});

impl Ends {
    fn new(version: &'static rustls::SupportedProtocolVersion) -> Ends {
        let (pem, ca) = &*CERTIFICATE;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(pem.cert.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        server.send_tls13_tickets = 0;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        let client = Client::from_rustls(config.clone());
        Ends { server: Server::from_rustls(Arc::new(server)), client, config }
    }

    /// A client by rustls alone.
    pub fn connection(&self) -> ClientConnection {
        ClientConnection::new(self.config.clone(), "localhost".try_into().unwrap()).unwrap()
    }
}

/// Speaks TLS over another peer, as a client.
pub struct Encrypted<'a> {
    /// Gone once it was closed.
    inner: Option<Box<dyn Peer + 'a>>,
    tls: ClientConnection,
    /// Received, and not yet asked for.
    plain: Vec<u8>,
    /// The end of input came, in order or otherwise.
    over: Option<Result<(), io::ErrorKind>>,
}

impl<'a> Encrypted<'a> {
    /// Shakes hands. A failure is told by the reads.
    pub fn new(inner: Box<dyn Peer + 'a>, tls: ClientConnection) -> Encrypted<'a> {
        let mut encrypted = Encrypted { inner: Some(inner), tls, plain: Vec::new(), over: None };
        encrypted.emit();
        while encrypted.tls.is_handshaking() && encrypted.over.is_none() {
            encrypted.receive();
        }
        encrypted
    }

    fn emit(&mut self) {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        if let Some(inner) = self.inner.as_mut().filter(|_| !out.is_empty()) {
            inner.send(&out);
        }
    }

    /// Takes what the wire has.
    fn receive(&mut self) {
        if let Err(error) = self.try_receive() {
            self.over = Some(Err(error.kind()));
        }
    }

    fn try_receive(&mut self) -> io::Result<()> {
        let inner = self.inner.as_mut().expect("it is open");
        let received = inner.read_some()?;
        if received.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into()); // without a last word
        }
        let mut rest = &received[..];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest)?;
            let state = self.tls.process_new_packets().map_err(io::Error::other)?;
            self.emit();
            let _ = self.tls.reader().read_to_end(&mut self.plain);
            if state.peer_has_closed() {
                // After the last word comes the end, and nothing else.
                assert_eq!(rest, b"");
                let inner = self.inner.as_mut().expect("it is open");
                let end = inner.read_to_end().map_err(|error| error.kind());
                self.over = Some(end.map(|rest| assert_eq!(rest, b"")));
            }
        }
        Ok(())
    }

    fn take(&mut self, most: usize) -> Vec<u8> {
        let rest = self.plain.split_off(most.min(self.plain.len()));
        std::mem::replace(&mut self.plain, rest)
    }
}

impl Peer for Encrypted<'_> {
    fn send(&mut self, data: &[u8]) {
        for record in data.chunks(16 * 1024) {
            // The other side may be gone: then the reads tell, not this.
            let _ = self.tls.writer().write_all(record);
            self.emit();
        }
    }
    fn shutdown_write(&mut self) {
        self.tls.send_close_notify();
        self.emit();
        if let Some(inner) = &mut self.inner {
            inner.shutdown_write();
        }
    }
    fn close(mut self: Box<Self>) {
        self.tls.send_close_notify();
        self.emit();
        if let Some(inner) = self.inner.take() {
            inner.close();
        }
    }
    fn reset(mut self: Box<Self>) {
        if let Some(inner) = self.inner.take() {
            inner.reset();
        }
    }
    fn read_some(&mut self) -> io::Result<Vec<u8>> {
        while self.plain.is_empty() && self.over.is_none() {
            self.receive();
        }
        match self.over {
            Some(Err(kind)) if self.plain.is_empty() => Err(kind.into()),
            _ => Ok(self.take(usize::MAX)),
        }
    }
    fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        loop {
            data.extend(self.take(count - data.len()));
            match self.over {
                _ if data.len() == count => return Ok(data),
                Some(Ok(())) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(Err(kind)) => return Err(kind.into()),
                None => self.receive(),
            }
        }
    }
    fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        match self.read_until_over() {
            (data, None) => Ok(data),
            (_, Some(kind)) => Err(kind.into()),
        }
    }
    fn read_until_over(&mut self) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut data = Vec::new();
        loop {
            data.extend(self.take(usize::MAX));
            match self.over {
                Some(end) => return (data, end.err()),
                None => self.receive(),
            }
        }
    }
}

impl Drop for Encrypted<'_> {
    fn drop(&mut self) {
        if self.inner.is_some() {
            self.tls.send_close_notify();
            self.emit();
        }
    }
}
