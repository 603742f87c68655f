//! Complete protocols, and a client that keeps its connection, to use as they are.
//! Owns: the services of the program, each in a file. Never: listens, prints, or decides
//! where they run.

mod discard;
mod echo;
mod forward;
pub mod reconnecting;
mod timestamp;

pub use discard::Discard;
pub use echo::Echo;
pub use forward::{Forward, ForwardDatagrams, Forwarded, Half, Onward, OnwardDatagrams};
pub use reconnecting::{Reconnecting, Retry};
pub use timestamp::{Timestamp, ctime};
