//! What is banned: calls that make a test flaky or a seed useless, `unsafe` outside its places,
//! and words that have no business in a tree that is handed on. Whoever needs an exception
//! changes the rule, with its reason, never the text it reads.

use crate::source::Source;
use crate::{Tree, assert_refused, assert_tidy};

/// The one file that asks the time.
const CLOCK: &str = "ropewalk/src/clock.rs";

/// Where shipped code may be `unsafe`.
const UNSAFE_PLACES: &[&str] = &["ropewalk/src/driver/", "ropewalk/src/socket/sys"];

/// How far above its block the argument for it may end.
const SAFETY_LINES_MAX: usize = 4;

/// Banned everywhere, each put together so that this line does not hold it.
const WORDS: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("db", "g!"),
    concat!("farm", "-studio"),
    concat!("farm", "-bench"),
];

/// Folders of one machine.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

fn time_outside_the_clock(source: &Source) -> Vec<String> {
    if !source.is_shipped() || source.path == CLOCK {
        return Vec::new();
    }
    let used = source.paths();
    let asks = used.iter().filter(|path| {
        !source.in_tests(path.at)
            && (path.has(&["Instant", "now"]) || path.has(&["SystemTime", "now"]))
    });
    let sentence = "time is the engine's or the test's: only `clock` asks for it";
    asks.map(|path| source.complain(source.line(path.at), sentence)).collect()
}

fn sleeps(source: &Source) -> Vec<String> {
    let used = source.paths();
    let sleeps = used.iter().filter(|path| {
        ["sleep", "sleep_ms", "sleep_until"].iter().any(|name| path.has(&["thread", name]))
    });
    let sentence = "a sleep is too short or too long: wait for an event, with a deadline";
    sleeps.map(|path| source.complain(source.line(path.at), sentence)).collect()
}

fn random_order(source: &Source) -> Vec<String> {
    const MAPS: [&str; 2] = ["HashMap", "HashSet"];
    if !source.is_shipped() {
        return Vec::new();
    }
    let names_a_hasher = ["BuildHasherDefault", "BuildHasher", "with_hasher"]
        .iter()
        .any(|name| !source.places(name).is_empty());
    let used = source.paths();
    let random = used.iter().filter(|path| {
        let seeded_at_random = path.has(&["RandomState"])
            || MAPS.iter().any(|map| path.has(&[map, "new"]) || path.has(&[map, "with_capacity"]));
        let without_a_hasher = !names_a_hasher && MAPS.iter().any(|map| path.has(&[map]));
        !source.in_tests(path.at) && (seeded_at_random || without_a_hasher)
    });
    let sentence = "its order is random, and a seed would not replay: take a BTreeMap or a Vec";
    random.map(|path| source.complain(source.line(path.at), sentence)).collect()
}

fn unsafe_out_of_place(source: &Source) -> Vec<String> {
    if !source.is_shipped() || UNSAFE_PLACES.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let sentence = "`unsafe` stands in the drivers and in `socket/sys` alone";
    let places = source.places("unsafe").into_iter();
    places.map(|(at, _)| source.complain(source.line(at), sentence)).collect()
}

fn unsafe_without_argument(source: &Source) -> Vec<String> {
    let comments: Vec<&str> = source.comments.lines().map(str::trim).collect();
    let mut complaints = Vec::new();
    let mut argued_before = 0;
    for (at, next) in source.places("unsafe") {
        // `unsafe fn` and `unsafe trait` lay a duty on others, in their docs.
        if !matches!(next, "{" | "impl" | "(") {
            continue;
        }
        let line = source.line(at);
        let nearest = (line.saturating_sub(SAFETY_LINES_MAX + 1)..line)
            .rev()
            .find(|above| *above >= argued_before && !comments[*above].is_empty());
        let argued = nearest.is_some_and(|last| {
            let block = comments[argued_before..=last].iter().rev();
            block.take_while(|comment| !comment.is_empty()).any(|c| c.contains("SAFETY:"))
        });
        if !argued {
            let sentence = "no `SAFETY:` above names the fact that makes this sound";
            complaints.push(source.complain(line, sentence));
        }
        argued_before = line;
    }
    complaints
}

/// `text` is whatever stands at `path`, Rust or not.
fn banned_words(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // A folder inside another one is not at the machine's root.
        let from_root = |needle: &str| {
            line.match_indices(needle).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "._-~})*".contains(c))
            })
        };
        let words = WORDS.iter().filter(|word| line.contains(**word));
        let paths = MACHINE_PATHS.iter().filter(|folder| from_root(folder));
        for found in words.chain(paths) {
            complaints.push(format!("{path}:{}: `{found}` does not belong here", index + 1));
        }
    }
    complaints
}

