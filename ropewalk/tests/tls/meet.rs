//! Both ends of connections in memory, and what became of them.

use std::sync::LazyLock;

use ropewalk::Reason;
use ropewalk::protocol::Kind as End;
use ropewalk::tls::{Client, Error, Server, Tls};

use crate::rig::certs::{Authority, Pem};
use crate::rig::{Call, Kept, Kind, Rig, Script};

/// Who signs for these tests.
pub static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("the tests'"));
/// A certificate for `localhost`.
pub static LOCALHOST: LazyLock<Pem> = LazyLock::new(|| AUTHORITY.signs(&["localhost"]));

/// Shows a certificate for `localhost`.
pub fn server() -> Server {
    Server::builder().identity(LOCALHOST.identity()).build().unwrap()
}

/// Believes the tests' authority.
pub fn client() -> Client {
    Client::builder().ca(AUTHORITY.pem().as_bytes()).build().unwrap()
}

/// What both ends of one connection heard.
pub struct Met {
    pub server: Vec<Call>,
    pub client: Vec<Call>,
    server_ends: Kept<Reason>,
    client_ends: Kept<Reason>,
}

impl Met {
    pub fn server_reason(&self) -> Reason {
        self.server_ends.first()
    }

    pub fn client_reason(&self) -> Reason {
        self.client_ends.first()
    }

    /// Why TLS failed at the server, which built no protocol.
    #[track_caller]
    pub fn server_refusal(&self) -> Error {
        refusal(&self.server, &self.server_reason())
    }

    /// The same at the client.
    #[track_caller]
    pub fn client_refusal(&self) -> Error {
        assert_eq!(self.client.first(), Some(&Call::Started));
        refusal(&self.client[1..], &self.client_reason())
    }
}

#[track_caller]
fn refusal(calls: &[Call], why: &Reason) -> Error {
    assert_eq!(calls, [Call::Failed(why.kind())], "the factory hears once: {why}");
    Error::of(why).unwrap_or_else(|| panic!("not by TLS: {why}")).clone()
}

/// A script with TLS under it, that leaves its reason.
pub fn over(
    script: Script,
    tls: impl Fn() -> Tls + Send + Sync + 'static,
    ends: &Kept<Reason>,
) -> Script {
    let (failed, lost) = (ends.clone(), ends.clone());
    script
        .stack(move |layers| layers.push(tls()))
        .failed(move |why| failed.put(why.clone()))
        .lost(move |_, why| lost.put(why.clone()))
}

/// Lets a client meet a server, until nothing is left that could happen.
pub fn meet(
    kind: Kind,
    server: impl Fn() -> Tls + Send + Sync + 'static,
    client: impl Fn() -> Tls + Send + Sync + 'static,
    at_server: Script,
    at_client: Script,
) -> Met {
    let rig = Rig::new(kind, Default::default());
    let (server_ends, client_ends) = (Kept::new(), Kept::new());
    let number = rig.serve(over(at_server, server, &server_ends));
    rig.connect(number, over(at_client, client, &client_ends));
    rig.network().run();
    assert_eq!([rig.log.broken(), rig.clients.broken()].concat(), Vec::<String>::new());
    assert_eq!(rig.network().connections(), 0, "every connection ends");
    Met { server: rig.log.of(0), client: rig.clients.of(0), server_ends, client_ends }
}

/// The same where nobody says anything: only the handshake matters.
pub fn meet_only(server: &Server, client: &Client, name: &'static str) -> Met {
    let (server, client) = (server.clone(), client.clone());
    let hello = Script::new().made(|transport| transport.close());
    meet(Kind::Memory, move || server.layer(), move || client.layer(name), Script::new(), hello)
}

/// Whether both protocols were there, and both ends were clean.
#[track_caller]
pub fn assert_met(met: &Met) {
    assert_eq!(met.server[0], Call::Made);
    assert_eq!(met.client[..2], [Call::Started, Call::Made]);
    assert!(met.server_reason().is_clean(), "{}", met.server_reason());
    assert!(met.client_reason().is_clean(), "{}", met.client_reason());
}

/// The seeds of the weather in which a rule is shown, and no weather.
pub const KINDS: &[Kind] =
    &[Kind::Memory, Kind::Seeded(1), Kind::Seeded(2), Kind::Seeded(3), Kind::Seeded(5)];

pub fn is_deadline(end: End) -> bool {
    matches!(end, End::Deadline(_))
}
