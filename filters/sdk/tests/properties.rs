//! The readers on arbitrary input, against the standard library and `serde_json`: what they read is what is there, and
//! nothing makes them panic.

use std::net::IpAddr;

use filter_sdk::text::{quoted, strip, unwrap_literal, without_lone_surrogates};
use filter_sdk::{Object, Rejection, Value, limits, net, time};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Whether a value was read as it is written; what may be skipped inside lists is not compared.
fn same(read: &Value<'_>, written: &serde_json::Value) -> bool {
    match (read, written) {
        (Value::Null, serde_json::Value::Null) | (Value::Skipped, serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
            true
        }
        (Value::Boolean(read), serde_json::Value::Bool(written)) => read == written,
        (Value::Integer(read), serde_json::Value::Number(written)) => written.as_i64() == Some(*read),
        (Value::Unsigned(read), serde_json::Value::Number(written)) => !written.is_i64() && written.as_u64() == Some(*read),
        (Value::Float(read), serde_json::Value::Number(written)) => written.is_f64() && written.as_f64() == Some(*read),
        (Value::Text(read), serde_json::Value::String(written)) => read == written,
        (Value::List(read), serde_json::Value::Array(written)) => {
            read.len() == written.len() && read.iter().zip(written).all(|(read, written)| same(read, written))
        }
        (Value::Object(read), serde_json::Value::Object(written)) => same_members(read, written),
        _ => false,
    }
}

fn same_members(read: &Object<'_>, written: &serde_json::Map<String, serde_json::Value>) -> bool {
    read.members().count() == written.len()
        && read.members().all(|(key, value)| written.get(key).is_some_and(|written| same(value, written)))
}

