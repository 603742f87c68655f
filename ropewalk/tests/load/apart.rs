//! Parts of a test in processes of their own, and what a process has open and in memory.

use std::process::{Child, Command, Stdio};

/// Descriptors that a part may need: a crowd of ten thousand, with room.
const DESCRIPTORS: usize = 20_000;

/// The environment's word that a part is meant to play.
const PART: &str = "ROPEWALK_LOAD_PART";

/// Raises the soft limit of descriptors, as far as may be, then becomes the part.
const RAISE: &str = r#"
    limit=$1; shift
    soft=$(ulimit -S -n)
    if [ "$soft" != unlimited ] && [ "$soft" -lt "$limit" ]; then
        ulimit -S -n "$limit" 2>/dev/null || ulimit -S -n "$(ulimit -H -n)"
    fi
    exec "$@"
"#;

/// Starts one of this binary's ignored tests as a process, with these words for it.
pub fn start(part: &str, words: &[String]) -> Child {
    command(part, words).spawn().unwrap()
}

/// The command that does.
pub fn command(part: &str, words: &[String]) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", RAISE, "sh", &DESCRIPTORS.to_string()])
        .arg(binary)
        .args([part, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(PART, words.join(" "))
        .stdin(Stdio::null());
    command
}

/// Plays one of this binary's ignored tests in a process of its own, to its end.
#[track_caller]
pub fn play(part: &str, words: &[String]) {
    let status = start(part, words).wait().unwrap();
    assert!(status.success(), "{part}: {status}");
}

/// The words this process was started with. `None`: it was not, and has nothing to do.
pub fn words() -> Option<Vec<String>> {
    let words = std::env::var(PART).ok()?;
    Some(words.split_whitespace().map(str::to_owned).collect())
}

/// Descriptors that this process has open.
pub fn descriptors() -> usize {
    // The one that reads the folder is in it.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// Memory of this process that is in use now, in bytes.
pub fn resident_bytes() -> usize {
    status_bytes("VmRSS:")
}

/// The most that it ever was.
pub fn resident_peak_bytes() -> usize {
    status_bytes("VmHWM:")
}

fn status_bytes(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    let kib = line.trim().strip_suffix(" kB").expect("kB");
    kib.parse::<usize>().unwrap() * 1024
}
