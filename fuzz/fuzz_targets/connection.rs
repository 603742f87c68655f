//! Any script of events: the contract holds. See `ropewalk_fuzz::script`.

#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    ropewalk_fuzz::script::run(script);
});
