//! Twisted's tests of Deferreds, where a future is in their place.
