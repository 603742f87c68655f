//! Descriptors that travel over a Unix socket, beside its bytes.
//! Owns: one message out, one message in. Never: waits, or keeps a descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::rc::Rc;

use socket2::Socket;

use crate::engine::{Driver, Engine, Entry, Sent};
use crate::limits;
use crate::protocol::Descriptor;
use crate::socket::{Ancillary, Attachment, sys};

/// Sends a descriptor with the first of these bytes. The kernel takes them together, or
/// neither.
pub(crate) fn send(socket: &Socket, descriptor: &Descriptor, data: &[u8]) -> io::Result<Sent> {
    let control = sys::control_of(&[Attachment::Descriptors(&[descriptor.lend()])])?;
    match sys::send_message(socket, &[IoSlice::new(data)], &control, 0, None) {
        Ok(bytes) => Ok(Sent { bytes, blocked: bytes < data.len() }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Ok(Sent { bytes: 0, blocked: true })
        }
        Err(error) => Err(error),
    }
}

/// Receives as `recv` does, and tells of the descriptors first.
pub(crate) fn recv<D: Driver>(
    engine: &Rc<Engine<D>>,
    entry: &Entry<D>,
    socket: &Socket,
    buffer: &mut [u8],
) -> io::Result<usize> {
    const ROOM: usize = 2 * 1024; // for the header and what aligns it, too
    const _: () = assert!(ROOM > limits::DESCRIPTORS_RECEIVED * size_of::<i32>() + 64);
    let mut control = [0; ROOM];
    let mut buffers = [IoSliceMut::new(buffer)];
    let (count, beside) = sys::recv_message(socket, &mut buffers, &mut control, 0)?;
    let mut descriptors = Vec::new();
    for item in beside.ancillary {
        if let Ancillary::Descriptors(came) = item {
            descriptors.extend(came.into_iter().map(Descriptor::from));
        }
    }
    engine.on_descriptors(entry, descriptors);
    if beside.flags & sys::flag::CTRUNC != 0 {
        engine.on_descriptors_lost(entry);
    }
    Ok(count)
}