#[test]
fn only_the_clock_asks_the_time() {
    assert_tidy(Tree::get().complaints(time_outside_the_clock));
}

#[test]
fn nothing_sleeps() {
    assert_tidy(Tree::get().complaints(sleeps));
}

#[test]
fn no_map_has_a_random_order() {
    assert_tidy(Tree::get().complaints(random_order));
}

#[test]
fn unsafe_stays_in_its_places() {
    assert_tidy(Tree::get().complaints(unsafe_out_of_place));
}

#[test]
fn every_unsafe_block_is_argued() {
    assert_tidy(Tree::get().complaints(unsafe_without_argument));
}

#[test]
fn no_file_holds_a_banned_word() {
    let tree = Tree::get();
    let mut complaints = tree.complaints(|source| banned_words(&source.path, &source.text));
    complaints.extend(tree.texts.iter().flat_map(|(path, text)| banned_words(path, text)));
    assert_tidy(complaints);
}

#[test]
fn asking_the_time_elsewhere_is_refused() {
    for text in ["fn f() { Instant::now() }", "let ask = std::time::SystemTime::now;"] {
        let refused = |path| time_outside_the_clock(&Source::new(path, text));
        assert_refused(refused("ropewalk/src/engine/timers.rs"), "only `clock`");
        assert_refused(refused("cli/src/main.rs"), "only `clock`");
        assert_tidy(refused(CLOCK));
        assert_tidy(refused("ropewalk/tests/contract/main.rs"));
    }
    let test = "#[cfg(test)] mod tests { fn f() { Instant::now() } } // Instant::now()";
    assert_tidy(time_outside_the_clock(&Source::new("ropewalk/src/addr.rs", test)));
}

#[test]
fn a_sleep_is_refused_even_in_a_test() {
    for text in ["fn f() { std::thread::sleep(x) }", "use std::thread::{self, sleep};"] {
        assert_refused(sleeps(&Source::new("ropewalk/tests/rig/mod.rs", text)), "a sleep");
    }
    assert_tidy(sleeps(&Source::new("cli/src/main.rs", "// thread::sleep\nstd::thread::park();")));
}

#[test]
fn a_map_of_random_order_is_refused() {
    for text in [
        "use std::collections::{BTreeMap, HashMap};",
        "use std::hash::RandomState;",
        "use fast::BuildHasherDefault; fn f() { HashMap::new() }",
    ] {
        assert_refused(random_order(&Source::new("ropewalk/src/addr.rs", text)), "random");
    }
    let hashed =
        "use std::collections::HashMap; type Map = HashMap<u8, u8, BuildHasherDefault<H>>;";
    assert_tidy(random_order(&Source::new("ropewalk/src/addr.rs", hashed)));
}

#[test]
fn unsafe_out_of_its_places_is_refused() {
    for text in ["// SAFETY: none\nunsafe { f() }", "unsafe fn f() {}"] {
        let complaints = unsafe_out_of_place(&Source::new("ropewalk/src/engine/mod.rs", text));
        assert_refused(complaints, "alone");
        assert_tidy(unsafe_out_of_place(&Source::new("ropewalk/src/driver/uring.rs", text)));
    }
}

#[test]
fn an_unargued_unsafe_block_is_refused() {
    for text in [
        "let a = unsafe { f() };",
        "// SAFETY: far\n\n\n\n\n\nlet a = unsafe { f() };",
        "let a = \"SAFETY: a string\"; unsafe { f() };",
        "// SAFETY: only the first\nunsafe { f() };\nunsafe { f() };",
        "unsafe impl Send for A {}",
    ] {
        let complaints = unsafe_without_argument(&Source::new("ropewalk/src/driver/a.rs", text));
        assert_refused(complaints, "no `SAFETY:`");
    }
    for text in [
        "// SAFETY: a\nunsafe { f() };\n// SAFETY: b\nunsafe { f() };",
        "// SAFETY: a\n// b\n// c\n// d\n// e\n// f\nlet x =\n    unsafe { f() };",
        "/// # Safety\nunsafe fn f() {}",
    ] {
        assert_tidy(unsafe_without_argument(&Source::new("ropewalk/src/driver/a.rs", text)));
    }
}

#[test]
fn a_banned_word_is_refused() {
    for word in WORDS.iter().chain(MACHINE_PATHS) {
        assert_refused(banned_words("docs/socket.md", &format!("a\nsee {word}b")), ":2:");
    }
    assert_tidy(banned_words(
        "a.md",
        &format!("docs{}x $HOME{}y", MACHINE_PATHS[0], MACHINE_PATHS[1]),
    ));
}
