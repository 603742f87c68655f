//! A datagram socket as its protocol sees it, and the way of a datagram to the kernel.
//! Owns: the `DatagramTransport` of every engine. Never: calls a protocol.

use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::state::{Handed, State};
use super::{DatagramEntry, Engine};
use crate::addr::Addr;
use crate::clock::Time;
use crate::engine::driver::Driver;
use crate::limits;
use crate::protocol::{DatagramHandle, DatagramTransport, Mailbox, Net, Reason, Sending, Timer};

/// Lent to one callback.
pub(super) struct Port<'a, D: Driver> {
    pub(super) engine: &'a Rc<Engine<D>>,
    pub(super) entry: &'a DatagramEntry<D>,
}

impl<D: Driver> DatagramEntry<D> {
    /// Sends, or queues, or drops.
    pub(super) fn send(&self, engine: &Engine<D>, data: &[u8], to: Option<&Addr>) -> Sending {
        let mut state = self.state.borrow_mut();
        if !state.is_open() {
            state.drop_one();
            return Sending::Dropped;
        }
        // No kernel is full for everybody where each receiver has a queue of its own.
        let waits = match self.must_retry() {
            true => state.waits_for(to),
            false => state.is_blocked(),
        };
        if !waits {
            match self.hand_over(engine, &mut state, data, to) {
                Handed::Sent => return Sending::Sent,
                Handed::Blocked => {}
                Handed::Refused => {
                    state.drop_one();
                    return Sending::Dropped;
                }
            }
        }
        if state.enqueue(data, to) {
            return Sending::Queued;
        }
        state.drop_one();
        Sending::Dropped
    }

    /// Offers one datagram to the kernel. What the kernel says against it is kept, to be
    /// told once no callback runs.
    pub(super) fn hand_over(
        &self,
        engine: &Engine<D>,
        state: &mut State,
        data: &[u8],
        to: Option<&Addr>,
    ) -> Handed {
        let whom = to.or(self.peer.as_ref());
        if whom.is_none() {
            let cause = "this socket has no peer: name an address, or connect it";
            state.tell(None, io::Error::new(io::ErrorKind::NotConnected, cause));
            return Handed::Refused;
        }
        let send = || engine.driver.send_datagram(self.number(), &self.io, data, to);
        let mut sent = send();
        if matches!(&sent, Err(error) if self.is_of_an_earlier_one(error)) {
            // The kernel tells of an earlier datagram, and has not looked at this one.
            if let Err(error) = sent {
                state.tell(self.peer.clone(), error);
            }
            sent = send();
        }
        match sent {
            Ok(true) => Handed::Sent,
            Ok(false) => Handed::Blocked,
            Err(error) => {
                state.tell(whom.cloned(), error);
                Handed::Refused
            }
        }
    }

    /// A peer's "port unreachable" comes with whatever is asked of the socket next. A Unix
    /// socket's refusal is about the datagram itself.
    fn is_of_an_earlier_one(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ConnectionRefused
            && matches!(self.peer, Some(Addr::Ip(_) | Addr::Memory(_)))
    }
}

impl<D: Driver> DatagramTransport for Port<'_, D> {
    fn send_to(&mut self, data: &[u8], to: &Addr) -> Sending {
        self.entry.send(self.engine, data, Some(to))
    }

    fn send(&mut self, data: &[u8]) -> Sending {
        self.entry.send(self.engine, data, None)
    }

    fn close(&mut self) {
        self.entry.state.borrow_mut().close();
    }

    fn fail(&mut self, why: Reason) {
        self.entry.state.borrow_mut().fail(why);
    }

    fn local_addr(&self) -> Addr {
        self.entry.local.clone()
    }

    fn peer_addr(&self) -> Option<Addr> {
        self.entry.peer.clone()
    }

    fn set_max_datagram(&mut self, bytes: usize) {
        self.entry.state.borrow_mut().max_datagram = bytes.min(limits::READ_BUFFER_BYTES);
    }

    fn queued(&self) -> usize {
        self.entry.state.borrow().queued()
    }

    fn dropped(&self) -> u64 {
        self.entry.state.borrow().dropped()
    }

    fn now(&self) -> Time {
        self.engine.context.now()
    }

    fn wall_time(&self) -> SystemTime {
        self.engine.context.wall()
    }

    fn set_timer(&mut self, timer: Timer, after: Duration) {
        if self.entry.state.borrow().is_over() {
            return;
        }
        let (this, number) = (self.engine.this.clone(), self.entry.number());
        let call = move |_: &dyn Net| {
            if let Some(engine) = this.upgrade() {
                engine.datagram_timer(number, timer);
            }
        };
        let key = self.engine.call_at(self.engine.context.fresh_now() + after, Box::new(call));
        let before = self.entry.state.borrow_mut().set_timer(timer, key);
        self.engine.cancel_call(before);
    }

    fn cancel_timer(&mut self, timer: Timer) {
        let before = self.entry.state.borrow_mut().timer_fired(timer);
        self.engine.cancel_call(before);
    }

    fn handle(&mut self) -> DatagramHandle {
        let mut state = self.entry.state.borrow_mut();
        let over = state.is_over();
        let new = || Mailbox::new(self.entry.id, self.engine.mail.clone());
        let mailbox = state.mailbox.get_or_insert_with(new);
        if over {
            mailbox.mark_gone();
        }
        DatagramHandle::new(mailbox.clone())
    }

    fn net(&self) -> &dyn Net {
        &**self.engine
    }
}
