//! The files of `makefile`, under each buffer and as bytes and text.
//!
//! A promise is one function, and each class of CPython's asks for it with files of its own:
//! the buffers and the text are std's, around [`SocketIo`].

use std::io::{BufRead, BufReader, BufWriter, ErrorKind as IoKind, LineWriter, Read, Write};
use std::sync::Arc;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, tcp_pair};
use crate::sockets::{MSG, wait_until_readable};

/// Where the message is cut: between two characters.
const CUT: usize = MSG.len() - 5;

type Reader = Box<dyn BufRead>;
type Writer = Box<dyn Write>;

/// How a class of CPython's makes its files.
struct Made {
    reader: fn(Arc<Socket>) -> Reader,
    writer: fn(Arc<Socket>) -> Writer,
    /// Whether the reader is asked for text.
    reads_text: bool,
    /// Whether the writer is given text.
    writes_text: bool,
}

const DEFAULT: Made = Made {
    reader: |socket| Box::new(socket.makefile().0),
    writer: |socket| Box::new(socket.makefile().1),
    reads_text: false,
    writes_text: false,
};

/// Files around a socket each, and the sockets.
struct Files {
    reader: Reader,
    client: Arc<Socket>,
    writer: Writer,
    server: Arc<Socket>,
    made: Made,
}

impl Made {
    fn files(self) -> Files {
        let (client, server) = tcp_pair();
        let (client, server) = (Arc::new(client), Arc::new(server));
        let reader = (self.reader)(client.clone());
        let writer = (self.writer)(server.clone());
        Files { reader, client, writer, server, made: self }
    }
}

impl Files {
    /// So many bytes, or as many as come before the end of input.
    fn read(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        let mut part = self.reader.by_ref().take(count.try_into().unwrap());
        if self.made.reads_text {
            let mut text = String::new();
            return part.read_to_string(&mut text).map(|_| text.into_bytes());
        }
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).map(|_| bytes)
    }

    fn read_line(&mut self) -> Vec<u8> {
        let mut text = String::new();
        if self.made.reads_text {
            self.reader.read_line(&mut text).unwrap();
            return text.into_bytes();
        }
        let mut bytes = Vec::new();
        self.reader.read_until(b'\n', &mut bytes).unwrap();
        bytes
    }

    /// Writes, and lets it go.
    fn tell(&mut self, bytes: &[u8]) {
        if self.made.writes_text {
            write!(self.writer, "{}", std::str::from_utf8(bytes).unwrap()).unwrap();
        } else {
            self.writer.write_all(bytes).unwrap();
        }
        self.writer.flush().unwrap();
    }

    /// Nothing comes after what was written.
    fn end(self) -> (Reader, Arc<Socket>) {
        drop((self.writer, self.server));
        (self.reader, self.client)
    }
}

// What every class promises.

/// Python's reader refuses from then on; ours goes on.
fn read_after_timeout(made: Made) {
    let mut files = made.files();
    files.tell(b"abc");
    files.client.set_timeout(Some(SOON)).unwrap();
    assert_eq!(files.read(3).unwrap(), b"abc");
    for _ in 0..2 {
        assert_eq!(files.read(1).unwrap_err().kind(), IoKind::TimedOut);
    }
    files.client.set_timeout(Some(WATCHDOG)).unwrap();
    files.tell(MSG);
    assert_eq!(files.read(MSG.len()).unwrap(), MSG);
}

fn small_read(made: Made) {
    let mut files = made.files();
    files.tell(MSG);
    assert_eq!(files.read(CUT).unwrap(), &MSG[..CUT]);
    assert_eq!(files.read(MSG.len() - CUT).unwrap(), &MSG[CUT..]);
}

fn full_read(made: Made) {
    let mut files = made.files();
    files.tell(MSG);
    let mut arrived = Vec::new();
    files.end().0.read_to_end(&mut arrived).unwrap();
    assert_eq!(arrived, MSG);
}

