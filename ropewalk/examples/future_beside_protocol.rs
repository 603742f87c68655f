//! A future beside a protocol, on one loop: waiters take orders, one cook makes one dish at a
//! time. What has steps and waits is a future; what is told something is a protocol.
//!
//! Run it, then `printf 'tea\nsoup\n' | nc -N 127.0.0.1 21555` in a second terminal.
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::rc::Rc;
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use ropewalk::addr::parse_port;
use ropewalk::framing::{Delimiter, LineProtocol, LineReader, LineTransport, Lines};
use ropewalk::protocol::Event;
use ropewalk::{Handle, Net, Reactor};

const PORT: u16 = 21555;
const COOKING: Duration = Duration::from_millis(20);

struct Order {
    guest: Handle,
    dish: String,
}

/// What the cook tells the waiter.
struct Served(String);

/// A protocol: one for each guest.
struct Waiter {
    kitchen: Sender<Order>,
    open: usize,
    is_last: bool,
}

impl LineProtocol for Waiter {
    fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
        let dish = String::from_utf8_lossy(line).into_owned();
        let order = Order { guest: transport.handle(), dish };
        match self.kitchen.try_send(order) {
            Ok(()) => self.open += 1,
            Err(_) => drop(transport.send_line(b"the kitchen is full")),
        }
    }

    fn event(&mut self, transport: &mut LineTransport<'_>, event: Event) {
        let Ok(served) = event.downcast::<Served>() else { return };
        self.open -= 1;
        transport.write(format!("your {}, {} to come\n", served.0, self.open).as_bytes());
        if self.is_last && self.open == 0 {
            transport.close();
        }
    }

    fn eof_received(&mut self, transport: &mut LineTransport<'_>, _: &[u8]) {
        self.is_last = true;
        if self.open == 0 {
            transport.close();
        }
    }
}

/// A future: it takes the next order, takes its time, and calls the waiter.
async fn cook(net: Rc<dyn Net>, orders: Receiver<Order>) {
    while let Ok(Order { guest, dish }) = orders.recv().await {
        net.sleep(COOKING).await;
        println!("...{dish}");
        let _ = guest.event(Served(dish)); // a guest who has left pays nothing
    }
}

fn main() -> ropewalk::Result<()> {
    let reactor = Reactor::new()?;
    let (kitchen, orders) = bounded(16);
    reactor.spawn(cook(reactor.net().owned(), orders)).detach();
    reactor.listen_tcp(port()?, move || {
        let waiter = Waiter { kitchen: kitchen.clone(), open: 0, is_last: false };
        Lines::with_reader(LineReader::new().with_delimiter(Delimiter::ANY_NEWLINE), waiter)
    })?;
    println!("the kitchen is open..");
    reactor.run()
}

/// The notes' port, or the one that is the program's first argument.
fn port() -> ropewalk::Result<u16> {
    std::env::args().nth(1).map_or(Ok(PORT), |port| parse_port(&port))
}
