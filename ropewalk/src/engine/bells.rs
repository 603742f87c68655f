//! Bells: rung on any thread, heard on the loop.
//! Owns: who hears which. Never: lets a bell that is rung without end fill the letter box: until
//! it was heard, ringing it again changes nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Engine;
use super::driver::Driver;
use super::mail::{Letter, Mail};
use crate::protocol::Net;

type Hears = Rc<RefCell<dyn FnMut(&dyn Net)>>;

/// An engine's bells.
#[derive(Default)]
pub(super) struct Bells {
    hung: RefCell<BTreeMap<u64, Hears>>,
    next: Cell<u64>,
}

/// Rings one of them, on any thread.
#[derive(Clone)]
pub(crate) struct Bell(Arc<Inside>);

struct Inside {
    key: u64,
    mail: Arc<Mail>,
    /// It was rung, and not heard yet.
    is_rung: AtomicBool,
}

impl Bell {
    pub(crate) fn key(&self) -> u64 {
        self.0.key
    }

    pub(crate) fn ring(&self) {
        if !self.0.is_rung.swap(true, Ordering::AcqRel) {
            self.0.mail.send(Letter::Bell(self.clone()));
        }
    }
}

impl<D: Driver> Engine<D> {
    /// A bell that this hears.
    pub(crate) fn hang_bell(&self, hears: impl FnMut(&dyn Net) + 'static) -> Bell {
        let key = self.bells.next.get();
        self.bells.next.set(key + 1);
        self.bells.hung.borrow_mut().insert(key, Rc::new(RefCell::new(hears)));
        let is_rung = AtomicBool::new(false);
        Bell(Arc::new(Inside { key, mail: self.mail.clone(), is_rung }))
    }

    /// Nobody hears it any more.
    pub(crate) fn take_bell_down(&self, key: u64) {
        // Dropped outside the borrow: what it holds may have bells of its own.
        let hears = self.bells.hung.borrow_mut().remove(&key);
        drop(hears);
    }

    pub(super) fn bell_rang(self: &Rc<Self>, bell: &Bell) {
        // Before it is heard: what happens meanwhile is heard again.
        bell.0.is_rung.store(false, Ordering::Release);
        let hears = self.bells.hung.borrow().get(&bell.0.key).cloned();
        if let Some(hears) = hears {
            self.guarded("what hears a signal", || (hears.borrow_mut())(&**self));
        }
    }
}
