//! The notes' names: whoever searches the documentation for one finds what it is called here.
//! And what stands there has an example. It never judges whether the example is a good one.

use crate::source::Source;
use crate::{Tree, assert_refused, assert_tidy};

/// One name a line; `#` begins a comment, `later` says that it is not there yet.
const NAMES: &str = "ropewalk/tests/tidy/notes_names.txt";

/// Modules whose public items each have an example that runs.
const WITH_EXAMPLES: &[&str] = &["socket/", "server/"];

const READMES: &[&str] = &["README.md", "README.zh-CN.md"];

struct Name<'t> {
    name: &'t str,
    later: bool,
}

fn names(text: &str) -> Vec<Name<'_>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let named = lines.filter(|line| !line.starts_with('#'));
    named
        .map(|line| match line.strip_prefix("later ") {
            Some(name) => Name { name, later: true },
            None => Name { name: line, later: false },
        })
        .collect()
}

/// Whether a search of the library's documentation finds something under this name.
fn is_found(source: &Source, name: &str) -> bool {
    let aliased = format!("#[doc(alias = \"{name}\")]");
    let is_called = |keyword: &str| {
        source.places(keyword).iter().any(|(at, next)| *next == name && is_public(source, *at))
    };
    source.statements.contains(&aliased)
        || ["fn", "struct", "trait", "enum", "type", "const"].iter().any(|word| is_called(word))
}

/// Whether the item whose keyword stands at `at` can be seen from outside: by its own word, or
/// as a method of a trait.
fn is_public(source: &Source, at: usize) -> bool {
    let line_start = source.text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = source.text[line_start..at].trim();
    let by_itself = before.starts_with("pub ") || before == "pub";
    let in_trait = before.is_empty() && !source.text[line_start..at].is_empty();
    !source.in_tests(at) && (by_itself || in_trait)
}

fn unfound<'t>(names: &[Name<'t>], library: &[&Source]) -> Vec<String> {
    let found = |name: &str| library.iter().any(|source| is_found(source, name));
    let complain = |Name { name, later }: &Name<'_>| match (found(name), later) {
        (false, false) => Some(format!("`{name}` of the notes has no alias and no item")),
        (true, true) => Some(format!("`{name}` is there: take the word `later` from it")),
        _ => None,
    };
    names.iter().filter_map(complain).collect()
}

fn unsaid(names: &[Name<'_>], path: &str, readme: &str) -> Vec<String> {
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| ")).collect();
    let is_said = |name: &str| rows.iter().any(|row| has_word(row, name));
    let missing = names.iter().filter(|name| !is_said(name.name));
    missing.map(|name| format!("{path}: no row says what became of `{}`", name.name)).collect()
}

/// Whether `word` stands in `text` with nothing of a name around it.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    text.match_indices(word).any(|(at, _)| {
        let behind = &text[at + word.len()..];
        !text[..at].ends_with(is_part) && !behind.starts_with(is_part)
    })
}

