//! The table of connections: a slot for each, 16 bytes, found by number.
//! Owns: slots and generations. Never: knows what is in a slot.

use std::rc::Rc;

/// A table of `Rc`s, with free slots linked through themselves.
pub(crate) struct Slots<T: ?Sized> {
    slots: Vec<Slot<T>>,
    free: Option<u32>,
    used: usize,
}

enum Slot<T: ?Sized> {
    Used(Rc<T>),
    Free(Option<u32>),
}

impl<T: ?Sized> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { slots: Vec::new(), free: None, used: 0 }
    }
}

impl<T: ?Sized> Slots<T> {
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The slot that the next `insert` uses.
    pub(crate) fn vacant(&self) -> u32 {
        self.free.unwrap_or(self.slots.len() as u32)
    }

    pub(crate) fn insert(&mut self, value: Rc<T>) {
        let slot = self.vacant();
        self.used += 1;
        match self.slots.get_mut(slot as usize) {
            Some(place) => {
                if let Slot::Free(next) = place {
                    self.free = *next;
                }
                *place = Slot::Used(value);
            }
            None => self.slots.push(Slot::Used(value)),
        }
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Rc<T>> {
        match self.slots.get(slot as usize) {
            Some(Slot::Used(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Rc<T>> {
        let place = self.slots.get_mut(slot as usize)?;
        match std::mem::replace(place, Slot::Free(self.free)) {
            Slot::Used(value) => {
                self.free = Some(slot);
                self.used -= 1;
                // A table that emptied gives its memory back: it was a crowd's.
                if self.used == 0 {
                    *self = Slots::default();
                }
                Some(value)
            }
            free => {
                *place = free;
                None
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rc<T>> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_found_until_it_is_removed_and_then_used_again() {
        let mut slots = Slots::<str>::default();
        for word in ["a", "b", "c"] {
            slots.insert(Rc::from(word));
        }
        assert_eq!(slots.remove(1).as_deref(), Some("b"));
        assert!(slots.get(1).is_none() && slots.remove(1).is_none());
        assert_eq!((slots.vacant(), slots.len()), (1, 2));
        slots.insert(Rc::from("d"));
        assert_eq!(slots.get(1).map(|word| &**word), Some("d"));
        assert_eq!(slots.vacant(), 3);
        assert_eq!(slots.iter().count(), 3);
    }

    #[test]
    fn a_slot_is_sixteen_bytes() {
        assert_eq!(size_of::<Slot<dyn Fn()>>(), 16);
    }
}
