//! The same echo with layers below it: those that `COST_LAYERS` names, from the wire up.
//!
//! Owns what a message costs more for each, and that one which has done its work costs nothing.
//! Never is the server that other engines are compared with: `echo_ropewalk` is.

use cost::Outcome;
use ropewalk::policy::{
    AccessList, ConnectionLimit, MinimumRate, Throttle, TotalDeadline, TrafficLog,
};
use ropewalk::protocol::{Factory, Layer, Layers};
use ropewalk::{Addr, Protocol, Reactor, Reason, Transport};
use std::time::Duration;
use std::{cell::Cell, rc::Rc};

/// As in `echo_ropewalk`.
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

/// A layer that changes nothing.
struct Passive;

impl Layer for Passive {}

/// Echoes behind these layers.
struct Behind {
    open: Rc<Cell<u64>>,
    layers: Vec<String>,
}

impl Factory for Behind {
    type Protocol = Echo;

    fn build(&mut self, _: &Addr) -> Option<Echo> {
        Some(Echo { open: Rc::clone(&self.open) })
    }

    fn stack(&mut self, layers: &mut Layers) {
        let (long, much) = (Duration::from_secs(100_000), u64::MAX / 4);
        for layer in &self.layers {
            match layer.as_str() {
                "access" => layers.push(AccessList::new()),
                "limit" => layers.push(ConnectionLimit::new().per_peer(1_000_000)),
                "total" => layers.push(TotalDeadline::new(long)),
                "throttle" => layers.push(Throttle::new().read(much, much).write(much, much)),
                "rate" => layers.push(MinimumRate::per(long).read(1).write(1)),
                "log" => layers.push(TrafficLog::text("log", |_| ())),
                _ => layers.push(Passive),
            }
        }
    }
}

fn main() -> Outcome {
    let port = cost::start()?;
    let named = std::env::var("COST_LAYERS").unwrap_or_default();
    let layers = named.split_whitespace().map(str::to_owned).collect();
    let reactor = Reactor::new()?;
    let listener = reactor.listen_tcp(port, Behind { open: Rc::new(Cell::new(0)), layers })?;
    cost::announce(listener.addrs()[0].port().ok_or("a TCP listener without a port")?);
    reactor.run()?;
    Ok(())
}
