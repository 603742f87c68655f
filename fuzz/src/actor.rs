//! The protocol of a script: in each callback it checks what it is told, and does what
//! the next bytes say.

use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::{Event, Kind};
use ropewalk::{Flow, Handle, Protocol, Reason, Timer, Transport};

use super::layer::TestLayer;
use super::{World, byte};

/// The protocol: in each callback it does what the script says.
pub(super) struct Actor(pub(super) Rc<World>);

impl Actor {
    fn called(&self, what: &str, transport: &mut dyn Transport) {
        let world = &self.0;
        world.tell(|| what.to_owned());
        {
            let mut probe = world.probe.borrow_mut();
            probe.depth += 1;
            world.check(probe.depth == 1, "no call inside another");
            world.check(probe.made, "made comes first");
            world.check(!probe.lost || what == "lost", "nothing after lost");
            let closing = probe.closing && what != "lost";
            world.check(!closing, &format!("{what} after a close"));
        }
        for _ in 0..8 {
            let op = world.word();
            self.act(op % 16, op / 16, transport);
            if op < 128 {
                break;
            }
        }
        world.probe.borrow_mut().depth -= 1;
    }

    fn act(&self, op: usize, extra: usize, transport: &mut dyn Transport) {
        let world = &self.0;
        match op {
            2 => {
                transport.unread(extra + 1);
                let mut probe = world.probe.borrow_mut();
                probe.given_back = (extra + 1).min(probe.given);
                probe.met.gave_back |= probe.given_back > 0 && !probe.closing;
            }
            3..=5 => {
                let data = world.payload(world.word());
                let flow = transport.write(&data);
                world.after_write(&data, flow, Some(transport.buffered()));
            }
            6 => {
                transport.close();
                world.probe.borrow_mut().closing = true;
            }
            7 => {
                transport.shutdown_write();
                world.probe.borrow_mut().shut = true;
            }
            8 => {
                transport.pause_reading();
                world.probe.borrow_mut().paused = true;
            }
            9 => {
                transport.resume_reading();
                world.probe.borrow_mut().paused = false;
            }
            10 => self.set_timer(transport),
            11 => {
                let which = world.word() % 4;
                transport.cancel_timer(Timer(which as u16));
                world.probe.borrow_mut().timers[which] = None;
            }
            12 => {
                let (low, high) = (world.word() * 4, world.word() * 8);
                transport.set_water_marks(low, high);
                let mut probe = world.probe.borrow_mut();
                probe.marks = (low.min(high), high);
                probe.high_most = probe.high_most.max(high);
            }
            13 => {
                transport.push_layer(Box::new(TestLayer::new(world.word())));
                world.probe.borrow_mut().met.pushed = true;
            }
            14 => {
                let millis = world.word() as u64 * 64;
                transport.set_idle_timeout((millis > 0).then(|| Duration::from_millis(millis)));
            }
            15 if world.word() % 4 == 3 => {
                transport.abort();
                world.probe.borrow_mut().closing = true;
            }
            _ => return,
        }
        world.tell(|| format!("  did {op}"));
    }

    fn set_timer(&self, transport: &mut dyn Transport) {
        let which = self.0.word() % 4;
        let after = Duration::from_millis(self.0.word() as u64);
        transport.set_timer(Timer(which as u16), after);
        self.0.probe.borrow_mut().timers[which] = Some(transport.now() + after);
    }
}

impl Protocol for Actor {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        {
            let mut probe = self.0.probe.borrow_mut();
            self.0.check(!std::mem::replace(&mut probe.made, true), "made once");
            probe.met.made = true;
            probe.handle = Some(transport.handle());
        }
        self.called("made", transport);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        {
            let mut probe = self.0.probe.borrow_mut();
            self.0.check(!data.is_empty(), "no bytes is no call");
            self.0.check(!probe.eof, "no data after the end of input");
            self.0.check(!probe.paused, "no data while paused");
            let from = probe.got;
            let wrong = data.iter().enumerate().position(|(at, got)| *got != byte(from + at));
            self.0.tell(|| format!("{} B from {from}, wrong at {wrong:?}: {data:?}", data.len()));
            self.0.check(wrong.is_none(), "bytes as sent");
            probe.got += data.len();
            probe.given = data.len();
        }
        self.called("data", transport);
        let mut probe = self.0.probe.borrow_mut();
        probe.given = 0;
        // They come again, unless the connection closes first: then nothing comes.
        let given_back = std::mem::take(&mut probe.given_back);
        probe.got -= given_back;
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        {
            let mut probe = self.0.probe.borrow_mut();
            self.0.check(!std::mem::replace(&mut probe.eof, true), "one end of input");
            self.0.check(!probe.paused, "no end of input while paused");
            let all = probe.got == self.0.kernel.borrow().arrived;
            self.0.check(all, "every byte before the end of input");
            probe.met.eof = true;
        }
        self.called("eof", transport);
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.0.check(self.0.probe.borrow().owed, "a pause follows a `Full`");
        self.0.probe.borrow_mut().met.paused = true;
        self.called("pause_writing", transport);
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        {
            let mut probe = self.0.probe.borrow_mut();
            self.0.check(std::mem::take(&mut probe.owed), "a resume follows a `Full`");
            self.0.check(transport.buffered() <= probe.marks.0, "a resume at the low mark");
            probe.met.resumed = true;
        }
        self.called("resume_writing", transport);
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        {
            let mut probe = self.0.probe.borrow_mut();
            let due = probe.timers.get_mut(usize::from(timer.0)).and_then(Option::take);
            self.0.check(due.is_some(), "a timer that was set, and not cancelled");
            let is_due = due.is_none_or(|due| due <= transport.now());
            self.0.check(is_due, "not before its time");
            probe.met.timers = true;
        }
        self.called("timer", transport);
    }

    fn event(&mut self, transport: &mut dyn Transport, _: Event) {
        self.called("event", transport);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        {
            let mut probe = self.0.probe.borrow_mut();
            self.0.check(!std::mem::replace(&mut probe.lost, true), "lost once");
            self.0.check(why.kind() != Kind::Panicked, &why.to_string());
            let gone = probe.handle.as_ref().is_some_and(Handle::is_gone);
            self.0.check(gone, "the handle is gone");
            probe.clean_end = why.is_clean();
            probe.met.lost = Some(why.kind());
        }
        self.0.tell(|| why.to_string());
        self.0.check(transport.write(b"x") == Flow::Closed, "no write after the end");
        self.called("lost", transport);
    }
}
