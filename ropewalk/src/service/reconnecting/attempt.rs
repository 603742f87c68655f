//! One attempt of a client that keeps its connection: set for later, begun, and heard of.
//! Owns: what an attempt's factory passes on, and to whom first. Never: decides what follows.

use std::rc::Rc;

use super::{Ready, Shared};
use crate::addr::Addr;
use crate::clock::Time;
use crate::protocol::{ClientFactory, Connector, Layers, Net, Protocol, Reason, Transport};

/// The next attempt, set for later. A reactor that has run to its end drops it; then there is
/// none.
pub(super) struct Next {
    pub(super) shared: Rc<Shared>,
    pub(super) at: Time,
}

impl Next {
    pub(super) fn begin(self, net: &dyn Net) {
        self.shared.timer.take();
        self.shared.begin(net);
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        // One that began, or is no longer wanted, has cleared it.
        if self.shared.next.get().is_some_and(|(at, _)| at == self.at) {
            self.shared.halt();
        }
    }
}

/// The user's factory, and the client that hears what it hears: the client first, so that a
/// panic of the user's ends no client.
pub(super) struct Kept(pub(super) Rc<Shared>);

impl ClientFactory for Kept {
    type Protocol = Box<dyn Protocol>;

    fn started(&mut self, connector: &Connector) {
        self.0.count(|counts| counts.attempts += 1);
        self.0.factory.borrow_mut().started(connector);
    }

    fn build(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>> {
        self.0.factory.borrow_mut().build(peer)
    }

    fn stack(&mut self, layers: &mut Layers) {
        self.0.factory.borrow_mut().stack(layers);
    }

    fn made(&mut self, connector: &Connector, transport: &mut dyn Transport) {
        let number = self.0.connected(transport);
        self.0.factory.borrow_mut().made(connector, transport);
        let ready = Ready::new(&self.0, number);
        match &mut self.0.hooks.borrow_mut().prepare {
            None => ready.accept(transport.net()),
            Some(prepare) => {
                self.0.watch(transport.net(), number);
                prepare(transport, ready);
            }
        }
    }

    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        let told = self.0.ended(net, why);
        self.0.factory.borrow_mut().failed(connector, net, why);
        self.0.tell(net, told, why);
    }

    fn lost(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        let told = self.0.ended(net, why);
        self.0.factory.borrow_mut().lost(connector, net, why);
        self.0.tell(net, told, why);
    }
}
