//! The client of the crowd: plain sockets and one poll, nothing of the library's.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::serve::WATCHDOG;

/// The longest message.
const MESSAGE_BYTES: usize = 200;

/// What connection `connection` sends as its message `number`: no two are alike.
fn message(connection: usize, number: usize) -> Vec<u8> {
    let mut state = ((connection as u64) << 32) | number as u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let length = 8 + next() as usize % (MESSAGE_BYTES - 7);
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}

/// One connection: sends a message, waits for its echo, sends the next.
struct Echoed {
    number: usize,
    stream: TcpStream,
    sent_messages: usize,
    message: Vec<u8>,
    sent: usize,
    got: usize,
    ended: bool,
}

impl Echoed {
    fn connect(number: usize, to: SocketAddr) -> Echoed {
        let stream = TcpStream::connect(to).unwrap_or_else(|error| panic!("{number}: {error}"));
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        let message = message(number, 0);
        Echoed { number, stream, sent_messages: 1, message, sent: 0, got: 0, ended: false }
    }

    fn wants(&self) -> PollFlags {
        if self.sent < self.message.len() { PollFlags::OUT } else { PollFlags::IN }
    }

    /// Goes on as far as the kernel lets it. Answers how many messages came back whole.
    fn go_on(&mut self, messages: usize) -> usize {
        let mut whole = 0;
        while self.step(messages, &mut whole) {}
        whole
    }

    fn step(&mut self, messages: usize, whole: &mut usize) -> bool {
        if self.sent < self.message.len() {
            return match self.stream.write(&self.message[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    true
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                Err(error) => panic!("connection {}: {error}", self.number),
            };
        }
        let mut buffer = [0; MESSAGE_BYTES + 1];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                assert!(self.message.is_empty(), "connection {} was ended", self.number);
                self.ended = true;
                false
            }
            Ok(count) => {
                let wanted = self.message.get(self.got..self.got + count);
                assert_eq!(Some(&buffer[..count]), wanted, "connection {}", self.number);
                self.got += count;
                if self.got == self.message.len() {
                    *whole += 1;
                    self.next(messages);
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("connection {}: {error}", self.number),
        }
    }

    fn next(&mut self, messages: usize) {
        (self.sent, self.got) = (0, 0);
        if self.sent_messages == messages {
            self.message.clear(); // from now on the end is awaited
            return self.stream.shutdown(Shutdown::Write).unwrap();
        }
        self.message = message(self.number, self.sent_messages);
        self.sent_messages += 1;
    }
}

/// Opens so many connections, and only then lets each echo so many messages.
pub fn run(to: SocketAddr, connections: usize, messages: usize) {
    let mut open: Vec<_> = (0..connections).map(|number| Echoed::connect(number, to)).collect();
    let mut whole = 0;
    while !open.is_empty() {
        let mut ready: Vec<_> =
            open.iter().map(|echoed| PollFd::new(&echoed.stream, echoed.wants())).collect();
        let most = Timespec { tv_sec: WATCHDOG.as_secs() as i64, tv_nsec: 0 };
        let count = poll(&mut ready, Some(&most)).unwrap();
        assert!(count > 0, "nothing came any more; {} connections wait", open.len());
        let ready: Vec<_> = ready.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (echoed, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            whole += echoed.go_on(messages);
        }
        open.retain(|echoed| !echoed.ended);
    }
    assert_eq!(whole, connections * messages, "messages that came back whole");
}
