//! Any text as an endpoint: read, displayed, read as the same. See `ropewalk_fuzz::endpoint`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ropewalk_fuzz::endpoint::run(input);
});
