//! The conversation on a stream, as a protocol: it runs wherever a connection does, and a
//! layer below it (TLS) changes nothing here.
//! Owns: who waits for whom. Never: blocks; input and output have threads of their own.

use std::rc::Rc;

use ropewalk::protocol::{Event, Reason};
use ropewalk::{Flow, Net, Protocol, Transport};

use super::input::{Cut, Input, Piece};
use super::screen::Screen;
use super::{Course, Manner};
use crate::args::OnEof;
use crate::limits::{LAST_FLUSH, PIECE_BYTES};
use crate::writer::{Told, Writer};

/// Standard input to the peer, the peer to standard output.
pub(super) struct Stream {
    manner: Manner,
    course: Rc<Course>,
    screen: Screen,
    input: Option<Input>,
    /// The peer takes no more for now; when it does, input is asked for.
    is_full: bool,
    /// Under `--prompt`: a line was asked for and has not come.
    is_prompting: bool,
}

impl Stream {
    pub(super) fn new(manner: Manner, course: Rc<Course>, output: Writer) -> Stream {
        let screen = Screen::new(output, manner.escaped);
        Stream { manner, course, screen, input: None, is_full: false, is_prompting: false }
    }

    /// Asks for the next piece of input.
    fn ask(&mut self) {
        if self.manner.prompt && !std::mem::replace(&mut self.is_prompting, true) {
            self.screen.prompt();
        } else if self.manner.prompt {
            return; // an answer in two parts: the prompt is there already
        }
        self.input.iter().for_each(Input::ask);
    }

    fn send(&mut self, transport: &mut dyn Transport, bytes: &[u8]) {
        if self.manner.prompt {
            self.is_prompting = false;
            if bytes.is_empty() {
                return transport.close();
            }
            self.screen.sending(bytes);
            transport.write(bytes);
            return; // and the answer is waited for
        }
        match transport.write(bytes) {
            Flow::More => self.ask(),
            Flow::Full => self.is_full = true,
            Flow::Closed => {}
        }
    }

    fn input_ended(&mut self, transport: &mut dyn Transport) {
        match self.manner.on_eof {
            OnEof::Close => transport.close(),
            _ if self.manner.prompt => transport.close(),
            OnEof::Shutdown => transport.shutdown_write(),
            OnEof::Ignore => {}
        }
    }
}

impl Protocol for Stream {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.set_idle_timeout(self.manner.timeout);
        let handle = transport.handle();
        let told = handle.clone();
        // Whoever hears nothing any more is gone, and needs to hear nothing.
        self.screen.listen(move |what| {
            let _ = told.event(what);
        });
        let cut = if self.manner.prompt { Cut::Lines } else { Cut::AsItComes(PIECE_BYTES) };
        match Input::start(cut, move |piece| handle.event(piece).is_ok()) {
            Ok(input) => self.input = Some(input),
            Err(error) => return transport.fail(Reason::failed(error)),
        }
        self.ask();
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.course.received.update(|received| received + data.len() as u64);
        let room = match self.manner.prompt {
            true => self.screen.answer(data),
            false => self.screen.received(data),
        };
        if !room {
            transport.pause_reading();
        }
        if self.manner.prompt {
            self.ask();
        }
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        let event = match event.downcast::<Told>() {
            Ok(told) => match *told {
                Told::Room => return transport.resume_reading(),
                Told::Gone => return transport.abort(),
            },
            Err(other) => other,
        };
        match event.downcast::<Piece>().map(|piece| *piece) {
            Ok(Piece::Bytes(bytes)) => self.send(transport, &bytes),
            Ok(Piece::End) => self.input_ended(transport),
            Ok(Piece::Failed(error)) => {
                self.course.input_failed.replace(Some(error));
                transport.abort();
            }
            Err(_) => {} // nobody sends anything else
        }
    }

    fn resume_writing(&mut self, _: &mut dyn Transport) {
        if std::mem::take(&mut self.is_full) {
            self.ask();
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.course.peer_ended.set(true);
        if transport.buffered() > 0 {
            // It may have ended only its own direction, and never read again.
            let handle = transport.handle();
            let give_up = move |_: &dyn Net| {
                let _ = handle.abort();
            };
            transport.net().call_later(LAST_FLUSH, Box::new(give_up));
        }
        transport.close();
    }

    fn connection_lost(&mut self, _: &mut dyn Transport, _: &Reason) {
        self.screen.finish();
    }
}
