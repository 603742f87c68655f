//! Twisted's tests of Deferreds, where a future is in their place.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{abortable, join_all, select_all, select_ok, try_join_all};
use ropewalk::Reactor;
use ropewalk::error::ErrorKind;
use ropewalk::protocol::yield_now;
use ropewalk::testing::Network;

const S: Duration = Duration::from_secs(1);

/// Runs it on a loop of its own.
fn run<F: Future>(future: F) -> F::Output {
    Reactor::new().unwrap().block_on(future).unwrap()
}

/// Notes its end, whatever it is.
struct Ends<'a>(&'a RefCell<Vec<&'static str>>, &'static str);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

mod deferred_tests {
    use super::*;

    type Answer = Result<i32, &'static str>;

    fn three() -> (Vec<oneshot::Sender<Answer>>, Vec<oneshot::Receiver<Answer>>) {
        (0..3).map(|_| oneshot::channel()).unzip()
    }

    #[test]
    fn test_deferred_list() {
        let (senders, receivers) = three();
        let mut all = Box::pin(join_all(receivers));
        for (sender, answer) in senders.into_iter().zip([Ok(1), Err("two"), Ok(3)]) {
            assert!(all.as_mut().now_or_never().is_none());
            sender.send(answer).unwrap();
        }
        assert_eq!(run(all), [Ok(Ok(1)), Ok(Err("two")), Ok(Ok(3))]);
    }

    #[test]
    fn test_empty_deferred_list() {
        assert!(run(join_all(Vec::<std::future::Ready<()>>::new())).is_empty());
    }

    #[test]
    fn test_deferred_list_fire_on_one_error() {
        let (senders, receivers) = three();
        let mut senders = senders.into_iter();
        let unwrapped = receivers.into_iter().map(|receiver| async { receiver.await.unwrap() });
        let mut all = Box::pin(try_join_all(unwrapped));
        senders.next().unwrap().send(Ok(1)).unwrap();
        assert!(all.as_mut().now_or_never().is_none());
        senders.next().unwrap().send(Err("from the second")).unwrap();
        assert_eq!(run(all), Err("from the second"));
        assert!(senders.next().unwrap().is_canceled(), "the third is not waited for any more");
    }

    #[test]
    fn test_deferred_list_fire_on_one_error_with_already_fired_deferreds() {
        let each: [Answer; 3] = [Ok(1), Err("is there already"), Ok(3)];
        assert_eq!(try_join_all(each.map(ready)).now_or_never(), Some(Err("is there already")));
    }

    #[test]
    fn test_deferred_list_with_already_fired_deferreds() {
        let each: [Answer; 3] = [Ok(1), Err("two"), Ok(3)];
        assert_eq!(join_all(each.map(ready)).now_or_never(), Some(each.to_vec()));
    }

    #[test]
    fn test_cancel_deferred_list() {
        let (senders, receivers) = three();
        drop(join_all(receivers));
        assert!(senders.iter().all(|sender| sender.is_canceled()));
    }

    #[test]
    fn test_cancel_deferred_list_callback() {
        let (mut senders, receivers) = three();
        let mut all = Box::pin(join_all(receivers));
        senders.remove(0).send(Ok(1)).unwrap();
        assert!(all.as_mut().now_or_never().is_none());
        drop(all);
        assert!(senders.iter().all(|sender| sender.is_canceled()));
    }

    #[test]
    fn test_cancel_deferred_list_with_fire_on_one_callback() {
        let (senders, receivers) = three();
        drop(select_all(receivers));
        assert!(senders.iter().all(|sender| sender.is_canceled()));
    }

    #[test]
    fn test_cancel_fired_on_one_callback_deferred_list() {
        let (mut senders, receivers) = three();
        senders.remove(1).send(Ok(2)).unwrap();
        let (answer, index, rest) = run(select_all(receivers));
        assert_eq!((answer, index), (Ok(Ok(2)), 1));
        assert!(senders.iter().all(|sender| !sender.is_canceled()), "whoever has the rest decides");
        drop(rest);
        assert!(senders.iter().all(|sender| sender.is_canceled()));
    }

    #[test]
    fn test_cancel_deferred_list_with_fire_on_one_errback() {
        let (senders, receivers) = three();
        drop(try_join_all(receivers));
        assert!(senders.iter().all(|sender| sender.is_canceled()));
    }

    #[test]
    fn test_immediate_success() {
        assert_eq!(ready("success").now_or_never(), Some("success"));
        assert_eq!(run(ready("success")), "success");
    }

