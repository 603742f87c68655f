//! The peer: the same for both servers, over a plain socket of the standard library's.
//! Owns: the peer's words and what it says of what it saw. Never: sleeps; it waits for the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use super::Server;
use super::scenario::{Scenario, shown};

/// A wait that is longer is a hang.
const WATCHDOG: Duration = Duration::from_secs(20);
/// So long is waited for something that never comes on one of the two sides.
const NEVER: Duration = Duration::from_millis(1500);

/// Does what the peer's words say, and gives what it saw.
pub(super) fn play(server: &mut impl Server, scenario: &Scenario) -> io::Result<String> {
    let mut play =
        Play { server, scenario, listener: None, nobody: None, stream: None, saw: Vec::new() };
    if scenario.connects {
        if scenario.peer.first().is_some_and(|word| word == "nobody") {
            let nobody = bound_and_no_more()?;
            play.server.connect(nobody.local_addr()?.port(), &scenario.program)?;
            play.nobody = Some(nobody);
        } else {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            play.server.connect(listener.local_addr()?.port(), &scenario.program)?;
            play.listener = Some(listener);
        }
    } else {
        let port = play.server.listen(&scenario.program)?;
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(WATCHDOG))?;
        stream.set_write_timeout(Some(WATCHDOG))?;
        play.stream = Some(stream);
    }
    for word in &scenario.peer {
        play.word(word).map_err(|error| io::Error::other(format!("at `{word}`: {error}")))?;
    }
    let saw = play.saw.join(", ");
    drop(play.stream.take());
    play.server.unlisten()?;
    Ok(saw)
}

/// A port that is taken, and on which nobody listens: a free one could be given to whoever
/// connects to it, and that connects to itself.
fn bound_and_no_more() -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketType, bind, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    Ok(socket.into()) // for its `local_addr`
}

struct Play<'a, S> {
    server: &'a mut S,
    scenario: &'a Scenario,
    listener: Option<TcpListener>,
    /// Holds a port on which nobody listens.
    nobody: Option<TcpListener>,
    stream: Option<TcpStream>,
    saw: Vec<String>,
}

impl<S: Server> Play<'_, S> {
    fn word(&mut self, word: &str) -> io::Result<()> {
        if let Some(action) = word.strip_prefix("server: ") {
            return self.server.act(&[action.to_owned()]);
        }
        let (verb, number) = word.split_once(' ').unwrap_or((word, "0"));
        let number = number.parse().unwrap_or(0);
        match verb {
            "send" => self.stream()?.write_all(&vec![b'p'; number]),
            "read" => self.read(number),
            "end" => self.end(),
            "end_or_open" => self.end_or_open(),
            "reset_seen" => self.reset_seen(),
            "fin" => self.stream()?.shutdown(Shutdown::Write),
            "close" => {
                self.stream = None;
                Ok(())
            }
            "reset" => self.reset(),
            "accept" => self.accept(),
            "nobody" => Ok(()),
            "turns" => self.server.turns(),
            "wait" => self.wait_for_the_end(),
            "unlisten" => self.server.unlisten(),
            "stop" => self.server.stop(),
            _ => Err(io::Error::other("no such word")),
        }
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream.as_mut().ok_or_else(|| io::Error::other("there is no connection"))
    }

    fn accept(&mut self) -> io::Result<()> {
        let listener = self.listener.as_ref().ok_or_else(|| io::Error::other("nobody listens"))?;
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(WATCHDOG))?;
        stream.set_write_timeout(Some(WATCHDOG))?;
        self.stream = Some(stream);
        Ok(())
    }

    fn read(&mut self, count: usize) -> io::Result<()> {
        let mut buffer = vec![0; count];
        let mut got = 0;
        while got < count {
            match self.stream()?.read(&mut buffer[got..]) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            }
        }
        if got < count {
            self.saw.push("not all that it waited for".to_owned());
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let (bytes, how) = self.until_the_end()?;
        let bytes = shown(bytes, self.scenario.bytes);
        self.saw.push(format!("{bytes} bytes, {how}"));
        Ok(())
    }

    fn end_or_open(&mut self) -> io::Result<()> {
        self.server.turns()?;
        self.stream()?.set_read_timeout(Some(NEVER))?;
        match self.end() {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.saw.push("open".to_owned());
                Ok(())
            }
            other => other,
        }
    }

    /// How many bytes came first depends on the two kernels' buffers.
    fn reset_seen(&mut self) -> io::Result<()> {
        let (_, how) = self.until_the_end()?;
        self.saw.push(how.to_owned());
        Ok(())
    }

    fn until_the_end(&mut self) -> io::Result<(u64, &'static str)> {
        let mut buffer = vec![0; 64 * 1024];
        let mut bytes = 0;
        loop {
            match self.stream()?.read(&mut buffer) {
                Ok(0) => return Ok((bytes, "FIN")),
                Ok(more) => bytes += more as u64,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok((bytes, "RST"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn reset(&mut self) -> io::Result<()> {
        let stream = self.stream.take().ok_or_else(|| io::Error::other("no connection"))?;
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
        Ok(()) // dropped, and so closed
    }

    /// Waits until the protocol has heard of the end, which it may never do.
    fn wait_for_the_end(&mut self) -> io::Result<()> {
        if !self.server.seen().wait_for("lost", NEVER) {
            self.saw.push("still open".to_owned());
        }
        Ok(())
    }
}
