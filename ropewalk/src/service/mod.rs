//! Complete protocols, to use as they are.
//! Owns: the services of the program, each in a file. Never: listens, prints, or decides
//! where they run.

mod discard;
mod echo;
mod forward;
mod timestamp;

pub use discard::Discard;
pub use echo::Echo;
pub use forward::{Forward, ForwardDatagrams, Forwarded, Half, Onward, OnwardDatagrams};
pub use timestamp::{Timestamp, ctime};
