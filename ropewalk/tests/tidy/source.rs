//! A Rust source text, cut into what the rules ask about: code and comments apart, tokens,
//! paths, functions. It knows strings, characters and nested comments, and otherwise as little
//! of the language as will do. It never judges: the rules do.

use std::ops::Range;

/// One Rust file.
pub(crate) struct Source {
    /// From the root of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with everything but its comments blanked; every byte keeps its place.
    pub(crate) comments: String,
    /// The text with its comments blanked, strings kept.
    pub(crate) statements: String,
    /// The text with comments and strings blanked.
    code: String,
    tokens: Vec<Range<usize>>,
    line_starts: Vec<usize>,
    /// Where `#[cfg(test)]` items stand.
    tests: Vec<Range<usize>>,
    /// Where inline modules stand, each behind where its name does.
    modules: Vec<(Range<usize>, Range<usize>)>,
}

/// `a::b::c` as written, groups expanded: `a::{b, c}` are two.
#[derive(Debug)]
pub(crate) struct UsedPath<'s> {
    pub(crate) at: usize,
    pub(crate) segments: Vec<&'s str>,
}

#[derive(Debug)]
pub(crate) struct Function<'s> {
    pub(crate) name: &'s str,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    /// It carries `#[test]`.
    pub(crate) is_test: bool,
    /// It carries `#[ignore]`.
    pub(crate) is_ignored: bool,
    /// The inline modules around it, the outermost first.
    pub(crate) modules: Vec<&'s str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Quoted,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let kinds = classify(text.as_bytes());
        let keep = |wanted: &[Kind]| blank(text, &kinds, wanted);
        let code = keep(&[Kind::Code]);
        let mut source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
            comments: keep(&[Kind::Comment]),
            statements: keep(&[Kind::Code, Kind::Quoted]),
            tokens: tokens(&code),
            line_starts: [0].into_iter().chain(text.match_indices('\n').map(|m| m.0 + 1)).collect(),
            code,
            tests: Vec::new(),
            modules: Vec::new(),
        };
        source.tests = source.test_items();
        source.modules = source.inline_modules();
        source
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// A complaint: where, and the sentence.
    pub(crate) fn complain(&self, line: usize, sentence: impl AsRef<str>) -> String {
        format!("{}:{line}: {}", self.path, sentence.as_ref())
    }

    /// Whether the byte at `at` belongs to a test.
    pub(crate) fn in_tests(&self, at: usize) -> bool {
        self.is_test_file() || self.tests.iter().any(|item| item.contains(&at))
    }

    pub(crate) fn is_test_file(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Its path below the library's `src/`, if it is there.
    pub(crate) fn in_library(&self) -> Option<&str> {
        self.path.strip_prefix("ropewalk/src/")
    }

    /// Whether it is built into the library or the program.
    pub(crate) fn is_shipped(&self) -> bool {
        self.in_library().is_some() || self.path.starts_with("cli/src/")
    }

    /// How many lines it has outside its test items.
    pub(crate) fn lines_without_tests(&self) -> usize {
        let tested = |item: &Range<usize>| self.line(item.end) - self.line(item.start) + 1;
        let tested: usize = self.tests.iter().map(tested).sum();
        self.text.lines().count().saturating_sub(tested)
    }

    /// How many inline modules enclose the byte at `at`.
    pub(crate) fn inline_depth(&self, at: usize) -> usize {
        self.modules_around(at).len()
    }

    fn modules_around(&self, at: usize) -> Vec<&str> {
        let around = self.modules.iter().filter(|(_, body)| body.contains(&at));
        around.map(|(name, _)| &self.code[name.clone()]).collect()
    }

    /// Where each `word` of the code stands, and the token that follows it.
    pub(crate) fn places<'s>(&'s self, word: &str) -> Vec<(usize, &'s str)> {
        let indices = (0..self.tokens.len()).filter(|i| self.word(*i) == word);
        indices.map(|i| (self.tokens[i].start, self.word(i + 1))).collect()
    }

    /// Where these tokens stand one after the other.
    pub(crate) fn sequences(&self, words: &[&str]) -> Vec<usize> {
        let indices = (0..self.tokens.len()).filter(|i| self.spells(*i, words));
        indices.map(|i| self.tokens[i].start).collect()
    }

    /// Every path in the code.
    pub(crate) fn paths(&self) -> Vec<UsedPath<'_>> {
        let mut found = Vec::new();
        let mut i = 0;
        while i < self.tokens.len() {
            i = if self.begins_path(i) { self.path_tree(i, &[], &mut found) } else { i + 1 };
        }
        found
    }

    /// Every function that has a name, with or without a body.
    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let mut found = Vec::new();
        let (mut is_test, mut is_ignored) = (false, false);
        for i in 0..self.tokens.len() {
            is_test |= self.spells(i, &["#", "[", "test", "]"]);
            is_ignored |= self.spells(i, &["#", "[", "ignore"]);
            if self.word(i) == "fn" && is_word(self.word(i + 1)) {
                let line = self.line(self.tokens[i].start);
                let last = self.line(self.tokens[self.item_end(i)].start);
                let name = self.word(i + 1);
                let modules = self.modules_around(self.tokens[i].start);
                let lines = last - line + 1;
                found.push(Function { name, line, lines, is_test, is_ignored, modules });
                (is_test, is_ignored) = (false, false);
            }
        }
        found
    }

    /// What stands in the parentheses of each `cfg(…)`, `cfg!(…)` and `cfg_attr(…, `: the
    /// condition with its strings, and where it begins.
    pub(crate) fn conditions(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for i in 0..self.tokens.len() {
            let open = i + 1 + usize::from(self.word(i + 1) == "!");
            if !matches!(self.word(i), "cfg" | "cfg_attr") || self.word(open) != "(" {
                continue;
            }
            let start = self.tokens[open].end;
            let mut end = self.tokens[self.closing(open)].start;
            if self.word(i) == "cfg_attr" {
                end = self.first_comma(open).unwrap_or(end);
            }
            found.push((start, &self.statements[start..end]));
        }
        found
    }

    /// The token at `i`; nothing past the end.
    fn word(&self, i: usize) -> &str {
        self.tokens.get(i).map_or("", |token| &self.code[token.clone()])
    }

    fn spells(&self, i: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(k, word)| self.word(i + k) == *word)
    }

    /// The token that closes what the token at `open` opens.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for i in open..self.tokens.len() {
            match self.word(i) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth <= 1 => return i,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
        }
        self.tokens.len() - 1
    }

    /// Where the first comma stands that is directly inside what `open` opens.
    fn first_comma(&self, open: usize) -> Option<usize> {
        let mut i = open + 1;
        while i < self.closing(open) {
            match self.word(i) {
                "," => return Some(self.tokens[i].start),
                "(" | "[" | "{" => i = self.closing(i) + 1,
                _ => i += 1,
            }
        }
        None
    }

    /// The last token of the item that begins at `i`: its `;`, or the end of its braces.
    fn item_end(&self, mut i: usize) -> usize {
        while i < self.tokens.len() {
            match self.word(i) {
                "{" => return self.closing(i),
                ";" | "}" => return i,
                "(" | "[" => i = self.closing(i) + 1,
                _ => i += 1,
            }
        }
        self.tokens.len() - 1
    }

    fn test_items(&self) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for i in 0..self.tokens.len() {
            if !self.spells(i, &["#", "[", "cfg", "("]) {
                continue;
            }
            let start = self.tokens[i].start;
            let bracket = self.closing(i + 1);
            let condition: Vec<&str> = (i + 4..bracket).map(|k| self.word(k)).collect();
            let only_tests = condition.contains(&"test")
                && !condition.contains(&"not")
                && !condition.contains(&"any");
            if only_tests && !found.last().is_some_and(|last| last.contains(&start)) {
                found.push(start..self.tokens[self.item_end(bracket + 1)].end);
            }
        }
        found
    }

    fn inline_modules(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let opens =
            (2..self.tokens.len()).filter(|i| self.word(*i) == "{" && self.word(i - 2) == "mod");
        let body = |i: usize| self.tokens[i].start..self.tokens[self.closing(i)].end;
        opens.map(|i| (self.tokens[i - 1].clone(), body(i))).collect()
    }

    fn begins_path(&self, i: usize) -> bool {
        let back = |k: usize| i.checked_sub(k).map_or("", |at| self.word(at));
        let continues = back(1) == "::" && back(2) != "use" && (is_word(back(2)) || back(2) == ">");
        is_word(self.word(i)) && !continues && (self.word(i + 1) == "::" || back(1) == "use")
    }

    /// Reads the path whose next segment is at `i`; answers where to go on.
    fn path_tree<'s>(
        &'s self,
        mut i: usize,
        prefix: &[&'s str],
        found: &mut Vec<UsedPath<'s>>,
    ) -> usize {
        let at = self.tokens[i].start;
        let mut segments = prefix.to_vec();
        segments.push(self.word(i));
        i += 1;
        while self.word(i) == "::" && (is_word(self.word(i + 1)) || self.word(i + 1) == "*") {
            segments.push(self.word(i + 1));
            i += 2;
        }
        if !self.spells(i, &["::", "{"]) {
            found.push(UsedPath { at, segments });
            return i;
        }
        i += 2;
        while i < self.tokens.len() && self.word(i) != "}" {
            i = match self.word(i) {
                "as" => i + 2,
                "*" => self.path_tree(i, &segments, found),
                word if is_word(word) => self.path_tree(i, &segments, found),
                _ => i + 1,
            };
        }
        i + 1
    }
}

