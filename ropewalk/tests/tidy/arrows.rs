//! The order of arrows: a module uses only what stands before it. And what the pure modules
//! leave alone. These rules never look at tests, comments or strings.

use crate::source::{Source, UsedPath};
use crate::{Tree, assert_refused, assert_tidy};

/// The modules of the library, from the bottom up, one rank a line. Neighbours of one rank may
/// not use one another, except on the first line.
const ORDER: &[&[&str]] = &[
    &["error", "addr", "limits", "clock", "options", "sys"],
    &["protocol"],
    &["observe"],
    &["connection"],
    &["framing", "policy", "stream", "tls"],
    &["engine"],
    &["socket"],
    &["driver"],
    &["server", "reactor", "testing"],
    &["endpoint"],
    &["service"],
];

/// Uses the first rank only, wherever it stands.
const BOTTOM_ONLY: &str = "socket";

/// Given bytes and the time; no I/O, no clock, no thread.
const PURE: &[&str] =
    &["protocol", "observe", "connection", "framing", "policy", "stream", "tls", "engine"];

/// Crates that a pure module does not know.
const IO_CRATES: &[&str] =
    &["mio", "socket2", "rustix", "io_uring", "libc", "nix", "signal_hook", "windows_sys"];

/// What no path in a pure module contains.
const IO_WORDS: &[&[&str]] = &[
    &["TcpStream"],
    &["TcpListener"],
    &["UdpSocket"],
    &["UnixStream"],
    &["UnixListener"],
    &["UnixDatagram"],
    &["std", "fs"],
    &["process", "Command"],
    &["thread", "spawn"],
    &["thread", "scope"],
    &["thread", "Builder"],
    &["Instant"],
    &["SystemTime", "now"],
];

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

fn may_use(from: &str, to: &str) -> bool {
    match (rank(from), rank(to)) {
        _ if from == to => true,
        (_, Some(0)) if from == BOTTOM_ONLY => true,
        _ if from == BOTTOM_ONLY => false,
        (Some(from), Some(to)) => to < from || (from == 0 && to == 0),
        _ => false,
    }
}

/// The top-level module that `source` belongs to; none for `lib.rs`, which re-exports.
fn module_of(source: &Source) -> Option<&str> {
    let inside = source.in_library()?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (inside != "lib.rs").then_some(module)
}

/// What a path names directly below the crate's root, if it goes there at all.
fn named_at_root<'s>(source: &Source, path: &UsedPath<'s>) -> Option<&'s str> {
    let mut steps = path.segments.iter().copied().skip_while(|segment| *segment == "self");
    if path.starts_with("crate") {
        return steps.nth(1);
    }
    let folders = source.in_library()?.trim_end_matches("/mod.rs").split('/').count();
    let ups = steps.clone().take_while(|segment| *segment == "super").count();
    let reaches_root = ups > 0 && ups >= folders + source.inline_depth(path.at);
    reaches_root.then(|| steps.nth(ups)).flatten()
}

fn arrows(source: &Source) -> Vec<String> {
    let Some(module) = module_of(source) else { return Vec::new() };
    if rank(module).is_none() {
        let sentence = format!("`{module}` has no place in the order of arrows: give it one there");
        return vec![source.complain(1, sentence)];
    }
    let mut complaints = Vec::new();
    for path in source.paths().iter().filter(|path| !source.in_tests(path.at)) {
        let Some(name) = named_at_root(source, path) else { continue };
        let why = match rank(name) {
            _ if may_use(module, name) => continue,
            None => "is no module in the order of arrows: name things by their module",
            Some(_) if module == BOTTOM_ONLY => "is not on the bottom row, all that `socket` uses",
            Some(to) if rank(module) == Some(to) => "is a neighbour, and neighbours do not meet",
            Some(_) => "stands above it in the order of arrows",
        };
        let sentence = format!("`{module}` uses `{}`: `{name}` {why}", path.spelled());
        complaints.push(source.complain(source.line(path.at), sentence));
    }
    complaints
}

fn purity(source: &Source) -> Vec<String> {
    let Some(module) = module_of(source).filter(|module| PURE.contains(module)) else {
        return Vec::new();
    };
    let used = source.paths();
    let impure = used.iter().filter(|path| {
        !source.in_tests(path.at)
            && (IO_CRATES.iter().any(|name| path.starts_with(name))
                || IO_WORDS.iter().any(|words| path.has(words)))
    });
    let complain = |path: &UsedPath<'_>| {
        let sentence = format!("`{module}` is pure, and `{}` is not", path.spelled());
        source.complain(source.line(path.at), sentence)
    };
    impure.map(complain).collect()
}

/// The program stands on the library, by its crate alone.
fn program_above_library(source: &Source) -> Vec<String> {
    if !source.is_shipped() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    if source.in_library().is_some() {
        for (at, _) in source.places("ropewalk_cli") {
            complaints.push(source.complain(source.line(at), "the library knows no program"));
        }
    }
    let attributes = source.sequences(&["#", "[", "path", "="]);
    let inclusions = source.sequences(&["include", "!"]);
    for at in attributes.into_iter().chain(inclusions) {
        let sentence = "a file taken in from elsewhere goes round the order of arrows";
        complaints.push(source.complain(source.line(at), sentence));
    }
    complaints
}

