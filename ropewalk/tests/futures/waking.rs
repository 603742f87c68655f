//! Futures woken from elsewhere: other threads, callbacks, nobody.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use ropewalk::Reactor;

/// Set from one thread, waited for on another.
#[derive(Clone, Default)]
struct Flag(Arc<(AtomicBool, Mutex<Option<Waker>>)>);

impl Flag {
    fn set(&self) {
        self.0.0.store(true, Ordering::Release);
        let waker = self.0.1.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(self) {
        poll_fn(|cx| {
            *self.0.1.lock().unwrap() = Some(cx.waker().clone());
            match self.0.0.load(Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

#[test]
fn no_wake_of_another_thread_is_lost() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 2000;
    let reactor = Reactor::new().unwrap();
    let (ask, asked) =
        (0..THREADS).map(|_| std::sync::mpsc::channel::<Flag>()).unzip::<_, _, Vec<_>, Vec<_>>();
    let threads: Vec<_> = asked
        .into_iter()
        .map(|flags| std::thread::spawn(move || flags.iter().for_each(|flag| flag.set())))
        .collect();
    let tasks: Vec<_> = ask
        .into_iter()
        .map(|ask| {
            reactor.spawn(async move {
                for _ in 0..ROUNDS {
                    let flag = Flag::default();
                    ask.send(flag.clone()).unwrap();
                    flag.wait().await;
                }
            })
        })
        .collect();
    reactor
        .block_on(async {
            for task in tasks {
                task.await.unwrap()
            }
        })
        .unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_future_woken_by_many_threads_at_once_is_polled_and_finishes() {
    let reactor = Reactor::new().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let wakers: Arc<Mutex<Option<Waker>>> = Arc::default();
    let (counted, given) = (count.clone(), wakers.clone());
    let task = reactor.spawn(poll_fn(move |cx| {
        *given.lock().unwrap() = Some(cx.waker().clone());
        match counted.load(Ordering::Acquire) {
            8 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (count, wakers) = (count.clone(), wakers.clone());
            std::thread::spawn(move || {
                count.fetch_add(1, Ordering::AcqRel);
                let waker = wakers.lock().unwrap().clone();
                if let Some(waker) = waker {
                    (0..100).for_each(|_| waker.wake_by_ref());
                }
            })
        })
        .collect();
    reactor.block_on(task).unwrap().unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_waker_outlives_its_future_and_its_reactor() {
    let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
    let given = kept.clone();
    let reactor = Reactor::new().unwrap();
    let stops = reactor.clone();
    reactor
        .spawn(poll_fn(move |cx| -> Poll<()> {
            *given.lock().unwrap() = Some(cx.waker().clone());
            stops.stop();
            Poll::Pending
        }))
        .detach();
    reactor.run().unwrap();
    let waker = kept.lock().unwrap().take().unwrap();
    waker.wake_by_ref(); // its future is gone
    reactor.block_on(async {}).unwrap();
    drop(reactor);
    std::thread::spawn(move || waker.wake()).join().unwrap();
}

#[test]
fn a_future_that_was_woken_between_two_runs_goes_on_in_the_next() {
    let reactor = Reactor::new().unwrap();
    let flag = Flag::default();
    let task = reactor.spawn(flag.clone().wait());
    reactor.block_on(ropewalk::protocol::yield_now()).unwrap();
    assert!(!task.is_finished());
    std::thread::spawn(move || flag.set()).join().unwrap();
    reactor.block_on(task).unwrap().unwrap();
}

#[test]
fn another_thread_spawns_by_the_remote_and_waits_for_the_answer() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let asking = std::thread::spawn(move || {
        let (tell, told) = std::sync::mpsc::channel();
        let ask = move |net: &dyn ropewalk::Net| {
            let inside = net.owned();
            let answer = async move {
                inside.sleep(std::time::Duration::from_millis(1)).await;
                tell.send(42).unwrap();
                inside.stop();
            };
            net.spawn(answer).detach();
        };
        remote.call(ask).unwrap();
        told.recv().unwrap()
    });
    reactor.run().unwrap();
    assert_eq!(asking.join().unwrap(), 42);
}

#[test]
fn work_that_blocks_gives_its_result_to_a_future() {
    let reactor = Reactor::new().unwrap();
    let here = std::thread::current().id();
    let work = reactor.run_blocking(|| std::thread::current().id());
    let there = reactor.block_on(work).unwrap().unwrap();
    assert_ne!(here, there);
    let fails = reactor.run_blocking(|| -> () { panic!("in a thread") });
    let error = reactor.block_on(fails).unwrap().unwrap_err();
    assert_eq!(error.kind(), ropewalk::error::ErrorKind::Panicked);
}

#[test]
fn too_much_work_that_blocks_is_an_error_of_its_task() {
    use ropewalk::limits::{BLOCKING_THREADS, BLOCKING_WAITING};
    let reactor = Reactor::new().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let waits = || {
        let (gate, tell) = (gate.clone(), tell.clone());
        reactor.run_blocking(move || {
            tell.send(()).unwrap();
            drop(gate.lock().unwrap());
        })
    };
    let mut works: Vec<_> = (0..BLOCKING_THREADS).map(|_| waits()).collect();
    told.iter().take(BLOCKING_THREADS).for_each(drop); // every thread has its work
    works.extend((0..=BLOCKING_WAITING).map(|_| waits()));
    let late = works.pop().unwrap();
    let error = reactor.block_on(late).unwrap().unwrap_err();
    assert_eq!(error.kind(), ropewalk::error::ErrorKind::Full);
    drop(closed);
    let all = futures_util::future::try_join_all(works);
    assert_eq!(reactor.block_on(all).unwrap().unwrap().len(), BLOCKING_THREADS + BLOCKING_WAITING);
}
