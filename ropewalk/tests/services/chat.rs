//! The chat: what members see of one another, in memory, on a reactor and on threads.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use ropewalk::addr::Addr;
use ropewalk::limits::{self, Limits};
use ropewalk::server::ThreadServer;
use ropewalk::service::{Chat, ChatLimits};
use ropewalk::testing::{Network, Peer};
use ropewalk::{Reactor, Remote};

/// A chat in memory.
struct Memory {
    network: Network,
}

impl Memory {
    fn new(limits: ChatLimits) -> Memory {
        let (network, chat) = (Network::calm(), Chat::with_limits(limits));
        network.listen(1, move || chat.member()).unwrap();
        Memory { network }
    }

    /// One more, called so, who has read all that was said so far.
    fn member(&self, name: &str) -> Member<'_> {
        let mut member = Member { peer: self.network.dial(1).unwrap(), unread: String::new() };
        assert!(member.line().starts_with("* welcome, "));
        member.say(&format!("/nick {name}"));
        assert!(member.line().ends_with(&format!(" is now called {name}")));
        member
    }
}

struct Member<'a> {
    peer: Peer<'a>,
    unread: String,
}

impl Member<'_> {
    fn say(&mut self, line: &str) {
        self.peer.send(format!("{line}\n").as_bytes());
    }

    #[track_caller]
    fn line(&mut self) -> String {
        while !self.unread.contains('\n') {
            let byte = self.peer.read_exact(1).unwrap();
            self.unread.push(char::from(byte[0]));
        }
        let line = self.unread.trim_end().to_owned();
        self.unread.clear();
        line
    }

    #[track_caller]
    fn hears(&mut self, lines: &[&str]) {
        for expected in lines {
            assert_eq!(self.line(), *expected);
        }
    }

    /// Everything up to now was heard.
    #[track_caller]
    fn hears_no_more(&mut self) {
        self.say("/what");
        self.hears(&["! there is no /what; /help tells what there is"]);
    }
}

fn small() -> ChatLimits {
    ChatLimits { members: 4, room_members: 2, rooms: 3, name_chars: 8, ..ChatLimits::default() }
}

#[test]
fn what_is_said_in_a_room_is_heard_by_the_others_in_it() {
    let memory = Memory::new(ChatLimits::default());
    let mut ann = memory.member("ann");
    let mut bob = memory.member("bob");
    ann.hears(&["* guest2 is here", "* guest2 is now called bob"]);
    ann.say("hello");
    bob.hears(&["ann: hello"]);
    bob.say("/join knots");
    bob.hears(&["* you are in knots"]);
    ann.hears(&["* bob went to knots"]);
    ann.say("still there?");
    bob.say("/rooms");
    bob.hears(&["* rooms: knots (1), lobby (1)"]);
    ann.say("/join Knots");
    ann.hears(&["* you are in knots"]);
    bob.hears(&["* ann is here"]);
    bob.say("/who");
    bob.hears(&["* knots: bob, ann"]);
    bob.say("/rooms");
    bob.hears(&["* rooms: knots (2)"]);
    ann.say("/leave");
    ann.hears(&["* you are in lobby"]);
    bob.hears(&["* ann went to lobby"]);
    bob.hears_no_more();
    ann.hears_no_more();
}

#[test]
fn a_word_to_one_member_is_heard_by_him_alone() {
    let memory = Memory::new(ChatLimits::default());
    let (mut ann, mut bob) = (memory.member("ann"), memory.member("bob"));
    let mut cat = memory.member("cat");
    bob.hears(&["* guest3 is here", "* guest3 is now called cat"]);
    bob.say("/join elsewhere");
    bob.hears(&["* you are in elsewhere"]);
    cat.hears(&["* bob went to elsewhere"]);
    cat.say("/msg BOB  between us");
    bob.hears(&["cat, to you: between us"]);
    cat.say("/msg dan hello");
    cat.say("/msg bob");
    cat.hears(&["! nobody is called dan", "! say /msg NAME TEXT"]);
    ann.hears(&["* guest2 is here", "* guest2 is now called bob", "* guest3 is here"]);
    ann.hears(&["* guest3 is now called cat", "* bob went to elsewhere"]);
    ann.hears_no_more();
}

