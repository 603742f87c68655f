//! Ropewalk. Never.
pub mod addr;
pub mod clock;
pub mod connection;
pub mod driver;
pub mod engine;
pub mod error;
pub mod limits;
pub mod observe;
pub mod protocol;
pub use addr::Addr;
pub use error::{Error, Result};
pub use protocol::{Factory, Handle, Protocol, Reason, Transport};
pub mod reactor;
pub mod server;
pub use reactor::Reactor;
pub use protocol::*;
