//! `ropewalk help TOPIC`: the verbs' help, and the grammar of endpoints.
//! Owns: which topics there are. Never: repeats what the library says.

use clap::CommandFactory as _;
use ropewalk::endpoint::GRAMMAR;

use crate::args::Args;
use crate::failure::{self, Failure};
use crate::nearest;
use crate::stdio;

/// Tells about a topic on standard output.
pub(crate) fn run(topic: Option<&str>) -> Result<u8, Failure> {
    let mut program = Args::command();
    program.build();
    let text = match topic {
        None => program.render_long_help().to_string(),
        Some("endpoints") => GRAMMAR.to_owned(),
        Some(topic) => match program.find_subcommand_mut(topic) {
            Some(verb) => verb.render_long_help().to_string(),
            None => return Err(unknown(topic)),
        },
    };
    stdio::print(&format!("{}\n", text.trim_end()))
}

fn unknown(topic: &str) -> Failure {
    let mut names: Vec<String> =
        Args::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    names.push("endpoints".to_owned());
    let sentence = nearest::sentence("help on", topic, names.iter().map(String::as_str));
    Failure::new(failure::USAGE, sentence).help(format!("there is: {}", names.join(", ")))
}
