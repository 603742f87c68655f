//! Twisted's tests of what runs a Deferred: `react`, cooperators, calls from other threads.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use ropewalk::Reactor;
use ropewalk::error::ErrorKind;
use ropewalk::protocol::yield_now;

/// Runs it on a loop of its own.
fn run<F: Future>(future: F) -> F::Output {
    Reactor::new().unwrap().block_on(future).unwrap()
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