/// Public items without an example, in the modules that promise one for each. A function has
/// its own; a type, a constant or a trait's method may be met in any example of its module.
fn without_example(sources: &[&Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for module in WITH_EXAMPLES {
        let is_inside =
            |source: &&&Source| source.in_library().is_some_and(|p| p.starts_with(module));
        let inside: Vec<&Source> = sources.iter().filter(is_inside).copied().collect();
        let examples: String = inside.iter().flat_map(|source| examples(source)).collect();
        for source in inside {
            for (line, keyword, name) in public_items(source) {
                let is_met = keyword != "fn" && has_word(&examples, name);
                if !is_met && !has_example(source, line) {
                    complaints.push(source.complain(line, format!("`{name}` has no example")));
                }
            }
        }
    }
    complaints
}

fn public_items(source: &Source) -> Vec<(usize, &'static str, &str)> {
    let mut items = Vec::new();
    for keyword in ["fn", "struct", "trait", "enum", "type", "const"] {
        for (at, name) in source.places(keyword) {
            let line = source.line(at);
            let text = source.text.lines().nth(line - 1).unwrap_or_default().trim_start();
            // An inline module is there to seal something: nobody else sees into it.
            let above = source.text.lines().nth(line.saturating_sub(2)).unwrap_or_default();
            let is_hidden = source.inline_depth(at) > 0 || above.contains("#[doc(hidden)]");
            let is_seen = !source.in_tests(at) && !is_hidden;
            let is_method =
                keyword == "fn" && text.starts_with("fn ") && in_public_trait(source, at);
            if text.starts_with(&format!("pub {keyword} ")) && is_seen {
                items.push((line, keyword, name));
            } else if is_method && is_seen {
                items.push((line, "method", name));
            }
        }
    }
    items
}

/// Whether what stands at `at` is an item of a public trait: the last line before it that
/// begins without a space opens one.
fn in_public_trait(source: &Source, at: usize) -> bool {
    let before = source.text[..at]
        .lines()
        .rev()
        .find(|line| line.starts_with(|c: char| c.is_alphabetic()) || line.starts_with('}'));
    before.is_some_and(|line| line.starts_with("pub trait "))
}

/// The lines of a file's examples.
fn examples(source: &Source) -> Vec<&str> {
    let mut inside = false;
    let lines = source.text.lines().map(str::trim_start);
    let documentation = lines.filter(|line| line.starts_with("///") || line.starts_with("//!"));
    documentation
        .filter(|line| {
            inside ^= line[3..].trim_start().starts_with("```");
            inside
        })
        .collect()
}

/// Whether the documentation above this line has a block of code.
fn has_example(source: &Source, line: usize) -> bool {
    let lines: Vec<&str> = source.text.lines().take(line - 1).map(str::trim_start).collect();
    let above = lines.iter().rev().take_while(|line| {
        line.starts_with("///")
            || line.starts_with("#[")
            || line.ends_with(']')
            || line.ends_with(',')
    });
    above.into_iter().any(|line| line.starts_with("/// ```"))
}

#[test]
fn every_name_of_the_notes_is_found() {
    let names = names(Tree::get().text(NAMES));
    assert!(names.len() > 60, "the notes have more names than {}", names.len());
    let sources = &Tree::get().sources;
    let library: Vec<&Source> =
        sources.iter().filter(|source| source.in_library().is_some()).collect();
    assert_tidy(unfound(&names, &library));
}

#[test]
fn every_name_of_the_notes_has_a_row_in_each_readme() {
    let names = names(Tree::get().text(NAMES));
    assert_tidy(
        READMES.iter().flat_map(|path| unsaid(&names, path, Tree::get().text(path))).collect(),
    );
}

#[test]
fn no_readme_has_a_blank_left_to_fill() {
    for path in READMES {
        assert!(!Tree::get().text(path).contains("@@"), "{path} has a blank");
    }
}

#[test]
fn every_public_item_of_the_sockets_and_servers_has_an_example() {
    assert_tidy(without_example(&Tree::get().sources.iter().collect::<Vec<_>>()));
}

#[test]
fn a_name_that_nobody_finds_is_refused() {
    let source = Source::new(
        "ropewalk/src/socket/mod.rs",
        "#[doc(alias = \"sendall\")]\npub fn send_all() {}\npub fn recv() {}\nfn bind() {}",
    );
    let listed = names("# a comment\nsendall\nrecv\n");
    assert_tidy(unfound(&listed, &[&source]));
    assert_refused(unfound(&names("bind"), &[&source]), "no alias");
    assert_refused(unfound(&names("later recv"), &[&source]), "take the word");
    assert_tidy(unfound(&names("later makefile"), &[&source]));
}

#[test]
fn a_readme_without_a_row_is_refused() {
    assert_tidy(unsaid(&names("recv"), "README.md", "| `recv()` | receives |"));
    assert_refused(unsaid(&names("send"), "README.md", "| `s.sendto()` | sends |"), "no row");
    assert_refused(unsaid(&names("send"), "README.md", "we send what we have"), "no row");
}

#[test]
fn an_item_without_example_is_refused() {
    let with = "/// Does.\n///\n/// ```\n/// f(A);\n/// ```\n#[doc(alias = \"g\")]\npub fn f() {}";
    let without = "/// Does.\npub fn f() {}";
    let of = |path: &str, text: &str| without_example(&[&Source::new(path, text)]);
    let path = "ropewalk/src/socket/mod.rs";
    assert_tidy(of(path, with));
    assert_refused(of(path, without), "no example");
    assert_tidy(of("ropewalk/src/engine/mod.rs", without));
    assert_tidy(of(path, "/// Inner.\npub(crate) fn f() {}"));
    assert_tidy(of(path, &format!("{with}\n/// Is met.\npub const A: u8 = 0;")));
    assert_refused(of(path, &format!("{with}\n/// Is not.\npub const B: u8 = 0;")), "no example");
}
