//! Chat: each line goes to all other members. A test protocol, and an example of handles.

use std::sync::{Arc, Mutex};

use ropewalk::protocol::HandleError;
use ropewalk::{Handle, Protocol, Reason, Transport};

/// What a member hears once it is in the room.
pub const WELCOME: &[u8] = b"welcome\n";

/// Who is in the room.
#[derive(Clone, Default)]
pub struct Room(Arc<Mutex<Vec<Handle>>>);

impl Room {
    pub fn member(&self) -> Member {
        Member { room: self.clone(), me: None, line: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn broadcast(&self, from: &Handle, line: &[u8]) {
        for member in self.0.lock().unwrap().iter().filter(|member| *member != from) {
            match member.write(line) {
                // One that has just gone leaves the room by itself.
                Ok(_) | Err(HandleError::Gone) => {}
                // One that cannot follow would hear half of it: it is sent away.
                Err(_) => {
                    let _ = member.abort();
                }
            }
        }
    }
}

/// One connection's part.
pub struct Member {
    room: Room,
    me: Option<Handle>,
    line: Vec<u8>,
}

impl Protocol for Member {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        let me = transport.handle();
        self.room.0.lock().unwrap().push(me.clone());
        self.me = Some(me);
        transport.write(WELCOME);
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        let Some(me) = &self.me else { return };
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.room.broadcast(me, &self.line);
                self.line.clear();
            }
        }
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, _: &Reason) {
        let gone = transport.handle().id();
        self.room.0.lock().unwrap().retain(|member| member.id() != gone);
    }
}
