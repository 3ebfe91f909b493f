//! Arbitrary and mangled feeds through both filters that read such: nothing panics, and no answer is one that the host
//! would refuse.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use filter_sdk::testing;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The feeds of the goldens, as text.
fn goldens() -> Vec<String> {
    let folders =
        ["phishtank_feed", "openphish_feed"].map(|name| format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR")));
    let files = folders
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .map(|path| std::fs::read_to_string(path).unwrap());
    let cases = files.flat_map(|file| serde_json::from_str::<Vec<Value>>(&file).unwrap());
    cases
        .map(|case| {
            case.pointer("/raw/data/data")
                .map_or_else(|| case["raw"]["data"].to_string(), |text| text.as_str().unwrap().to_owned())
        })
        .collect()
}

fn check(data: &str) {
    // Panics if the answer is one that the host would refuse.
    for filter in [&phishtank_feed::FILTER, &openphish_feed::FILTER] {
        testing::run(filter, &testing::record(filter.name, data), &[]);
    }
}

fn check_text(text: &str) {
    check(&json!({ "data": text }).to_string());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_records_are_survived(data in ".*") {
        check(&data);
    }

    #[test]
    fn arbitrary_text_is_survived(text in "[\\[\\]{}\",:\\\\\n\r a-z0-9&#;<\u{feff}\u{0}\u{e9}]{0,200}") {
        check_text(&text);
    }

    #[test]
    fn many_small_entries_are_cut_to_what_the_archive_takes(
        line in select(vec!["a://", "a://b", "{\"url\":\"a://\"}", "{\"url\":\"a://\",\"ip\":\"::\",\"asn\":1,\"brand\":1,\"sector\":1}",
            "{\"url\":\"a://\",\"submission_time\":\"1970-01-01 00:00:00\",\"details\":[{\"rir\":1},{\"ip_address\":\"::\"}]}"]),
        count in 1_usize..2_000,
        unlike in any::<bool>(),
    ) {
        let lines: Vec<String> = (0..count).map(|n| if unlike { line.replace("a://", &format!("a://{n}")) } else { line.to_owned() }).collect();
        check_text(&lines.join("\n"));
    }

    #[test]
    fn feeds_with_characters_replaced_are_survived(
        feed in select(goldens()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text: Vec<char> = feed.chars().collect();
        if !text.is_empty() {
            for (place, c) in changes {
                *place.get_mut(&mut text) = c;
            }
            check_text(&text[..cut.index(text.len())].iter().collect::<String>());
        }
        check_text(&text.into_iter().collect::<String>());
    }
}
