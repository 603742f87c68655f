//! Where this crate was built without TLS. Owns: what is said then. Never: a layer.

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::TlsOptions;
use crate::protocol::Layers;

/// There is none.
#[derive(Clone)]
pub(super) enum Tls {}

impl Tls {
    pub(super) fn server(_: &TlsOptions) -> Result<Tls> {
        Err(unsupported())
    }

    pub(super) fn client(_: &TlsOptions, _: &str) -> Result<Tls> {
        Err(unsupported())
    }

    pub(super) fn push(&self, _: &mut Layers) {
        match *self {}
    }
}

fn unsupported() -> Error {
    let cause = "this program was built without TLS";
    Error::new(Operation::Start, ErrorKind::Unsupported, cause)
        .with_remedy("turn on the feature `tls` of ropewalk")
}
