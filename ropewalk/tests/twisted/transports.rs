//! Twisted's tests of TCP and Unix transports and of producers.
