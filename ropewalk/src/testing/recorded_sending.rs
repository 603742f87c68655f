//! What a recorder keeps of all that is more than bytes.
//! Owns: its producer, descriptors and options. Never: calls a producer by itself.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::addr::Addr;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::SocketOptions;
use crate::protocol::{Descriptor, Producer, Streaming};

#[derive(Default)]
pub(super) struct RecordedSending {
    /// Away while it is called.
    pub(super) producer: Option<Option<Box<dyn Producer>>>,
    pub(super) streaming: Option<Streaming>,
    pub(super) descriptors: Vec<Descriptor>,
    pub(super) accepts_descriptors: bool,
    pub(super) tuned: Vec<SocketOptions>,
}

impl RecordedSending {
    pub(super) fn register(
        &mut self,
        producer: Box<dyn Producer>,
        streaming: Streaming,
        is_open: bool,
        peer: &Addr,
    ) -> Result<()> {
        let refuse = |kind, cause: &str| Err(Error::new(Operation::Send, kind, cause).at(peer));
        if self.producer.is_some() {
            return refuse(ErrorKind::Full, "it has a producer already");
        }
        if !is_open {
            return refuse(ErrorKind::Closed, "the connection is closed in this direction");
        }
        (self.producer, self.streaming) = (Some(Some(producer)), Some(streaming));
        Ok(())
    }

    pub(super) fn send_descriptor(
        &mut self,
        descriptor: Descriptor,
        data: &[u8],
        peer: &Addr,
    ) -> Result<()> {
        if data.is_empty() {
            let cause = "a descriptor travels with at least one byte";
            return Err(Error::new(Operation::Send, ErrorKind::InvalidInput, cause).at(peer));
        }
        self.descriptors.push(descriptor);
        Ok(())
    }
}

/// What of a file is sent. Tests have small ones.
pub(super) fn content_of(
    mut file: File,
    offset: u64,
    count: Option<u64>,
    peer: &Addr,
) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = file
        .seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(count.unwrap_or(u64::MAX)).read_to_end(&mut content));
    read.map_err(|error| Error::from_io(Operation::Send, peer, error))?;
    if count.is_some_and(|count| content.len() as u64 != count) {
        let cause = format!("the file has {} bytes from {offset} on", content.len());
        return Err(Error::new(Operation::Send, ErrorKind::InvalidInput, cause).at(peer));
    }
    Ok(content)
}
