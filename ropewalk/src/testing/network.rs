//! A network in memory with protocols in it: listeners, clients, and ends for a test's
//! own hands, under a virtual clock.
//! Owns: the way a test drives it, within bounds. Never: waits in real time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use crate::addr::{Addr, DatagramSite, Site, Target};
use crate::clock::VirtualClock;
use crate::driver::{Reach, Simulated, SimulatedDatagrams, Weather};
use crate::engine::{Driver, Engine, Remote};
use crate::error::Result;
use crate::limits::Limits;
use crate::options::SocketOptions;
use crate::protocol::{
    ClientFactory, Connector, DatagramConnector, DatagramPort, DatagramProtocol, Factory, Listener,
    Net,
};

/// A network in memory. The engine is the real one; only the wire is made of chance.
///
/// ```
/// use ropewalk::{Protocol, Transport, testing::Network};
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// let network = Network::with_seed(7);
/// network.listen(1, || Echo).unwrap();
/// let mut peer = network.dial(1).unwrap();
/// peer.send(b"hello");
/// peer.shutdown_write();
/// assert_eq!(peer.read_to_end().unwrap(), b"hello");
/// ```
#[derive(Debug)]
pub struct Network {
    engine: Rc<Engine<Simulated>>,
    driver: Simulated,
}

pub use crate::limits::TEST_TURNS as TURNS_MAX;

impl Network {
    /// A calm network: nothing is cut, nothing takes time.
    pub fn calm() -> Network {
        Network::new(0, Weather::calm(), Limits::default())
    }

    /// A network whose weather and chances come from this seed.
    pub fn with_seed(seed: u64) -> Network {
        Network::new(seed, Weather::of_seed(seed), Limits::default())
    }

    /// A network of one's own making.
    pub fn new(seed: u64, weather: Weather, limits: Limits) -> Network {
        let driver = Simulated::new(seed, weather);
        Network { engine: Engine::new(driver.clone(), limits, None), driver }
    }

    /// Listens on a number.
    ///
    /// # Errors
    /// The number is taken.
    pub fn listen<F: Factory + 'static>(&self, number: u64, factory: F) -> Result<Listener> {
        self.engine.listen_with(&Site::Memory(number), &SocketOptions::default(), factory)
    }

    /// Connects to a number.
    pub fn connect<F: ClientFactory + 'static>(&self, number: u64, factory: F) -> Connector {
        self.engine.connect_with(
            Target::Addr(Addr::Memory(number)),
            &SocketOptions::default(),
            factory,
        )
    }

    /// Listens on an IP address of the network's own, where names can lead
    /// ([`Network::set_name`]); port 0 is the next that is free.
    ///
    /// # Errors
    /// The address is taken.
    pub fn listen_ip<F: Factory + 'static>(&self, at: SocketAddr, factory: F) -> Result<Listener> {
        self.engine.listen_with(&Site::Tcp(at.into()), &SocketOptions::default(), factory)
    }

    /// From now on this name has these addresses, and whoever asks is told after so long of
    /// (virtual) time; never, if `None`. Any other name is not known, at once.
    ///
    /// ```
    /// use ropewalk::testing::Network;
    /// use std::time::Duration;
    /// let network = Network::calm();
    /// network.set_name("a.test", &[[10, 0, 0, 1].into()], Some(Duration::from_secs(1)));
    /// let then = |net: &dyn ropewalk::Net, found: ropewalk::Result<Vec<_>>| {
    ///     assert_eq!(found.unwrap(), ["10.0.0.1:80".parse().unwrap()]);
    ///     assert_eq!(net.now().as_nanos(), 1_000_000_000);
    /// };
    /// network.net().resolve("a.test", 80, Box::new(then));
    /// network.run();
    /// ```
    pub fn set_name(&self, host: &str, ips: &[IpAddr], after: Option<Duration>) {
        self.driver.set_name(host, ips, after);
    }

    /// From now on this address answers so to whoever connects to it.
    pub fn set_reach(&self, addr: SocketAddr, reach: Reach) {
        self.driver.set_reach(addr, reach);
    }

    /// Opens an end for the test's own hands.
    ///
    /// # Errors
    /// Refused: nobody listens there.
    pub fn dial(&self, number: u64) -> io::Result<Peer<'_>> {
        Ok(Peer { network: self, end: self.driver.dial(number)? })
    }

    /// Receives datagrams on a number. Numbers of datagrams are apart from those of
    /// connections, as UDP's ports are from TCP's.
    ///
    /// # Errors
    /// The number is taken.
    pub fn listen_datagrams<P: DatagramProtocol + 'static>(
        &self,
        number: u64,
        mut factory: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        let mut boxed = || Box::new(factory()) as Box<dyn DatagramProtocol>;
        let at = DatagramSite::Memory(number);
        self.engine.listen_datagrams_with(&at, &SocketOptions::default(), &mut boxed)
    }

    /// Opens a datagram socket to a number.
    pub fn connect_datagrams<P: DatagramProtocol + 'static>(
        &self,
        number: u64,
        protocol: P,
    ) -> DatagramConnector {
        self.engine.connect_datagrams_with(
            Target::Addr(Addr::Memory(number)),
            &SocketOptions::default(),
            Box::new(protocol),
        )
    }

    /// A datagram socket on this number, for the test's own hands.
    ///
    /// # Errors
    /// The number is taken.
    pub fn datagram_peer(&self, number: u64) -> io::Result<DatagramPeer<'_>> {
        let at = Addr::Memory(number);
        let (socket, _) = self.driver.bind_datagrams(&at, &SocketOptions::default())?;
        Ok(DatagramPeer { network: self, socket })
    }

    /// The clock.
    pub fn clock(&self) -> &VirtualClock {
        self.driver.clock()
    }

    /// What callbacks get as `net()`.
    pub fn net(&self) -> &dyn Net {
        &*self.engine
    }

    /// Reaches the network's engine as another thread would.
    pub fn remote(&self) -> Remote {
        self.engine.remote()
    }

    /// Connections that live.
    pub fn connections(&self) -> usize {
        self.engine.connections()
    }

    /// Datagram sockets of protocols that live.
    pub fn datagram_sockets(&self) -> usize {
        self.engine.datagram_sockets()
    }

    /// Events that were handled.
    pub fn events(&self) -> u64 {
        self.driver.events()
    }

    /// Goes on until `done`, or until nothing is left that could happen. Answers whether
    /// it is done.
    pub fn run_until(&self, mut done: impl FnMut() -> bool) -> bool {
        for _ in 0..TURNS_MAX {
            if done() {
                return true;
            }
            if self.engine.step().is_err() {
                return done();
            }
        }
        false
    }

    /// Goes on until nothing is left that could happen.
    pub fn run(&self) {
        self.run_until(|| false);
    }

    /// Goes on until so much (virtual) time has passed.
    pub fn run_for(&self, time: Duration) {
        let passed = Rc::new(std::cell::Cell::new(false));
        let pass = passed.clone();
        self.engine.call_later(time, Box::new(move |_| pass.set(true)));
        self.run_until(|| passed.get());
    }
}