impl UsedPath<'_> {
    /// Whether `words` stand in it one after the other.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.segments.windows(words.len()).any(|window| window == words)
    }

    pub(crate) fn starts_with(&self, word: &str) -> bool {
        self.segments.first() == Some(&word)
    }

    pub(crate) fn spelled(&self) -> String {
        self.segments.join("::")
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Words, numbers, `::`, and everything else character by character.
fn tokens(code: &str) -> Vec<Range<usize>> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match rest {
            [first, ..] if is_word_byte(*first) => word_length(rest),
            [b':', b':', ..] => 2,
            _ => 1,
        };
        if !bytes[at].is_ascii_whitespace() {
            found.push(at..at + length);
        }
        at += length;
    }
    found
}

fn word_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_word_byte(**byte)).count()
}

/// `text` with all but the wanted kinds made blank, byte by byte, its lines as they were.
fn blank(text: &str, kinds: &[Kind], wanted: &[Kind]) -> String {
    let keep = |(byte, kind): (u8, &Kind)| match wanted.contains(kind) || byte == b'\n' {
        true => byte,
        false => b' ',
    };
    let bytes = text.bytes().zip(kinds).map(keep).collect();
    String::from_utf8(bytes).expect("kinds change only at ASCII bytes")
}

/// What each byte belongs to.
fn classify(bytes: &[u8]) -> Vec<Kind> {
    let mut kinds = Vec::with_capacity(bytes.len());
    while kinds.len() < bytes.len() {
        let (kind, length) = piece(&bytes[kinds.len()..]);
        kinds.resize((kinds.len() + length).min(bytes.len()), kind);
    }
    kinds
}

