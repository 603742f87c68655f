//! Every bound and every default, in one place, each with its unit, what it costs when
//! it is full, and what happens at it.
//! Never: holds behaviour; a bound that is not here does not exist.

use std::time::Duration;

/// Above this many unsent bytes a connection tells its protocol to pause writing.
/// Cost when full: as many bytes of heap a connection. At it: `Flow::Full`, then
/// `pause_writing`.
pub const WATER_HIGH_BYTES: usize = 64 * 1024;
/// At or below this many unsent bytes a paused writer is told to go on.
pub const WATER_LOW_BYTES: usize = 16 * 1024;
/// The hard limit is this many times the high mark (1 MiB by default). A write begun
/// below it is taken whole; one begun at or past it ends the connection with `Overrun`.
pub const HARD_LIMIT_TIMES_HIGH: usize = 16;

/// The hard limit of a connection whose high mark is 0, which means "tell me of every
/// unsent byte", not "end at the first".
pub const HARD_LIMIT_OF_NO_MARK_BYTES: usize = 16 * 1024;

/// The hard limit that belongs to a high mark.
pub fn hard_limit(water_high_bytes: usize) -> usize {
    match water_high_bytes {
        0 => HARD_LIMIT_OF_NO_MARK_BYTES,
        high => high.saturating_mul(HARD_LIMIT_TIMES_HIGH),
    }
}

/// Input that may wait for a paused protocol or layer, in bytes a connection. At it:
/// the driver is told to stop reading, and the rest waits in the kernel.
pub const HELD_BYTES: usize = 256 * 1024;
/// Layers between the wire and a protocol. At it: the connection ends with `Failed`.
pub const LAYERS: usize = 16;
/// Values that layers keep with one connection ([`Below::keep`](crate::protocol::Below::keep)).
/// Cost: a pointer each, and the value. At it: the connection ends with `Failed`.
pub const KEPT_VALUES: usize = 64;
/// Files to be sent and descriptors to be passed that one connection may have waiting.
/// Cost: a descriptor each. At it: `Flow::Full` for the last, and an error of the kind
/// `Full` for the next, of which nothing is taken.
pub const DESCRIPTORS_QUEUED: usize = 64;
/// Descriptors that come with one piece of input: what Linux carries with one message.
/// Cost: 1 KiB of a reading driver's stack while it reads. If the process has none left for
/// them, the connection ends with `Failed`.
pub const DESCRIPTORS_RECEIVED: usize = 253;
/// A pull producer that wrote nothing when it was asked is asked again after this pause,
/// doubling up to [`PULL_PAUSE_MAX`] while it writes nothing. Cost: a timer.
pub const PULL_PAUSE: Duration = Duration::from_millis(1);
/// See [`PULL_PAUSE`].
pub const PULL_PAUSE_MAX: Duration = Duration::from_millis(100);
/// Bytes of a file that one step gives the kernel to send. At it: other steps of the
/// connection come first.
pub const SEND_FILE_STEP_BYTES: usize = 256 * 1024;
/// Named timers of one protocol or layer armed at a time. At it: the connection ends
/// with `Failed`, since a protocol that arms them without end is broken.
pub const TIMERS_PER_CONNECTION: usize = 256;

/// From the accept (or connect) until the topmost layer says that it is ready, and so
/// `connection_made`. At it: `Deadline(Start)`.
pub const START: Duration = Duration::from_secs(10);
/// The handshake of a layer that negotiates (TLS). At it: `Deadline(Handshake)`.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// A PROXY header that does not come whole. At it: `Deadline(ProxyHeader)`.
pub const PROXY_HEADER: Duration = Duration::from_secs(3);
/// Written bytes that one record of TLS carries: the protocol's own bound. What callbacks
/// write is gathered up to it. Cost: as many bytes of heap a connection, while it is
/// written to. At it: a record is made, and the next one begins.
pub const TLS_RECORD_BYTES: usize = 16 * 1024;
/// The buffer in which they are gathered is kept if it is no larger: small answers then
/// allocate none. Cost: as many bytes of heap a connection.
pub const TLS_KEPT_BYTES: usize = 1024;
/// A file with certificates or keys. At it: it is refused.
pub const PEM_BYTES: usize = 1024 * 1024;
/// Unsent bytes of which the kernel takes none. At it: `Deadline(WriteStall)`.
pub const WRITE_STALL: Duration = Duration::from_secs(60);
/// The same after `close` or `shutdown_write`; each byte taken starts it anew. At it:
/// `Deadline(Flush)`.
pub const FLUSH: Duration = Duration::from_secs(5);
/// A lingering close waits so long for the peer's end of input. At it:
/// `Deadline(Linger)`.
pub const LINGER: Duration = Duration::from_secs(2);
/// A lingering close discards so many bytes of input. At it: it ends, as `Closed`.
pub const LINGER_BYTES: usize = 64 * 1024;
/// A connection that was reset while its reading was paused waits so long for the
/// protocol to resume and take what had arrived. At it: it is lost all the same, with
/// the count of what was not delivered.
pub const RESET_HELD: Duration = Duration::from_secs(60);

