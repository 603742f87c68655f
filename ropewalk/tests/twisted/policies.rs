//! Twisted's tests of `protocols.policies` and of the PROXY header.
