//! Any bytes through every framer, whole and cut: the same frames. See
//! `ropewalk_fuzz::framing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ropewalk_fuzz::framing::run(input);
});