/// A whole attempt to connect: names, every address, each handshake of the kernel. At
/// it: `failed(Deadline(Connect))`.
pub const CONNECT: Duration = Duration::from_secs(10);
/// A name being resolved. At it: `failed(Deadline(Connect))`; a late answer is dropped.
pub const RESOLVE: Duration = Duration::from_secs(5);
/// Threads that resolve names, of each reactor and of all sockets together. Cost: a stack each
/// from the first name on.
pub const RESOLVER_THREADS: usize = 4;
/// Names that wait for one of them, abandoned ones included. At it: the attempt fails at once,
/// with `Failed` or `Full`.
pub const RESOLVER_WAITING: usize = 256;

/// Reactors of one [`Cores`](crate::reactor::Cores). Cost: a thread and a loop each. At it: more
/// are refused; by default there are as many as the process has cores.
pub const CORES: usize = 256;
/// Threads of each reactor that do blocking work. Cost: a stack each, while there is work.
pub const BLOCKING_THREADS: usize = 8;
/// Jobs that wait for one of them. At it: the next is refused with `Full`.
pub const BLOCKING_WAITING: usize = 1024;
/// A thread that has had nothing to do for so long ends.
pub const THREAD_IDLE: Duration = Duration::from_secs(10);

/// So long whoever connects to a name waits for an address to answer before it tries the next
/// one as well (RFC 8305's "Connection Attempt Delay"); a refusal ends the wait at once. Cost: a
/// socket for each that is not decided.
pub const CONNECT_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses that it tries at the same time. At it: the next waits until one has failed.
pub const CONNECT_AT_ONCE: usize = 8;
/// Addresses of one name that it tries at all. At it: the rest is not tried, and the log says
/// so.
pub const CONNECT_ADDRESSES: usize = 64;
/// The first delay of a reconnecting client, unless its settings say otherwise.
pub const RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// Its longest delay, unless its settings say otherwise. At it: it goes on with this one.
pub const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(60);
/// A connection that lived for so long was a good one, after which delays begin anew, unless
/// the settings say otherwise.
pub const RECONNECT_STABLE: Duration = Duration::from_secs(10);
/// The least delay between two attempts of a reconnecting client, whatever its settings say: it
/// must not spin.
pub const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(10);
/// The preparation of a new connection by a reconnecting client. At it: the connection ends with
/// `Deadline(Start)`, and counts as a failure.
pub const RECONNECT_PREPARE: Duration = Duration::from_secs(10);
/// Those who wait for the connection of one reconnecting client. Cost: a closure each. At it:
/// the newcomer hears `Full`.
pub const RECONNECT_WAITERS: usize = 1024;

/// Strangers that may connect to the listener of a `socketpair` over the loopback before its
/// own other end. At it: `Aborted`.
pub const PAIR_STRANGERS: u32 = 16;

/// How long a stop waits for connections to end in order. At it: the rest is cut with
/// `Stopped`, and counted in the report.
pub const DRAIN_GRACE: Duration = Duration::from_secs(10);
/// One phase of the hooks of a start may take so long. At it: the next one begins, and
/// [`Report::late_hooks`](crate::Report) counts who still held it.
pub const STARTUP_HOOKS: Duration = Duration::from_secs(30);
/// The hooks of a stop: those before the drain get half of its grace at most, those after it
/// what is left of it, and so much in any case. At it: as above.
pub const HOOKS_MARGIN: Duration = Duration::from_millis(250);
/// While draining, connections are told one after another, at most so far apart (and at
/// most half the grace in all), so that ten thousand clients do not come back at once.
pub const DRAIN_SPREAD: Duration = Duration::from_millis(1);

