//! Any PROXY header, whole and cut: the same answer. See `ropewalk_fuzz::header`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ropewalk_fuzz::header::run(input);
});
