#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| filter_fuzz::record(&sighting::FILTER, &[], bytes));
