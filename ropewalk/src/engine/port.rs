//! A connection as its protocol sees it.
//! Owns: the `Transport` of every engine. Never: calls a protocol, or the driver but for
//! an address.

use std::any::Any;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::driver::Driver;
use super::{Engine, Head};
use crate::addr::Addr;
use crate::clock::Time;
use crate::error::{Error, Operation, Result};
use crate::options::SocketOptions;
use crate::protocol::{
    Descriptor, Flow, Handle, Layer, Mailbox, Net, Producer, Reason, Streaming, Timer, Transport,
};
use crate::sys::File;

/// Lent to one callback.
pub(crate) struct Port<'a, D: Driver> {
    pub(crate) engine: &'a Rc<Engine<D>>,
    pub(crate) head: &'a Head<D>,
}

impl<D: Driver> Transport for Port<'_, D> {
    #[inline]
    fn write(&mut self, data: &[u8]) -> Flow {
        self.head.connection.borrow_mut().write(data, &self.engine.context)
    }

    fn close(&mut self) {
        self.head.connection.borrow_mut().close();
    }

    fn close_because(&mut self, why: Reason) {
        self.head.connection.borrow_mut().close_because(why);
    }

    fn fail(&mut self, why: Reason) {
        self.head.connection.borrow_mut().fail(why);
    }

    fn shutdown_write(&mut self) {
        self.head.connection.borrow_mut().shutdown_write();
    }

    fn pause_reading(&mut self) {
        self.head.connection.borrow_mut().pause_reading();
    }

    fn resume_reading(&mut self) {
        self.head.connection.borrow_mut().resume_reading();
    }

    fn is_receiving(&self) -> bool {
        self.head.connection.borrow().is_receiving()
    }

    fn unread(&mut self, count: usize) {
        self.head.connection.borrow_mut().unread(count);
    }

    fn register_producer(
        &mut self,
        producer: Box<dyn Producer>,
        streaming: Streaming,
    ) -> Result<()> {
        // A refused one is dropped after the borrow.
        let mut producer = Some(producer);
        self.head.connection.borrow_mut().register_producer(&mut producer, streaming)
    }

    fn unregister_producer(&mut self) {
        let producer = self.head.connection.borrow_mut().unregister_producer();
        drop(producer);
    }

    fn send_file(&mut self, file: File, offset: u64, count: Option<u64>) -> Result<Flow> {
        let length = self.engine.driver.files().length_of(&file);
        let length =
            length.map_err(|error| Error::from_io(Operation::Send, self.peer_addr(), error))?;
        let mut connection = self.head.connection.borrow_mut();
        connection.send_file(file, length, offset, count, &self.engine.context)
    }

    fn send_descriptor(&mut self, descriptor: Descriptor, data: &[u8]) -> Result<Flow> {
        let mut connection = self.head.connection.borrow_mut();
        connection.send_descriptor(descriptor, data, &self.engine.context)
    }

    fn accept_descriptors(&mut self, on: bool) -> Result<()> {
        let mut connection = self.head.connection.borrow_mut();
        connection.can_pass()?;
        let accepted = self.engine.driver.accept_descriptors(&self.head.io, on);
        accepted.map_err(|error| Error::from_io(Operation::Configure, connection.peer(), error))?;
        connection.set_passing(on);
        Ok(())
    }

    fn tune(&mut self, options: &SocketOptions) -> Result<()> {
        self.engine
            .driver
            .tune(&self.head.io, options)
            .map_err(|error| Error::from_io(Operation::Configure, self.peer_addr(), error))
    }

    fn set_water_marks(&mut self, low: usize, high: usize) {
        self.head.connection.borrow_mut().set_water_marks(low, high);
    }

    fn set_idle_timeout(&mut self, after: Option<Duration>) {
        self.head.connection.borrow_mut().set_idle_timeout(after, &self.engine.context);
    }

    fn buffered(&self) -> usize {
        self.head.connection.borrow().buffered()
    }

    fn is_open(&self) -> bool {
        self.head.connection.borrow().is_open()
    }

    fn peer_addr(&self) -> Addr {
        self.head.connection.borrow().peer()
    }

    fn local_addr(&self) -> Addr {
        let told = self.head.connection.borrow().local();
        told.unwrap_or_else(|| self.engine.driver.local_addr(&self.head.io))
    }

    fn now(&self) -> Time {
        self.engine.context.now()
    }

    fn wall_time(&self) -> SystemTime {
        self.engine.context.wall()
    }

    fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.head.connection.borrow_mut().set_timer(timer, after, &self.engine.context);
    }

    fn cancel_timer(&mut self, timer: Timer) {
        self.head.connection.borrow_mut().cancel_timer(timer);
    }

    fn handle(&mut self) -> Handle {
        let mut connection = self.head.connection.borrow_mut();
        let over = connection.is_over();
        let mailbox = connection
            .mailbox()
            .get_or_insert_with(|| Mailbox::new(self.head.id, self.engine.mail.clone()));
        if over {
            mailbox.mark_gone();
        }
        Handle::new(mailbox.clone())
    }

    fn net(&self) -> &dyn Net {
        &**self.engine
    }

    fn push_layer(&mut self, layer: Box<dyn Layer>) {
        self.head.connection.borrow_mut().push_layer(layer, &self.engine.context);
    }

    fn visit_layers(&mut self, visit: &mut dyn FnMut(&mut dyn Any) -> bool) {
        self.head.connection.borrow_mut().visit_layers(visit);
    }
}
