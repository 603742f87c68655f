//! What was tried when something failed, and how a sentence says so.
//! Owns: the operations and their words. Never: decides what the cause was.

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Making a reactor, a driver, or something they need.
    Start,
    /// Making a socket.
    Open,
    /// Giving a socket its address.
    Bind,
    /// Listening, with the binding that goes before it.
    Listen,
    /// Taking a connection from a listener.
    Accept,
    /// Connecting to a peer.
    Connect,
    /// Receiving bytes or a datagram.
    Receive,
    /// Sending bytes or a datagram.
    Send,
    /// Ending one or both directions of a connection.
    Shutdown,
    /// Closing a socket.
    Close,
    /// Reading or setting what a socket is like: a mode, an option, an address.
    Configure,
    /// Asking for an address or the descriptor of a socket.
    Inspect,
    /// Making a configuration of TLS: certificates, keys, whom to trust.
    Secure,
    /// Finding the addresses of a name.
    Resolve,
    /// Running the loop.
    Run,
    /// Asking something of a reactor from another thread.
    Ask,
    /// Reading an address or an endpoint that a person wrote.
    Parse,
    /// Waiting for a future.
    Wait,
    /// Doing blocking work in a thread of the reactor's.
    Work,
}

impl Operation {
    /// The beginning of a sentence, and the word before an address.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Operation::Start => ("cannot start", ""),
            Operation::Open => ("cannot make a socket", ""),
            Operation::Bind => ("cannot bind", " to"),
            Operation::Listen => ("cannot listen", " on"),
            Operation::Accept => ("cannot accept", " on"),
            Operation::Connect => ("cannot connect", " to"),
            Operation::Receive => ("cannot receive", " from"),
            Operation::Send => ("cannot send", " to"),
            Operation::Shutdown => ("cannot shut the connection down", " to"),
            Operation::Close => ("cannot close the socket", " on"),
            Operation::Configure => ("cannot configure the socket", ""),
            Operation::Inspect => ("cannot look at the socket", ""),
            Operation::Secure => ("cannot set up TLS", " with"),
            Operation::Resolve => ("cannot resolve", ""),
            Operation::Run => ("cannot run", ""),
            Operation::Ask => ("cannot reach the reactor", ""),
            Operation::Parse => ("cannot read", ""),
            Operation::Wait => ("the future did not finish", ""),
            Operation::Work => ("cannot do the work in a thread", ""),
        }
    }
}
