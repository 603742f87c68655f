//! Requests a second and latency of our servers, beside CPython's and one by hand, and how long a
//! shutdown takes. It prints the tables of `docs/servers-figures.md`:
//!
//! ```sh
//! cargo bench -p ropewalk --bench servers    # some two minutes; Linux and python3
//! ```
//!
//! Every server is a process of its own, and all of them run from the beginning; the one client
//! asks them in turn, round after round, so that a disturbance of the machine meets all alike.

#![allow(clippy::unwrap_used, reason = "a program for developers: it ends at what is wrong")]
#![allow(clippy::disallowed_methods, reason = "a clock is read: that is how time is measured")]
#![allow(clippy::print_stdout, reason = "the tables are what it is for")]

mod client;
mod figures;
mod served;
mod stopping;

use std::process::ExitCode;

use client::Manner;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", name, manner] => served::serve(name, Manner::named(manner)),
        ["stop", name] => stopping::stop(name),
        // What `cargo bench` says. `cargo test` does not, and there is nothing to test.
        ["--bench"] => return tables(),
        _ => println!("run by `cargo bench -p ropewalk --bench servers`"),
    }
    ExitCode::SUCCESS
}

/// Prints all tables. It fails where a shutdown takes longer than we promise.
fn tables() -> ExitCode {
    // A sleeping server is found in /proc.
    if !cfg!(target_os = "linux") {
        println!("only on Linux");
        return ExitCode::SUCCESS;
    }
    for manner in [Manner::Once, Manner::Many] {
        figures::print(manner);
    }
    if stopping::print() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
