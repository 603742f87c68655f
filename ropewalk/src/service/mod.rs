//! Complete protocols, and a client that keeps its connection, to use as they are.
//! Owns: the services of the program, each in a file. Never: listens, prints, or decides
//! where they run.

mod chargen;
mod chat;
mod daytime;
mod discard;
mod echo;
mod forward;
mod qotd;
pub mod reconnecting;
mod time;
mod timestamp;

pub use chargen::Chargen;
pub use chat::{Chat, ChatLimits, ChatMember};
pub use daytime::Daytime;
pub use discard::Discard;
pub use echo::Echo;
pub use forward::{
    Forward, ForwardDatagrams, Forwarded, Half, Onward, OnwardDatagrams, ToEndpoint,
};
pub use qotd::{Qotd, QuoteError, Quotes};
pub use reconnecting::{Reconnecting, Retry};
pub use time::Time;
pub use timestamp::{Timestamp, ctime};
