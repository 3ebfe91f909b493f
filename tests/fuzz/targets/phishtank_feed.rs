#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    filter_fuzz::text(&phishtank_feed::FILTER, bytes);
    filter_fuzz::record(&phishtank_feed::FILTER, &[], bytes);
});