#[test]
fn names_are_unique_short_and_harmless() {
    let memory = Memory::new(ChatLimits { name_chars: 8, ..ChatLimits::default() });
    let (mut ann, mut bob) = (memory.member("Ann"), memory.member("bob"));
    let rule = "! a name is 1 to 8 letters, digits, - or _";
    bob.say("/nick ANN");
    bob.hears(&["! somebody else is called ANN"]);
    for bad in ["", "a b", "a\u{7}b", "ninechars", "x:y"] {
        bob.say(&format!("/nick {bad}"));
        bob.hears(&[rule]);
        bob.say(&format!("/join {bad}"));
        bob.hears(&[rule]);
    }
    bob.say("/nick Bob"); // his own, in another case
    bob.hears(&["* bob is now called Bob"]);
    ann.say("/nick guest9");
    bob.hears(&["* Ann is now called guest9"]);
    for number in 3..9 {
        memory.member(&format!("m{number}"));
    }
    let mut last = memory.network.dial(1).unwrap(); // the ninth
    assert!(last.read_exact(40).unwrap().starts_with(b"* welcome, guest10;"));
}

#[test]
fn control_characters_reach_nobody_and_what_is_no_text_is_not_said() {
    let memory = Memory::new(ChatLimits::default());
    let (mut ann, mut bob) = (memory.member("ann"), memory.member("bob"));
    ann.hears(&["* guest2 is here", "* guest2 is now called bob"]);
    bob.peer.send(b"\x1b[2Jred\x07\r\n");
    // Read as bytes: it is no ASCII any more.
    let heard = "bob: \u{fffd}[2Jred\u{fffd}\r\n";
    assert_eq!(ann.peer.read_exact(heard.len()).unwrap(), heard.as_bytes());
    bob.peer.send(b"\xff\xfe\n");
    bob.hears(&["! that was no UTF-8, and nobody got it"]);
    ann.hears_no_more();
}

#[test]
fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_heard() {
    let memory = Memory::new(ChatLimits { line_bytes: 20, ..ChatLimits::default() });
    let (mut ann, mut bob) = (memory.member("ann"), memory.member("bob"));
    ann.hears(&["* guest2 is here", "* guest2 is now called bob"]);
    bob.say(&"x".repeat(100_000));
    bob.hears(&["! a line has at most 20 bytes; that one nobody got"]);
    bob.say("short");
    ann.hears(&["bob: short"]);
}

#[test]
fn a_chat_and_its_rooms_have_bounds() {
    let memory = Memory::new(small());
    let mut members: Vec<_> = ["a", "b", "c", "d"].map(|name| memory.member(name)).into();
    let mut fifth = memory.network.dial(1).unwrap();
    assert_eq!(fifth.read_to_end().unwrap(), b"! the chat is full; come again later\r\n");
    let [a, b, c, d] = &mut members[..] else { unreachable!() };
    let join = |member: &mut Member<'_>, room: &str| {
        member.hears_up_to_here();
        member.say(&format!("/join {room}"));
        member.line()
    };
    assert_eq!(join(a, "one"), "* you are in one");
    assert_eq!(join(b, "one"), "* you are in one");
    assert_eq!(join(c, "one"), "! one is full: 2 are in it");
    assert_eq!(join(c, "two"), "* you are in two");
    assert_eq!(join(d, "three"), "! there are 3 rooms, and no more may be made");
    assert_eq!(join(d, "two"), "* you are in two"); // the lobby is empty, and goes
    assert_eq!(join(a, "lobby"), "* you are in lobby"); // and can always be gone back to
}

impl Member<'_> {
    /// Reads what was said, up to an answer to himself.
    fn hears_up_to_here(&mut self) {
        self.say("/what");
        while self.line() != "! there is no /what; /help tells what there is" {}
    }
}

#[test]
fn a_list_names_so_many_and_counts_the_others() {
    let memory = Memory::new(ChatLimits::default());
    let mut members: Vec<_> =
        (0..limits::CHAT_LISTED + 3).map(|number| memory.member(&format!("m{number}"))).collect();
    let last = members.last_mut().unwrap();
    last.say("/who");
    let line = last.line();
    assert!(line.starts_with("* lobby: m0, m1, "), "{line}");
    assert!(line.ends_with(", m63, and 3 more"), "{line}");
}