/// One byte at a time.
fn unbuffered_read(made: Made) {
    let mut files = made.files();
    files.tell(MSG);
    let (reader, _client) = files.end();
    let bytes: Vec<u8> = reader.bytes().map(|byte| byte.unwrap()).collect();
    assert_eq!(bytes, MSG);
}

fn readline(made: Made) {
    let mut files = made.files();
    files.tell(MSG);
    files.tell(MSG);
    assert_eq!(files.read_line(), MSG);
    assert_eq!(files.read_line(), MSG);
}

fn close_after_makefile(made: Made) {
    let mut files = made.files();
    files.tell(MSG);
    let (mut reader, client) = files.end();
    drop(client);
    let mut arrived = Vec::new();
    reader.read_to_end(&mut arrived).unwrap();
    assert_eq!(arrived, MSG);
}

fn makefile_after_makefile_close(made: Made) {
    let mut files = made.files();
    drop(std::mem::replace(&mut files.reader, Box::new(std::io::empty())));
    files.tell(MSG);
    assert_eq!(files.client.recv(1024).unwrap(), MSG);
}

fn real_close(made: Made) {
    let Files { reader, mut client, writer, server, .. } = made.files();
    assert!(Arc::get_mut(&mut client).is_none(), "nobody closes it under its file");
    drop(reader);
    let client = Arc::get_mut(&mut client).unwrap();
    client.close().unwrap();
    assert_eq!(client.local_addr().unwrap_err().kind(), ErrorKind::Closed);
    drop(writer);
    assert_eq!(server.recv(1).unwrap(), b"");
}

mod file_object_class_test_case {
    use super::*;

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(DEFAULT);
    }

    #[test]
    fn test_small_read() {
        small_read(DEFAULT);
    }

    #[test]
    fn test_full_read() {
        full_read(DEFAULT);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(DEFAULT);
    }

    #[test]
    fn test_readline() {
        readline(DEFAULT);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(DEFAULT);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(DEFAULT);
    }

    #[test]
    fn test_real_close() {
        real_close(DEFAULT);
    }
}

mod unbuffered_file_object_class_test_case {
    use super::*;

    /// Nothing is read ahead, nothing held back.
    const MADE: Made = Made {
        // One byte is not ahead of anything.
        reader: |socket| Box::new(BufReader::with_capacity(1, SocketIo::from(socket))),
        writer: |socket| Box::new(SocketIo::from(socket)),
        ..DEFAULT
    };

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(MADE);
    }

    #[test]
    fn test_small_read() {
        small_read(MADE);
    }

    #[test]
    fn test_full_read() {
        full_read(MADE);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(MADE);
    }

    #[test]
    fn test_readline() {
        readline(MADE);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(MADE);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(MADE);
    }

    #[test]
    fn test_real_close() {
        real_close(MADE);
    }

    #[test]
    fn test_unbuffered_readline() {
        let mut files = MADE.files();
        files.tell(&[b"A. ", MSG, b"B. ", MSG].concat());
        assert_eq!(files.read_line(), [b"A. ", MSG].concat());
        files.reader = (MADE.reader)(files.client.clone());
        assert_eq!(files.read_line(), [b"B. ", MSG].concat(), "the first file kept nothing");
    }

    #[test]
    fn test_makefile_close() {
        let mut files = MADE.files();
        files.tell(MSG);
        let Files { mut reader, client, server, .. } = files;
        drop(client);
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        assert_eq!(line, MSG, "the file keeps it open");
        drop(reader);
        assert_eq!(server.recv(1).unwrap(), b"", "nobody else did");
    }

    #[test]
    fn test_makefile_close_socket_destroy() {
        let Files { reader, client, .. } = MADE.files();
        let before = Arc::strong_count(&client);
        drop(reader);
        assert_eq!(Arc::strong_count(&client), before - 1);
    }

    #[test]
    fn test_small_read_non_blocking() {
        let mut files = MADE.files();
        let mut file = SocketIo::from(files.client.clone());
        files.client.set_blocking(false).unwrap();
        let mut buffer = [0; 1024];
        assert_eq!(file.read(&mut buffer).unwrap_err().kind(), IoKind::WouldBlock);
        files.tell(MSG);
        wait_until_readable(&files.client);
        assert_eq!(file.read(&mut buffer[..CUT]).unwrap(), CUT);
        assert_eq!(file.read(&mut buffer[CUT..]).unwrap(), MSG.len() - CUT);
        assert_eq!(&buffer[..MSG.len()], MSG);
        assert_eq!(file.read(&mut buffer).unwrap_err().kind(), IoKind::WouldBlock);
    }

    #[test]
    fn test_write_non_blocking() {
        let mut files = MADE.files();
        files.server.set_blocking(false).unwrap();
        let big = vec![b'x'; 16 << 20];
        assert!(files.writer.write(&big).unwrap() > 0, "a part of it has room");
        let full = (0..10).find_map(|_| files.writer.write(&big).err());
        assert_eq!(full.map(|error| error.kind()), Some(IoKind::WouldBlock));
    }
}

