//! The tables in `docs/` that name tests: each name is a test that exists, and none serves too
//! many rows. It never judges whether the test shows what the row says.

use crate::source::Source;
use crate::{Tree, assert_refused, assert_tidy};
use std::collections::{BTreeMap, BTreeSet};

/// The title of the column that names tests.
const COLUMN: &str = "test";

/// Says that a row has no test; its last cell says why.
const NONE: &str = "–";

/// A test that serves more rows than this shows none of them.
pub(crate) const ROWS_MAX: usize = 3;

/// A row that names tests, or should.
struct Row<'t> {
    /// File and line, as a complaint begins.
    place: String,
    cells: Vec<&'t str>,
    /// Which cell names the tests.
    column: usize,
}

/// The cells of a table's line; nothing if it is none. A bar behind a backslash is text.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?;
    let inside = inside.strip_suffix('|').unwrap_or(inside);
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in inside.match_indices('|') {
        if !inside[..at].ends_with('\\') {
            cells.push(inside[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(inside[start..].trim());
    Some(cells)
}

/// The rows of all tables in `text` that have a column of tests.
fn rows<'t>(path: &str, text: &'t str) -> Vec<Row<'t>> {
    let mut rows = Vec::new();
    let mut fenced = false;
    let mut header: Option<Vec<&str>> = None;
    for (index, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        let Some(cells) = cells(line).filter(|_| !fenced) else {
            header = None;
            continue;
        };
        let Some(titles) = &header else {
            header = Some(cells);
            continue;
        };
        let is_rule = cells.iter().all(|cell| cell.chars().all(|c| "-: ".contains(c)));
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        // A row with one cell is a heading within the table.
        if is_rule || filled <= 1 {
            continue;
        }
        if let Some(column) = titles.iter().position(|title| *title == COLUMN) {
            rows.push(Row { place: format!("{path}:{}", index + 1), cells, column });
        }
    }
    rows
}

/// The names in backticks, without the modules before them; nothing if there is anything else.
fn names(cell: &str) -> Option<BTreeSet<&str>> {
    let parts: Vec<&str> = cell.split('`').collect();
    let outside_is_empty =
        parts.iter().step_by(2).all(|part| part.chars().all(|c| " ,;".contains(c)));
    let inside = parts.iter().skip(1).step_by(2);
    let names: BTreeSet<&str> = inside.filter_map(|name| name.rsplit("::").next()).collect();
    (parts.len() % 2 == 1 && outside_is_empty && !names.is_empty()).then_some(names)
}

fn tests_in_tables(rows: &[Row<'_>], tests: &BTreeSet<&str>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut served: BTreeMap<&str, usize> = BTreeMap::new();
    for Row { place, cells, column } in rows {
        let cell = cells.get(*column).copied().unwrap_or_default();
        let last = cells.len() - 1;
        if cell == NONE {
            if last == *column || matches!(cells[last], "" | NONE) {
                complaints.push(format!("{place}: no test, and the last cell does not say why"));
            }
            continue;
        }
        let Some(names) = names(cell) else {
            complaints.push(format!("{place}: {cell:?} is neither names in backticks nor {NONE}"));
            continue;
        };
        for name in names {
            if !tests.contains(name) {
                complaints.push(format!("{place}: there is no test `{name}`"));
            }
            *served.entry(name).or_default() += 1;
        }
    }
    let busy = served.into_iter().filter(|(_, count)| *count > ROWS_MAX);
    complaints.extend(busy.map(|(name, count)| {
        format!("docs: `{name}` serves {count} rows, {ROWS_MAX} are the most: give them their own")
    }));
    complaints
}

/// What a table may name in this file.
fn tests_of(source: &Source) -> Vec<&str> {
    let in_tests = ["ropewalk/tests/", "cli/tests/"].iter().any(|at| source.path.starts_with(at));
    let functions = source.functions().into_iter();
    functions.filter(|f| in_tests || f.is_test).map(|f| f.name).collect()
}

#[test]
fn every_test_named_in_a_table_exists() {
    let tree = Tree::get();
    let tests = tree.sources.iter().flat_map(tests_of).collect();
    let docs = tree.texts.iter().filter(|(at, _)| at.starts_with("docs/") && at.ends_with(".md"));
    let rows: Vec<Row<'_>> = docs.flat_map(|(path, text)| rows(path, text)).collect();
    assert_tidy(tests_in_tables(&rows, &tests));
}

fn check(table: &str) -> Vec<String> {
    let source = Source::new("ropewalk/tests/contract/a.rs", "fn one() {} fn two() {}");
    let text = format!("Prose.\n\n| promise | test | note |\n| --- | --- | --- |\n{table}\n");
    tests_in_tables(&rows("docs/a.md", &text), &tests_of(&source).into_iter().collect())
}

#[test]
fn a_table_whose_tests_exist_passes() {
    assert_tidy(check("| a \\| b | `one`, `half_close::two` | |\n| **Part** | | |"));
    assert_tidy(check("| a | – | Rust has no such thing |"));
    assert_tidy(check("| a | `one` | |\n| a | `one` | |\n| a | `one` | |"));
    assert_tidy(check("```\n| a | `three` | |\n```\n| other | header |\n| --- | --- |\n| `x` | |"));
}

#[test]
fn a_name_that_is_no_test_is_refused() {
    assert_refused(check("| a | `three` | |"), "docs/a.md:5: there is no test `three`");
    assert_refused(check("| a | one | |"), "backticks");
    assert_refused(check("| a | `one` and more | |"), "backticks");
    assert_refused(check("| a | | b |"), "backticks");
}

#[test]
fn a_row_without_test_or_reason_is_refused() {
    assert_refused(check("| a | – | |"), "does not say why");
    assert_refused(check("| a | – |"), "does not say why");
}

#[test]
fn a_test_that_serves_too_many_rows_is_refused() {
    assert_refused(check(&"| a | `one` | |\n".repeat(4)), "serves 4 rows");
}

#[test]
fn a_function_in_the_sources_is_no_test_unless_marked() {
    let source = Source::new("ropewalk/src/addr.rs", "#[test] fn a() {} fn b() {}");
    assert_eq!(tests_of(&source), ["a"]);
}
