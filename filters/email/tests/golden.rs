//! The e-mail filter over its goldens.

use email::FILTER;
use filter_sdk::testing;

#[test]
fn the_descriptor_is_one_that_a_host_takes() {
    assert_eq!(testing::check_descriptor(&FILTER), Vec::<String>::new());
}

#[test]
fn messages_become_the_documents_of_the_goldens() {
    let path = format!("{}/../../fixtures/email/email.json", env!("CARGO_MANIFEST_DIR"));
    if let Err(difference) = testing::check_goldens(&FILTER, path) {
        panic!("{difference}");
    }
}
