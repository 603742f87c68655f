//! Twisted's tests of the reactor's start, stop, timers, threads and looping calls.
