//! The filter over its goldens.

use filter_sdk::testing;
use openphish_feed::FILTER;

#[test]
fn the_descriptor_is_one_that_a_host_takes() {
    assert_eq!(testing::check_descriptor(&FILTER), Vec::<String>::new());
}

#[test]
fn records_become_the_documents_of_the_goldens() {
    let folder = format!("{}/../../fixtures/openphish_feed", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        if let Err(difference) = testing::check_goldens(&FILTER, file.unwrap().path()) {
            panic!("{difference}");
        }
    }
}
