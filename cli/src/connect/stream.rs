//! The conversation on a stream, as a protocol: it runs wherever a connection does, and a
//! layer below it (TLS) changes nothing here.
//! Owns: what the stream's own ends mean. Never: decides who speaks; that is `talk`'s.

use std::rc::Rc;

use ropewalk::protocol::{Event, Reason};
use ropewalk::{Flow, Protocol, Transport};

use super::talk::{Talk, Way};
use super::{Course, Manner};
use crate::limits::{LAST_FLUSH, PIECE_BYTES};
use crate::writer::Writer;

/// Standard input to the peer, the peer to standard output.
pub(super) struct Stream(Talk);

impl Stream {
    pub(super) fn new(manner: Manner, course: Rc<Course>, output: Writer) -> Stream {
        Stream(Talk::new(manner, course, output))
    }
}

impl Protocol for Stream {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.set_idle_timeout(self.0.manner.timeout);
        let handle = transport.handle();
        let post = move |word| handle.event(word).is_ok();
        self.0.begin(&mut Bytes(transport), PIECE_BYTES, post);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.0.received(&mut Bytes(transport), data);
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        self.0.event(&mut Bytes(transport), event);
    }

    fn resume_writing(&mut self, _: &mut dyn Transport) {
        self.0.room();
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.0.course.peer_ended.set(true);
        // It may have ended only its own direction, and never read again: what still goes out
        // has a deadline now, which each byte sets anew.
        transport.set_idle_timeout(self.0.manner.timeout.or(Some(LAST_FLUSH)));
        transport.close();
    }

    fn connection_lost(&mut self, _: &mut dyn Transport, _: &Reason) {
        self.0.finish();
    }
}

/// A transport, as the conversation sees it.
struct Bytes<'t>(&'t mut dyn Transport);

impl Way for Bytes<'_> {
    fn send(&mut self, piece: &[u8]) -> Flow {
        self.0.write(piece)
    }
    fn end(&mut self) {
        self.0.shutdown_write();
    }
    fn close(&mut self) {
        self.0.close();
    }
    fn fail(&mut self, why: Reason) {
        self.0.fail(why);
    }
    fn pause(&mut self) {
        self.0.pause_reading();
    }
    fn resume(&mut self) {
        self.0.resume_reading();
    }
}
