//! A connection as a stream: every way to end, every bound, in memory and on sockets.

use std::future::Future;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::poll_immediate;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use ropewalk::addr::{Addr, Site, Target};
use ropewalk::limits::{
    HARD_LIMIT_OF_NO_MARK_BYTES, STREAM_READ_BYTES, STREAM_WRITE_BYTES, STREAMS_WAITING,
};
use ropewalk::observe::{Direction, Observer};
use ropewalk::protocol::{Below, ConnectionId, Factory, Kind, Layer, Reason, Up};
use ropewalk::stream::{Stream, connecting, incoming, stream};
use ropewalk::testing::{Network, Peer, Recorder};
use ropewalk::{Protocol, Reactor};

use super::Notes;

/// Runs `work` with the stream of a connection in memory, and `drive` with the peer's end.
fn in_memory<F: Future<Output = ()> + 'static>(
    seed: u64,
    work: impl FnOnce(Stream) -> F,
    drive: impl FnOnce(&Network, &mut Peer<'_>),
) {
    let network = if seed == 0 { Network::calm() } else { Network::with_seed(seed) };
    let mut streams = network.net().listen_streams(Site::Memory(1)).unwrap();
    let mut peer = network.dial(1).unwrap();
    let accepted = network.net().spawn(async move { streams.accept().await.unwrap() });
    network.run_until(|| accepted.is_finished());
    let stream = now_or_never(accepted).unwrap().unwrap();
    let task = network.net().spawn(work(stream));
    drive(&network, &mut peer);
    network.run();
    assert!(task.is_finished(), "seed {seed}: the future waits for ever");
    let ended = now_or_never(task).unwrap();
    ended.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

/// What it is already, if it is.
fn now_or_never<F: Future>(future: F) -> Option<F::Output> {
    futures_util::FutureExt::now_or_never(future)
}

fn reason(error: &std::io::Error) -> &Reason {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Reason>()).expect("a reason inside")
}

#[test]
fn what_is_sent_arrives_whole_both_ways_under_any_weather() {
    for seed in 0..40 {
        let sent: Vec<u8> = (0..150_000u32).map(|at| (at * 7) as u8).collect();
        let expected = sent.clone();
        in_memory(
            seed,
            |mut stream| async move {
                let mut got = Vec::new();
                stream.read_to_end(&mut got).await.unwrap();
                stream.write_all(&got).await.unwrap();
                stream.close().await.unwrap();
            },
            |_, peer| {
                peer.send(&sent);
                peer.shutdown_write();
                assert_eq!(peer.read_to_end().unwrap(), expected, "seed {seed}");
            },
        );
    }
}

#[test]
fn a_reset_is_an_error_after_what_had_come_for_the_reader_and_the_writer() {
    for seed in 0..20 {
        in_memory(
            seed,
            |mut stream| async move {
                let mut got = Vec::new();
                let error = stream.read_to_end(&mut got).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert_eq!(reason(&error).kind(), Kind::Reset);
                let error = stream.write(b"more").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert_eq!(stream.reason().unwrap().kind(), Kind::Reset);
                assert!(stream.flush().await.is_err() && stream.close().await.is_err());
            },
            |_, peer| {
                peer.send(b"some");
                peer.reset();
            },
        );
    }
}

#[test]
fn after_the_peers_end_of_input_our_direction_stays_open() {
    in_memory(
        0,
        |mut stream| async move {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).await.unwrap(), 0);
            assert_eq!(stream.read(&mut byte).await.unwrap(), 0, "and stays so");
            stream.write_all(b"answer").await.unwrap();
        },
        |_, peer| {
            peer.shutdown_write();
            assert_eq!(peer.read_to_end().unwrap(), b"answer");
        },
    );
}

#[test]
fn close_ends_our_direction_and_we_go_on_receiving() {
    in_memory(
        0,
        |mut stream| async move {
            stream.write_all(b"all of it").await.unwrap();
            stream.close().await.unwrap();
            stream.close().await.unwrap();
            let error = stream.write(b"no").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"late");
        },
        |_, peer| {
            assert_eq!(peer.read_to_end().unwrap(), b"all of it");
            peer.send(b"late");
            peer.shutdown_write();
        },
    );
}

