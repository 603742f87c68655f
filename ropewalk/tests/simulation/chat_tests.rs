//! Chat: every member hears every other, in the sender's order, wherever it runs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Barrier};

use ropewalk::limits::Limits;
use ropewalk::testing::{Network, Peer};

use crate::campaign::{self, Random};
use crate::chat::{Room, WELCOME};
use crate::serve::{MODELS, Model, Server, WATCHDOG};

const MEMBERS: usize = 5;
const LINES: usize = 100;

fn line(member: usize, number: usize) -> String {
    let words = "la ".repeat((member * 7 + number * 3) % 40);
    format!("{member} {number} {words}\n")
}

/// Every line of every other member came, whole, once, in the sender's order.
fn check_heard(member: usize, members: usize, lines: usize, heard: &[u8]) {
    let heard = std::str::from_utf8(heard).unwrap();
    let mut next = vec![0; members];
    for heard in heard.split_inclusive('\n') {
        let sender: usize = heard.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(heard, line(sender, next[sender]), "member {member} from {sender}");
        next[sender] += 1;
    }
    let wanted: Vec<_> = (0..members).map(|from| if from == member { 0 } else { lines }).collect();
    assert_eq!(next, wanted, "member {member}");
}

fn wanted_bytes(member: usize, members: usize, lines: usize) -> usize {
    (0..members)
        .filter(|from| *from != member)
        .flat_map(|from| (0..lines).map(move |number| line(from, number).len()))
        .sum()
}

fn take_part(addr: SocketAddr, member: usize, everybody: &Barrier) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut welcome = [0; WELCOME.len()];
    stream.read_exact(&mut welcome).unwrap();
    assert_eq!(welcome, WELCOME);
    everybody.wait();
    let mut writer = stream.try_clone().unwrap();
    let speaking = std::thread::spawn(move || {
        let all: String = (0..LINES).map(|number| line(member, number)).collect();
        for piece in all.as_bytes().chunks(11) {
            writer.write_all(piece).unwrap();
        }
    });
    let mut heard = vec![0; wanted_bytes(member, MEMBERS, LINES)];
    stream.read_exact(&mut heard).unwrap();
    check_heard(member, MEMBERS, LINES, &heard);
    speaking.join().unwrap();
    everybody.wait(); // nobody leaves before all have heard all
}

fn chat_on(model: Model) {
    let room = Room::default();
    let factory_room = room.clone();
    let server = Server::start(model, Limits::default(), move || factory_room.member());
    let everybody = Arc::new(Barrier::new(MEMBERS));
    let members: Vec<_> = (0..MEMBERS)
        .map(|member| {
            let (addr, everybody) = (server.addr, everybody.clone());
            std::thread::spawn(move || take_part(addr, member, &everybody))
        })
        .collect();
    for member in members {
        member.join().unwrap();
    }
    server.stop();
    assert_eq!(room.len(), 0, "all have left the room");
}

#[test]
fn every_member_hears_every_line_in_the_senders_order_on_loop_and_threads() {
    for model in MODELS {
        chat_on(model);
    }
}

fn listen(peers: &mut [Peer<'_>], heard: &mut [Vec<u8>]) {
    for (peer, heard) in peers.iter_mut().zip(heard) {
        heard.extend(peer.take(usize::MAX));
    }
}

fn chat_in_memory(seed: u64) -> (u64, u64) {
    let mut random = Random(seed ^ 0xc4a7);
    let members = 2 + random.below(4) as usize;
    let lines = 1 + random.below(12) as usize;
    let network = Network::with_seed(seed);
    let room = Room::default();
    let factory_room = room.clone();
    let _listener = network.listen(1, move || factory_room.member()).unwrap();
    let mut peers: Vec<_> = (0..members).map(|_| network.dial(1).unwrap()).collect();
    for peer in &mut peers {
        assert_eq!(peer.read_exact(WELCOME.len()).unwrap(), WELCOME);
    }
    let mut said = vec![0; members];
    let mut heard = vec![Vec::new(); members];
    // Whoever has something left to say says it when it likes.
    while said.iter().any(|said| *said < lines) {
        let member = random.below(members as u64) as usize;
        if said[member] < lines {
            peers[member].send(line(member, said[member]).as_bytes());
            said[member] += 1;
        }
        let mut events = random.below(20);
        network.run_until(|| {
            listen(&mut peers, &mut heard);
            events = events.saturating_sub(1);
            events == 0
        });
    }
    let all = network.run_until(|| {
        listen(&mut peers, &mut heard);
        let is_all = |member: usize| heard[member].len() >= wanted_bytes(member, members, lines);
        (0..members).all(is_all)
    });
    let lengths: Vec<_> = heard.iter().map(Vec::len).collect();
    let wanted: Vec<_> = (0..members).map(|m| wanted_bytes(m, members, lines)).collect();
    assert!(all, "nothing happens any more, and heard is {lengths:?} B, of {wanted:?}");
    for (member, heard) in heard.iter().enumerate() {
        check_heard(member, members, lines, heard);
    }
    for peer in &mut peers {
        peer.close();
    }
    assert!(network.run_until(|| network.connections() == 0));
    assert_eq!(room.len(), 0);
    (network.events(), network.net().now().as_nanos())
}

#[test]
fn every_member_hears_every_line_in_the_senders_order_in_memory() {
    campaign::run(100, "in_memory", |seed| {
        assert_eq!(chat_in_memory(seed), chat_in_memory(seed), "the same seed, the same run");
    });
}