/// The kind and the length of what `rest` begins with.
fn piece(rest: &[u8]) -> (Kind, usize) {
    match rest {
        [b'/', b'/', ..] => (Kind::Comment, length_until(rest, b"\n")),
        [b'/', b'*', ..] => (Kind::Comment, block_comment_length(rest)),
        [b'"', ..] => (Kind::Quoted, quoted_length(rest, b'"')),
        [b'\'', b'\\', ..] => (Kind::Quoted, quoted_length(rest, b'\'')),
        [b'\'', first, ..] => {
            let width = 1 + rest[2..].iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
            match *first != b'\'' && rest.get(1 + width) == Some(&b'\'') {
                true => (Kind::Quoted, width + 2),
                false => (Kind::Code, 1), // a lifetime
            }
        }
        [first, ..] if is_word_byte(*first) => {
            let length = word_length(rest);
            let raw = raw_string_length(&rest[length..]);
            match &rest[..length] {
                b"r" | b"br" | b"cr" if raw > 0 => (Kind::Quoted, length + raw),
                _ => (Kind::Code, length),
            }
        }
        _ => (Kind::Code, 1),
    }
}

fn length_until(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).unwrap_or(rest.len())
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of `#"…"#` with any number of `#`, or 0 if that is not what `rest` begins with.
fn raw_string_length(rest: &[u8]) -> usize {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"", &rest[..hashes]].concat();
    hashes + 1 + length_until(&rest[hashes + 1..], &end) + end.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("ropewalk/src/error.rs", text)
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        for quiet in [
            "// word",
            "/// word",
            "/* a /* word */ word */",
            r#"let a = "word \" word";"#,
            r##"let a = r#"word" word"#;"##,
            r##"let a = br#"word"#;"##,
            "let a = b\"word\";",
            r"let a = ('\'', '\u{1F600}', '「'); // word",
        ] {
            assert!(source(quiet).places("word").is_empty(), "{quiet}");
        }
        for loud in [
            "/* a */ word",
            r#""a" ; word"#,
            r##"r#"a"# ; word"##,
            r"'\'' ; word",
            "'\"' ; word ; '\"'",
            "fn f<'a>(x: &'a str) { word } // 'b'",
            "r#word",
        ] {
            assert_eq!(source(loud).places("word").len(), 1, "{loud}");
        }
    }

    #[test]
    fn every_byte_keeps_its_place() {
        let text = "let a = \"é\"; // ö\nlet b = 'é'; /* ö */\n";
        let source = source(text);
        assert_eq!(source.code.len(), text.len());
        assert_eq!(source.line(source.places("b")[0].0), 2);
        let comments: Vec<&str> = source.comments.lines().map(str::trim).collect();
        assert_eq!(comments, ["// ö", "/* ö */"]);
        assert_eq!(source.comments.find("/*"), text.find("/*"));
        assert!(source.statements.contains("\"é\";") && !source.statements.contains('ö'));
    }

    #[test]
    fn groups_of_a_use_are_expanded() {
        let source = source("pub use crate::{a, b::{self, C as D}, e::*}; x::<f::G>::h(use_i::J);");
        let spelled: Vec<String> = source.paths().iter().map(UsedPath::spelled).collect();
        let expected =
            ["crate::a", "crate::b::self", "crate::b::C", "crate::e::*", "x", "f::G", "use_i::J"];
        assert_eq!(spelled, expected);
    }

    #[test]
    fn test_items_are_told_apart() {
        let source =
            source("a\n#[cfg(test)]\nmod tests {\n b { }\n}\nc\n#[cfg(not(test))]\nd {}\n");
        let tested = |word| source.in_tests(source.places(word)[0].0);
        assert_eq!(["a", "b", "c", "d"].map(tested), [false, true, false, false]);
        assert_eq!(source.lines_without_tests(), 4);
    }

    #[test]
    fn a_function_runs_from_its_name_to_its_last_brace() {
        let source = source(
            "#[test]\nfn a(x: [u8; 2]) {\n  { }\n \"}\"\n}\n\
             trait T { fn b(&self); }\ntype C = fn(u8);",
        );
        let found: Vec<_> =
            source.functions().iter().map(|f| (f.name, f.line, f.lines, f.is_test)).collect();
        assert_eq!(found, [("a", 2, 4, true), ("b", 6, 1, false)]);
    }

    #[test]
    fn conditions_are_read_with_their_strings() {
        let source = source(
            "#[cfg(all(unix, feature = \"x\"))] #[cfg_attr(docsrs, doc(cfg(y)))] if cfg!(z) {}",
        );
        let found: Vec<_> = source.conditions().iter().map(|condition| condition.1).collect();
        assert_eq!(found, ["all(unix, feature = \"x\")", "docsrs", "y", "z"]);
    }
}
