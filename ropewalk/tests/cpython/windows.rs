//! What `test_socket.py` has for Windows alone.

use std::time::Duration;

use ropewalk::socket::*;

mod general_module_tests {
    use super::*;

    #[test]
    fn test_sock_ioctl() {
        let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        let (time, interval) = (Duration::from_millis(100), Duration::from_millis(100));
        for on in [true, false] {
            assert_eq!(socket.ioctl(Ioctl::Keepalive { on, time, interval }).unwrap(), 0);
        }
    }

    #[test]
    fn test_sio_loopback_fast_path() {
        const WSAEOPNOTSUPP: i32 = 10045;
        let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        match socket.ioctl(Ioctl::LoopbackFastPath(true)) {
            Ok(answered) => assert_eq!(answered, 0),
            // Microsoft has deprecated it.
            Err(error) => assert_eq!(error.raw_os_error(), Some(WSAEOPNOTSUPP), "{error}"),
        }
    }
}
