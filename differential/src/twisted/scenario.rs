//! Scenarios as they are written in `scenarios.txt`.
//! Owns: the text's form. Never: knows what a word does.

use std::collections::BTreeMap;
use std::io;

/// The actions of each callback, by its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program(BTreeMap<String, Vec<String>>);

impl Program {
    /// What this callback is to do; nothing, if it is not said.
    pub(crate) fn actions(&self, callback: &str) -> &[String] {
        self.0.get(callback).map_or(&[], Vec::as_slice)
    }

    /// Whether it says something about this callback.
    pub(crate) fn has(&self, callback: &str) -> bool {
        self.0.contains_key(callback)
    }

    /// As the other half reads it. Its words have no quotes and no backslashes.
    pub(crate) fn to_json(&self) -> String {
        let pairs = self.0.iter().map(|(name, actions)| match name.as_str() {
            "reconnects" => format!("{name:?}: {}", actions.concat()),
            _ => format!("{name:?}: {actions:?}"),
        });
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
    }

    /// Whether one of its callbacks stops the loop.
    pub(crate) fn stops(&self) -> bool {
        self.0.values().flatten().any(|action| action == "stop")
    }

    /// Bytes that it writes in all callbacks.
    fn bytes(&self) -> u64 {
        self.0.values().flatten().map(|action| bytes_of(action)).sum()
    }
}

/// How often we connect anew.
pub(crate) fn reconnects(program: &Program) -> u32 {
    program.actions("reconnects").concat().parse().unwrap_or_default()
}

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) program: Program,
    /// What the peer does.
    pub(crate) peer: Vec<String>,
    /// Whether it is the server who connects.
    pub(crate) connects: bool,
    /// Bytes that are written to the peer, if nothing keeps them.
    pub(crate) bytes: u64,
    /// Bytes that the peer sends.
    pub(crate) sent: u64,
}

/// Fewer bytes than this are shown as they are counted.
const FEW: u64 = 1000;

/// A count of bytes as it is shown: of many, only whether they were all, since where they are
/// cut is the kernel's business.
pub(crate) fn shown(bytes: u64, all: u64) -> String {
    match bytes {
        few if few <= FEW => few.to_string(),
        many if many == all => format!("all {all}"),
        _ => format!("part of {all}"),
    }
}

/// The scenarios of a text.
pub(crate) fn parse(text: &str) -> io::Result<Vec<Scenario>> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let (name, program, peer) = (name.to_owned(), Program::default(), Vec::new());
            scenarios.push(Scenario { name, program, peer, connects: false, bytes: 0, sent: 0 });
            continue;
        }
        let wrong = || io::Error::other(format!("scenarios.txt: what is `{line}`?"));
        let scenario = scenarios.last_mut().ok_or_else(wrong)?;
        let (key, words) = line.split_once(':').ok_or_else(wrong)?;
        let words = words.split(';').map(str::trim).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_owned).collect();
        match key {
            "peer" => scenario.peer = words,
            "client" => scenario.connects = true,
            "made" | "data" | "eof" | "lost" | "build" | "started" | "reconnects" => {
                scenario.program.0.insert(key.to_owned(), words);
            }
            _ => return Err(wrong()),
        }
    }
    for scenario in &mut scenarios {
        let outside = scenario.peer.iter().filter_map(|word| word.strip_prefix("server: "));
        scenario.bytes = scenario.program.bytes() + outside.map(bytes_of).sum::<u64>();
        let sends =
            scenario.peer.iter().filter_map(|word| word.strip_prefix("send ")?.parse::<u64>().ok());
        scenario.sent = sends.sum();
    }
    Ok(scenarios)
}

/// Bytes that an action writes.
fn bytes_of(action: &str) -> u64 {
    let words: Vec<&str> = action.split(' ').collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(0);
    match words[0] {
        "write" => number(1),
        "pull" => number(1) * number(2),
        _ => 0,
    }
}
