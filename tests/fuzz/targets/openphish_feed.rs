#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    filter_fuzz::text(&openphish_feed::FILTER, bytes);
    filter_fuzz::record(&openphish_feed::FILTER, &[], bytes);
});
