//! What a test needs beside this crate, and what happens where it is missing.

use std::process::Command;

/// Whether a need is met. With `ROPEWALK_ALL=1` it must be.
#[track_caller]
pub fn needs(need: &str, met: bool) -> bool {
    if !met {
        assert!(std::env::var_os("ROPEWALK_ALL").is_none(), "{need} is missing");
        eprintln!("not run: {need} is missing");
    }
    met
}

/// Whether what a kernel does unasked is done here. Wine ends a connection in order before it
/// resets it, loses a datagram's refusal, one of two threads'
/// sends on one socket, and does not know what a silent peer is probed by.
pub fn resets() -> bool {
    let its_own = std::path::Path::new(r"C:\windows\system32\winecfg.exe");
    // Nowhere else is there such a path.
    let is_wine = cfg!(windows) && its_own.exists();
    if is_wine {
        eprintln!("not run: Wine sends no resets and no refusals");
    }
    !is_wine
}

/// Whether a program is there.
#[track_caller]
pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    needs(program, found.is_ok_and(|output| output.status.success()))
}

/// Whether `nc` is OpenBSD's, which ends its direction (`-N`) and knows Unix sockets. Nmap's
/// and others go by the same name.
#[track_caller]
pub fn has_openbsd_netcat() -> bool {
    let help = Command::new("nc").arg("-h").output();
    let says = |text: &[u8]| text.windows(7).any(|part| part == b"OpenBSD");
    needs("OpenBSD's nc", help.is_ok_and(|said| says(&said.stderr) || says(&said.stdout)))
}

/// CPython, to run this text with these words, if it is there.
#[track_caller]
pub fn python(script: &str, words: &[&str]) -> Option<Command> {
    has("python3").then(|| {
        let mut python = Command::new("python3");
        python.args(["-c", script]).args(words);
        python
    })
}

/// CPython, whichever the system has.
#[track_caller]
pub fn plain_python() -> Option<Command> {
    has("python3").then(|| Command::new("python3"))
}

/// A Python that has Twisted: the one that `ROPEWALK_PYTHON` names, or the system's.
#[track_caller]
pub fn twisted() -> Option<Command> {
    let python = std::env::var_os("ROPEWALK_PYTHON").unwrap_or_else(|| "python3".into());
    let imports = Command::new(&python).args(["-c", "import twisted"]).output();
    let met = imports.is_ok_and(|output| output.status.success());
    needs("a Python with Twisted (ROPEWALK_PYTHON)", met).then(|| Command::new(python))
}

/// Whether there is one.
#[track_caller]
pub fn has_twisted() -> bool {
    twisted().is_some()
}
