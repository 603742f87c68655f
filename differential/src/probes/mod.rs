//! Ropewalk's half of the probes, a file a section as in `probes/`.

use crate::outcome::Probe;

mod binding;
mod closing;
mod connecting;
mod constructor;
mod modes;

/// Every section, in the order of the table.
pub(crate) const SECTIONS: &[&[Probe]] =
    &[modes::PROBES, constructor::PROBES, binding::PROBES, connecting::PROBES, closing::PROBES];
