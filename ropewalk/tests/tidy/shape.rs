//! The shape of a file: its name, its first lines, and its lengths. Never what it means.

use crate::source::Source;
use crate::{Tree, assert_refused, assert_tidy};
use std::collections::BTreeSet;

/// Characters. A line with an address or a row of a table in the docs cannot be broken.
const LINE_CHARS_MAX: usize = 100;

/// Lines of a file outside its test module.
const FILE_LINES_MAX: usize = 600;

/// Lines of a function, from `fn` to its last brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are longer, each with its length today: file, name, lines. A ratchet: an
/// entry's number only goes down, and the entry goes when the function fits.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Names under which anything could stand.
const NAMELESS: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "core", "types", "shared",
    "ext",
];

fn header(source: &Source) -> Vec<String> {
    let header: Vec<&str> =
        source.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let limits_itself = header
        .join(" ")
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word.eq_ignore_ascii_case("never"));
    if header.is_empty() {
        vec![source.complain(1, "begins with no `//!` saying what it is")]
    } else if source.in_library().is_some() && !source.is_test_file() && !limits_itself {
        vec![source.complain(1, "its `//!` does not say what it never does")]
    } else {
        Vec::new()
    }
}

fn line_lengths(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let unbreakable = line.contains("://")
            || line.trim_start().starts_with("//! |")
            || line.trim_start().starts_with("/// |");
        let count = line.chars().count();
        if count > LINE_CHARS_MAX && !unbreakable {
            let sentence = format!("{count} characters, {LINE_CHARS_MAX} are the most");
            complaints.push(source.complain(index + 1, sentence));
        }
    }
    complaints
}

fn file_length(source: &Source) -> Vec<String> {
    let count = source.lines_without_tests();
    if count <= FILE_LINES_MAX {
        return Vec::new();
    }
    let sentence =
        format!("{count} lines without tests, {FILE_LINES_MAX} are the most: where is its seam?");
    vec![source.complain(1, sentence)]
}

/// All functions at once: an exception for a function that is gone is a complaint, too.
fn function_lengths(sources: &[Source], exceptions: &[(&str, &str, usize)]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources {
        for function in source.functions() {
            let (name, lines) = (function.name, function.lines);
            if lines <= FUNCTION_LINES_MAX {
                continue;
            }
            let known = |(path, of, most): &(&str, &str, usize)| {
                *path == source.path && *of == name && *most == lines
            };
            match exceptions.iter().position(known) {
                Some(index) => drop(used.insert(index)),
                None => complaints.push(source.complain(
                    function.line,
                    format!("`{name}` has {lines} lines, {FUNCTION_LINES_MAX} are the most"),
                )),
            }
        }
    }
    for (index, (path, name, lines)) in exceptions.iter().enumerate() {
        if !used.contains(&index) {
            complaints.push(format!(
                "LONG_FUNCTIONS: no `{name}` of {lines} lines in {path}: take the entry out, \
                 or lower its number"
            ));
        }
    }
    complaints
}

fn file_name(path: &str) -> Vec<String> {
    let names: Vec<&str> = path.split('/').map(|part| part.trim_end_matches(".rs")).collect();
    let nameless = names.iter().find(|name| NAMELESS.contains(name));
    let echoes = names.windows(2).last().is_some_and(|pair| pair[0] == pair[1]);
    match nameless {
        Some(name) => vec![format!("{path}: anything could stand in `{name}`: what does?")],
        None if echoes => vec![format!("{path}: bears its folder's name: it is `mod.rs`, or more")],
        None => Vec::new(),
    }
}

/// `a.rs` and `a/mod.rs` are one module in two places.
fn twins(paths: &BTreeSet<&str>) -> Vec<String> {
    let folders = paths.iter().filter_map(|path| path.strip_suffix("/mod.rs"));
    let twins = folders.filter(|folder| paths.contains(format!("{folder}.rs").as_str()));
    twins.map(|folder| format!("{folder}.rs: {folder}/mod.rs is the same module")).collect()
}

