//! Who is in a chat, and in which room.
//! Owns: members, names, rooms, their bounds, and what a room is told.
//! Never: reads a member's line, or waits for one that is slow.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::ChatLimits;
use crate::limits;
use crate::protocol::{Handle, HandleError, Reason};

/// Which member; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MemberId(u64);

/// Where everybody begins; it is there even when nobody is in it.
pub(super) const LOBBY: &str = "lobby";

pub(super) struct House {
    limits: ChatLimits,
    entered: u64,
    members: BTreeMap<MemberId, Member>,
    /// By their names as they are compared.
    names: BTreeMap<String, MemberId>,
    rooms: BTreeMap<String, Vec<MemberId>>,
}

struct Member {
    name: String,
    room: String,
    handle: Handle,
    /// Lines for which his mail had no room.
    missed: usize,
}

impl House {
    pub(super) fn new(limits: ChatLimits) -> House {
        let (members, names, rooms) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        House { limits, entered: 0, members, names, rooms }
    }

    /// One more, in the lobby; none if there are too many.
    pub(super) fn enter(&mut self, handle: Handle) -> Option<(MemberId, String)> {
        if self.members.len() >= self.limits.members {
            return None;
        }
        self.entered += 1;
        let id = MemberId(self.entered);
        // Somebody may have called himself so.
        let mut number = self.entered;
        let name = loop {
            let name = format!("guest{number}");
            if !self.names.contains_key(&name) {
                break name;
            }
            number += 1;
        };
        self.names.insert(name.clone(), id);
        let room = LOBBY.to_owned();
        let member = Member { name: name.clone(), room: room.clone(), handle, missed: 0 };
        self.members.insert(id, member);
        self.rooms.entry(room).or_default().push(id);
        self.announce(LOBBY, id, &format!("* {name} is here"));
        Some((id, name))
    }

    pub(super) fn leave(&mut self, id: MemberId, why: &Reason) {
        let Some(member) = self.members.remove(&id) else { return };
        self.names.remove(&compared(&member.name));
        self.leave_room(id, &member.room);
        let how = if why.is_clean() { String::new() } else { format!(" ({why})") };
        self.announce(&member.room, id, &format!("* {} has left{how}", member.name));
    }

    /// Answers how many it was written to.
    pub(super) fn say(&mut self, id: MemberId, text: &str) -> usize {
        let Some(member) = self.members.get(&id) else { return 0 };
        let (room, line) = (member.room.clone(), format!("{}: {text}", member.name));
        self.announce(&room, id, &line)
    }

    pub(super) fn tell(&mut self, id: MemberId, name: &str, text: &str) -> Result<(), String> {
        if name.is_empty() || text.is_empty() {
            return Err("say /msg NAME TEXT".to_owned());
        }
        let Some(to) = self.names.get(&compared(name)).copied() else {
            return Err(format!("nobody is called {name}"));
        };
        let from = self.name(id);
        self.deliver(&[to], &format!("{from}, to you: {text}"));
        Ok(())
    }

    pub(super) fn rename(&mut self, id: MemberId, name: &str) -> Result<(), String> {
        self.check_name(name)?;
        let key = compared(name);
        if self.names.get(&key).is_some_and(|other| *other != id) {
            return Err(format!("somebody else is called {name}"));
        }
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        let before = std::mem::replace(&mut member.name, name.to_owned());
        let room = member.room.clone();
        self.names.remove(&compared(&before));
        self.names.insert(key, id);
        let ids = self.rooms.get(&room).cloned().unwrap_or_default();
        self.deliver(&ids, &format!("* {before} is now called {name}"));
        Ok(())
    }

    pub(super) fn join(&mut self, id: MemberId, room: &str) -> Result<String, String> {
        self.check_name(room)?;
        let room = compared(room);
        let Some(member) = self.members.get(&id) else { return Ok(String::new()) };
        let (name, before) = (member.name.clone(), member.room.clone());
        if before == room {
            return Err(format!("you are in {room} already"));
        }
        match self.rooms.get(&room) {
            Some(ids) if room != LOBBY && ids.len() >= self.limits.room_members => {
                return Err(format!("{room} is full: {} are in it", ids.len()));
            }
            None if room != LOBBY && self.rooms.len() >= self.limits.rooms => {
                return Err(format!(
                    "there are {} rooms, and no more may be made",
                    self.rooms.len()
                ));
            }
            _ => {}
        }
        self.leave_room(id, &before);
        self.announce(&before, id, &format!("* {name} went to {room}"));
        self.rooms.entry(room.clone()).or_default().push(id);
        if let Some(member) = self.members.get_mut(&id) {
            member.room.clone_from(&room);
        }
        self.announce(&room, id, &format!("* {name} is here"));
        Ok(format!("* you are in {room}"))
    }

    pub(super) fn rooms(&self) -> String {
        listed("rooms", self.rooms.iter().map(|(room, ids)| format!("{room} ({})", ids.len())))
    }

    /// Who is in the same room.
    pub(super) fn who(&self, id: MemberId) -> String {
        let Some(member) = self.members.get(&id) else { return String::new() };
        let ids = self.rooms.get(&member.room).into_iter().flatten();
        listed(&member.room, ids.map(|id| self.name(*id)))
    }

    fn name(&self, id: MemberId) -> String {
        self.members.get(&id).map_or_else(String::new, |member| member.name.clone())
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        let most = self.limits.name_chars;
        let is_good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.chars().count() > most || !name.chars().all(is_good) {
            return Err(format!("a name is 1 to {most} letters, digits, - or _"));
        }
        Ok(())
    }

    fn leave_room(&mut self, id: MemberId, room: &str) {
        if let Some(ids) = self.rooms.get_mut(room) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Tells everybody in a room but one.
    fn announce(&mut self, room: &str, but: MemberId, line: &str) -> usize {
        let ids = self.rooms.get(room).into_iter().flatten().copied();
        let ids: Vec<_> = ids.filter(|id| *id != but).collect();
        self.deliver(&ids, line);
        ids.len()
    }

    /// Writes a line to each, and waits for none. On a member's own loop it meets his marks,
    /// and he is dropped when he takes no more; by mail, a burst may find no room, and he is
    /// told how much he has missed.
    fn deliver(&mut self, to: &[MemberId], line: &str) {
        let bytes = format!("{line}\r\n").into_bytes();
        for id in to {
            let Some(member) = self.members.get_mut(id) else { continue };
            let wrote = match member.missed {
                0 => member.handle.write(&bytes),
                missed => {
                    let told = format!("! you have missed {missed} lines\r\n{line}\r\n");
                    member.handle.write(told.as_bytes())
                }
            };
            // One that is gone leaves when his protocol hears it.
            let is_full = matches!(wrote, Err(HandleError::Full));
            member.missed = if is_full { member.missed + 1 } else { 0 };
        }
    }
}

/// Names are told apart whatever their case.
fn compared(name: &str) -> String {
    name.to_lowercase()
}

fn listed(title: &str, all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let shown = &all[..all.len().min(limits::CHAT_LISTED)];
    let mut text = format!("* {title}: {}", shown.join(", "));
    if all.len() > shown.len() {
        let _ = write!(text, ", and {} more", all.len() - shown.len()); // a string takes all
    }
    text
}