/// Bytes read from one connection in one turn. At it: it goes on the ready list.
pub const TURN_READ_BYTES: usize = 256 * 1024;
/// Connections accepted from one listener in one turn. At it: it goes on the ready list.
pub const TURN_ACCEPTS: usize = 128;
/// Timers fired in one turn. At it: the rest fires in the next, after I/O.
pub const TURN_TIMERS: usize = 1024;
/// Requests taken from other threads (and from this one's callbacks) in one turn.
pub const TURN_MAIL: usize = 1024;
/// Futures polled in one turn. At it: the rest goes on in the next, after I/O. A future that is
/// always ready has one poll of these, however often it asks.
pub const TURN_TASKS: usize = 256;
/// Steps (a send, a callback) of one connection without a word from the kernel. At it:
/// it goes on in the next turn, so that a fast writer to a fast reader holds nobody up.
pub const TURN_STEPS: usize = 64;
/// I/O events taken from the kernel in one turn. Cost: 16 B each.
pub const TURN_EVENTS: usize = 1024;

/// Requests that one connection's handles may have waiting. At it: `HandleError::Full`,
/// and nothing of the request was taken.
pub const MAIL_ITEMS: usize = 1024;
/// Bytes in them. One item is taken whatever its size while less than this is waiting.
pub const MAIL_BYTES: usize = 1024 * 1024;
/// Requests that `Remote`s may have waiting. At it: `HandleError::Full`.
pub const REMOTE_ITEMS: usize = 1024;

/// Bytes in the longest datagram that UDP carries over IPv4. At it, a longer one is refused:
/// by the system, and by the network in memory.
pub const DATAGRAM_BYTES: usize = 65_507;
/// Datagrams that one socket may have waiting for the kernel. At it: the newest is
/// dropped, and counted.
pub const DATAGRAM_QUEUE_ITEMS: usize = 256;
/// Bytes in them. At it: as above.
pub const DATAGRAM_QUEUE_BYTES: usize = 1024 * 1024;
/// Errors of one datagram socket that wait to be told, which only one callback's sends can
/// pile up. Cost: an address and an error each. At it: the newest is logged, not told.
pub const DATAGRAM_ERRORS: usize = 256;
/// What an unconnected Unix socket has queued is tried again so often, since no kernel
/// tells it that a receiver has room.
pub const DATAGRAM_RETRY: Duration = Duration::from_millis(5);
/// Datagrams received from one socket in one turn, empty ones included; the bytes are
/// bounded by [`TURN_READ_BYTES`]. At either: it goes on the ready list.
pub const TURN_DATAGRAMS: usize = 256;

/// Bytes that a [`Stream`](crate::stream::Stream) keeps for its reader, and those of one more
/// receive. Cost: as many bytes of heap, while they wait. At it: reading pauses, until half of
/// them were taken.
pub const STREAM_READ_BYTES: usize = 64 * 1024;
/// Bytes that one write to a stream takes. A write waits while
/// [`HARD_LIMIT_OF_NO_MARK_BYTES`] are unsent, so that no stream ends with `Overrun`.
pub const STREAM_WRITE_BYTES: usize = 64 * 1024;
/// Streams that wait to be accepted. Cost: a descriptor and what has come for each. At it: the
/// newcomer is closed unheard, and the log says so.
pub const STREAMS_WAITING: usize = 128;

