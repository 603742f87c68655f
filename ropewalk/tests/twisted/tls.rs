//! Twisted's tests of TLS.