    #[test]
    fn test_immediate_failure() {
        let failed: Answer = run(ready(Err("fail")));
        assert_eq!(failed, Err("fail"));
    }

    #[test]
    fn test_callback_errors() {
        async fn divide(by: i32) -> Result<i32, String> {
            1i32.checked_div(by).ok_or_else(|| "division by zero".to_owned())
        }
        let chain = async { Ok::<i32, String>(divide(0).await? + 1) };
        assert_eq!(run(chain), Err("division by zero".to_owned()));
    }

    #[test]
    fn test_callback_returns_deferred() {
        let (sender, receiver) = oneshot::channel();
        let reactor = Reactor::new().unwrap();
        reactor.call_later(Duration::ZERO, move |_| sender.send(3).unwrap());
        let chain = async {
            let first = ready(2).await;
            first + receiver.await.unwrap()
        };
        assert_eq!(reactor.block_on(chain).unwrap(), 5);
    }

    #[test]
    fn test_callback_maybe_returns_failure() {
        for (fails, expected) in [(false, Ok(1)), (true, Err("no"))] {
            let step = async move { if fails { Err("no") } else { Ok(1) } };
            assert_eq!(run(async { step.await.map(|value| value) }), expected);
        }
    }

    #[test]
    fn test_errback_returns_deferred() {
        let recovers = async {
            match ready(Err::<i32, _>("no")).await {
                Ok(value) => value,
                Err(_) => {
                    yield_now().await;
                    7
                }
            }
        };
        assert_eq!(run(recovers), 7);
    }

    #[test]
    fn test_gather_results() {
        let all = (1..=2).map(|n| async move { Ok::<_, &str>(n) });
        assert_eq!(run(try_join_all(all)), Ok(vec![1, 2]));
        let one_fails = (1..=2).map(|n| async move { if n == 1 { Ok(n) } else { Err("hello") } });
        assert_eq!(run(try_join_all(one_fails)), Err("hello"));
    }

    #[test]
    fn test_cancel_gather_results() {
        let ended = RefCell::default();
        let work = |name| {
            let ends = Ends(&ended, name);
            async move {
                let _ends = ends;
                pending::<Result<(), ()>>().await
            }
        };
        let mut all = Box::pin(try_join_all([work("one"), work("other")]));
        assert!(all.as_mut().now_or_never().is_none());
        drop(all);
        assert_eq!(*ended.borrow(), ["one", "other"]);
    }

    #[test]
    fn test_maybe_deferred_sync() {
        use futures_util::future::Either;
        let maybe = |is_there: bool| match is_there {
            true => Either::Left(ready(10)),
            false => Either::Right(async {
                yield_now().await;
                20
            }),
        };
        assert_eq!(maybe(true).now_or_never(), Some(10));
        assert_eq!(run(maybe(false)), 20);
    }

    #[test]
    fn test_callback_order_preserved() {
        let order = RefCell::new(Vec::new());
        let (sender, receiver) = oneshot::channel();
        let shared = receiver.shared();
        let waiters = (0..3).map(|number| {
            let (shared, order) = (shared.clone(), &order);
            async move {
                shared.await.unwrap();
                order.borrow_mut().push(number);
            }
        });
        let mut all = Box::pin(join_all(waiters));
        assert!(all.as_mut().now_or_never().is_none());
        sender.send(()).unwrap();
        run(all);
        assert_eq!(*order.borrow(), [0, 1, 2]);
    }

    #[test]
    fn test_non_reentrant_callbacks() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let (sender, receiver) = oneshot::channel();
        let reactor = Reactor::new().unwrap();
        let seen = order.clone();
        let waits = reactor.spawn(async move {
            receiver.await.unwrap();
            seen.borrow_mut().push("woken");
        });
        let seen = order.clone();
        reactor.call_later(Duration::ZERO, move |_| {
            sender.send(()).unwrap();
            seen.borrow_mut().push("the sender returns");
        });
        reactor.block_on(waits).unwrap().unwrap();
        assert_eq!(*order.borrow(), ["the sender returns", "woken"]);
    }

    #[test]
    fn test_double_asynchronous_implicit_chaining() {
        let (first, outer) = oneshot::channel::<oneshot::Receiver<i32>>();
        let (second, inner) = oneshot::channel();
        let mut chain = Box::pin(async { outer.await.unwrap().await.unwrap() });
        assert!(chain.as_mut().now_or_never().is_none());
        first.send(inner).unwrap();
        assert!(chain.as_mut().now_or_never().is_none());
        second.send(42).unwrap();
        assert_eq!(run(chain), 42);
    }

    #[test]
    fn test_bounded_stack_depth() {
        // Many steps, one after another, each of which has to wait.
        let deep = async {
            let mut sum = 0u64;
            for step in 0..100_000u64 {
                sum += async {
                    if step % 10_000 == 0 {
                        yield_now().await;
                    }
                    1
                }
                .await;
            }
            sum
        };
        assert_eq!(run(deep), 100_000);
    }
}