/// Threads that a thread server runs at once. Cost: a stack and a read buffer each. At
/// it: the next connection is closed at once, and the log says so.
pub const THREADS: usize = 4096;
/// Requests that a server has at once, unless its `max_requests` says otherwise. Cost: a
/// descriptor each, and what its mix-in gives it. At it: the newcomer is closed unheard.
pub const REQUESTS: usize = 4096;
/// Workers of a pooling server, unless its `max_workers` says otherwise. Cost: a stack each.
/// At it: requests wait, up to [`POOL_QUEUED`].
pub const POOL_WORKERS: usize = 64;
/// Requests that wait for them, unless `max_queued` says otherwise. Cost: a descriptor and a
/// read buffer each. At it: what `when_full` says.
pub const POOL_QUEUED: usize = 256;
/// Of requests that a bound turns away there is one line in the log in so long at most; it
/// counts those that came before it. So it is with a pool that is full again and again.
pub const TURNED_AWAY_LINES: Duration = Duration::from_secs(10);
/// Requests that `close` still takes from the kernel's queue, which goes on growing meanwhile.
/// At it: the rest is reset.
pub const CLOSE_REQUESTS: usize = 4096;
/// Children that a forking server has at once, unless its `max_children` says otherwise.
/// Cost: a process and a descriptor each. At it: clients wait in the kernel's queue.
pub const CHILDREN: usize = 40;
/// Children that serve for a pre-forking server, at most. At it: no more are made.
pub const WORKERS: usize = 256;
/// A child that hung up is asked so often whether it has ended, since the kernel tells of
/// the one a moment before the other; one that lives on, since it has become another program
/// (`exec`), ever more seldom, up to [`CHILD_PAUSE_MAX`]. Cost: a call each time.
pub const CHILD_PAUSE: Duration = Duration::from_millis(2);
/// See [`CHILD_PAUSE`].
pub const CHILD_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Children that are told to end at the end of the grace get so long to do so, before they
/// are killed; and then the kernel, to bury them. At it: they are left behind, and the log
/// says so.
pub const CHILDREN_MARGIN: Duration = Duration::from_millis(500);
/// The next child that serves is made so long after one that had served for less than
/// [`RESPAWN_PAUSE_MAX`], doubling up to that.
pub const RESPAWN_PAUSE: Duration = Duration::from_millis(50);
/// See [`RESPAWN_PAUSE`].
pub const RESPAWN_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Before other threads are said to run, they are counted so often again: one that was
/// joined is counted for an instant longer.
pub const FORK_LOOKS: usize = 20;
/// The pause before each of these looks.
pub const FORK_LOOK_PAUSE: Duration = Duration::from_millis(1);
/// Bytes that are taken from a child's line at once. At it: the rest is taken at the next
/// wake-up.
pub const CHILD_LINE_BYTES: usize = 1024;
/// While a reactor stops, a forwarded connection that has been quiet for so long is closed; one
/// on which bytes move goes on, within the grace.
pub const FORWARD_QUIET: Duration = Duration::from_millis(500);
/// A session of forwarded datagrams ends when none has passed for so long, unless it says
/// otherwise.
pub const FORWARD_IDLE: Duration = Duration::from_secs(60);
/// Sessions of forwarded datagrams at a time, unless it says otherwise. Cost: a descriptor and
/// some 300 B each. At it: a new client's datagrams are dropped, and counted.
pub const FORWARD_SESSIONS: usize = 4096;
/// Datagrams of one session that wait until its socket is open. At it: the newest is dropped.
pub const FORWARD_PENDING: usize = 16;
/// Bytes of a datagram that a datagram server receives, unless its `max_packet_size` says
/// otherwise. At it: the rest of the datagram is lost, and the request says so.
pub const PACKET_BYTES: usize = 8 * 1024;
/// Connections that the kernel keeps for us until we accept them.
pub const BACKLOG: i32 = 4096;
/// After running out of descriptors, accepting pauses for this long, doubling up to
/// [`ACCEPT_PAUSE_MAX`] while it lasts.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// See [`ACCEPT_PAUSE`].
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often port 0 is tried anew when the port that the kernel gave for IPv4 is taken
/// on IPv6.
pub const PORT_ZERO_TRIES: usize = 16;

/// The loop's one read buffer, in bytes. More than 64 KiB, so that a 64 KiB message
/// ends in a short read and costs no second call.
pub const READ_BUFFER_BYTES: usize = 68 * 1024;
/// Empty output buffers kept for the next writer. Cost when full: 64 × 16 KiB.
pub const SPARE_BUFFERS: usize = 64;
/// A buffer that grew past this is freed, not kept.
pub const SPARE_BUFFER_BYTES: usize = 16 * 1024;

/// Where the kernel does not say when a Unix socket's peer has room again (its queue of
/// connections or datagrams is full), or says without end that there is an error which the call
/// does not take, a call that may wait looks again after this pause, until its deadline. Cost:
/// a call each time.
pub const ROOM_PAUSE: Duration = Duration::from_millis(2);

/// Bytes of a socket option that may be asked for at once. At it: `InvalidInput`.
pub const OPTION_BYTES_MAX: usize = 1024;

/// Bytes of ancillary data with one message, sent or received: Linux carries at most 253
/// descriptors, which are 1 KiB. Cost: as many bytes of heap while the call lasts. At it:
/// `InvalidInput`.
pub const ANCILLARY_BYTES: usize = 64 * 1024;

/// The longest delimiter of `recv_until`, where each byte received is compared with it, and of
/// lines, where it has a table of two bytes for each. At it: `InvalidInput`, `BadDelimiter`.
pub const DELIMITER_BYTES: usize = 256;
/// Bytes that `recv_until` looks at and `recv_exact` makes room for at a time. Cost: as many
/// bytes of heap; a peer that announces more than it sends costs no more.
pub const RECEIVE_STEP_BYTES: usize = 16 * 1024;

