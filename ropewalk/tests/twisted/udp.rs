//! Twisted's tests of datagrams.