mod race_tests {
    use super::*;

    fn racers() -> (Vec<oneshot::Sender<Result<i32, i32>>>, Vec<Racer>) {
        (0..3)
            .map(|_| {
                let (sender, receiver) = oneshot::channel();
                let racer: Racer = Box::pin(async { receiver.await.unwrap_or(Err(-1)) });
                (sender, racer)
            })
            .unzip()
    }

    type Racer = std::pin::Pin<Box<dyn Future<Output = Result<i32, i32>>>>;

    #[test]
    fn test_success() {
        let (mut senders, racers) = racers();
        senders.remove(1).send(Ok(2)).unwrap();
        let (winner, losers) = run(select_ok(racers)).unwrap();
        drop(losers);
        assert_eq!(winner, 2);
        assert!(senders.iter().all(|loser| loser.is_canceled()));
    }

    #[test]
    fn test_failure() {
        let (senders, racers) = racers();
        for (number, sender) in senders.into_iter().enumerate() {
            sender.send(Err(number as i32)).unwrap();
        }
        assert_eq!(run(select_ok(racers)).map(|(winner, _)| winner), Err(2), "the last one's");
    }

    #[test]
    fn test_result_after_cancel() {
        let (mut senders, racers) = racers();
        senders.remove(0).send(Ok(1)).unwrap();
        let (_, losers) = run(select_ok(racers)).unwrap();
        drop(losers);
        assert_eq!(senders.remove(0).send(Ok(5)), Err(Ok(5)), "nobody is there to take it");
    }

    #[test]
    fn test_cancel() {
        let (senders, racers) = racers();
        drop(select_ok(racers));
        assert!(senders.iter().all(|sender| sender.is_canceled()));
    }
}

mod deferred_canceller_tests {
    use super::*;

    #[test]
    fn test_no_canceller() {
        let (work, handle) = abortable(pending::<()>());
        handle.abort();
        assert!(run(work).is_err(), "whoever waits hears");
    }

    #[test]
    fn test_no_canceller_multiple_cancel() {
        let (work, handle) = abortable(pending::<()>());
        handle.abort();
        handle.abort();
        assert!(run(work).is_err());
    }

    #[test]
    fn test_raises_after_cancel_and_callback() {
        let (sender, receiver) = oneshot::channel();
        drop(receiver);
        assert_eq!(sender.send("too late"), Err("too late"));
    }

    #[test]
    fn test_simple_canceller() {
        let ended = RefCell::default();
        let work = {
            let ends = Ends(&ended, "cleaned up");
            async move {
                let _ends = ends;
                pending::<()>().await;
            }
        };
        drop(work);
        assert_eq!(*ended.borrow(), ["cleaned up"]);
    }

    #[test]
    fn test_cancel_after_callback() {
        let reactor = Reactor::new().unwrap();
        let mut task = reactor.spawn(ready(1));
        assert_eq!(reactor.block_on(&mut task).unwrap().unwrap(), 1);
        task.cancel(); // does nothing
    }

    #[test]
    fn test_cancel_nested_deferred() {
        let ended = RefCell::default();
        let inner = {
            let ends = Ends(&ended, "the innermost");
            async move {
                let _ends = ends;
                pending::<()>().await;
            }
        };
        let mut outer = Box::pin(async { inner.await });
        assert!(outer.as_mut().now_or_never().is_none());
        drop(outer);
        assert_eq!(*ended.borrow(), ["the innermost"]);
    }
}

mod other_primitives_tests {
    use super::*;
    use async_lock::{Mutex, Semaphore};

    #[test]
    fn test_lock() {
        let lock = Mutex::new(0);
        let first = lock.lock().now_or_never().expect("free");
        let mut second = Box::pin(lock.lock());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        *run(second) += 1;
        assert_eq!(*lock.try_lock().unwrap(), 1);
        // Released by an error too.
        let fails = async {
            let _guard = lock.lock().await;
            Err::<(), &str>("no")
        };
        assert!(run(fails).is_err() && lock.try_lock().is_some());
    }

