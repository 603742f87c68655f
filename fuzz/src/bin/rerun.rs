//! Runs committed inputs again, without libFuzzer: `rerun TARGET FOLDER`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder] = &words[..] else {
        eprintln!("usage: rerun TARGET FOLDER");
        return ExitCode::from(2);
    };
    let run: fn(&[u8]) = match target.as_str() {
        "connection" => |script| {
            ropewalk_fuzz::script::run(script);
        },
        "endpoint" => ropewalk_fuzz::endpoint::run,
        "framing" => ropewalk_fuzz::framing::run,
        "proxy_header" => ropewalk_fuzz::header::run,
        other => {
            eprintln!("no target is named {other}");
            return ExitCode::from(2);
        }
    };
    match rerun(Path::new(folder), run) {
        Ok(count) => {
            println!("{target}: {count} inputs");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers how many there were. One that fails panics, and its name was said before.
fn rerun(folder: &Path, run: fn(&[u8])) -> std::io::Result<usize> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in &paths {
        let input = std::fs::read(path)?;
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            return Err(std::io::Error::other(format!("{} failed", path.display())));
        }
    }
    Ok(paths.len())
}
