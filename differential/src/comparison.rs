//! Runs both halves, joins them by name, and says where they differ. A difference that nobody
//! decided, a decision without a difference, a probe without its other half: each is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::outcome::Probe;
use crate::probes::SECTIONS;

/// How long a probe may take, once. Python's half has the same.
const WATCHDOG: Duration = Duration::from_secs(20);

/// How the words of such a panic begin.
const MEANT: &str = "it ";

/// By name.
pub(crate) type Outcomes = BTreeMap<String, String>;

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    keep_meant_panics_quiet();
    match compare(&words) {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            say_what_failed(&complaints.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            say_what_failed(&format!("differential: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Hooks and handlers that panic because that is what is probed.
fn keep_meant_panics_quiet() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload().downcast_ref::<&str>().unwrap_or(&"");
        if !words.starts_with(MEANT) {
            tell(panic);
        }
    }));
}

fn say_what_failed(text: &str) {
    let _ = writeln!(io::stderr(), "{text}"); // there is nobody else to tell
}

/// What is compared with ours, and what came of it.
struct Sides {
    /// Its name, as a line of the table has it.
    them: &'static str,
    /// Where its decisions and its committed table are.
    folder: &'static str,
    /// What was run, each with our outcome.
    ours: Vec<(String, String)>,
    /// Their outcomes.
    theirs: Outcomes,
}

/// Prints the table, and gives what is wrong with it.
fn compare(words: &[String]) -> io::Result<Vec<String>> {
    let (modes, wanted): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.starts_with("--"));
    let wanted: Vec<&str> = wanted.into_iter().map(String::as_str).collect();
    if let Some(mode) = modes.iter().find(|mode| !["--check", "--bless"].contains(&mode.as_str())) {
        let known = "--check, --bless, or the beginnings of names";
        return Err(io::Error::other(format!("`{mode}` is none of its words: {known}")));
    }
    let (sides, is_whole) = match wanted.split_first() {
        Some((&"twisted", wanted)) => (twisted_sides(wanted)?, wanted.is_empty()),
        _ => (python_sides(&wanted)?, wanted.is_empty()),
    };
    let decisions = decisions(sides.folder)?;
    let mut complaints = Vec::new();
    let table = table(&sides, &decisions, &mut complaints);
    if is_whole {
        complain_of_the_unused(&sides, &decisions, &mut complaints);
    }
    let expected = beside(sides.folder).join("expected.tsv");
    match modes.first().map(|mode| mode.as_str()) {
        Some("--bless") => std::fs::write(expected, &table)?,
        Some(_) => complaints.extend(changes(&std::fs::read_to_string(expected)?, &table)),
        None => io::stdout().write_all(table.as_bytes())?,
    }
    if !modes.is_empty() {
        let last = table.lines().last().unwrap_or_default();
        writeln!(io::stdout(), "{last}")?;
    }
    Ok(complaints)
}

/// The probes of CPython's modules.
fn python_sides(wanted: &[&str]) -> io::Result<Sides> {
    let probes = wanted_probes(wanted);
    let (theirs, ours) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| python_outcomes(wanted));
        let ours = probes.iter().map(|probe| (probe.full_name(), run(probe))).collect();
        let theirs = theirs.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        theirs.map(|theirs| (theirs, ours))
    })?;
    Ok(Sides { them: "python", folder: ".", ours, theirs })
}

/// The scenarios of a connection's life.
fn twisted_sides(wanted: &[&str]) -> io::Result<Sides> {
    let (theirs, ours) = crate::twisted::run(wanted)?;
    Ok(Sides { them: "twisted", folder: "twisted", ours, theirs })
}

pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn wanted_probes(wanted: &[&str]) -> Vec<&'static Probe> {
    let all = SECTIONS.iter().flat_map(|section| section.iter());
    all.filter(|probe| {
        wanted.is_empty() || wanted.iter().any(|word| probe.full_name().starts_with(word))
    })
    .collect()
}

