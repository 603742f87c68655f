//! A chat with rooms, for people at a terminal or behind `nc`.
//!
//! Owns: what a member may say, and how he is answered. Never: keeps what was said, or knows
//! on which thread a member lives; who is where is `house`'s.

mod house;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use house::{House, MemberId};

use crate::framing::{Delimiter, LineProtocol, LineReader, LineTransport, Lines};
use crate::limits;
use crate::protocol::{Reason, Timer};

/// A chat: its rooms, and who is in them. Its copies are the same chat, so one runs on a
/// reactor, on threads, or on several listeners at once.
///
/// A line is said to the room; one that begins with `/` is for the chat itself: `/help` says
/// what there is. Lines are UTF-8 and end with `\n` or `\r\n`. No control character of a
/// member reaches another's terminal. Nothing that was said is kept.
///
/// A member that does not read is dropped when [`ChatLimits::queue_bytes`] wait for him, and
/// the room is told; nobody waits for him. Who says much at once is read from more slowly.
///
/// ```no_run
/// use ropewalk::{Reactor, service::Chat};
/// fn main() -> ropewalk::Result<()> {
///     let chat = Chat::new();
///     let reactor = Reactor::new()?;
///     reactor.listen_tcp(21555, move || chat.member())?;
///     reactor.run()
/// }
/// ```
#[derive(Clone)]
pub struct Chat {
    house: Arc<Mutex<House>>,
    limits: ChatLimits,
}

/// The bounds of a chat; `ChatLimits::default()` has those of [`limits`].
///
/// ```
/// use ropewalk::service::{Chat, ChatLimits};
/// let chat = Chat::with_limits(ChatLimits { members: 10, ..ChatLimits::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatLimits {
    /// See [`limits::CHAT_LINE_BYTES`].
    pub line_bytes: usize,
    /// See [`limits::CHAT_NAME_CHARS`].
    pub name_chars: usize,
    /// See [`limits::CHAT_MEMBERS`].
    pub members: usize,
    /// See [`limits::CHAT_ROOM_MEMBERS`].
    pub room_members: usize,
    /// See [`limits::CHAT_ROOMS`].
    pub rooms: usize,
    /// See [`limits::CHAT_QUEUE_BYTES`].
    pub queue_bytes: usize,
}

impl Default for ChatLimits {
    fn default() -> ChatLimits {
        ChatLimits {
            line_bytes: limits::CHAT_LINE_BYTES,
            name_chars: limits::CHAT_NAME_CHARS,
            members: limits::CHAT_MEMBERS,
            room_members: limits::CHAT_ROOM_MEMBERS,
            rooms: limits::CHAT_ROOMS,
            queue_bytes: limits::CHAT_QUEUE_BYTES,
        }
    }
}

impl Chat {
    /// A chat with nobody in it.
    pub fn new() -> Chat {
        Chat::with_limits(ChatLimits::default())
    }

    /// The same with bounds of one's own.
    pub fn with_limits(limits: ChatLimits) -> Chat {
        Chat { house: Arc::new(Mutex::new(House::new(limits))), limits }
    }

    /// The protocol of one more member.
    ///
    /// ```
    /// use ropewalk::{Protocol, service::Chat, testing::Recorder};
    /// let (chat, mut recorder) = (Chat::new(), Recorder::new());
    /// let mut member = chat.member();
    /// member.connection_made(&mut recorder);
    /// assert!(recorder.written().starts_with(b"* welcome, guest1;"));
    /// ```
    pub fn member(&self) -> Lines<ChatMember> {
        let reader = LineReader::new()
            .with_max(self.limits.line_bytes)
            .with_delimiter(Delimiter::ANY_NEWLINE);
        Lines::with_reader(reader, ChatMember { chat: self.clone(), id: None, written: 0 })
    }

