//! Ropewalk's half of the probes, a file a section as in `probes/`.

use crate::outcome::Probe;

mod addresses;
mod binding;
mod closing;
mod connecting;
mod constructor;
mod datagrams;
mod descriptors;
mod errors;
mod files;
mod messages;
mod modes;
mod module;
mod options;
mod server_forking;
mod server_handlers;
mod server_hooks;
mod server_shutdown;
mod signals;
mod streams;
mod text;

/// Every section, in the order of the table.
pub(crate) const SECTIONS: &[&[Probe]] = &[
    modes::PROBES,
    constructor::PROBES,
    binding::PROBES,
    connecting::PROBES,
    streams::PROBES,
    datagrams::PROBES,
    closing::PROBES,
    signals::PROBES,
    options::PROBES,
    descriptors::PROBES,
    files::PROBES,
    messages::PROBES,
    module::PROBES,
    addresses::PROBES,
    text::PROBES,
    errors::PROBES,
    server_hooks::PROBES,
    server_forking::PROBES,
    server_handlers::PROBES,
    server_shutdown::PROBES,
];
