//! What a signal did before somebody listened to it, put back when nobody does any more.
//! Owns: for each signal the action that was found, and ours. Never: makes an action of its own;
//! `signal-hook` does, which puts none back, and makes each only once in a process.

#![allow(unsafe_code, reason = "only a system call reads an action, or puts it back")]

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// A signal that is listened to, until dropped. Actions are the process's, so is this table.
pub(super) struct Kept(i32);

struct Disposition {
    /// Who listens now.
    guards: usize,
    before: libc::sigaction,
    /// Once there was a listener.
    ours: Option<libc::sigaction>,
}

static TABLE: Mutex<BTreeMap<i32, Disposition>> = Mutex::new(BTreeMap::new());

impl Kept {
    /// Looks at what the signal does, before somebody listens.
    pub(super) fn of(signal: i32) -> io::Result<Kept> {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        let found = current(signal)?;
        let of_signal = table.entry(signal);
        let disposition = of_signal.or_insert(Disposition { guards: 0, before: found, ours: None });
        if disposition.guards == 0 {
            disposition.before = found;
        }
        disposition.guards += 1;
        Ok(Kept(signal))
    }

    /// Somebody listens: now the action is `signal-hook`'s, or is made so again.
    pub(super) fn is_installed(&self) -> io::Result<()> {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(disposition) = table.get_mut(&self.0) else { return Ok(()) };
        match &disposition.ours {
            Some(ours) => set(self.0, ours),
            None => {
                disposition.ours = Some(current(self.0)?);
                Ok(())
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(disposition) = table.get_mut(&self.0) else { return };
        disposition.guards -= 1;
        if disposition.guards == 0 {
            if let Err(error) = set(self.0, &disposition.before) {
                tracing::warn!("signal {} could not be put back: {error}", self.0);
            }
        }
    }
}

fn current(signal: i32) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: without an action to set, the call only writes to the one it is given, which is
    // large enough for it.
    if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, and so has written it.
    Ok(unsafe { action.assume_init() })
}

fn set(signal: i32, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: the action was this signal's before, so its handler is one that may be called.
    match unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