    #[test]
    fn test_cancel_lock_after_acquired() {
        let lock = Mutex::new(());
        let guard = lock.lock().now_or_never();
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert!(lock.try_lock().is_some());
    }

    #[test]
    fn test_cancel_lock_before_acquired() {
        let lock = Mutex::new(());
        let guard = lock.try_lock().unwrap();
        let mut waits = Box::pin(lock.lock());
        assert!(waits.as_mut().now_or_never().is_none());
        drop(waits);
        let mut next = Box::pin(lock.lock());
        assert!(next.as_mut().now_or_never().is_none());
        drop(guard);
        assert!(next.now_or_never().is_some(), "the cancelled one left the line");
    }

    #[test]
    fn test_semaphore() {
        let semaphore = Semaphore::new(2);
        let order = RefCell::new(Vec::new());
        let held = [semaphore.try_acquire().unwrap(), semaphore.try_acquire().unwrap()];
        assert!(semaphore.try_acquire().is_none());
        let waiters = (0..3).map(|number| {
            let (semaphore, order) = (&semaphore, &order);
            async move {
                let _permit = semaphore.acquire().await;
                order.borrow_mut().push(number);
            }
        });
        let mut all = Box::pin(join_all(waiters));
        assert!(all.as_mut().now_or_never().is_none() && order.borrow().is_empty());
        drop(held);
        run(all);
        assert_eq!(*order.borrow(), [0, 1, 2]);
    }

    #[test]
    fn test_cancel_semaphore_after_acquired() {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().now_or_never();
        assert!(semaphore.try_acquire().is_none());
        drop(permit);
        assert!(semaphore.try_acquire().is_some());
    }

    #[test]
    fn test_cancel_semaphore_before_acquired() {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire().unwrap();
        let mut waits = Box::pin(semaphore.acquire());
        assert!(waits.as_mut().now_or_never().is_none());
        drop(waits);
        drop(permit);
        assert!(semaphore.try_acquire().is_some());
    }

    #[test]
    fn test_queue() {
        let (put, get) = async_channel::bounded(2);
        put.try_send(1).unwrap();
        put.try_send(2).unwrap();
        assert!(put.try_send(3).unwrap_err().is_full(), "QueueOverflow");
        assert_eq!(run(get.recv()), Ok(1));
        assert_eq!(run(get.recv()), Ok(2));
        let mut waits = Box::pin(get.recv());
        assert!(waits.as_mut().now_or_never().is_none());
        put.try_send(4).unwrap();
        assert_eq!(run(waits), Ok(4));
    }

    #[test]
    fn test_cancel_queue_after_synchronous_get() {
        let (put, get) = async_channel::bounded(1);
        put.try_send("kept").unwrap();
        drop(get.recv()); // never polled: nothing was taken
        assert_eq!(get.recv().now_or_never(), Some(Ok("kept")));
    }

    #[test]
    fn test_cancel_queue_after_get() {
        let (put, get) = async_channel::bounded(1);
        let mut cancelled = Box::pin(get.recv());
        assert!(cancelled.as_mut().now_or_never().is_none());
        drop(cancelled);
        put.try_send(1).unwrap();
        assert_eq!(get.recv().now_or_never(), Some(Ok(1)));
    }
}

mod deferred_add_timeout_tests {
    use super::*;

    /// What a future and its deadline come to, under the virtual clock.
    fn within<T: 'static>(
        deadline: Duration,
        future: impl Future<Output = T> + 'static,
    ) -> Option<Result<T, Duration>> {
        let network = Network::calm();
        let net = network.net().owned();
        let task = network
            .net()
            .spawn(async move { net.timeout(deadline, future).await.map_err(|late| late.after()) });
        network.run();
        task.now_or_never().map(|ended| ended.unwrap())
    }

    #[test]
    fn test_success_result_before_timeout() {
        assert_eq!(within(10 * S, ready("in time")), Some(Ok("in time")));
    }

    #[test]
    fn test_failure_before_timeout() {
        let failed = ready(Err::<(), _>("its own error"));
        assert_eq!(within(10 * S, failed), Some(Ok(Err("its own error"))));
    }

    #[test]
    fn test_timed_out() {
        assert_eq!(within(10 * S, pending::<()>()), Some(Err(10 * S)));
    }

    #[test]
    fn test_cancel_before_timeout() {
        let network = Network::calm();
        let net = network.net().owned();
        let task = network.net().spawn(async move { net.timeout(10 * S, pending::<()>()).await });
        task.cancel();
        network.run();
        assert_eq!(network.net().now().as_nanos(), 0, "no timer is left that could come");
    }

    #[test]
    fn test_timeout_chainable() {
        let network = Network::calm();
        let net = network.net().owned();
        let chained = async move {
            let inner = net.timeout(5 * S, pending::<()>()).map(|ended| ended.is_err());
            net.timeout(10 * S, inner).await
        };
        let task = network.net().spawn(chained);
        network.run();
        assert_eq!(task.now_or_never().unwrap().unwrap(), Ok(true));
    }
}

