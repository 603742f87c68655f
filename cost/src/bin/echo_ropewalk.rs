//! Echo on Ropewalk, as a user would write it.
//!
//! Owns one 8-byte protocol a connection, the size `docs/cost.md` speaks of. Never reaches
//! past the public interface: what is counted is what users get.

use cost::Outcome;
use ropewalk::{Protocol, Reactor, Reason, Transport};
use std::{cell::Cell, rc::Rc};

/// Says back what it hears. Its 8 bytes lead to the number of open connections.
struct Echo {
    open: Rc<Cell<u64>>,
}

impl Protocol for Echo {
    fn connection_made(&mut self, _: &mut dyn Transport) {
        self.open.set(self.open.get() + 1);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, _: &Reason) {
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            transport.net().stop();
        }
    }
}

fn main() -> Outcome {
    let port = cost::start()?;
    let open = Rc::new(Cell::new(0));
    let reactor = Reactor::new()?;
    let listener = reactor.listen_tcp(port, move || Echo { open: Rc::clone(&open) })?;
    cost::announce(listener.addrs()[0].port().ok_or("a TCP listener without a port")?);
    reactor.run()?;
    Ok(())
}
