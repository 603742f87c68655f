//! makefile: readers and writers of a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{Failure, List, caught};
use crate::{by_type, probes};

type Reader = BufReader<SocketIo>;

fn shared_pair() -> Result<(Arc<Socket>, Arc<Socket>)> {
    let (client, server) = pair()?;
    Ok((client.into(), server.into()))
}

/// What a reader gives of this, and the end of input.
fn read<T>(data: &[u8], call: fn(&mut Reader) -> Result<T, Failure>) -> Result<T, Failure> {
    let (client, server) = shared_pair()?;
    client.send_all(data)?;
    drop(client);
    call(&mut server.makefile().0)
}

fn line(file: &mut Reader) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    Ok(line)
}

fn lines(file: &mut Reader) -> Result<List<Vec<u8>>, Failure> {
    let mut lines = Vec::new();
    loop {
        match line(file)? {
            end if end.is_empty() => return Ok(List(lines)),
            line => lines.push(line),
        }
    }
}

fn some(file: &mut impl Read, count: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; count];
    let count = file.read(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn all(file: &mut Reader) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn io(socket: &Arc<Socket>) -> SocketIo {
    SocketIo::from(socket.clone())
}

type MakeFile = fn(&Arc<Socket>) -> (Reader, std::io::BufWriter<SocketIo>);

probes! { "files":
    line = read(b"one\ntwo\n", line)?;
    lines = read(b"one\ntwo", lines)?;
    lines_by_turns = read(b"one\ntwo", |f| Ok(List(vec![line(f)?, line(f)?, line(f)?])))?;
    carriage_returns_are_kept = read(b"a\r\nb", lines)?;
    all = read(b"hello", all)?;
    some = read(b"hello", |f| Ok((some(f, 2)?, some(f, 9)?)))?;
    nothing = read(b"hello", |f| some(f, 0))?;
    of_nothing = read(b"", |f| Ok((all(f)?, line(f)?)))?;
    without_a_buffer = {
        let (client, server) = shared_pair()?;
        client.send_all(b"one\ntwo\n")?;
        (some(&mut io(&server), 4)?, some(&mut io(&server), 4)?)
    };
    what_is_written_waits = {
        let (client, server) = shared_pair()?;
        let (_, mut file) = client.makefile();
        let count = file.write(b"hello")?;
        server.set_blocking(false)?;
        let early = caught(server.recv(16));
        file.flush()?;
        (count, early, server.recv(16)?)
    };
    what_is_written_leaves_at_its_end = {
        let (client, server) = shared_pair()?;
        let (_, mut file) = client.makefile();
        file.write_all(b"hello")?;
        drop(file);
        server.recv(16)?
    };
    without_a_buffer_it_leaves_at_once = {
        let (client, server) = shared_pair()?;
        (io(&client).write(b"hello")?, server.recv(16)?)
    };
    closing_a_file_leaves_the_socket_open = {
        let (client, server) = shared_pair()?;
        drop(server.makefile());
        client.send_all(b"hello")?;
        server.recv(16)?
    };
    a_file_keeps_it_open = {
        let (client, server) = shared_pair()?;
        let (mut file, _) = server.makefile();
        drop(server);
        client.send_all(b"hello\n")?;
        line(&mut file)?
    };
    closed_with_its_last_file = {
        let (client, server) = shared_pair()?;
        let files = server.makefile();
        drop(server);
        client.set_blocking(false)?;
        let early = caught(client.recv(16));
        drop(files);
        (early, client.recv(16)?)
    };
    recv_on_one_that_was_closed_under_its_file = {
        by_type!(Socket::close, fn(&mut Socket) -> Result<()>, "it is shared, and cannot be closed")
    };
    read_after_a_deadline = {
        let (client, server) = shared_pair()?;
        server.set_timeout(Some(MOMENT))?;
        let (mut file, _) = server.makefile();
        let first = caught(line(&mut file));
        client.send_all(b"late\n")?;
        wait_readable(&server)?;
        (first, caught(line(&mut file)))
    };
    what_came_before_a_deadline_is_kept = {
        let (client, server) = shared_pair()?;
        server.set_timeout(Some(MOMENT))?;
        let ((mut file, _), mut line) = (server.makefile(), Vec::new());
        client.send_all(b"half")?;
        wait_readable(&server)?;
        let first = caught(file.read_until(b'\n', &mut line));
        client.send_all(b" and half\n")?;
        wait_readable(&server)?;
        file.read_until(b'\n', &mut line)?;
        (first, line)
    };
    read_now_of_nothing = {
        let (_client, server) = shared_pair()?;
        server.set_blocking(false)?;
        caught(some(&mut io(&server), 4))
    };
    write_now_without_room = {
        let (client, _server) = shared_pair()?;
        fill(&client)?;
        caught(io(&client).write(b"x"))
    };
    reader_and_writer = {
        let (client, server) = shared_pair()?;
        let (mut reader, mut writer) = server.makefile();
        client.send_all(b"one\ntwo\n")?;
        let first = line(&mut reader)?;
        writer.write_all(b"answer\n")?;
        writer.flush()?;
        (first, line(&mut reader)?, client.recv(16)?)
    };
    after_a_reset = {
        let socket = Arc::new(reset()?);
        wait_readable(&socket)?;
        caught(self::all(&mut socket.makefile().0))
    };
    write_to_one_that_is_gone = {
        let (client, server) = shared_pair()?;
        drop(server);
        client.send(b"x")?;
        caught(io(&client).write(b"x"))
    };
    unknown_mode = by_type!(Socket::makefile, MakeFile, "a reader and a writer");
    text_without_a_buffer = by_type!(Socket::makefile, MakeFile, "a reader and a writer");
    text = {
        let ((client, server), mut line) = (shared_pair()?, String::new());
        client.send_all("é\n".as_bytes())?;
        server.makefile().0.read_line(&mut line)?;
        line == "é\n"
    };
    text_that_is_none = {
        let ((client, server), mut line) = (shared_pair()?, String::new());
        client.send_all(b"\xff\n")?;
        caught(server.makefile().0.read_line(&mut line))
    };
    of_a_closed_socket = {
        let mut socket = tcp()?;
        socket.close()?;
        caught(self::some(&mut Arc::new(socket).makefile().0, 1))
    };
}
