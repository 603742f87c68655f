//! Scripted protocols, and the log of what they saw: as the contract's tests have them.

#[path = "../rig/log.rs"]
mod log;
#[cfg(target_os = "linux")] // where the log hears children, which no test here has
#[path = "../rig/relay.rs"]
mod relay;
#[path = "../rig/script.rs"]
mod script;

#[cfg(unix)] // see `pairs`
pub use log::Kept;
pub use log::{Call, Log, WATCHDOG};
pub use script::{Script, ScriptedClient, ScriptedFactory};