    fn house(&self) -> MutexGuard<'_, House> {
        // Each change of the house is whole before anything in it could panic.
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Chat {
    fn default() -> Chat {
        Chat::new()
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// One member's connection; see [`Chat::member`].
#[derive(Debug)]
pub struct ChatMember {
    chat: Chat,
    id: Option<MemberId>,
    /// Lines that others were written on his behalf, since he last waited for his turn.
    written: usize,
}

impl LineProtocol for ChatMember {
    fn connection_made(&mut self, transport: &mut LineTransport<'_>) {
        let high = self.chat.limits.queue_bytes;
        transport.set_water_marks(high / 4, high);
        let entered = self.chat.house().enter(transport.handle());
        match entered {
            Some((id, name)) => {
                self.id = Some(id);
                say(transport, &format!("* welcome, {name}; /help tells what there is"));
            }
            None => {
                say(transport, "! the chat is full; come again later");
                transport.close_because(Reason::refused("the chat is full"));
            }
        }
    }

    fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
        let Some(id) = self.id else { return };
        let Ok(line) = std::str::from_utf8(line) else {
            return say(transport, "! that was no UTF-8, and nobody got it");
        };
        let line = harmless(line);
        let line = line.trim_end();
        let answer = match line.strip_prefix('/') {
            Some(command) => self.obey(transport, id, command),
            None if line.is_empty() => Ok(String::new()),
            None => {
                self.written += self.chat.house().say(id, line);
                self.take_turns(transport);
                Ok(String::new())
            }
        };
        match answer {
            Ok(text) => text.lines().for_each(|line| say(transport, line)),
            Err(why) => say(transport, &format!("! {why}")),
        }
    }

    fn line_too_long(&mut self, transport: &mut LineTransport<'_>, _: &[u8]) {
        let most = self.chat.limits.line_bytes;
        say(transport, &format!("! a line has at most {most} bytes; that one nobody got"));
        transport.skip_line();
    }

    fn timer_fired(&mut self, transport: &mut LineTransport<'_>, _: Timer) {
        self.written = 0;
        transport.resume_reading();
    }

    /// Told when more than [`ChatLimits::queue_bytes`] wait for this member.
    fn pause_writing(&mut self, transport: &mut LineTransport<'_>) {
        transport.fail(Reason::peer_failed("the member does not read what is said"));
    }

    fn connection_lost(&mut self, _: &mut LineTransport<'_>, why: &Reason) {
        if let Some(id) = self.id.take() {
            self.chat.house().leave(id, why);
        }
    }
}

const HELP: &str = "\
* /nick NAME      be called so
* /join ROOM      go to a room, which there then is
* /leave          go back to the lobby
* /rooms          which rooms there are
* /who            who is in this room
* /msg NAME TEXT  say something to one member
* /quit           leave
* anything else is said to the room";

/// Comes when the others had their turn.
const TURN: Timer = Timer(0);

impl ChatMember {
    /// Lets the loop's other connections have their turn after [`limits::CHAT_TURN_LINES`].
    fn take_turns(&mut self, transport: &mut LineTransport<'_>) {
        if self.written >= limits::CHAT_TURN_LINES {
            transport.pause_reading();
            transport.set_timer(TURN, Duration::ZERO);
        }
    }

    /// What he is answered; an empty answer says nothing.
    fn obey(
        &self,
        transport: &mut LineTransport<'_>,
        id: MemberId,
        command: &str,
    ) -> Result<String, String> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        let mut house = self.chat.house();
        match verb {
            "nick" => house.rename(id, rest).map(|()| String::new()),
            "join" => house.join(id, rest),
            "leave" => house.join(id, house::LOBBY),
            "rooms" => Ok(house.rooms()),
            "who" => Ok(house.who(id)),
            "msg" => {
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                house.tell(id, name, text.trim()).map(|()| String::new())
            }
            "quit" => {
                say(transport, "* goodbye");
                transport.close();
                Ok(String::new())
            }
            "help" => Ok(HELP.to_owned()),
            _ => Err(format!("there is no /{verb}; /help tells what there is")),
        }
    }
}

/// One line to this member.
fn say(transport: &mut LineTransport<'_>, line: &str) {
    transport.write(format!("{line}\r\n").as_bytes());
}

/// The same without what a terminal would obey: control characters, and those that turn the
/// direction of what is written, or break its lines.
fn harmless(line: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let said = "a\tb\x1b[2J\x07\r\u{9b}31m\u{202e}x\u{2028}y é 綱";
        let shown = harmless(said);
        assert_eq!(shown, "a b\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}31m\u{fffd}x\u{fffd}y é 綱");
        assert!(!shown.chars().any(char::is_control));
    }
}
