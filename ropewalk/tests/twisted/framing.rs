//! Twisted's tests of `protocols.basic`.