/// CPython's half: `name<TAB>outcome`, a line each.
fn python_outcomes(wanted: &[&str]) -> io::Result<Outcomes> {
    let python = std::env::var_os("ROPEWALK_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let output = Command::new(&python)
        .args(["-B", "-I"])
        .args([
            "-c",
            "import runpy, sys; sys.path.insert(0, sys.argv[1]); del sys.argv[1]; \
                      runpy.run_module('run', run_name='__main__')",
        ])
        .arg(beside("probes"))
        .args(wanted)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| io::Error::other(format!("{}: {error}", python.to_string_lossy())))?;
    if !output.status.success() {
        return Err(io::Error::other(format!("CPython's half failed: {}", output.status)));
    }
    let text = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    Ok(text.lines().filter_map(|line| line.split_once('\t')).map(owned).collect())
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// By probe: the sentence, and where it is documented.
fn decisions(folder: &str) -> io::Result<Outcomes> {
    let text = std::fs::read_to_string(beside(folder).join("decisions.tsv"))?;
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        match cells[..] {
            [probe, sentence, place] => Ok((probe.to_owned(), format!("{sentence} ({place})"))),
            _ => Err(io::Error::other(format!("decisions.tsv: not three cells: {row}"))),
        }
    })
    .collect()
}

/// A line for each, and the sums.
fn table(sides: &Sides, decisions: &Outcomes, complaints: &mut Vec<String>) -> String {
    let (mut table, mut same, mut decided) = (String::new(), 0, 0);
    let them = sides.them;
    for (name, ours) in &sides.ours {
        let Some(theirs) = sides.theirs.get(name) else {
            complaints.push(format!("{name}: {them}'s half has no such probe"));
            continue;
        };
        let decision = decisions.get(name);
        if theirs == ours {
            same += 1;
            if decision.is_some() {
                complaints.push(format!("{name}: it is decided to differ, and does not"));
            }
            let _ = writeln!(table, "{name}\tsame\t{ours}"); // a string takes all
            continue;
        }
        decided += usize::from(decision.is_some());
        let words = decision.map_or("NOT DECIDED", String::as_str);
        let line = format!("{name}\tdiffers\t{them}: {theirs}\tropewalk: {ours}\t{words}");
        if decision.is_none() {
            complaints.push(line.clone());
        }
        table.push_str(&line);
        table.push('\n');
    }
    let ours: BTreeSet<&String> = sides.ours.iter().map(|(name, _)| name).collect();
    for name in sides.theirs.keys().filter(|name| !ours.contains(name)) {
        complaints.push(format!("{name}: Ropewalk's half has no such probe"));
    }
    let all = sides.ours.len();
    let _ = writeln!(table, "{all} probes, {same} the same, {decided} differ by decision");
    table
}

/// Ropewalk's half of a probe, in a thread that is given up on if it hangs.
fn run(probe: &'static Probe) -> String {
    let (sender, outcome) = channel();
    let thread = std::thread::spawn(move || {
        let outcome = (probe.run)().unwrap_or_else(|failure| failure.0);
        sender.send(outcome)
    });
    match outcome.recv_timeout(WATCHDOG) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => "hangs".to_owned(),
        Err(RecvTimeoutError::Disconnected) => {
            let _ = thread.join(); // its panic has been printed
            "panics".to_owned()
        }
    }
}

fn complain_of_the_unused(sides: &Sides, decisions: &Outcomes, complaints: &mut Vec<String>) {
    let ours: BTreeSet<&String> = sides.ours.iter().map(|(name, _)| name).collect();
    if ours.len() != sides.ours.len() {
        complaints.push("two probes have one name".to_owned());
    }
    for name in decisions.keys().filter(|name| !ours.contains(name)) {
        complaints.push(format!("{name}: a decision, and no such probe"));
    }
}

/// Lines of the committed table that are gone, and lines that are new.
fn changes(expected: &str, table: &str) -> Vec<String> {
    let (before, after): (BTreeSet<&str>, BTreeSet<&str>) =
        (expected.lines().collect(), table.lines().collect());
    let mut changes: Vec<String> =
        before.difference(&after).map(|line| format!("- {line}")).collect();
    changes.extend(after.difference(&before).map(|line| format!("+ {line}")));
    if changes.is_empty() && expected != table {
        changes.push("expected.tsv has the same lines in another order".to_owned());
    }
    if !changes.is_empty() {
        changes.push("if that is meant: cargo run -p differential -- --bless".to_owned());
    }
    changes
}
