//! The filter over its goldens.

use filter_sdk::testing;
use phishtank_feed::FILTER;

#[test]
fn the_descriptor_is_one_that_a_host_takes() {
    assert_eq!(testing::check_descriptor(&FILTER), Vec::<String>::new());
}

#[test]
fn records_become_the_documents_of_the_goldens() {
    let folder = format!("{}/../../fixtures/phishtank_feed", env!("CARGO_MANIFEST_DIR"));
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")) {
        if let Err(difference) = testing::check_goldens(&FILTER, path) {
            panic!("{difference}");
        }
    }
}