mod ensure_deferred_tests {
    use super::*;

    #[test]
    fn test_ensure_deferred_coroutine() {
        async fn coroutine() -> &'static str {
            yield_now().await;
            "bar"
        }
        let reactor = Reactor::new().unwrap();
        let task = reactor.spawn(coroutine());
        assert_eq!(reactor.block_on(task).unwrap().unwrap(), "bar");
    }
}

mod basic_tests {
    use super::*;

    #[test]
    fn test_basics() {
        let (sender, receiver) = oneshot::channel();
        let reactor = Reactor::new().unwrap();
        reactor.call_later(Duration::from_millis(1), move |_| sender.send("hello").unwrap());
        let work = async {
            let word: &str = receiver.await.unwrap();
            word.to_ascii_uppercase()
        };
        assert_eq!(reactor.block_on(work).unwrap(), "HELLO");
    }

    #[test]
    fn test_produces_exception() {
        let fails = async {
            yield_now().await;
            Err::<(), _>("terminal")
        };
        assert_eq!(run(fails), Err("terminal"));
    }

    #[test]
    fn test_handled_terminal_failure() {
        let handles = async { ready(Err::<i32, _>("terminal")).await.unwrap_or(0) };
        assert_eq!(run(handles), 0);
    }

    #[test]
    fn test_stack_usage() {
        let many = async {
            for _ in 0..50_000 {
                ready(1).await;
            }
        };
        run(many);
    }
}

mod defer_later_tests {
    use super::*;

    #[test]
    fn test_callback() {
        let network = Network::calm();
        let nap = network.net().sleep(3 * S);
        let net = network.net().owned();
        let task = network.net().spawn(async move {
            nap.await;
            net.now().as_nanos()
        });
        network.run();
        let at = task.now_or_never().unwrap().unwrap();
        assert_eq!(u128::from(at), (3 * S).as_nanos());
    }

    #[test]
    fn test_errback() {
        let network = Network::calm();
        let nap = network.net().sleep(S);
        let task = network.net().spawn(async move {
            nap.await;
            Err::<(), _>("after it")
        });
        network.run();
        assert_eq!(task.now_or_never().unwrap().unwrap(), Err("after it"));
    }

    #[test]
    fn test_cancel() {
        let net = ropewalk::testing::RecordedNet::new();
        let nap = (&net as &dyn ropewalk::Net).sleep(S);
        drop(nap);
        assert_eq!(net.pending_calls(), 0);
    }
}

mod react_tests {
    use super::*;

    #[test]
    fn test_runs_until_async_callback() {
        let reactor = Reactor::new().unwrap();
        let main = async {
            reactor.sleep(Duration::from_millis(1)).await;
            0
        };
        assert_eq!(reactor.block_on(main).unwrap(), 0);
    }

    #[test]
    fn test_runs_until_sync_callback() {
        assert_eq!(run(ready(0)), 0);
    }

    #[test]
    fn test_runs_until_async_errback() {
        let reactor = Reactor::new().unwrap();
        let main = async {
            reactor.sleep(Duration::from_millis(1)).await;
            Err::<(), _>("unhandled")
        };
        assert_eq!(reactor.block_on(main).unwrap(), Err("unhandled"));
    }

    #[test]
    fn test_asynchronous_stop() {
        let reactor = Reactor::new().unwrap();
        reactor.call_later(Duration::from_millis(1), |net| net.stop());
        let ended = reactor.block_on(pending::<()>());
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Stopped);
    }

    #[test]
    fn test_synchronous_stop() {
        let reactor = Reactor::new().unwrap();
        let main = async {
            reactor.stop();
            pending::<()>().await;
        };
        assert_eq!(reactor.block_on(main).unwrap_err().kind(), ErrorKind::Stopped);
    }

    #[test]
    fn test_arguments() {
        let words = [String::from("borrowed"), String::from("by the future")];
        let main = async { words.join(" ") };
        assert_eq!(run(main), "borrowed by the future");
    }
}

