//! What single services are told on the command line: quotes, the bounds of a chat.
//! Owns: reading them, and that each is said to its own service. Never: serves.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ropewalk::service::{ChatLimits, Quotes};

use crate::args::{Model, Serve};
use crate::escape;
use crate::failure::{self, Failure};
use crate::limits::QUOTES_BYTES;
use crate::services::Service;

/// What `qotd` tells when it is given no file.
const QUOTES: &str = "\
A rope is many weak things that hold together.
%
Measure twice, splice once.
%
What runs through a block must first go through the eye.
%
A knot that cannot be untied was only half learned.
%
The bitter end is where every line stops being somebody else's trouble.
";

impl Serve {
    /// Each option belongs to one service, and some services to one process.
    pub(super) fn check(&self, service: Service) -> Result<(), Failure> {
        let of_chat = [
            ("--members", self.members.is_some()),
            ("--room-members", self.room_members.is_some()),
            ("--rooms", self.rooms.is_some()),
            ("--line-bytes", self.line_bytes.is_some()),
        ];
        let said = of_chat.into_iter().map(|(option, said)| (option, Service::Chat, said));
        let said = said.chain([("--quotes", Service::Qotd, self.quotes.is_some())]);
        for (option, of, said) in said {
            if said && of != service {
                let sentence = format!("{option} is for {}, not for {}", of.name(), service.name());
                return Err(Failure::new(failure::USAGE, sentence).help("leave it out"));
            }
        }
        if self.model == Model::Fork && matches!(service, Service::Chat | Service::Qotd) {
            let sentence =
                format!("{} is in one process, and --model fork has many", service.name());
            let help = "its clients share it on --model reactor, threads or pool";
            return Err(Failure::new(failure::USAGE, sentence).help(help));
        }
        Ok(())
    }

    /// The quotes of the file, or our own.
    pub(super) fn quotes(&self) -> Result<Quotes, Failure> {
        let Some(path) = &self.quotes else {
            return Quotes::parse(QUOTES)
                .map_err(|error| Failure::new(failure::OTHER, error.to_string()));
        };
        let name = escape::quote(&path.display().to_string());
        let wrong = |why: String| {
            Failure::new(failure::USAGE, format!("cannot tell the quotes of {name}: {why}"))
                .help("it is UTF-8 text; between two quotes stands a line with a % alone")
        };
        let text = read_text(path).map_err(wrong)?;
        Quotes::parse(&text).map_err(|error| wrong(error.to_string()))
    }

    /// The chat's bounds.
    pub(super) fn chat_limits(&self) -> ChatLimits {
        let usual = ChatLimits::default();
        ChatLimits {
            members: self.members.unwrap_or(usual.members),
            room_members: self.room_members.unwrap_or(usual.room_members),
            rooms: self.rooms.unwrap_or(usual.rooms),
            line_bytes: self.line_bytes.unwrap_or(usual.line_bytes),
            ..usual
        }
    }
}

/// A text of at most [`QUOTES_BYTES`].
fn read_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let mut file = File::open(path).map_err(|error| error.to_string())?.take(QUOTES_BYTES + 1);
    file.read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > QUOTES_BYTES {
        return Err(format!("it has more than {QUOTES_BYTES} bytes"));
    }
    Ok(text)
}