fn paths_of(sources: &[Source]) -> BTreeSet<&str> {
    sources.iter().map(|source| source.path.as_str()).collect()
}

#[test]
fn every_file_says_first_what_it_is_and_never_does() {
    assert_tidy(Tree::get().complaints(header));
}

#[test]
fn lines_are_short() {
    assert_tidy(Tree::get().complaints(line_lengths));
}

#[test]
fn files_are_short() {
    assert_tidy(Tree::get().complaints(file_length));
}

#[test]
fn functions_are_short() {
    assert_tidy(function_lengths(&Tree::get().sources, LONG_FUNCTIONS));
}

#[test]
fn files_are_named_by_what_they_hold() {
    let paths = paths_of(&Tree::get().sources);
    assert_tidy(paths.iter().flat_map(|path| file_name(path)).chain(twins(&paths)).collect());
}

#[test]
fn a_file_without_its_first_lines_is_refused() {
    let library = |text| header(&Source::new("ropewalk/src/addr.rs", text));
    assert_refused(library("use a;\n//! Late. Never."), "begins with no");
    assert_refused(library("//! Addresses.\n\n//! Never: too late."), "never does");
    assert_refused(library("//! Nevertheless."), "never does");
    assert_tidy(library("//! Addresses.\n//! Never: resolves."));
    assert_tidy(header(&Source::new("ropewalk/examples/echo.rs", "//! Echo.")));
}

#[test]
fn a_long_line_is_refused() {
    let lines = |text: &str| line_lengths(&Source::new("cli/src/main.rs", text));
    assert_refused(lines(&format!("\n{}", "é".repeat(101))), ":2: 101 characters");
    assert_tidy(lines(&"é".repeat(100)));
    assert_tidy(lines(&format!("    /// | {}", "é".repeat(100))));
    assert_tidy(lines(&format!("// https://{}", "e".repeat(100))));
}

#[test]
fn a_long_file_is_refused_and_its_tests_do_not_count() {
    let file = |text: &str| file_length(&Source::new("cli/src/main.rs", text));
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "a;\n".repeat(500));
    assert_refused(file(&"a;\n".repeat(601)), "601 lines");
    assert_tidy(file(&("a;\n".repeat(600) + &tests)));
}

#[test]
fn a_long_function_is_refused_unless_it_is_known() {
    let of = |lines: usize| {
        let text = format!("fn f() {{\n{}}}\nfn g() {{}}", "a;\n".repeat(lines - 2));
        [Source::new("cli/src/main.rs", &text)]
    };
    let known = |lines| [("cli/src/main.rs", "f", lines)];
    assert_refused(function_lengths(&of(71), &[]), "`f` has 71 lines");
    assert_tidy(function_lengths(&of(70), &[]));
    assert_tidy(function_lengths(&of(80), &known(80)));
    assert_refused(function_lengths(&of(70), &known(80)), "take the entry out");
    assert_eq!(function_lengths(&of(81), &known(80)).len(), 2, "grown");
    assert_eq!(function_lengths(&of(79), &known(80)).len(), 2, "shrunk, the number not lowered");
}

#[test]
fn a_name_that_says_nothing_is_refused() {
    for name in NAMELESS {
        assert_refused(file_name(&format!("ropewalk/src/engine/{name}.rs")), "anything");
        assert_refused(file_name(&format!("ropewalk/tests/{name}/mod.rs")), "anything");
    }
    assert_refused(file_name("ropewalk/src/streams/streams.rs"), "folder's name");
    assert_refused(twins(&BTreeSet::from(["a/b.rs", "a/b/mod.rs"])), "same module");
    assert_tidy(file_name("ropewalk/src/socket/sys/unix.rs"));
    assert_tidy(twins(&BTreeSet::from(["a/sys.rs", "a/sys/unix.rs", "a/mod.rs"])));
}