mod line_buffered_file_object_class_test_case {
    use super::*;

    const MADE: Made =
        Made { writer: |socket| Box::new(LineWriter::new(SocketIo::from(socket))), ..DEFAULT };

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(MADE);
    }

    #[test]
    fn test_small_read() {
        small_read(MADE);
    }

    #[test]
    fn test_full_read() {
        full_read(MADE);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(MADE);
    }

    #[test]
    fn test_readline() {
        readline(MADE);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(MADE);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(MADE);
    }

    #[test]
    fn test_real_close() {
        real_close(MADE);
    }
}

mod small_buffered_file_object_class_test_case {
    use super::*;

    const MADE: Made = Made {
        reader: |socket| Box::new(BufReader::with_capacity(2, SocketIo::from(socket))),
        writer: |socket| Box::new(BufWriter::with_capacity(2, SocketIo::from(socket))),
        ..DEFAULT
    };

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(MADE);
    }

    #[test]
    fn test_small_read() {
        small_read(MADE);
    }

    #[test]
    fn test_full_read() {
        full_read(MADE);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(MADE);
    }

    #[test]
    fn test_readline() {
        readline(MADE);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(MADE);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(MADE);
    }

    #[test]
    fn test_real_close() {
        real_close(MADE);
    }
}

mod unicode_read_file_object_class_test_case {
    use super::*;

    const MADE: Made = Made { reads_text: true, ..DEFAULT };

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(MADE);
    }

    #[test]
    fn test_small_read() {
        small_read(MADE);
    }

    #[test]
    fn test_full_read() {
        full_read(MADE);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(MADE);
    }

    #[test]
    fn test_readline() {
        readline(MADE);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(MADE);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(MADE);
    }

    #[test]
    fn test_real_close() {
        real_close(MADE);
    }
}

mod unicode_write_file_object_class_test_case {
    use super::*;

    const MADE: Made = Made { writes_text: true, ..DEFAULT };

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(MADE);
    }

    #[test]
    fn test_small_read() {
        small_read(MADE);
    }

    #[test]
    fn test_full_read() {
        full_read(MADE);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(MADE);
    }

    #[test]
    fn test_readline() {
        readline(MADE);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(MADE);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(MADE);
    }

    #[test]
    fn test_real_close() {
        real_close(MADE);
    }
}

mod unicode_read_write_file_object_class_test_case {
    use super::*;

    const MADE: Made = Made { reads_text: true, writes_text: true, ..DEFAULT };

    #[test]
    fn test_read_after_timeout() {
        read_after_timeout(MADE);
    }

    #[test]
    fn test_small_read() {
        small_read(MADE);
    }

    #[test]
    fn test_full_read() {
        full_read(MADE);
    }

    #[test]
    fn test_unbuffered_read() {
        unbuffered_read(MADE);
    }

    #[test]
    fn test_readline() {
        readline(MADE);
    }

    #[test]
    fn test_close_after_makefile() {
        close_after_makefile(MADE);
    }

    #[test]
    fn test_makefile_after_makefile_close() {
        makefile_after_makefile_close(MADE);
    }

    #[test]
    fn test_real_close() {
        real_close(MADE);
    }
}