/// An end for the test's own hands. Dropped, it closes, as a socket does.
#[derive(Debug)]
pub struct Peer<'a> {
    network: &'a Network,
    end: usize,
}

impl Peer<'_> {
    /// Sends bytes; they are on their way.
    pub fn send(&mut self, data: &[u8]) {
        self.network.driver.send_outside(self.end, data);
    }

    /// Ends this direction.
    pub fn shutdown_write(&mut self) {
        self.network.driver.shutdown_outside(self.end);
    }

    /// Closes; with unread bytes, that is a reset.
    pub fn close(&mut self) {
        self.network.driver.close_outside(self.end, false);
    }

    /// Resets.
    pub fn reset(&mut self) {
        self.network.driver.close_outside(self.end, true);
    }

    /// What has arrived, at most so much, without going on.
    pub fn take(&mut self, most: usize) -> Vec<u8> {
        self.network.driver.take_outside(self.end, most)
    }

    /// Goes on until so many bytes have come.
    ///
    /// # Errors
    /// `UnexpectedEof` or `ConnectionReset` if they never do; `TimedOut` if nothing
    /// happens any more.
    pub fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut got = Vec::new();
        let driver = &self.network.driver;
        self.network.run_until(|| {
            got.extend(driver.take_outside(self.end, count - got.len()));
            got.len() == count || driver.ended_outside(self.end) != (false, false)
        });
        if got.len() == count {
            return Ok(got);
        }
        Err(match driver.ended_outside(self.end) {
            (_, true) => io::ErrorKind::ConnectionReset.into(),
            (true, _) => io::ErrorKind::UnexpectedEof.into(),
            _ => io::ErrorKind::TimedOut.into(),
        })
    }

    /// Goes on until the other side ends.
    ///
    /// # Errors
    /// `ConnectionReset` if it ended so; `TimedOut` if it never ends.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut got = Vec::new();
        let driver = &self.network.driver;
        self.network.run_until(|| {
            got.extend(driver.take_outside(self.end, usize::MAX));
            driver.ended_outside(self.end) != (false, false)
        });
        got.extend(driver.take_outside(self.end, usize::MAX));
        match driver.ended_outside(self.end) {
            (_, true) => Err(io::ErrorKind::ConnectionReset.into()),
            (true, _) => Ok(got),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A datagram socket for the test's own hands. Dropped, it closes.
#[derive(Debug)]
pub struct DatagramPeer<'a> {
    network: &'a Network,
    socket: SimulatedDatagrams,
}

impl DatagramPeer<'_> {
    /// Sends one datagram to a number; it is on its way.
    ///
    /// # Errors
    /// It is too long; `WouldBlock` says that the receiver's window is full.
    pub fn send_to(&self, data: &[u8], number: u64) -> io::Result<()> {
        match self.socket.send(data, Some(&Addr::Memory(number)))? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// The next datagram that has arrived, without going on.
    pub fn take(&self) -> Option<(Vec<u8>, Addr)> {
        self.socket.take()
    }

    /// Goes on until a datagram has come.
    ///
    /// # Errors
    /// `TimedOut` if nothing happens any more.
    pub fn receive(&self) -> io::Result<(Vec<u8>, Addr)> {
        let mut got = None;
        self.network.run_until(|| {
            got = self.socket.take();
            got.is_some()
        });
        got.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}
