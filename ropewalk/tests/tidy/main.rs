//! Tidy: the shape of the tree, held by a test.
//!
//! Every rule is a function from a text to its complaints. It stands beside two tests: one asks
//! it about the whole tree, the other shows it a small made-up text that it must refuse.
//! Nothing here is compiled or run: a rule reads words, so it never needs a build that works.

mod arrows;
mod bans;
mod conditions;
mod notes;
mod ported;
mod shape;
mod source;
mod tables;

use source::Source;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// Folders that hold what is made, not what is written.
const NOT_WRITTEN: &[&str] = &["target", ".git", "corpus", "artifacts", "coverage"];

/// What is longer than this is data.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Everything in the workspace that somebody wrote, read once for all tests.
#[derive(Default)]
pub(crate) struct Tree {
    /// Every Rust file.
    pub(crate) sources: Vec<Source>,
    /// Every other text: its path from the root, what it says.
    pub(crate) texts: Vec<(String, String)>,
}

impl Tree {
    pub(crate) fn get() -> &'static Tree {
        static TREE: OnceLock<Tree> = OnceLock::new();
        TREE.get_or_init(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace root");
            let mut tree = Tree::default();
            tree.read(root, "");
            tree.sources.sort_by(|a, b| a.path.cmp(&b.path));
            tree.texts.sort();
            tree
        })
    }

    fn read(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).expect("a folder of the tree can be listed") {
            let entry = entry.expect("an entry of the tree can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let facts = entry.metadata().expect("an entry of the tree has metadata");
            if facts.is_dir() && !NOT_WRITTEN.contains(&name.as_str()) {
                self.read(&entry.path(), &format!("{path}/"));
            } else if facts.is_file() && facts.len() < TEXT_BYTES_MAX {
                // What is not UTF-8 is no text of ours; a file that went meanwhile is not either.
                let Ok(text) = fs::read_to_string(entry.path()) else { continue };
                match name.ends_with(".rs") {
                    true => self.sources.push(Source::new(&path, &text)),
                    false => self.texts.push((path, text)),
                }
            }
        }
    }

    /// The text at `path`, which is not a Rust file.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> &str {
        let found = self.texts.iter().find(|(at, _)| at == path);
        found.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("there is no {path}"))
    }

    /// Asks `rule` about every Rust file.
    pub(crate) fn complaints(&self, rule: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
        self.sources.iter().flat_map(rule).collect()
    }
}

/// Fails with all complaints, one a line.
#[track_caller]
pub(crate) fn assert_tidy(complaints: Vec<String>) {
    let count = complaints.len();
    assert!(complaints.is_empty(), "{count} complaints:\n{}\n", complaints.join("\n"));
}

/// The one complaint there is says `sentence`.
#[track_caller]
pub(crate) fn assert_refused(complaints: Vec<String>, sentence: &str) {
    assert_eq!(complaints.len(), 1, "expected one complaint of {sentence:?}: {complaints:#?}");
    assert!(complaints[0].contains(sentence), "{:?} lacks {sentence:?}", complaints[0]);
}

#[test]
fn the_whole_tree_is_read() {
    let tree = Tree::get();
    for path in ["ropewalk/src/lib.rs", "cli/src/main.rs", "ropewalk/tests/tidy/main.rs"] {
        assert!(tree.sources.iter().any(|source| source.path == path), "{path} was not read");
    }
    assert!(tree.text("Cargo.toml").contains("[workspace]"));
}
