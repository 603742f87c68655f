//! The conversation, whatever carries it: who waits for whom, and what is said when.
//! Owns: the order of asking, sending and printing, and the notes' client's. Never: blocks;
//! input and output have threads of their own.

use std::rc::Rc;

use ropewalk::Flow;
use ropewalk::protocol::{Event, Reason};

use super::input::{Cut, Input, Piece};
use super::screen::Screen;
use super::{Course, Manner};
use crate::args::OnEof;
use crate::writer::{Told, Writer};

/// What the conversation asks of the way to the peer.
pub(super) trait Way {
    /// Sends a piece. After [`Flow::Full`], [`Talk::room`] is owed.
    fn send(&mut self, piece: &[u8]) -> Flow;
    /// Ends our direction and goes on receiving.
    fn end(&mut self);
    /// Ends in order.
    fn close(&mut self);
    /// Ends now.
    fn fail(&mut self, why: Reason);
    /// Lets nothing more come until [`Way::resume`], if that can be.
    fn pause(&mut self);
    fn resume(&mut self);
}

/// One conversation.
pub(super) struct Talk {
    pub(super) manner: Manner,
    pub(super) course: Rc<Course>,
    screen: Screen,
    input: Option<Input>,
    /// The peer takes no more for now; when it does, input is asked for.
    is_full: bool,
    /// Under `--prompt`: a line was asked for and has not come.
    is_prompting: bool,
}

impl Talk {
    pub(super) fn new(manner: Manner, course: Rc<Course>, output: Writer) -> Talk {
        let screen = Screen::new(output, manner.escaped);
        Talk { manner, course, screen, input: None, is_full: false, is_prompting: false }
    }

    /// The peer can be talked to. What the threads have to say is posted, and comes back by
    /// [`Talk::event`]; `post` says whether anybody still listens. A piece of input has at
    /// most so many bytes.
    pub(super) fn begin(
        &mut self,
        way: &mut dyn Way,
        piece_bytes: usize,
        post: impl Fn(Word) -> bool + Clone + Send + 'static,
    ) {
        let told = post.clone();
        self.screen.listen(move |what| {
            told(Word::Output(what)); // whoever hears nothing any more is gone
        });
        let cut = if self.manner.prompt { Cut::Lines } else { Cut::AsItComes };
        match Input::start(cut(piece_bytes), move |piece| post(Word::Input(piece))) {
            Ok(input) => self.input = Some(input),
            Err(error) => return way.fail(Reason::failed(error)),
        }
        self.ask();
    }

    /// One of the threads had something to say.
    pub(super) fn event(&mut self, way: &mut dyn Way, event: Event) {
        match event.downcast::<Word>().map(|word| *word) {
            Ok(Word::Output(Told::Room)) => way.resume(),
            Ok(Word::Output(Told::Gone)) => way.fail(Reason::failed("nobody reads the output")),
            Ok(Word::Input(Piece::Bytes(bytes))) => self.send(way, &bytes),
            Ok(Word::Input(Piece::End)) => self.input_ended(way),
            Ok(Word::Input(Piece::Failed(error))) => {
                self.course.input_failed.replace(Some(error));
                way.fail(Reason::failed("the input cannot be read"));
            }
            Err(_) => {} // nobody sends anything else
        }
    }

    /// The peer said something.
    pub(super) fn received(&mut self, way: &mut dyn Way, data: &[u8]) {
        self.course.received.update(|received| received + data.len() as u64);
        let room = match self.manner.prompt {
            true => self.screen.answer(data),
            false => {
                self.course.in_line.set(!data.ends_with(b"\n"));
                self.screen.received(data)
            }
        };
        if !room {
            way.pause();
        }
        if self.manner.prompt {
            self.ask();
        }
    }

    /// The peer takes more again.
    pub(super) fn room(&mut self) {
        if std::mem::take(&mut self.is_full) {
            self.ask();
        }
    }

    /// The peer says no more.
    pub(super) fn finish(&mut self) {
        self.screen.finish();
        if self.is_prompting {
            self.screen.leave_prompt();
        }
    }

    /// Asks for the next piece of input.
    fn ask(&mut self) {
        if self.manner.prompt {
            if self.is_prompting {
                return self.screen.prompt_again(); // an answer in two parts
            }
            self.is_prompting = true;
            self.screen.prompt();
        }
        self.input.iter().for_each(Input::ask);
    }

    fn send(&mut self, way: &mut dyn Way, piece: &[u8]) {
        if self.manner.prompt {
            self.is_prompting = false;
            if piece.is_empty() {
                return way.close();
            }
            self.screen.sending(piece);
            way.send(piece);
            return; // and the answer is waited for
        }
        if piece.ends_with(b"\n") {
            self.course.in_line.set(false); // a terminal shows it as it is typed
        }
        match way.send(piece) {
            Flow::More => self.ask(),
            Flow::Full => self.is_full = true,
            Flow::Closed => {}
        }
    }

    fn input_ended(&mut self, way: &mut dyn Way) {
        match self.manner.on_eof {
            OnEof::Close => way.close(),
            _ if self.manner.prompt => way.close(),
            OnEof::Shutdown => way.end(),
            OnEof::Ignore => {}
        }
    }
}

/// What the threads have to say.
#[derive(Debug)]
pub(super) enum Word {
    Input(Piece),
    Output(Told),
}
