//! Contract: a future beside a protocol keeps the protocols' rules, on every engine.

use std::rc::Rc;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use ropewalk::Net;
use ropewalk::protocol::{Kind, yield_now};
use ropewalk::stream::{Stream, serve};

use crate::rig::{Call, Script, on, on_every_engine};

const TICK: Duration = Duration::from_millis(1);

#[test]
fn a_future_of_a_callback_runs_after_it_and_writes_later() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let script = Script::new().made(move |transport| {
            let (net, handle) = (transport.net().owned(), transport.handle());
            let seen = log.clone();
            let later = async move {
                seen.note(0, "the future begins");
                net.sleep(TICK).await;
                handle.write(b"later").unwrap();
                handle.close().unwrap();
            };
            transport.net().spawn(later).detach();
            log.note(0, "made returns");
        });
        let server = rig.serve(script);
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"later");
        rig.until_lost(1);
        let note = |what: &str| Call::Note(what.into());
        let told = [note("made returns"), note("the future begins")];
        let seen = [&[Call::Made][..], &told, &[Call::Lost(Kind::Closed)]].concat();
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn a_future_that_panics_costs_no_connection() {
    on_every_engine(|rig| {
        let script = Script::echo().made(|transport| {
            let task = transport.net().spawn(async { panic!("a future's") });
            let handle = transport.handle();
            let watch = async move {
                let failed: ropewalk::Result<()> = task.await;
                handle.write(failed.unwrap_err().cause().as_bytes()).unwrap();
            };
            transport.net().spawn(watch).detach();
        });
        let server = rig.serve(script);
        let mut peer = rig.dial(server);
        let cause = b"it panicked: a future's";
        assert_eq!(peer.read_exact(cause.len()).unwrap(), cause);
        peer.send(b"alive");
        assert_eq!(peer.read_exact(5).unwrap(), b"alive");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
    });
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    on_every_engine(|rig| {
        let script = Script::new().made(|transport| {
            let handle = transport.handle();
            let again = async move {
                for _ in 0..100 {
                    yield_now().await;
                }
                handle.write(b"again and again").unwrap();
                handle.close().unwrap();
            };
            transport.net().spawn(again).detach();
        });
        let server = rig.serve(script);
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"again and again");
        rig.until_lost(1);
    });
}

#[test]
fn a_task_that_is_dropped_in_a_callback_is_cancelled_after_it() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let script = Script::new().made(move |transport| {
            let gone = Gone(log.clone());
            let never = async move {
                let _gone = gone;
                std::future::pending::<()>().await;
            };
            drop(transport.net().spawn(never));
            log.note(0, "made returns");
            transport.close();
        });
        let server = rig.serve(script);
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
        let note = |what: &str| Call::Note(what.into());
        rig.until("the future is dropped", |calls| calls.contains(&(0, note("dropped"))));
        let calls = rig.log.calls();
        let at = |call: &Call| calls.iter().position(|seen| seen == call);
        assert!(at(&note("made returns")) < at(&note("dropped")), "{calls:?}");
    });
}

struct Gone(crate::rig::Log);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.note(0, "dropped");
    }
}

/// Reads to the end, and sends it back.
async fn send_back(stream: Stream, _: Rc<dyn Net>) {
    let mut stream = stream;
    let mut all = Vec::new();
    if stream.read_to_end(&mut all).await.is_ok() && stream.write_all(&all).await.is_ok() {
        let _ = stream.close().await; // the peer may be gone
    }
}

#[test]
fn a_stream_serves_on_every_engine() {
    on_every_engine(|rig| {
        let server = rig.serve_factory(|| Box::new(serve(send_back)));
        let sent: Vec<u8> = (0..200_000u32).map(|at| at as u8).collect();
        let mut peer = rig.dial(server);
        peer.send(&sent);
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), sent);
    });
}

#[test]
fn a_streams_reader_hears_of_a_reset_after_what_had_come() {
    on(
        |kind| kind.has_reset() && kind.is_here(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve_factory(move || {
                Box::new(serve(move |mut stream: Stream, _| {
                    let log = log.clone();
                    async move {
                        let mut word = [0; 5];
                        stream.read_exact(&mut word).await.unwrap();
                        log.note(0, "word");
                        let error = stream.read(&mut word).await.unwrap_err();
                        log.note(0, format!("{:?}", error.kind()));
                    }
                }))
            });
            let mut peer = rig.dial(server);
            peer.send(b"words");
            let note = |what: &str| (0, Call::Note(what.into()));
            rig.until("the word", |calls| calls.contains(&note("word")));
            peer.reset();
            rig.until("the reset", |calls| calls.contains(&note("ConnectionReset")));
        },
    );
}
