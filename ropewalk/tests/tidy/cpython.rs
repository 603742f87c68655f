//! The tables of CPython's tests: `docs/cpython/*.tsv` and `ropewalk/tests/cpython/` say the
//! same, and every name that was to be ported has its row. It never judges whether a test
//! does what CPython's does, or whether a reason is a good one.

use crate::source::Source;
use crate::tables::ROWS_MAX;
use crate::{Tree, assert_refused, assert_tidy};
use std::collections::{BTreeMap, BTreeSet};

/// A row each: CPython's class, its test, ours as `cargo test` prints it, a note.
const TABLES: &str = "docs/cpython/";

/// Where ours are.
const TESTS: &str = "ropewalk/tests/cpython/";

/// What was to be ported: class and name, one a line; `#` begins a comment, `later` says that
/// it has no row yet.
const NAMES: &str = "ropewalk/tests/tidy/cpython_names.txt";

/// Says that a row has no test; its note says why.
const NONE: &str = "-";

struct Row<'t> {
    /// File and line, as a complaint begins.
    place: String,
    /// CPython's class and name.
    theirs: (&'t str, &'t str),
    ours: &'t str,
    note: &'t str,
}

/// The rows of a table, and a complaint for each line that is none.
fn rows<'t>(path: &str, text: &'t str) -> (Vec<Row<'t>>, Vec<String>) {
    let (mut rows, mut complaints) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", index + 1);
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        match cells[..] {
            [class, name, ours] => rows.push(Row { place, theirs: (class, name), ours, note: "" }),
            [class, name, ours, note] => {
                rows.push(Row { place, theirs: (class, name), ours, note });
            }
            _ => complaints.push(format!("{place}: {} columns, not 4", cells.len())),
        }
    }
    (rows, complaints)
}

/// A file's tests as `cargo test` prints them, but for the parts of others.
fn tests_of(source: &Source) -> Vec<String> {
    let Some(file) = source.path.strip_prefix(TESTS) else { return Vec::new() };
    let file = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    let functions = source.functions().into_iter();
    let tests = functions.filter(|function| function.is_test && !function.is_ignored);
    tests
        .map(|test| [&[file.as_str()], &test.modules[..], &[test.name]].concat().join("::"))
        .collect()
}

/// Both ways: what the tables name, and what is there.
fn compared(rows: &[Row<'_>], tests: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    let mut served: BTreeMap<&str, usize> = BTreeMap::new();
    for Row { place, theirs, ours, note } in rows {
        let (class, name) = theirs;
        if !seen.insert(theirs) {
            complaints.push(format!("{place}: {class}.{name} has a row already"));
        }
        match *ours {
            NONE if note.is_empty() => complaints.push(format!("{place}: no test, and no reason")),
            NONE => {}
            ours if tests.contains(ours) => *served.entry(ours).or_default() += 1,
            ours => complaints.push(format!("{place}: there is no test `{ours}`")),
        }
    }
    let busy = served.iter().filter(|(_, count)| **count > ROWS_MAX);
    complaints.extend(busy.map(|(name, count)| {
        format!("{TABLES}: `{name}` serves {count} rows, {ROWS_MAX} are the most")
    }));
    let unnamed = tests.iter().filter(|test| !served.contains_key(test.as_str()));
    complaints.extend(unnamed.map(|test| format!("{TESTS}: `{test}` is in no table")));
    complaints
}

/// What was to be ported and has no row, or has one too soon.
fn unported(names: &str, rows: &[Row<'_>]) -> Vec<String> {
    let there: BTreeSet<(&str, &str)> = rows.iter().map(|row| row.theirs).collect();
    let lines = names.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let mut complaints = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let (line, later) = line.strip_prefix("later ").map_or((line, false), |line| (line, true));
        let place = format!("{NAMES}:{}", index + 1);
        match line.split_once(' ').map(|theirs| there.contains(&theirs)) {
            None => complaints.push(format!("{place}: {line:?} is no class and name")),
            Some(false) if !later => complaints.push(format!("{place}: {line} has no row")),
            Some(true) if later => {
                complaints.push(format!("{place}: {line} is there: take the word `later` from it"));
            }
            _ => {}
        }
    }
    complaints
}

#[test]
fn cpythons_tests_are_those_of_the_tables() {
    let tree = Tree::get();
    let tables = tree.texts.iter().filter(|(path, _)| path.starts_with(TABLES));
    let (mut all, mut complaints) = (Vec::new(), Vec::new());
    for (path, text) in tables {
        let (rows, odd) = rows(path, text);
        all.extend(rows);
        complaints.extend(odd);
    }
    let tests = tree.sources.iter().flat_map(tests_of).collect();
    complaints.extend(compared(&all, &tests));
    complaints.extend(unported(tree.text(NAMES), &all));
    assert_tidy(complaints);
}

fn check(table: &str) -> Vec<String> {
    let text = "mod basic { #[test] fn test_a() {} fn rig() {} }
        #[test] #[ignore = \"a part\"] fn part() {}";
    let tests = tests_of(&Source::new("ropewalk/tests/cpython/sockets.rs", text));
    let (rows, mut complaints) = rows("docs/cpython/a.tsv", table);
    complaints.extend(compared(&rows, &tests.into_iter().collect()));
    complaints
}

const GOOD: &str = "Basic\ttestA\tsockets::basic::test_a\t";

#[test]
fn a_table_that_agrees_with_the_tests_passes() {
    assert_tidy(check(GOOD));
    assert_tidy(check(&format!("{GOOD}a note\nBasic\ttestB\t-\ta type excludes it")));
}

#[test]
fn a_table_that_does_not_agree_with_the_tests_is_refused() {
    assert_refused(check(&format!("{GOOD}\nBasic\ttestB\tsockets::basic::rig\t")), "no test `");
    assert_refused(check(&format!("{GOOD}\nBasic\ttestB\tsockets::part\t")), "no test `");
    assert_refused(check(&format!("{GOOD}\nBasic\ttestB\ttest_a\t")), "no test `test_a`");
    assert_refused(check(&format!("{GOOD}\nBasic\ttestB\t-\t")), ":2: no test, and no reason");
    assert_refused(check(&format!("{GOOD}\nBasic\ttestB\t-")), "no reason");
    assert_refused(check(&format!("{GOOD}\nBasic\ttestA\t-\tx")), "has a row already");
    assert_refused(check(&format!("{GOOD}\nBasic testB")), "1 columns");
    assert_refused(check("Basic\ttestA\t-\tx"), "`sockets::basic::test_a` is in no table");
    let many: Vec<String> = (0..4).map(|n| GOOD.replace("testA", &format!("test{n}"))).collect();
    assert_refused(check(&many.join("\n")), "serves 4 rows");
}

#[test]
fn a_name_without_a_row_is_refused() {
    let (rows, _) = rows("docs/cpython/a.tsv", GOOD);
    assert_tidy(unported("# names\n\nBasic testA\nlater Basic testB\n", &rows));
    assert_refused(unported("Basic testA\nBasic testB", &rows), ":2: Basic testB has no row");
    assert_refused(unported("later Basic testA", &rows), "take the word `later`");
    assert_refused(unported("testA", &rows), "no class and name");
}
