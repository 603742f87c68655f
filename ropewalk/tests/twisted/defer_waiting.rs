//! Twisted's tests of what a Deferred waits for: locks, queues, time.

use std::cell::RefCell;
use std::future::{Future, pending, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use ropewalk::Reactor;
use ropewalk::testing::Network;

const S: Duration = Duration::from_secs(1);

/// Runs it on a loop of its own.
fn run<F: Future>(future: F) -> F::Output {
    Reactor::new().unwrap().block_on(future).unwrap()
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
