//! What passes, for people: a line for each piece, in text or in hex.
//! Owns: the escaping, the cutting into lines, the counts.
//! Never: writes anywhere itself, or changes, delays or drops a byte.

use std::fmt;
use std::fmt::Write;
use std::io;

use crate::protocol::{Below, Layer, Reason, Up};

pub use crate::limits::LOG_LABEL_CHARS as LABEL_CHARS;
pub use crate::limits::LOG_LINE_CHARS as LINE_CHARS;

const HEX_BYTES: usize = 16;

type Sink = Box<dyn FnMut(&str)>;

/// Tells a sink what passes at its place in the stack.
///
/// A line is `label < "payload"` for what was received, `>` for what was written, `-`
/// for what happened; it has no newline, and no other control character, whatever the
/// peer sent.
///
/// ```
/// use ropewalk::policy::TrafficLog;
/// use ropewalk::testing::LayerBench;
/// use std::{cell::RefCell, rc::Rc};
/// let lines = Rc::new(RefCell::new(Vec::new()));
/// let sink = lines.clone();
/// let mut layer = TrafficLog::text("web", move |line| sink.borrow_mut().push(line.to_owned()));
/// LayerBench::new().receive(&mut layer, b"GET /\r\n");
/// LayerBench::new().write(&mut layer, b"\x1b[2J");
/// assert_eq!(lines.borrow()[0], r#"web < "GET /\r\n""#);
/// assert_eq!(lines.borrow()[1], r#"web > "\x1b[2J""#);
/// ```
#[doc(alias = "TrafficLoggingFactory")]
pub struct TrafficLog {
    label: String,
    format: Format,
    sink: Sink,
    received: u64,
    written: u64,
    line: String,
    limit: usize,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Text,
    Hex,
}

impl TrafficLog {
    /// Shows bytes as text, with escapes for all that is not printable ASCII.
    pub fn text(label: impl fmt::Display, sink: impl FnMut(&str) + 'static) -> TrafficLog {
        TrafficLog::new(label, Format::Text, Box::new(sink))
    }

    /// Shows bytes in hex, 16 on a line, with their place in the stream and as text.
    pub fn hex(label: impl fmt::Display, sink: impl FnMut(&str) + 'static) -> TrafficLog {
        TrafficLog::new(label, Format::Hex, Box::new(sink))
    }

    fn new(label: impl fmt::Display, format: Format, sink: Sink) -> TrafficLog {
        let label = shorten(&label.to_string(), LABEL_CHARS);
        TrafficLog {
            label,
            format,
            sink,
            received: 0,
            written: 0,
            line: String::new(),
            limit: usize::MAX,
        }
    }

    /// Shows at most so many bytes of a piece, and how many more there were.
    #[must_use]
    #[doc(alias = "lengthLimit")]
    pub fn at_most(self, bytes: usize) -> TrafficLog {
        TrafficLog { limit: bytes, ..self }
    }

    /// A sink that writes each line to a file, or whatever takes bytes. The first error is
    /// logged, and nothing is written after it. A write blocks the connection's loop for as
    /// long as it takes: a file on this machine will do, a pipe that nobody reads will not.
    ///
    /// ```
    /// use ropewalk::policy::TrafficLog;
    /// use ropewalk::testing::LayerBench;
    /// # let folder = std::env::temp_dir().join(format!("ropewalk-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let path = folder.join("traffic.log");
    /// let file = std::fs::File::create(&path).unwrap();
    /// let mut layer = TrafficLog::text("web", TrafficLog::to_writer(file));
    /// LayerBench::new().receive(&mut layer, b"GET /");
    /// assert_eq!(std::fs::read_to_string(&path).unwrap(), "web < \"GET /\"\n");
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// ```
    pub fn to_writer(writer: impl io::Write + 'static) -> impl FnMut(&str) + 'static {
        let mut writer = Some(writer);
        move |line| {
            let Some(open) = &mut writer else { return };
            // In one call, so that lines of several connections do not mix.
            if let Err(error) = open.write_all(format!("{line}\n").as_bytes()) {
                tracing::error!("a traffic log ends, since it could not be written: {error}");
                writer = None;
            }
        }
    }

    /// Bytes received so far.
    pub fn received_bytes(&self) -> u64 {
        self.received
    }

    /// Bytes written so far.
    pub fn written_bytes(&self) -> u64 {
        self.written
    }

    fn payload(&mut self, direction: char, offset: u64, data: &[u8]) {
        let (shown, more) = data.split_at(self.limit.min(data.len()));
        match self.format {
            Format::Text => self.text_lines(direction, shown),
            Format::Hex => self.hex_lines(direction, offset, shown),
        }
        if !more.is_empty() {
            self.begin(direction);
            let _ = write!(self.line, "… {} bytes more", more.len());
            (self.sink)(&self.line);
        }
    }

    fn text_lines(&mut self, direction: char, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            self.begin(direction);
            self.line.push('"');
            let mut room = LINE_CHARS - 2;
            let mut count = 0;
            for &byte in rest {
                let escaped = byte.escape_ascii();
                match room.checked_sub(escaped.len()) {
                    Some(less) => room = less,
                    None => break,
                }
                self.line.extend(escaped.map(char::from));
                count += 1;
            }
            self.line.push('"');
            (self.sink)(&self.line);
            rest = &rest[count..]; // at least one: a byte takes four characters at most
        }
    }

