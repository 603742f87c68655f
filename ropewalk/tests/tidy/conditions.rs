//! Conditional compilation: where a `cfg` may stand, and that each deliberately broken rule is
//! one that `.ci/long` builds. It reads conditions; it never asks which of them hold.

use crate::source::Source;
use crate::{Tree, assert_refused, assert_tidy};
use std::collections::BTreeSet;

/// Here platforms and features are chosen: any condition will do.
const CHOOSING: &[&str] = &[
    "ropewalk/src/lib.rs",
    "ropewalk/src/driver/",
    "ropewalk/src/socket/sys",
    "ropewalk/src/reactor/signals.rs",
];

/// Here a feature may add something, too.
const FEATURES: &str = "ropewalk/src/reactor/mod.rs";

/// Conditions that choose no platform and may stand anywhere.
const ANYWHERE: &[&str] = &["test", "broken", "docsrs", "debug_assertions"];

/// A line each: rule, tab, filter of the tests that must turn red.
const BROKEN_RULES: &str = ".ci/broken-rules";

/// What a condition asks about, without the words that combine.
fn asked(condition: &str) -> BTreeSet<&str> {
    let without_strings = condition.split('"').step_by(2);
    without_strings
        .flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !matches!(*word, "" | "all" | "any" | "not"))
        .collect()
}

fn unexplained(source: &Source) -> Vec<String> {
    if CHOOSING.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let comments: Vec<&str> = source.comments.lines().map(str::trim).collect();
    let is_reason = |line: usize| {
        let comment = comments.get(line).copied().unwrap_or_default();
        comment.contains("//") && !comment.starts_with("///") && !comment.starts_with("//!")
    };
    let mut complaints = Vec::new();
    for (at, condition) in source.conditions() {
        let free = |word: &&str| {
            ANYWHERE.contains(word) || (*word == "feature" && source.path == FEATURES)
        };
        let index = source.line(at) - 1;
        let explained = is_reason(index) || index.checked_sub(1).is_some_and(is_reason);
        if !explained && !asked(condition).iter().all(free) {
            let sentence =
                format!("`{condition}`: a platform is chosen in `sys`, or a comment says why here");
            complaints.push(source.complain(index + 1, sentence));
        }
    }
    complaints
}

/// The rules that `source` can be built without.
fn breakable(source: &Source) -> Vec<&str> {
    let conditions = source.conditions().into_iter();
    conditions
        .flat_map(|(_, condition)| condition.split("broken = \"").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// Both ways: `listed` is the text of the list, `used` what the sources name, `tests` what a
/// filter is matched against.
fn broken_rules(listed: &str, used: &BTreeSet<&str>, tests: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut rules = BTreeSet::new();
    for (index, line) in listed.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut complain = |what: &str| {
            complaints.push(format!("{BROKEN_RULES}:{}: {line:?} {what}", index + 1));
        };
        let Some((rule, filter)) = line.split_once('\t') else {
            complain("is no rule, tab, filter");
            continue;
        };
        if !rules.insert(rule) {
            complain("is there twice");
        }
        if !used.contains(rule) {
            complain("breaks nothing in the sources");
        }
        if filter.is_empty() || !tests.iter().any(|test| test.contains(filter)) {
            complain("selects no test in ropewalk/tests/contract");
        }
    }
    let unlisted = used.difference(&rules);
    complaints.extend(unlisted.map(|rule| format!("{rule:?} is not listed in {BROKEN_RULES}")));
    complaints
}

#[test]
fn every_cfg_stands_in_its_place_or_says_why() {
    assert_tidy(Tree::get().complaints(unexplained));
}

#[test]
fn every_breakable_rule_is_broken_in_turn() {
    let tree = Tree::get();
    let used = tree.sources.iter().filter(|source| source.is_shipped()).flat_map(breakable);
    let mut tests = BTreeSet::new();
    for source in &tree.sources {
        let Some(file) = source.path.strip_prefix("ropewalk/tests/contract/") else { continue };
        let module = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        for function in source.functions() {
            tests.insert(format!("{module}::{}", function.name));
        }
    }
    assert_tidy(broken_rules(tree.text(BROKEN_RULES), &used.collect(), &tests));
}

#[test]
fn an_unexplained_cfg_is_refused() {
    for text in [
        "#[cfg(unix)]\nfn f() {}",
        "/// Docs are no reason.\n#[cfg(target_os = \"linux\")]\nfn f() {}",
        "fn f() { if cfg!(windows) {} }",
        "#![cfg(not(target_os = \"macos\"))]",
        "#[cfg_attr(unix, doc = \"x\")]\nfn f() {}",
        "#[cfg(all(test, unix))]\nmod tests {}",
        "#[cfg(feature = \"tls\")]\nfn f() {}",
        "// Too far away.\n\n#[cfg(unix)]\nfn f() {}",
    ] {
        let complaints = unexplained(&Source::new("ropewalk/src/engine/mod.rs", text));
        assert_refused(complaints, "a comment says why");
    }
}

#[test]
fn a_cfg_in_its_place_or_with_its_reason_passes() {
    for text in [
        "#[cfg(test)]\nmod tests {}",
        "#[cfg(not(broken = \"unix\"))]\nfn f() {}",
        "#![cfg_attr(docsrs, feature(doc_cfg))]",
        "#[cfg(any(test, debug_assertions))]\nfn f() {}",
        "// Windows has no such call.\n#[cfg(unix)]\nfn f() {}",
        "#[cfg(unix)] // Windows has no such call.\nfn f() {}",
        "/// ```\n/// #[cfg(unix)]\n/// ```\nfn f() {}",
    ] {
        assert_tidy(unexplained(&Source::new("ropewalk/src/engine/mod.rs", text)));
    }
    let unix = "#[cfg(unix)]\nmod unix;";
    assert_tidy(unexplained(&Source::new("ropewalk/src/socket/sys.rs", unix)));
    let feature = "#[cfg(feature = \"uring\")]\nfn f() {}";
    assert_tidy(unexplained(&Source::new(FEATURES, feature)));
}

#[test]
fn a_broken_rule_that_nobody_builds_is_refused() {
    let text = "#[cfg(not(broken = \"eof\"))] fn f() { if cfg!(broken = \"nest\") {} }";
    let source = Source::new("ropewalk/src/connection/mod.rs", text);
    let used: BTreeSet<&str> = breakable(&source).into_iter().collect();
    assert_eq!(used, BTreeSet::from(["eof", "nest"]));

    let tests = BTreeSet::from(["half_close::reply_after_eof".to_owned()]);
    let check = |listed: &str| broken_rules(listed, &used, &tests);
    assert_tidy(check("# rules\neof\thalf_close\nnest\treply_after"));
    assert_refused(check("eof\thalf_close\n"), "not listed");
    assert_refused(check("eof\thalf_close\nnest\tno_such"), "selects no test");
    assert_refused(check("eof\thalf_close\nnest\thalf\nmade\thalf"), "breaks nothing");
    assert_refused(check("eof\thalf_close\nnest\thalf\nnest\thalf"), "twice");
    assert_refused(check("eof\thalf_close\nnest\thalf\nnest half"), "no rule, tab, filter");
}