/// A line without its delimiter, unless the reader's `with_max` says otherwise. Cost: as many
/// bytes of heap a connection while one is unfinished. At it: `FrameError::TooLong`.
pub const LINE_BYTES: usize = 16_384;
/// A netstring or a frame with a length before it, as above. Cost: as above. At it:
/// `FrameError::TooLong`, before any of it is kept.
pub const FRAME_BYTES: usize = 99_999;

/// A quote of the day, its line ends included: RFC 865's "less than 512". At it: it is refused
/// when the quotes are read.
pub const QUOTE_BYTES: usize = 511;

/// A line that a member of a chat may say, in bytes. Cost: as many bytes of heap while one is
/// unfinished. At it: the line is skipped, and its member told.
pub const CHAT_LINE_BYTES: usize = 1024;
/// A member's or a room's name, in characters. At it: the name is refused.
pub const CHAT_NAME_CHARS: usize = 24;
/// Members of a whole chat. At it: who comes is told so, and the connection closed.
pub const CHAT_MEMBERS: usize = 1024;
/// Members of one room; each line there is written so often. At it: nobody more may join, but
/// for the lobby, where everybody begins.
pub const CHAT_ROOM_MEMBERS: usize = 256;
/// Rooms of a chat; an empty one is none. At it: no new one may be made.
pub const CHAT_ROOMS: usize = 256;
/// Bytes that a chat keeps for a member that does not read. At it: the member is dropped, and
/// the room told.
pub const CHAT_QUEUE_BYTES: usize = 64 * 1024;
/// Lines that are written to others on one member's behalf before the other connections have
/// their turn. At it: he is read from again in the next turn.
pub const CHAT_TURN_LINES: usize = 4096;
/// Rooms or names that one answer lists. At it: the number of the others.
pub const CHAT_LISTED: usize = 64;

/// Bytes of a file that one call gives the kernel, as CPython has it: more keeps a 32-bit
/// count from overflowing somewhere on the way.
pub const SEND_FILE_BYTES: usize = 1 << 30;
/// Bytes of a file that are read at a time where the kernel cannot send it by itself. Cost: as
/// many bytes of heap while the call lasts.
pub const SEND_FILE_BUFFER_BYTES: usize = 64 * 1024;

/// The buffer of each of the two files that `makefile` gives. A line may be longer: it is
/// then read in pieces. Cost: as many bytes of heap each.
pub const FILE_BUFFER_BYTES: usize = 8 * 1024;

/// Submissions that may wait in the ring at a time; more are submitted at once.
pub const RING_ENTRIES: u32 = 256;

/// What one receive may bring.
pub const RING_RECEIVE_BYTES: usize = 16 * 1024;

/// Waits for the last completions when the driver goes; then their buffers are leaked
/// rather than freed under the kernel.
pub const RING_LAST_WAITS: usize = 100;

/// Payload on one line, in characters: longer pieces take several lines. The label and
/// the direction come on top.
pub const LOG_LINE_CHARS: usize = 120;

/// Characters of a label that are kept.
pub const LOG_LABEL_CHARS: usize = 40;

/// The longest PROXY header as text, its line end included: the protocol's own bound.
pub const PROXY_HEADER_BYTES: usize = 107;
/// The longest in binary, additions included: real ones have some hundred bytes, the protocol
/// would allow 64 KiB. Cost: as many bytes of heap until it is whole, as they come. At it: the
/// connection ends with `Failed` before one of them is read.
pub const PROXY_HEADER_BINARY_BYTES: usize = 4096;

/// Threads that were cut get so long to say so, before they are counted as cut unheard, or as
/// still running.
pub const DRAIN_THREADS_MARGIN: Duration = Duration::from_millis(500);

/// Fewer stale entries than this are not worth a sweep.
pub const TIMERS_SWEEP_FROM: usize = 64;

/// Timers that may fire in one `advance`. At it, it panics: the layer sets one for at
/// once in each call, for ever.
pub const TEST_FIRINGS: usize = 100_000;

/// Turns that a wait for something takes at most: far more than a test needs, and an end
/// if what it waits for never comes.
pub const TEST_TURNS: usize = 2_000_000;

/// Bytes that are under way between a connection and the thread of a descriptor that is no
/// socket (standard input, a pipe), each way; the kernel may double it. At it: the connection
/// waits, as for a socket that takes no more; the descriptor is not read.
pub const RELAY_BYTES: usize = 16 * 1024;
/// Such a thread, which finds the connection's mail full, tries again after so long.
pub const RELAY_PAUSE: Duration = Duration::from_millis(10);