    fn hex_lines(&mut self, direction: char, mut offset: u64, data: &[u8]) {
        for row in data.chunks(HEX_BYTES) {
            self.begin(direction);
            // Writing to a String cannot fail.
            let _ = write!(self.line, "{offset:08x} ");
            for byte in row {
                let _ = write!(self.line, " {byte:02x}");
            }
            let missing = (HEX_BYTES - row.len()) * 3;
            let _ = write!(self.line, "{:missing$}  |", "");
            let shown =
                |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
            self.line.extend(row.iter().map(shown));
            self.line.push('|');
            (self.sink)(&self.line);
            offset += row.len() as u64; // at most 16
        }
    }

    fn happened(&mut self, what: &str) {
        let what = shorten(what, LINE_CHARS);
        self.begin('-');
        self.line.push_str(&what);
        (self.sink)(&self.line);
    }

    fn begin(&mut self, direction: char) {
        self.line.clear();
        let _ = write!(self.line, "{} {direction} ", self.label);
    }
}

/// The text on one line: control characters escaped, cut at so many characters.
fn shorten(text: &str, chars: usize) -> String {
    let mut line = String::new();
    let mut room = chars;
    for char in text.chars() {
        let escaped = char.escape_default();
        let length = if char.is_control() { escaped.len() } else { 1 };
        match room.checked_sub(length) {
            Some(less) => room = less,
            None => break,
        }
        match char.is_control() {
            true => line.extend(escaped),
            false => line.push(char),
        }
    }
    line
}

impl Layer for TrafficLog {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        self.happened(&format!("started, the peer is {}", below.peer_addr()));
        up.made();
    }

    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        self.payload('<', self.received, data);
        self.received += data.len() as u64; // a usize fits
        up.pass(data);
    }

    fn eof(&mut self, _: &mut Below<'_>, up: &mut Up<'_>) {
        self.happened("the peer ended its input");
        up.eof();
    }

    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        self.payload('>', self.written, data);
        self.written += data.len() as u64; // a usize fits
        below.write(data);
    }

    fn finish(&mut self, _: &mut Below<'_>) {
        self.happened("we ended our output");
    }

    fn lost(&mut self, why: &Reason) {
        self.happened(&format!("over: {why}"));
    }
}