/// Midnight of a day as `YYYY-MM-DD`, counted forward from 1970 year by year and month by month.
fn date(mut days: i64) -> String {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_members_of_an_object_are_read_as_they_are(members in prop::collection::btree_map(".{0,4}", json(), 0..8)) {
        let written: serde_json::Map<_, _> = members.into_iter().collect();
        let text = serde_json::to_string(&written).unwrap();
        let read = Object::parse_all(&text).unwrap();
        prop_assert!(same_members(&read, &written), "{text} was read as {read:?}");
        prop_assert_eq!(&read.clone().into_owned(), &read);
    }

    #[test]
    fn members_that_were_asked_for_are_those_of_the_whole(members in prop::collection::btree_map("[abc]", json(), 0..4)) {
        let text = serde_json::to_string(&members).unwrap();
        let (some, all) = (Object::parse(&text, &["a", "b"]).unwrap(), Object::parse_all(&text).unwrap());
        prop_assert_eq!(some.get("c"), None);
        for key in ["a", "b"] {
            // Objects inside lose their other members.
            if !matches!(all.get(key), Some(Value::Object(_))) {
                prop_assert_eq!(some.get(key), all.get(key));
            }
        }
    }

    #[test]
    fn mangled_json_is_read_if_it_is_json(
        value in prop::collection::btree_map(".{0,4}", json(), 0..4),
        changes in prop::collection::vec((any::<Index>(), any::<char>()), 0..4),
    ) {
        let mut text: Vec<char> = serde_json::to_string(&value).unwrap().chars().collect();
        for (place, c) in changes {
            *place.get_mut(&mut text) = c;
        }
        let text = String::from_iter(text);
        if serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&text).is_ok() {
            prop_assert!(Object::parse_all(&text).is_ok(), "{text}");
        }
        let _ = Object::parse(&text, &["a"]);
    }

    #[test]
    fn a_field_is_read_or_refused_by_name(value in json(), text in ".*") {
        let json = serde_json::json!({"a": value, "b": text}).to_string();
        let object = Object::parse_all(&json).unwrap();
        let read = object.text("b").unwrap();
        prop_assert_eq!(read.as_deref(), Some(text.as_str()));
        let refusals = [
            object.text("a").err(),
            object.filled_text("a").err(),
            object.required_text("a").err(),
            object.whole_number("a").err(),
            object.number("a").err(),
            object.texts("a").err(),
            object.number("b").err(),
        ];
        for refusal in refusals.into_iter().flatten() {
            prop_assert!(refusal.reason.starts_with("expected `a`") || refusal.reason.starts_with("expected `b`"), "{refusal:?}");
            prop_assert!(refusal.reason.len() <= limits::REASON_BYTES);
        }
        prop_assert!(object.number("a").ok().flatten().is_none_or(f64::is_finite));
    }

    #[test]
    fn surrogates_are_repaired_as_utf_16_is(units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd800..0xe000_u16], 0..20)) {
        let json = format!("\"{}\"", units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
        let repaired = without_lone_surrogates(&json).unwrap_or(json);
        prop_assert_eq!(serde_json::from_str::<String>(&repaired).unwrap(), String::from_utf16_lossy(&units));
    }

    #[test]
    fn repairing_text_changes_nothing_else(text in "(\\\\u[dD][89a-fA-F][0-9]{2}|\\\\|u|\u{e9}|.){0,20}") {
        if let Some(repaired) = without_lone_surrogates(&text) {
            prop_assert_eq!(repaired.len(), text.len());
            prop_assert_eq!(without_lone_surrogates(&repaired), None);
        }
    }

    #[test]
    fn a_time_is_read_in_every_form(
        days in 0..100_000_i64,
        second in 0..86_400_i64,
        micros in 0..1_000_000_i64,
        offset in -1_439..1_440_i64,
        colon in select(vec![":", ""]),
        between in select(vec!["T", " "]),
    ) {
        let (hour, minute, rest) = (second / 3_600, second / 60 % 60, second % 60);
        let local = format!("{}{between}{hour:02}:{minute:02}:{rest:02}.{micros:06}", date(days));
        let sign = if offset < 0 { '-' } else { '+' };
        let zone = format!("{sign}{:02}{colon}{:02}", offset.abs() / 60, offset.abs() % 60);
        let utc = (days * 86_400 + second) * 1_000_000 + micros;
        for (text, expected) in [
            (local.clone(), utc),
            (format!(" {local}Z\n"), utc),
            (format!("{local}789Z"), utc),
            (format!("{local}{zone}"), utc - offset * 60_000_000),
        ] {
            prop_assert_eq!(time::parse(&text), Ok(expected as f64 / 1e6), "{}", text);
        }
    }

    #[test]
    fn arbitrary_text_is_a_finite_time_or_refused(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]*)?[Z+\\-0-9:]{0,6}|.*") {
        prop_assert!(time::parse(&text).map_or(true, f64::is_finite));
    }

    #[test]
    fn an_address_has_one_form_in_every_spelling(
        address in prop_oneof![
            any::<std::net::Ipv4Addr>().prop_map(IpAddr::from),
            any::<std::net::Ipv6Addr>().prop_map(IpAddr::from),
            any::<std::net::Ipv4Addr>().prop_map(|v4| IpAddr::from(v4.to_ipv6_mapped())),
        ],
        space in "[ \t\r\n\u{a0}\u{1f}]{0,2}",
        zone in "(%[a-z0-9]{0,5})?",
    ) {
        let canonical = address.to_canonical();
        let spellings = match address {
            IpAddr::V4(v4) => vec![v4.to_string()],
            IpAddr::V6(v6) => {
                let groups = v6.segments();
                vec![v6.to_string().to_uppercase(), groups.map(|group| format!("{group:04x}")).join(":"), groups.map(|group| format!("{group:x}")).join(":")]
            }
        };
        for spelling in spellings {
            let text = format!("{space}{spelling}{zone}{space}");
            prop_assert_eq!(net::ip(&text), Some(canonical), "{}", text);
            prop_assert_eq!(net::ip(&net::ip_text(canonical)), Some(canonical));
        }
    }

    #[test]
    fn a_url_is_a_part_of_its_text_and_its_file_name_a_part_of_it(text in "[ \u{feff}]?([a-z+.\\-0-9]{0,4}(://)?.*)|.*") {
        let _ = net::ip(&text);
        if let Some(url) = net::url(&text) {
            prop_assert!(text.contains(url));
            prop_assert_eq!(net::url(url), Some(url));
            if let Some(name) = net::url_file_name(url) {
                prop_assert!(url.contains(name) && !name.contains(['/', '?', '#']) && !strip(name).is_empty());
            }
        }
    }

    #[test]
    fn what_is_taken_off_a_text_is_at_its_ends(text in "(b?'.*'?|[ \u{1c}\u{85}]*.*[ \u{1c}\u{85}]*)") {
        prop_assert!(text.contains(strip(&text)) && text.contains(unwrap_literal(&text)));
        prop_assert_eq!(strip(strip(&text)), strip(&text));
        prop_assert!(quoted(&text).len() <= 100);
    }

    #[test]
    fn a_reason_of_any_length_is_kept_in_part(text in ".{0,400}") {
        let reason = Rejection::new(text.clone()).reason;
        prop_assert!(text.starts_with(&reason) && reason.len() <= limits::REASON_BYTES);
        prop_assert!(reason.len() + 4 > text.len().min(limits::REASON_BYTES));
    }
}
