//! Arbitrary and mangled records through both filters that read them: nothing panics, and no answer is one that the
//! host would refuse.
#![expect(clippy::unwrap_used, reason = "tests")]

use filter_sdk::testing;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        "[\\\\\"'b\u{0}\u{1f}\u{e9}]{0,200}".prop_map(Value::from),
        select(vec![
            "",
            " ",
            "0",
            "nan",
            "1e999",
            "::ffff:192.0.2.1",
            "fe80::1%x",
            "a://",
            "://",
            "b'",
            "2024-12-31T23:59:60Z",
            "SFTP"
        ])
        .prop_map(Value::from),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 8, |inner| {
        let key = prop_oneof![
            Just("message".to_owned()),
            Just("honeypot".to_owned()),
            Just("eventid".to_owned()),
            ".{0,8}".prop_map(String::from)
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The records of the goldens: every event that the filter maps, and the odd ones.
fn goldens() -> Vec<Map<String, Value>> {
    let text = std::fs::read_to_string(format!("{}/../../fixtures/cowrie/cowrie.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    cases.iter().map(|case| case.pointer("/raw/data").unwrap().as_object().unwrap().clone()).collect()
}

fn check(data: &str) {
    for filter in [&cowrie::FILTER, &sighting::FILTER] {
        // Panics if the answer is one that the host would refuse.
        testing::run(filter, &testing::record("cowrie", data), &[]);
    }
    testing::run(&cowrie::FILTER, &testing::record("cowrie", data), &[("compat", "cybexp-2021")]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_is_survived(data in ".*") {
        check(&data);
    }

    #[test]
    fn arbitrary_json_is_survived(data in json()) {
        check(&data.to_string());
    }

    #[test]
    fn records_with_some_fields_replaced_are_survived(
        mut record in select(goldens()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), json()), 1..4),
        in_envelope in any::<bool>(),
    ) {
        for (field, value) in changes {
            let key = field.get(&record.keys().cloned().collect::<Vec<_>>()).clone();
            record.insert(key, value);
        }
        let data = Value::Object(record).to_string();
        check(&if in_envelope { serde_json::json!({"message": data}).to_string() } else { data });
    }

    #[test]
    fn records_with_bytes_replaced_are_survived(
        record in select(goldens()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..4),
    ) {
        let mut data: Vec<char> = Value::Object(record).to_string().chars().collect();
        for (place, c) in changes {
            *place.get_mut(&mut data) = c;
        }
        check(&data.into_iter().collect::<String>());
    }
}