impl fmt::Debug for TrafficLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficLog")
            .field("label", &self.label)
            .field("format", &self.format)
            .field("received", &self.received)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::testing::{LayerBench, every_split};

    type Lines = Rc<RefCell<Vec<String>>>;

    fn sink(lines: &Lines) -> impl FnMut(&str) + 'static {
        let lines = lines.clone();
        move |line| lines.borrow_mut().push(line.to_owned())
    }

    #[test]
    fn the_life_of_a_connection_is_told_in_order() {
        let lines = Lines::default();
        let mut layer = TrafficLog::text("a", sink(&lines));
        let mut bench = LayerBench::new();
        assert!(bench.start(&mut layer));
        bench.receive(&mut layer, b"hi\r\n");
        bench.write(&mut layer, "é\"\\".as_bytes());
        assert!(bench.eof(&mut layer));
        bench.finish(&mut layer);
        bench.lose(&mut layer, &Reason::failed("line\nbreak"));
        let want = [
            "a - started, the peer is 127.0.0.1:50000",
            r#"a < "hi\r\n""#,
            r#"a > "\xc3\xa9\"\\""#,
            "a - the peer ended its input",
            "a - we ended our output",
            r"a - over: failed: line\nbreak",
        ];
        assert_eq!(*lines.borrow(), want);
    }

    #[test]
    fn bytes_pass_unchanged_however_they_are_cut() {
        let input: Vec<u8> = (0..=255).collect();
        every_split(&input, |pieces| {
            let mut layer = TrafficLog::hex("", |_| ());
            let mut bench = LayerBench::new();
            let up: Vec<_> = pieces.iter().flat_map(|p| bench.receive(&mut layer, p)).collect();
            let down: Vec<_> = pieces.iter().flat_map(|p| bench.write(&mut layer, p)).collect();
            assert_eq!((&up, &down), (&input, &input));
            assert_eq!((layer.received_bytes(), layer.written_bytes()), (256, 256));
        });
    }

    #[test]
    fn no_line_is_longer_than_its_bound_and_none_has_a_control_character() {
        let lines = Lines::default();
        let label = "label\n".repeat(100);
        let input: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for mut layer in
            [TrafficLog::text(&label, sink(&lines)), TrafficLog::hex(&label, sink(&lines))]
        {
            LayerBench::new().receive(&mut layer, &input);
            layer.lost(&Reason::failed("x\u{7}".repeat(1000)));
        }
        for line in lines.borrow().iter() {
            assert!(line.chars().count() <= LABEL_CHARS + 3 + LINE_CHARS, "{line}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn long_text_goes_on_in_the_next_line_and_loses_nothing() {
        let lines = Lines::default();
        let mut layer = TrafficLog::text("", sink(&lines));
        LayerBench::new().receive(&mut layer, &[b'x'; 1000]);
        let shown: usize = lines.borrow().iter().map(|line| line.matches('x').count()).sum();
        assert_eq!((shown, lines.borrow().len()), (1000, 1000_usize.div_ceil(LINE_CHARS - 2)));
    }

    #[test]
    fn hex_shows_the_place_in_the_stream() {
        let lines = Lines::default();
        let mut layer = TrafficLog::hex("h", sink(&lines));
        let mut bench = LayerBench::new();
        bench.receive(&mut layer, b"0123456789abcdefXY");
        bench.receive(&mut layer, b"\0~\x7f");
        let want = [
            "h < 00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|",
            "h < 00000010  58 59                                            |XY|",
            "h < 00000012  00 7e 7f                                         |.~.|",
        ];
        assert_eq!(*lines.borrow(), want);
    }

    #[test]
    fn of_a_long_piece_the_beginning_is_shown_and_how_much_more_there_was() {
        let lines = Lines::default();
        for layer in [TrafficLog::text("t", sink(&lines)), TrafficLog::hex("h", sink(&lines))] {
            let (mut bench, mut layer) = (LayerBench::new(), layer.at_most(3));
            assert_eq!(bench.receive(&mut layer, b"abcdef"), b"abcdef");
            assert_eq!(bench.write(&mut layer, b"abc"), b"abc");
            assert_eq!(layer.received_bytes(), 6);
        }
        let want = [
            r#"t < "abc""#,
            "t < … 3 bytes more",
            r#"t > "abc""#,
            "h < 00000000  61 62 63                                         |abc|",
            "h < … 3 bytes more",
            "h > 00000000  61 62 63                                         |abc|",
        ];
        assert_eq!(*lines.borrow(), want);
    }

    #[test]
    fn a_writer_that_fails_is_written_no_more_and_the_bytes_pass() {
        struct Full(Rc<RefCell<usize>>);
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                *self.0.borrow_mut() += 1;
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let calls = Rc::default();
        let mut layer = TrafficLog::text("", TrafficLog::to_writer(Full(Rc::clone(&calls))));
        let mut bench = LayerBench::new();
        for _ in 0..3 {
            assert_eq!(bench.receive(&mut layer, b"x"), b"x");
        }
        assert_eq!(*calls.borrow(), 1);
    }
}
