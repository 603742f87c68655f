//! Parts of a test that need a process of their own: another user, another way to die.

use std::process::Command;

/// The environment's word that a part is meant to play.
const PART: &str = "ROPEWALK_SOCKET_PART";

/// The arguments with which this binary plays one of its ignored tests.
pub fn arguments(part: &str) -> Vec<String> {
    ["--exact", "--ignored", "--nocapture", "--test-threads=1", part].map(str::to_owned).into()
}

/// This binary, to play a part with this word for it.
pub fn command(part: &str, word: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments(part)).env(PART, word);
    command
}

/// Marks another command, which will run this binary.
pub fn mark(command: &mut Command, word: &str) {
    command.env(PART, word);
}

/// The word this process was started with. `None`: it was not, and has nothing to do.
pub fn word() -> Option<String> {
    std::env::var(PART).ok()
}

/// Runs it to its end, which is a good one.
#[track_caller]
pub fn play(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(said.contains("1 passed"), "no part was played: {said}");
}
