//! The table of event ids in README.md against the ids that the filter knows.

use std::collections::BTreeSet;

use cowrie_event::Kind;

#[test]
fn every_id_is_in_the_table_and_the_table_has_no_other() {
    let documented: BTreeSet<&str> = include_str!("../README.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(id, _)| id)
        .collect();
    let known: BTreeSet<&str> = Kind::known().map(|(id, _)| id).collect();
    assert_eq!(documented, known);
}