#[test]
fn arrows_point_down() {
    assert_tidy(Tree::get().complaints(arrows));
}

#[test]
fn pure_modules_do_no_io_and_ask_no_clock() {
    assert_tidy(Tree::get().complaints(purity));
}

#[test]
fn the_program_uses_the_library_and_never_the_reverse() {
    assert_tidy(Tree::get().complaints(program_above_library));
    let library = Tree::get().text("ropewalk/Cargo.toml");
    assert!(!library.lines().any(|line| line.starts_with("ropewalk-cli")), "{library}");
}

#[test]
fn an_arrow_upward_is_refused() {
    for (path, text) in [
        ("connection/mod.rs", "use crate::engine::Engine;"),
        ("connection/mod.rs", "use crate::{addr::Addr, error, engine::Engine};"),
        ("connection/mod.rs", "fn f() -> crate::engine::Engine {}"),
        ("connection/held.rs", "use super::super::engine::Engine;"),
        ("connection.rs", "use super::engine;"),
        ("connection.rs", "mod inner { use super::super::engine; }"),
        ("addr.rs", "pub(crate) use crate::protocol::Reason;"),
        ("limits.rs", "macro_rules! m { () => { $crate::driver::poll() } }"),
    ] {
        let source = Source::new(&format!("ropewalk/src/{path}"), text);
        assert_refused(arrows(&source), "stands above");
    }
}

#[test]
fn an_arrow_to_a_neighbour_is_refused() {
    for (path, text) in [
        ("server/mod.rs", "use crate::reactor::Reactor;"),
        ("reactor/mod.rs", "use crate::testing::marks;"),
        ("policy/throttle.rs", "use crate::framing::Lines;"),
    ] {
        let source = Source::new(&format!("ropewalk/src/{path}"), text);
        assert_refused(arrows(&source), "neighbour");
    }
    let socket = Source::new("ropewalk/src/socket/mod.rs", "use crate::protocol::Reason;");
    assert_refused(arrows(&socket), "bottom row");
}

#[test]
fn a_name_without_a_place_in_the_order_is_refused() {
    let module = Source::new("ropewalk/src/gadgets/mod.rs", "use crate::error::Error;");
    assert_refused(arrows(&module), "give it one");
    let through_the_root = Source::new("ropewalk/src/engine/mod.rs", "use crate::Result;");
    assert_refused(arrows(&through_the_root), "by their module");
}

#[test]
fn arrows_downward_and_those_of_tests_pass() {
    for (path, text) in [
        ("clock.rs", "use crate::addr::Addr; use super::error;"),
        ("connection/stack.rs", "use super::held::Held; use crate::connection::Step;"),
        ("connection/a/b.rs", "use super::super::held; mod m { use super::super::super::held; }"),
        ("driver/poll.rs", "use crate::{engine::Driver, socket::Socket}; pub(crate) fn f() {}"),
        ("socket/mod.rs", "use crate::limits::X; mod sys;"),
        ("addr.rs", "//! [`crate::reactor`]\n#[cfg(test)] mod tests { use crate::reactor; }"),
        ("addr.rs", "const TEXT: &str = \"crate::reactor::Reactor\";"),
        ("lib.rs", "pub use crate::reactor::Reactor;"),
    ] {
        assert_tidy(arrows(&Source::new(&format!("ropewalk/src/{path}"), text)));
    }
}

#[test]
fn io_in_a_pure_module_is_refused() {
    for text in [
        "use std::net::{SocketAddr, TcpStream};",
        "fn f() { std::fs::read(x); }",
        "use std::{fs, io};",
        "fn f() { std::thread::spawn(g); }",
        "use mio;",
        "use socket2::Socket;",
        "use rustix::net;",
        "use std::time::{Duration, Instant};",
        "fn f() { SystemTime::now(); }",
    ] {
        assert_refused(purity(&Source::new("ropewalk/src/engine/mod.rs", text)), "pure");
        assert_tidy(purity(&Source::new("ropewalk/src/driver/poll.rs", text)));
    }
    let quiet = "use std::{io, net::SocketAddr, time::SystemTime}; // mio::Poll\nlet mio = fs;";
    assert_tidy(purity(&Source::new("ropewalk/src/engine/mod.rs", quiet)));
}

#[test]
fn a_way_round_the_order_is_refused() {
    for (path, text) in [
        ("ropewalk/src/addr.rs", "use ropewalk_cli::args;"),
        ("cli/src/main.rs", "#[path = \"../../ropewalk/src/engine/mod.rs\"] mod engine;"),
        ("cli/src/main.rs", "include!(\"../../ropewalk/src/addr.rs\");"),
    ] {
        assert_eq!(program_above_library(&Source::new(path, text)).len(), 1, "{text}");
    }
    let quiet = "use ropewalk::Addr; fn f() { let path = include_str!(\"a.txt\"); }";
    assert_tidy(program_above_library(&Source::new("cli/src/main.rs", quiet)));
}
