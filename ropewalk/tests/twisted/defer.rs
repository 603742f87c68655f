//! Twisted's tests of Deferreds, where a future is in their place.

use std::cell::RefCell;
use std::future::{Future, pending, ready};
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{abortable, join_all, select_all, select_ok, try_join_all};
use ropewalk::Reactor;
use ropewalk::protocol::yield_now;

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
        for (fails, expected) in [(false, Ok(2)), (true, Err("no"))] {
            let step = async move { if fails { Err("no") } else { Ok(1) } };
            let next = async { Ok::<i32, &str>(step.await? + 1) };
            assert_eq!(run(next), expected);
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
        let mut outer = Box::pin(async {
            inner.await;
            1
        });
        assert!(outer.as_mut().now_or_never().is_none());
        drop(outer);
        assert_eq!(*ended.borrow(), ["the innermost"]);
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