#[test]
fn a_dropped_stream_closes_in_order_and_an_aborted_one_resets() {
    in_memory(
        0,
        |mut stream| async move { stream.write_all(&[7; 50_000]).await.unwrap() },
        |_, peer| assert_eq!(peer.read_to_end().unwrap().len(), 50_000),
    );
    in_memory(
        0,
        |stream| async move { stream.abort() },
        |_, peer| {
            assert_eq!(peer.read_to_end().unwrap_err().kind(), ErrorKind::ConnectionReset);
        },
    );
}

#[test]
fn a_reader_that_does_not_read_holds_the_peer_up_within_a_bound() {
    let (mut protocol, mut stream) = stream();
    let mut recorder = Recorder::new();
    protocol.connection_made(&mut recorder);
    protocol.data_received(&mut recorder, &vec![1; STREAM_READ_BYTES - 1]);
    assert!(!recorder.is_reading_paused());
    protocol.data_received(&mut recorder, &[2]);
    assert!(recorder.is_reading_paused());
    let mut half = vec![0; STREAM_READ_BYTES / 2 - 1];
    now_or_never(stream.read_exact(&mut half)).unwrap().unwrap();
    assert_eq!(recorder.requests().len(), 0, "more than half waits");
    let mut byte = [0];
    now_or_never(stream.read_exact(&mut byte)).unwrap().unwrap();
    let asked = format!("{:?}", recorder.requests());
    assert_eq!(asked, "[ResumeReading]");
}

#[test]
fn a_writer_waits_for_a_slow_peer_and_never_overruns() {
    const SENT: usize = 3_000_000;
    let notes = Notes::default();
    let seen = notes.clone();
    in_memory(
        5,
        |mut stream| async move {
            // One byte at a time first, then everything.
            for byte in 0..100u8 {
                stream.write_all(&[byte]).await.unwrap();
            }
            stream.write_all(&vec![5; SENT]).await.unwrap();
            seen.note("written");
            stream.flush().await.unwrap();
            let unsent = stream.handle().unwrap().buffered();
            assert_eq!(unsent, Some(0), "flushed, and not all is the kernel's");
        },
        |network, peer| {
            network.run_for(Duration::from_secs(30)); // within the peer's patience
            assert!(notes.all().is_empty(), "nobody reads, and all was written");
            let got = peer.read_to_end().unwrap();
            assert_eq!(got.len(), 100 + SENT);
        },
    );
}

#[test]
fn one_write_takes_a_bounded_piece_and_the_next_waits_at_the_hard_limit() {
    in_memory(
        0,
        |mut stream| async move {
            let big = vec![1; 2 * STREAM_WRITE_BYTES];
            assert_eq!(stream.write(&big).await.unwrap(), STREAM_WRITE_BYTES);
            let handle = stream.handle().unwrap();
            assert!(handle.buffered().unwrap() >= HARD_LIMIT_OF_NO_MARK_BYTES);
            let next = poll_immediate(stream.write(b"next")).await;
            assert!(next.is_none(), "it was taken past the limit");
            assert!(poll_immediate(stream.flush()).await.is_none());
            stream.flush().await.unwrap();
            assert_eq!(handle.buffered(), Some(0));
        },
        |_, peer| {
            assert_eq!(peer.read_to_end().unwrap().len(), STREAM_WRITE_BYTES);
        },
    );
}

#[test]
fn what_is_written_in_one_turn_leaves_together() {
    let sends = Sends::default();
    let reactor = Reactor::builder().observer(Arc::new(sends.clone())).build().unwrap();
    let mut streams = reactor.listen_streams(("127.0.0.1", 0)).unwrap();
    let to = streams.addrs()[0].clone();
    let talk = async {
        let mut client = reactor.connect_stream(to).await.unwrap();
        let mut server = streams.accept().await.unwrap();
        for word in [&b"one"[..], b"two", b"six"] {
            let taken = poll_immediate(server.write(word)).await;
            assert_eq!(taken.unwrap().unwrap(), 3, "a small write does not wait");
        }
        let mut got = [0; 9];
        client.read_exact(&mut got).await.unwrap();
        got
    };
    assert_eq!(&reactor.block_on(talk).unwrap(), b"onetwosix");
    assert_eq!(*sends.0.lock().unwrap(), [9]);
}

