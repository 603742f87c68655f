//! What the fuzz targets check. It needs no fuzzer: `rerun` and the library's own tests
//! run the same.

pub mod endpoint;
pub mod framing;
pub mod header;
pub mod script;
