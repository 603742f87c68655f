//! The ready services, as their peers meet them.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod chat;
mod small;