/// What each system call sent.
#[derive(Clone, Default)]
struct Sends(Arc<Mutex<Vec<usize>>>);

impl Observer for Sends {
    fn moved(&self, _: ConnectionId, direction: Direction, bytes: usize) {
        if direction == Direction::Out {
            self.0.lock().unwrap().push(bytes);
        }
    }
}

#[test]
fn the_stop_ends_the_reading_and_leaves_time_to_say_goodbye() {
    let (network, notes) = (Network::calm(), Notes::default());
    let mut streams = network.net().listen_streams(Site::Memory(1)).unwrap();
    let seen = notes.clone();
    let serve = async move {
        let mut stream = streams.accept().await.unwrap();
        let mut got = Vec::new();
        let error = stream.read_to_end(&mut got).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(reason(&error).kind(), Kind::Stopped);
        seen.note(String::from_utf8(got).unwrap());
        stream.write_all(b"goodbye").await.unwrap();
        assert!(streams.accept().await.is_none());
        seen.note("no more");
    };
    network.net().spawn(serve).detach();
    let mut peer = network.dial(1).unwrap();
    peer.send(b"half a mess");
    network.run();
    network.net().stop();
    assert_eq!(peer.read_to_end().unwrap(), b"goodbye");
    network.run();
    assert_eq!(notes.all(), ["half a mess", "no more"]);
}

/// A layer whose input ends in the middle of something, as TLS without its goodbye.
struct Truncating;

impl Layer for Truncating {
    fn eof(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
        below.fail(Reason::new(Kind::Truncated));
    }
}

#[test]
fn an_input_that_a_layer_finds_cut_is_an_error_and_no_end_of_input() {
    let network = Network::calm();
    let (factory, mut streams) = incoming();
    network.listen(1, factory.layer(|| Truncating)).unwrap();
    let task = network.net().spawn(async move {
        let mut stream = streams.accept().await.unwrap();
        let mut got = Vec::new();
        let error = stream.read_to_end(&mut got).await.unwrap_err();
        (got, error.kind(), reason(&error).kind())
    });
    let mut peer = network.dial(1).unwrap();
    peer.send(b"half");
    peer.shutdown_write();
    network.run();
    let ended = now_or_never(task).unwrap().unwrap();
    assert_eq!(ended, (b"half".to_vec(), ErrorKind::UnexpectedEof, Kind::Truncated));
}

#[test]
fn a_stream_waits_until_its_connection_is_made() {
    let (mut protocol, mut stream) = stream();
    let mut byte = [0];
    assert!(now_or_never(stream.read(&mut byte)).is_none());
    assert!(now_or_never(stream.write(b"x")).is_none() && now_or_never(stream.close()).is_none());
    assert!(stream.peer_addr().is_none() && stream.handle().is_none());
    let mut recorder = Recorder::new();
    protocol.connection_made(&mut recorder);
    assert!(stream.peer_addr().is_some() && stream.local_addr().is_some());
    assert_eq!(now_or_never(stream.write(b"x")).unwrap().unwrap(), 1);
}

#[test]
fn a_stream_that_was_dropped_before_its_connection_closes_it() {
    let (mut protocol, stream) = stream();
    drop(stream);
    let mut recorder = Recorder::new();
    protocol.connection_made(&mut recorder);
    assert!(recorder.is_closed());
}

#[test]
fn a_refused_connect_is_an_error_with_its_reason() {
    let reactor = Reactor::new().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = Addr::from(nobody.local_addr().unwrap());
    drop(nobody);
    let error = reactor.block_on(reactor.connect_stream(to)).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(reason(&error).kind(), Kind::Refused);
}

#[test]
fn a_connect_that_is_dropped_is_stopped() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = Addr::from(listener.local_addr().unwrap());
    drop(reactor.connect_stream(to));
    reactor.block_on(reactor.sleep(Duration::from_millis(1))).unwrap();
    assert_eq!(reactor.connections(), 0);
}

