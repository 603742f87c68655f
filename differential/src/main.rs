//! The same probes through CPython and through Ropewalk: where do they differ, and was that
//! decided? `README.md` beside this crate says how to run it and how to add a probe.

// Unix sockets, descriptors and errno are half of what is compared.
#[cfg(unix)]
mod comparison;
// As above.
#[cfg(unix)]
mod ends;
// As above.
#[cfg(unix)]
mod outcome;
// As above.
#[cfg(unix)]
mod probes;
// As above. The tests' own signals.
#[cfg(unix)]
#[path = "../../ropewalk/tests/rig/rain.rs"]
#[allow(clippy::unwrap_used, unreachable_pub, reason = "it is a test's, which may panic")]
mod rain;
// As above.
#[cfg(unix)]
mod traces;
// As above.
#[cfg(unix)]
mod twisted;

// As above.
#[cfg(unix)]
fn main() -> std::process::ExitCode {
    comparison::main()
}

// As above.
#[cfg(not(unix))]
fn main() {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), b"it compares on Unix alone\n");
}
