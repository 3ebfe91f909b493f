#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    filter_fuzz::text(&email::FILTER, bytes);
    filter_fuzz::record(&email::FILTER, &[], bytes);
});