#[test]
fn a_connect_during_a_stop_fails_as_stopped() {
    let network = Network::calm();
    let task = network.net().spawn({
        let net = network.net().owned();
        async move {
            net.stop();
            net.sleep(Duration::from_nanos(1)).await;
            net.connect_stream(Target::Addr(Addr::Memory(9))).await.map(drop)
        }
    });
    let mut streams = network.net().listen_streams(Site::Memory(9)).unwrap();
    let _open = network.dial(9).unwrap();
    let holds = network.net().spawn(async move {
        let _stream = streams.accept().await;
        std::future::pending::<()>().await;
    });
    network.run_until(|| task.is_finished());
    let ended = now_or_never(task).unwrap().unwrap();
    assert_eq!(reason(&ended.unwrap_err()).kind(), Kind::Stopped);
    drop(holds);
}

#[test]
fn only_so_many_streams_wait_to_be_accepted_and_the_next_is_closed_unheard() {
    let network = Network::calm();
    let mut streams = network.net().listen_streams(Site::Memory(1)).unwrap();
    let mut peers: Vec<_> = (0..STREAMS_WAITING).map(|_| network.dial(1).unwrap()).collect();
    network.run();
    let mut late = network.dial(1).unwrap();
    assert_eq!(late.read_to_end().unwrap(), b"", "refused, in order");
    let first = network.net().spawn(async move { (streams.accept().await.is_some(), streams) });
    network.run();
    let (accepted, streams) = now_or_never(first).unwrap().unwrap();
    assert!(accepted);
    let mut room = network.dial(1).unwrap();
    room.send(b"x");
    network.run();
    drop(streams);
    network.run();
    assert_eq!(network.connections(), 0, "those that waited are closed");
    assert!(network.dial(1).is_err(), "it listens no more");
    assert_eq!(peers[0].read_to_end().unwrap(), b"");
}

#[test]
fn incoming_that_stops_gives_what_waits_and_then_nothing() {
    let network = Network::calm();
    let mut streams = network.net().listen_streams(Site::Memory(1)).unwrap();
    let _peers = [network.dial(1).unwrap(), network.dial(1).unwrap()];
    network.run();
    streams.stop();
    let count = network.net().spawn(async move {
        let mut count = 0;
        while streams.accept().await.is_some() {
            count += 1;
        }
        count
    });
    network.run();
    assert_eq!(now_or_never(count).unwrap().unwrap(), 2);
}

#[test]
fn a_factorys_second_connection_is_refused() {
    let network = Network::calm();
    let (factory, connecting) = connecting();
    network.listen(1, factory).unwrap();
    let mut first = network.dial(1).unwrap();
    let mut second = network.dial(1).unwrap();
    assert_eq!(second.read_to_end().unwrap(), b"");
    let task = network.net().spawn(async move {
        connecting.await.unwrap().write_all(b"first").await.unwrap();
    });
    assert_eq!(first.read_to_end().unwrap(), b"first");
    assert!(task.is_finished());
}

#[test]
fn a_real_reset_is_told_to_a_stream() {
    if !crate::needs::resets() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    let mut streams = reactor.listen_streams(("127.0.0.1", 0)).unwrap();
    let to = streams.addrs()[0].ip().unwrap();
    let peer = TcpStream::connect(to).unwrap();
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    let work = async {
        let mut stream = streams.accept().await.unwrap();
        drop(peer);
        let mut byte = [0];
        stream.read(&mut byte).await.unwrap_err().kind()
    };
    assert_eq!(reactor.block_on(work).unwrap(), ErrorKind::ConnectionReset);
}

#[test]
fn what_block_ons_future_wrote_last_is_the_kernels_when_it_returns() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = Addr::from(listener.local_addr().unwrap());
    let wrote = reactor.block_on(async {
        let mut stream = reactor.connect_stream(to).await?;
        stream.write_all(b"last words").await
    });
    wrote.unwrap().unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut peer, &mut said).unwrap();
    assert_eq!(said, "last words");
}

#[test]
fn a_stream_lives_on_between_two_calls_of_block_on() {
    let reactor = Reactor::new().unwrap();
    let mut streams = reactor.listen_streams(("127.0.0.1", 0)).unwrap();
    let to = streams.addrs()[0].clone();
    let mut client = reactor.block_on(reactor.connect_stream(to)).unwrap().unwrap();
    let mut server = reactor.block_on(streams.accept()).unwrap().unwrap();
    reactor.block_on(client.write_all(b"hello")).unwrap().unwrap();
    let mut word = [0; 5];
    reactor.block_on(server.read_exact(&mut word)).unwrap().unwrap();
    assert_eq!(&word, b"hello");
}
