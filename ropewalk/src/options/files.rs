//! The files that options name: certificates and keys.
//! Owns: reading one whole, within a bound. Never: looks at what is in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// The bytes of a file that an option names. It blocks, and so belongs to the start of a
/// program.
///
/// # Errors
/// What the system says; `TooLong` past [`PEM_BYTES`](crate::limits::PEM_BYTES).
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |cause: io::Error| Error::from_io(Operation::Secure, path.display(), cause);
    let mut bytes = Vec::new();
    let limit = limits::PEM_BYTES;
    let file = File::open(path).map_err(failed)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        let cause = format!("it holds more than {limit} bytes");
        return Err(Error::new(Operation::Secure, ErrorKind::TooLong, cause)
            .at(path.display())
            .with_remedy("certificates and keys in PEM are far shorter: is it the right file?"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named_with_its_cause() {
        let error = read_file(Path::new("no/such.pem")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot set up TLS with no/such.pem: "), "{error}");
    }
}
