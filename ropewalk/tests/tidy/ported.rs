//! The tables of other people's tests: `docs/cpython/*.tsv` and `ropewalk/tests/cpython/` say the
//! same, so do `docs/twisted/*.tsv` and `ropewalk/tests/twisted/`, and every name that was to be
//! ported has its row. It never judges whether a test does what theirs does, or whether a reason
//! is a good one.

use crate::source::Source;
use crate::tables::ROWS_MAX;
use crate::{Tree, assert_refused, assert_tidy};
use std::collections::{BTreeMap, BTreeSet};

/// Whose tests.
struct Suite {
    /// A row each: their class, their test, ours as `cargo test` prints it, a note.
    tables: &'static str,
    /// Where ours are whose names the tables give, without this.
    root: &'static str,
    /// How the names of those begin that must be in a table.
    all_of: &'static str,
    /// What was to be ported: class and name, one a line; `#` begins a comment, `later` says
    /// that it has no row yet.
    names: &'static str,
}

const CPYTHON: Suite = Suite {
    tables: "docs/cpython/",
    root: "ropewalk/tests/cpython/",
    all_of: "",
    names: "ropewalk/tests/tidy/cpython_names.txt",
};

/// Other tests than those named for Twisted's may show the same: the contract's do.
const TWISTED: Suite = Suite {
    tables: "docs/twisted/",
    root: "ropewalk/tests/",
    all_of: "twisted::",
    names: "ropewalk/tests/tidy/twisted_names.txt",
};

/// Says that a row has no test; its note says why.
const NONE: &str = "-";

struct Row<'t> {
    /// File and line, as a complaint begins.
    place: String,
    /// Their class and name.
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

impl Suite {
    /// A file's tests as `cargo test` prints them, but for the parts of others.
    fn tests_of(&self, source: &Source) -> Vec<String> {
        let Some(file) = source.path.strip_prefix(self.root) else { return Vec::new() };
        let file = file.trim_end_matches(".rs");
        let file = file.trim_end_matches("/mod").trim_end_matches("/main").replace('/', "::");
        let functions = source.functions().into_iter();
        let tests = functions.filter(|function| function.is_test && !function.is_ignored);
        tests
            .map(|test| [&[file.as_str()], &test.modules[..], &[test.name]].concat().join("::"))
            .collect()
    }

    fn complaints(&self) -> Vec<String> {
        let tree = Tree::get();
        let tables = tree.texts.iter();
        let tables =
            tables.filter(|(path, _)| path.starts_with(self.tables) && path.ends_with(".tsv"));
        let (mut all, mut complaints) = (Vec::new(), Vec::new());
        for (path, text) in tables {
            let (rows, odd) = rows(path, text);
            all.extend(rows);
            complaints.extend(odd);
        }
        let tests = tree.sources.iter().flat_map(|source| self.tests_of(source)).collect();
        complaints.extend(self.compared(&all, &tests));
        complaints.extend(self.unported(tree.text(self.names), &all));
        complaints
    }

    /// Both ways: what the tables name, and what is there.
    fn compared(&self, rows: &[Row<'_>], tests: &BTreeSet<String>) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut seen = BTreeSet::new();
        let mut served: BTreeMap<&str, usize> = BTreeMap::new();
        for Row { place, theirs, ours, note } in rows {
            let (class, name) = theirs;
            if !seen.insert(theirs) {
                complaints.push(format!("{place}: {class}.{name} has a row already"));
            }
            match *ours {
                NONE if note.is_empty() => {
                    complaints.push(format!("{place}: no test, and no reason"))
                }
                NONE => {}
                ours if tests.contains(ours) => *served.entry(ours).or_default() += 1,
                ours => complaints.push(format!("{place}: there is no test `{ours}`")),
            }
        }
        let busy = served.iter().filter(|(_, count)| **count > ROWS_MAX);
        complaints.extend(busy.map(|(name, count)| {
            format!("{}: `{name}` serves {count} rows, {ROWS_MAX} are the most", self.tables)
        }));
        let unnamed = tests
            .iter()
            .filter(|test| test.starts_with(self.all_of) && !served.contains_key(test.as_str()));
        complaints.extend(unnamed.map(|test| format!("{}: `{test}` is in no table", self.root)));
        complaints
    }

    /// What was to be ported and has no row, or has one too soon.
    fn unported(&self, names: &str, rows: &[Row<'_>]) -> Vec<String> {
        let there: BTreeSet<(&str, &str)> = rows.iter().map(|row| row.theirs).collect();
        let lines = names.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        let mut complaints = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let (line, later) =
                line.strip_prefix("later ").map_or((line, false), |line| (line, true));
            let place = format!("{}:{}", self.names, index + 1);
            match line.split_once(' ').map(|theirs| there.contains(&theirs)) {
                None => complaints.push(format!("{place}: {line:?} is no class and name")),
                Some(false) if !later => complaints.push(format!("{place}: {line} has no row")),
                Some(true) if later => {
                    complaints
                        .push(format!("{place}: {line} is there: take the word `later` from it"));
                }
                _ => {}
            }
        }
        complaints
    }
}

#[test]
fn cpythons_tests_are_those_of_the_tables() {
    assert_tidy(CPYTHON.complaints());
}

#[test]
fn twisteds_tests_are_those_of_the_tables() {
    assert_tidy(TWISTED.complaints());
}

fn check(table: &str) -> Vec<String> {
    let text = "mod basic { #[test] fn test_a() {} fn rig() {} }
        #[test] #[ignore = \"a part\"] fn part() {}";
    let tests = CPYTHON.tests_of(&Source::new("ropewalk/tests/cpython/sockets.rs", text));
    let (rows, mut complaints) = rows("docs/cpython/a.tsv", table);
    complaints.extend(CPYTHON.compared(&rows, &tests.into_iter().collect()));
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
    assert_tidy(CPYTHON.unported("# names\n\nBasic testA\nlater Basic testB\n", &rows));
    assert_refused(
        CPYTHON.unported("Basic testA\nBasic testB", &rows),
        ":2: Basic testB has no row",
    );
    assert_refused(CPYTHON.unported("later Basic testA", &rows), "take the word `later`");
    assert_refused(CPYTHON.unported("testA", &rows), "no class and name");
}

#[test]
fn a_test_of_the_contract_may_stand_in_a_table_and_need_not() {
    let source = Source::new("ropewalk/tests/contract/abort.rs", "#[test] fn ends() {}");
    let tests: BTreeSet<String> = TWISTED.tests_of(&source).into_iter().collect();
    assert_tidy(TWISTED.compared(&[], &tests));
    let (rows, _) = rows("docs/twisted/a.tsv", "Abort\ttest_a\tcontract::abort::ends");
    assert_tidy(TWISTED.compared(&rows, &tests));
    let source = Source::new("ropewalk/tests/twisted/tcp.rs", "#[test] fn test_b() {}");
    let tests = TWISTED.tests_of(&source).into_iter().collect();
    assert_refused(TWISTED.compared(&[], &tests), "`twisted::tcp::test_b` is in no table");
}