/// The longest text of an endpoint: every path, name and option fits many times. At it: the
/// text is refused unread, and the error keeps so much of it.
pub const ENDPOINT_BYTES: usize = 4096;

/// Columns of an endpoint that an error shows; a longer one is cut around the fault.
pub const ENDPOINT_SHOWN_COLUMNS: usize = 100;

/// Characters of a piece of it that a sentence quotes; a longer one is cut.
pub const ENDPOINT_QUOTED_CHARS: usize = 40;

/// The path of a Unix socket: the system's own bound (108 with a closing zero on Linux; less
/// on some others, where the bind says so). At it: an error that says so.
pub const UNIX_PATH_BYTES: usize = 107;

/// The same for an abstract name with the zero before it, which needs none at its end.
pub fn unix_path_bytes(is_abstract: bool) -> usize {
    UNIX_PATH_BYTES + usize::from(is_abstract)
}

/// A host's name: the bound of DNS. At it: the endpoint is refused.
pub const HOST_BYTES: usize = 253;
/// One label of it, between two dots.
pub const HOST_LABEL_BYTES: usize = 63;

/// The name of a service manager's socket: the bound of systemd. At it: the endpoint is refused.
pub const PASSED_NAME_BYTES: usize = 255;

/// The name of a protocol in ALPN, whose length is one byte. At it: the endpoint is refused.
pub const ALPN_BYTES: usize = 255;

/// The longest `timeout` that an endpoint may name: more is a slip. At it: it is refused.
pub const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// The longest `keepalive`, which is the kernel's own bound. At it: it is refused.
pub const KEEPALIVE: Duration = Duration::from_secs(32_767);
/// The most `keepcount`, which is Linux's own bound. At it: it is refused.
pub const KEEPALIVE_PROBES: u32 = 127;

/// Letters of a word whose nearest is looked for. At it: none is near, since no word that
/// we know is as long.
pub const NEAREST_CHARS: usize = 32;

const _: () = assert!(WATER_LOW_BYTES < WATER_HIGH_BYTES);
const _: () = assert!(READ_BUFFER_BYTES > 64 * 1024 && READ_BUFFER_BYTES <= TURN_READ_BYTES);
const _: () = assert!(READ_BUFFER_BYTES > DATAGRAM_BYTES, "no datagram of UDP is cut");
const _: () = assert!(LAYERS < 32, "a pause is one bit of a u32 for each level");
const _: () = assert!(LINGER_BYTES <= HELD_BYTES);

/// The defaults that a whole reactor, server or simulation may set otherwise.
///
/// ```
/// use ropewalk::limits::Limits;
/// let limits = Limits { water_high_bytes: 1024, water_low_bytes: 256, ..Limits::default() };
/// assert_eq!(limits.hard_limit_bytes(), 16 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`WATER_HIGH_BYTES`].
    pub water_high_bytes: usize,
    /// See [`WATER_LOW_BYTES`].
    pub water_low_bytes: usize,
    /// See [`START`].
    pub start: Duration,
    /// See [`HANDSHAKE`].
    pub handshake: Duration,
    /// See [`WRITE_STALL`].
    pub write_stall: Duration,
    /// See [`FLUSH`].
    pub flush: Duration,
    /// See [`LINGER`].
    pub linger: Duration,
    /// See [`RESET_HELD`].
    pub reset_held: Duration,
    /// No byte either way for so long ends a connection with `Deadline(Idle)`. Off
    /// (`None`) by default: an idle peer is not a fault unless the protocol says so.
    pub idle: Option<Duration>,
    /// See [`CONNECT`].
    pub connect: Duration,
    /// See [`RESOLVE`].
    pub resolve: Duration,
    /// See [`DRAIN_GRACE`].
    pub drain_grace: Duration,
}

impl Limits {
    /// The hard limit that belongs to the high mark.
    pub fn hard_limit_bytes(&self) -> usize {
        hard_limit(self.water_high_bytes)
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            water_high_bytes: WATER_HIGH_BYTES,
            water_low_bytes: WATER_LOW_BYTES,
            start: START,
            handshake: HANDSHAKE,
            write_stall: WRITE_STALL,
            flush: FLUSH,
            linger: LINGER,
            reset_held: RESET_HELD,
            idle: None,
            connect: CONNECT,
            resolve: RESOLVE,
            drain_grace: DRAIN_GRACE,
        }
    }
}
