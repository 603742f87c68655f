//! Ropewalk. Never.
pub mod addr;
pub mod clock;
pub mod connection;
pub mod engine;
pub mod error;
pub mod limits;
pub mod observe;
pub mod protocol;
pub use addr::Addr;
pub use error::{Error, Result};
pub use protocol::{Factory, Handle, Protocol, Reason, Transport};