mod cooperator_tests {
    use super::*;

    #[test]
    fn test_cooperation() {
        let reactor = Reactor::new().unwrap();
        let order = Rc::new(RefCell::new(String::new()));
        let spell = |letters: &'static str| {
            let order = order.clone();
            reactor.spawn(async move {
                for letter in letters.chars() {
                    order.borrow_mut().push(letter);
                    yield_now().await;
                }
            })
        };
        let tasks = [spell("abc"), spell("ABC"), spell("123")];
        reactor.block_on(join_all(tasks)).unwrap();
        assert_eq!(*order.borrow(), "aA1bB2cC3");
    }

    #[test]
    fn test_stop_running() {
        let reactor = Reactor::new().unwrap();
        let steps = Rc::new(Cell::new(0));
        let counted = steps.clone();
        let task = reactor.spawn(async move {
            loop {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        reactor.block_on(yield_now()).unwrap();
        task.cancel();
        reactor.block_on(yield_now()).unwrap();
        let before = steps.get();
        reactor.block_on(yield_now()).unwrap();
        assert_eq!(steps.get(), before);
    }

    #[test]
    fn test_unexpected_error() {
        let reactor = Reactor::new().unwrap();
        let task = reactor.spawn(async {
            yield_now().await;
            panic!("unexpected")
        });
        let ended: ropewalk::Result<()> = reactor.block_on(task).unwrap();
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Panicked);
    }

    #[test]
    fn test_stop_outstanding() {
        let reactor = Reactor::new().unwrap();
        let task = reactor.spawn(pending::<()>());
        reactor.stop();
        reactor.run().unwrap();
        let ended = reactor.block_on(task).unwrap();
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Stopped);
    }
}

mod run_state_tests {
    use super::*;

    #[test]
    fn test_when_done() {
        let reactor = Reactor::new().unwrap();
        let task = reactor.spawn(async {
            yield_now().await;
            "its iterator"
        });
        let done = task.map(|ended| ended.unwrap()).shared();
        let both = async { (done.clone().await, done.await) };
        assert_eq!(reactor.block_on(both).unwrap(), ("its iterator", "its iterator"));
    }

    #[test]
    fn test_when_done_already_done() {
        let reactor = Reactor::new().unwrap();
        let task = reactor.spawn(ready(1));
        reactor.block_on(yield_now()).unwrap();
        reactor.block_on(yield_now()).unwrap();
        assert!(task.is_finished());
        assert_eq!(reactor.block_on(task).unwrap().unwrap(), 1);
    }

    #[test]
    fn test_when_done_error() {
        let reactor = Reactor::new().unwrap();
        let task = reactor.spawn(ready(Err::<(), _>("no")));
        assert_eq!(reactor.block_on(task).unwrap().unwrap(), Err("no"));
    }
}

mod reactor_threads_tests {
    use super::*;
    use std::sync::mpsc;

    /// Asks the loop from another thread, and waits there for the answer.
    fn blocking_call<T, F>(start: impl FnOnce(Rc<dyn ropewalk::Net>) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let reactor = Reactor::new().unwrap();
        let remote = reactor.remote();
        let thread = std::thread::spawn(move || {
            let (tell, told) = mpsc::channel();
            let ask = move |net: &dyn ropewalk::Net| {
                let (work, inside) = (start(net.owned()), net.owned());
                let answer = async move {
                    tell.send(work.await).unwrap();
                    inside.stop();
                };
                net.spawn(answer).detach();
            };
            remote.call(ask).unwrap();
            told.recv().unwrap()
        });
        reactor.run().unwrap();
        thread.join().unwrap()
    }

    #[test]
    fn test_blocking_call_from_thread() {
        assert_eq!(blocking_call(|_| ready("answer")), "answer");
    }

    #[test]
    fn test_async_blocking_call_from_thread() {
        let later = |net: Rc<dyn ropewalk::Net>| async move {
            net.sleep(Duration::from_millis(1)).await;
            "later"
        };
        assert_eq!(blocking_call(later), "later");
    }

    #[test]
    fn test_error_blocking_call_from_thread() {
        assert_eq!(blocking_call(|_| ready(Err::<(), _>("zing"))), Err("zing"));
    }
}