#[test]
fn who_leaves_is_said_to_his_room_with_the_reason_if_it_was_not_his_wish() {
    let memory = Memory::new(ChatLimits::default());
    let (mut ann, mut bob) = (memory.member("ann"), memory.member("bob"));
    let mut cat = memory.member("cat");
    ann.hears_up_to_here();
    bob.say("/quit");
    ann.hears(&["* bob has left"]);
    cat.peer.reset();
    assert!(ann.line().starts_with("* cat has left (reset by peer"));
    ann.hears_no_more();
}

#[test]
fn a_member_that_does_not_read_is_dropped_and_the_others_go_on() {
    let memory = Memory::new(ChatLimits { queue_bytes: 8 * 1024, ..ChatLimits::default() });
    let (mut ann, mut bob) = (memory.member("ann"), memory.member("bob"));
    let _slow = memory.member("slow");
    ann.hears_up_to_here();
    bob.hears_up_to_here();
    let line = "x".repeat(1000);
    let mut said = 0;
    loop {
        bob.say(&line);
        said += 1;
        let heard = ann.line();
        if heard.starts_with("* slow has left") {
            let why = "* slow has left (failed: the member does not read what is said";
            assert!(heard.starts_with(why), "{heard}");
            break;
        }
        assert_eq!(heard, format!("bob: {line}"));
        assert!(said < 10_000, "he was never dropped");
    }
    bob.say("/who");
    bob.hears(&[]);
    assert_eq!(memory.network.connections(), 2);
}

#[test]
fn whoever_says_much_at_once_lets_the_others_have_their_turn() {
    let memory = Memory::new(ChatLimits { queue_bytes: 4 << 20, ..ChatLimits::default() });
    let (mut ann, mut bob) = (memory.member("ann"), memory.member("bob"));
    let mut cat = memory.member("cat");
    ann.hears_up_to_here();
    // Each line is written to two others.
    let lines = limits::CHAT_TURN_LINES + 10;
    bob.peer.send("x\n".repeat(lines).as_bytes());
    cat.say("a word, please");
    let heard: Vec<String> = (0..lines + 1).map(|_| ann.line()).collect();
    let of_cat = heard.iter().position(|line| line == "cat: a word, please").unwrap();
    assert!(of_cat < lines, "she was heard behind all that he said");
    assert_eq!(heard.iter().filter(|line| *line == "bob: x").count(), lines);
    ann.hears_no_more();
}

/// The same chat where it says: in a thread, until it is told to stop.
fn serve(on_threads: bool) -> (Addr, Remote, std::thread::JoinHandle<()>) {
    let (tell, told) = mpsc::channel();
    let server = std::thread::spawn(move || {
        let chat = Chat::new();
        let member = move || chat.member();
        if on_threads {
            let server = ThreadServer::with(Limits::default(), None).unwrap();
            let listener = server.listen_tcp(("127.0.0.1", 0), member).unwrap();
            tell.send((listener.addrs()[0].clone(), server.remote())).unwrap();
            server.serve_forever().unwrap();
        } else {
            let reactor = Reactor::new().unwrap();
            let listener = reactor.listen_tcp(("127.0.0.1", 0), member).unwrap();
            tell.send((listener.addrs()[0].clone(), reactor.remote())).unwrap();
            reactor.run().unwrap();
        }
    });
    let (addr, remote) = told.recv().unwrap();
    (addr, remote, server)
}

struct Socket(BufReader<TcpStream>);

impl Socket {
    fn new(addr: &Addr) -> Socket {
        let stream = TcpStream::connect(addr.ip().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut socket = Socket(BufReader::new(stream));
        assert!(socket.line().starts_with("* welcome, "));
        socket
    }

    fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn the_same_source_runs_on_a_reactor_and_on_threads() {
    for on_threads in [false, true] {
        let (addr, remote, server) = serve(on_threads);
        let mut ann = Socket::new(&addr);
        let mut bob = Socket::new(&addr);
        assert_eq!(ann.line(), "* guest2 is here");
        bob.say("/nick bob");
        assert_eq!((bob.line(), ann.line()), {
            let line = "* guest2 is now called bob".to_owned();
            (line.clone(), line)
        });
        for number in 0..2000 {
            bob.say(&format!("line {number}"));
            assert_eq!(ann.line(), format!("bob: line {number}"));
        }
        drop(bob);
        assert_eq!(ann.line(), "* bob has left");
        remote.stop().unwrap();
        server.join().unwrap();
    }
}
