//! Input that waits for a paused protocol keeps its order, and its end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::limits;
use ropewalk::protocol::{Below, Factory, Kind, Layer, Layers, Up};
use ropewalk::testing::Network;
use ropewalk::{Protocol, Reason, Timer, Transport};

/// Pauses at once, and goes on when a second has passed.
#[derive(Clone, Default)]
struct Late {
    got: Rc<RefCell<Vec<u8>>>,
    end: Rc<RefCell<Option<Kind>>>,
}

impl Late {
    /// Goes on until it has ended. Input that waits in circles would keep the network
    /// busy for ever, so turns are counted.
    fn run(&self, network: &Network) {
        let mut turns = 0;
        network.run_until(|| {
            turns += 1;
            turns > 1_000 || self.end.borrow().is_some()
        });
        assert!(self.end.borrow().is_some(), "it ends");
    }
}

impl Protocol for Late {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.pause_reading();
        transport.set_timer(Timer(0), Duration::from_secs(1));
    }
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        self.got.borrow_mut().extend_from_slice(data);
    }
    fn timer_fired(&mut self, transport: &mut dyn Transport, _: Timer) {
        transport.resume_reading();
    }
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        *self.end.borrow_mut() = Some(why.kind());
    }
}

#[test]
fn what_had_arrived_before_a_reset_is_delivered_in_its_order() {
    let network = Network::calm();
    let late = Late::default();
    let factory_late = late.clone();
    let _listener = network.listen(1, move || factory_late.clone()).unwrap();
    let mut peer = network.dial(1).unwrap();
    // More than one buffer's worth has to wait.
    let sent: Vec<u8> = (0..limits::READ_BUFFER_BYTES * 3).map(|at| (at % 251) as u8).collect();
    peer.send(&sent);
    network.run_for(Duration::from_millis(10));
    peer.reset();
    late.run(&network);
    assert!(*late.got.borrow() == sent, "every byte, in its order");
    assert_eq!(*late.end.borrow(), Some(Kind::Reset));
}

/// Is ready with the first bytes, and hands up at once all that there will be.
struct Whole;

impl Layer for Whole {
    fn started(&mut self, _: &mut Below<'_>, _: &mut Up<'_>) {}
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.made();
        up.pass(data);
        up.eof();
    }
}

#[test]
fn an_end_of_input_that_waits_stays_behind_the_bytes_that_wait() {
    let network = Network::calm();
    let late = Late::default();
    let factory_late = late.clone();
    let factory = (move || factory_late.clone()).layer(|| Whole);
    let _listener = network.listen(1, factory).unwrap();
    let mut peer = network.dial(1).unwrap();
    peer.send(b"hello");
    late.run(&network);
    assert_eq!(*late.got.borrow(), b"hello");
    assert_eq!(*late.end.borrow(), Some(Kind::PeerClosed));
}

/// Is ready with the first bytes, which it passes on with that.
struct Ready(bool);

impl Layer for Ready {
    fn started(&mut self, _: &mut Below<'_>, _: &mut Up<'_>) {}
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        if !std::mem::replace(&mut self.0, true) {
            up.made();
        }
        up.pass(data);
    }
}

/// Passes everything on.
struct Plain;

impl Layer for Plain {}

#[test]
fn a_protocol_above_as_many_layers_as_may_be_can_pause() {
    let network = Network::calm();
    let late = Late::default();
    let factory_late = late.clone();
    let _listener = network.listen(1, Tall(factory_late)).unwrap();
    let mut peer = network.dial(1).unwrap();
    peer.send(b"hello");
    peer.shutdown_write();
    late.run(&network);
    assert_eq!(*late.got.borrow(), b"hello");
}

/// As many layers as there may be, and bytes for a protocol that has just paused.
struct Tall(Late);

impl Factory for Tall {
    type Protocol = Late;
    fn build(&mut self, _: &ropewalk::Addr) -> Option<Late> {
        Some(self.0.clone())
    }
    fn stack(&mut self, layers: &mut Layers) {
        for _ in 1..limits::LAYERS {
            layers.push(Plain);
        }
        layers.push(Ready(false));
    }
}
