//! The sighting filter over its goldens.

use filter_sdk::testing;
use sighting::FILTER;

#[test]
fn the_descriptor_is_one_that_a_host_takes() {
    assert_eq!(testing::check_descriptor(&FILTER), Vec::<String>::new());
}

#[test]
fn records_become_the_documents_of_the_goldens() {
    for file in ["sighting.json", "sighting-honeypot.json"] {
        let path = format!("{}/../../fixtures/sighting/{file}", env!("CARGO_MANIFEST_DIR"));
        if let Err(difference) = testing::check_goldens(&FILTER, path) {
            panic!("{difference}");
        }
    }
}
