#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for compat in ["none", "cybexp-2021"] {
        filter_fuzz::record(&cowrie::FILTER, &[("compat", compat)], bytes);
    }
});
