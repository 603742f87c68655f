//! Errors as a person reads them, and the exit code that belongs to each.
//! Owns: the codes. Never: a backtrace.

use std::io::Write as _;
use std::process::ExitCode;

use ropewalk::Error;
use ropewalk::error::Operation;

/// Why the program ends.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    help: Option<String>,
    code: u8,
}

/// Arguments that cannot be meant.
const USAGE: u8 = 2;
/// An address that cannot be listened on.
const LISTEN: u8 = 3;
const OTHER: u8 = 1;

impl Failure {
    /// The arguments cannot be meant.
    pub(crate) fn usage(sentence: String, help: String) -> Failure {
        Failure { sentence, help: Some(help), code: USAGE }
    }

    /// Tells it on standard error; if even that is gone, the code is all there is.
    pub(crate) fn report(&self) -> ExitCode {
        let mut text = format!("error: {}\n", self.sentence);
        if let Some(help) = &self.help {
            text.push_str(&format!("  help: {help}\n"));
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match error.operation() {
            Operation::Parse => USAGE,
            Operation::Listen => LISTEN,
            _ => OTHER,
        };
        let whole = error.to_string();
        let help = error.remedy().map(str::to_owned);
        // The remedy gets a line of its own.
        let sentence = match &help {
            Some(help) => whole.strip_suffix(&format!("; {help}")).unwrap_or(&whole).to_owned(),
            None => whole,
        };
        Failure { sentence, help, code }
    }
}
