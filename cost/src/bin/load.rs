//! The load: asks an echo server on this machine and checks every answer.
//!
//! Owns the patterns that make counts repeat: `wave`, `single`, `churn`, `idle`. Never
//! measures anything, never runs without end, and never passes over a wrong answer.

use std::{
    env,
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

const USAGE: &str = "\
usage: load PATTERN PORT CONNECTIONS ROUNDS [hold]

  wave    each round writes one message on every connection,
          then reads the replies in reverse order
  single  each round asks on one connection after the other:
          one message in flight in all
  churn   each round opens CONNECTIONS, sends one message each way on every one,
          and closes them
  idle    opens CONNECTIONS, which stay silent; ROUNDS is 0

A message has 64 bytes. When the last reply has come, `done` is printed. With `hold` the
connections then stay open until a line, or the end, of standard input.
A wrong or missing answer ends the run with exit code 1.";

/// A connection and the messages due on it.
struct Connection {
    stream: TcpStream,
    number: u64,
}

type Message = [u8; 64];

/// How many connections may wait to be accepted. mio's backlog is 128; past it a connect is
/// dropped and tried again a second later.
const OPENED_AT_ONCE: u64 = 100;
/// What one run may ask for, so that a slip of the finger ends too.
const CONNECTIONS_MAX: u64 = 15_000;
const MESSAGES_MAX: u64 = 100_000_000;
/// How long one answer may take. A server under callgrind on a busy machine is slow; one
/// that lost a message is silent for ever.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(1)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (pattern, port, connections, rounds, hold) = match arguments {
        [pattern, port, connections, rounds] => (pattern, port, connections, rounds, false),
        [pattern, port, connections, rounds, hold] if hold == "hold" => {
            (pattern, port, connections, rounds, true)
        }
        _ => return Err(USAGE.into()),
    };
    let server = SocketAddr::from(([127, 0, 0, 1], port.parse()?));
    let connections = bounded("CONNECTIONS", connections, 1, CONNECTIONS_MAX)?;
    let rounds = bounded("ROUNDS", rounds, 0, MESSAGES_MAX / connections)?;

    let open = match pattern.as_str() {
        "wave" => wave(server, connections, rounds)?,
        "single" => single(server, connections, rounds)?,
        "churn" => churn(server, connections, rounds)?,
        "idle" if rounds == 0 => open(server, connections)?,
        _ => return Err(USAGE.into()),
    };

    println!("done");
    if hold {
        io::stdin().read_line(&mut String::new())?;
    }
    close(open)?;
    Ok(())
}

fn wave(server: SocketAddr, connections: u64, rounds: u64) -> io::Result<Vec<Connection>> {
    let mut open = open(server, connections)?;
    for round in 0..rounds {
        for connection in &mut open {
            connection.ask(round)?;
        }
        // In reverse: the last reply is sent last, so the wait for it is the only one,
        // and the server takes the whole wave in one turn.
        for connection in open.iter_mut().rev() {
            connection.check(round)?;
        }
    }
    Ok(open)
}

fn single(server: SocketAddr, connections: u64, rounds: u64) -> io::Result<Vec<Connection>> {
    let mut open = open(server, connections)?;
    for round in 0..rounds {
        for connection in &mut open {
            connection.ask(round)?;
            connection.check(round)?;
        }
    }
    Ok(open)
}

fn churn(server: SocketAddr, connections: u64, rounds: u64) -> io::Result<Vec<Connection>> {
    // A server ends with its last connection: one stays, so that it ends after the churn.
    let anchor = open(server, 1)?;
    for round in 0..rounds {
        let mut open = (1..=connections)
            .map(|number| Connection::open(server, number))
            .collect::<io::Result<Vec<_>>>()?;
        for connection in &mut open {
            connection.ask(round)?;
        }
        for connection in open.iter_mut().rev() {
            connection.check(round)?;
        }
        close(open)?;
    }
    Ok(anchor)
}

/// Opens connections, all of them accepted on return.
fn open(server: SocketAddr, connections: u64) -> io::Result<Vec<Connection>> {
    let mut open = Vec::new();
    for number in 0..connections {
        let mut connection = Connection::open(server, number)?;
        // A server accepts in order: when this one is answered, those before it were
        // accepted too. Without it the silent ones would overrun the server's backlog.
        if (number + 1) % OPENED_AT_ONCE == 0 || number + 1 == connections {
            connection.ask(u64::MAX)?;
            connection.check(u64::MAX)?;
        }
        open.push(connection);
    }
    Ok(open)
}

/// Closes all, and sees that nothing more was said and that the server closes too.
fn close(open: Vec<Connection>) -> io::Result<()> {
    for connection in &open {
        connection.stream.shutdown(Shutdown::Write)?;
    }
    for mut connection in open {
        match connection.stream.read(&mut [0])? {
            0 => {}
            _ => return Err(connection.wrong("said more than it was asked")),
        }
    }
    Ok(())
}

impl Connection {
    fn open(server: SocketAddr, number: u64) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection { stream, number })
    }

    fn ask(&mut self, round: u64) -> io::Result<()> {
        self.stream.write_all(&message(self.number, round))
    }

    fn check(&mut self, round: u64) -> io::Result<()> {
        let mut reply: Message = [0; 64];
        self.stream.read_exact(&mut reply).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.wrong("was closed before its answer"),
            ErrorKind::WouldBlock => self.wrong("had no answer in time"),
            _ => error,
        })?;
        match reply == message(self.number, round) {
            true => Ok(()),
            false => Err(self.wrong("had a wrong answer")),
        }
    }

    fn wrong(&self, what: &str) -> io::Error {
        io::Error::other(format!("connection {} {what}", self.number))
    }
}

/// No two messages of a run are alike, so an answer that went astray shows.
fn message(connection: u64, round: u64) -> Message {
    let mut message = [0; 64];
    let mut state = connection.rotate_left(32) ^ round;
    for word in message.chunks_exact_mut(8) {
        // SplitMix64, for bytes without a pattern.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    message
}

fn bounded(name: &str, text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{name} is `{text}`, not a number from {least} to {most}")),
    }
}
