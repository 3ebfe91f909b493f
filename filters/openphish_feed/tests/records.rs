//! Single feeds, and what the filter makes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use filter_sdk::testing;
use openphish_feed::FILTER;
use serde_json::json;

fn summary(text: &str) -> Vec<String> {
    let record = testing::record("openphish_feed", &json!({ "data": text }).to_string());
    testing::summary(&testing::run(&FILTER, &record, &[]).outcome.unwrap())
}

const KNOWN: &str = r#"event sighting {"asn":["64500"],"country_code2":["NL"],"ipv4":["192.0.2.5"],"sector":["Finance"],"target":[{"name":["Example Bank"]}],"url":["http://a.example/x"]}"#;

#[test]
fn premium_feeds_say_the_same_in_json_and_in_csv() {
    let object = r#"{"url": "http://a.example/x", "ip": "192.0.2.5", "asn": "AS64500", "brand": "Example Bank", "country_code": "NL",
        "sector": "Finance", "isotime": "2024-03-09T10:00:00Z", "tld": "example"}"#;
    let line = object.replace('\n', " ");
    for text in [object.to_owned(), format!("[{object}]"), format!("{line}\n{line}\n")] {
        assert_eq!(summary(&text)[0], KNOWN, "{text}");
    }
    let csv = "isotime,url,ip,asn,brand,country_code,sector\n2024-03-09T10:00:00Z,http://a.example/x,192.0.2.5,64500,Example Bank,NL,Finance\n";
    assert_eq!(summary(csv), [KNOWN]);
}

#[test]
fn the_time_is_the_discoverys_or_the_feeds() {
    let time = |fields: &str| {
        let text = format!(r#"{{"url": "http://a.example/"{fields}}}"#);
        let record = testing::record("openphish_feed", &json!({ "data": text }).to_string());
        testing::run(&FILTER, &record, &[])
            .outcome
            .map(|answer| answer.events()[0].timestamp)
            .map_err(|rejection| rejection.reason)
    };
    assert_eq!(time(""), Ok(1_800_000_000.0));
    assert_eq!(time(r#", "isotime": "2024-03-09T10:00:00Z", "discover_time": "soon""#), Ok(1_709_978_400.0));
    assert_eq!(time(r#", "discover_time": "09-03-2024 10:00:00 UTC""#), Ok(1_709_978_400.0));
    assert!(time(r#", "discover_time": "soon""#).unwrap_err().contains("expected a time"));
    assert!(time(r#", "isotime": "2999-01-01T00:00:00Z""#).unwrap_err().contains("two days after"));
}

#[test]
fn a_row_glued_to_a_url_is_stored_as_received() {
    let long = format!("http://a.example/{}", "x".repeat(9_000));
    for url in ["http://a.example/,n/a,https:/b,6-sep-24,low", "https://brand.example%2f@b.example/\\\"'\u{0}", &long] {
        let expected = serde_json::to_string(url).unwrap();
        assert!(summary(&format!("{url}\n"))[0].contains(&expected), "{url}");
    }
}

/// What a text becomes: how many events, and what was logged.
fn kept(text: &str) -> (usize, Vec<String>) {
    let run = testing::run(&FILTER, &testing::record("openphish_feed", &json!({ "data": text }).to_string()), &[]);
    (run.outcome.unwrap().events().len(), run.log.into_iter().map(|(_, line)| line).collect())
}

#[test]
fn an_entry_that_is_cut_off_costs_itself_and_nothing_behind_it() {
    let good = |name: &str| format!(r#"{{"url": "http://{name}.example/"}}"#);
    let (a, c, d) = (good("a"), good("c"), good("d"));
    for broken in [r#"{"url": "http://b.exa"#, r#"{"url": "http://b.example/""#, "Too many requests", r#"{"error": "quota"}"#] {
        for text in [format!("{a}\n{broken}\n{c}\n{d}\n"), format!("{broken}\n{a}\n{c}\n{d}\n")] {
            let (events, log) = kept(&text);
            assert_eq!((events, log.len()), (3, 1), "{text}: {log:?}");
        }
    }
    let array = format!("[{a}, {}, {c}]", good("b"));
    for broken in [array.replace("\"http://b", "http://b"), array.replace("http://b.example/\"}", "http://b.example/\"")] {
        let (events, log) = kept(&broken);
        assert_eq!((events, log.len()), (2, 1), "{broken}: {log:?}");
    }
    let csv =
        "url,sector\nhttp://a.example/,Finance\n\"http://b.example/,Finance\nhttp://c.example/,Finance\nhttp://d.example/,x\n";
    let (events, log) = kept(csv);
    assert_eq!((events, log.len()), (3, 1), "{log:?}");
    assert!(log[0].contains("line 3") && log[0].contains("quote"), "{log:?}");
    assert_eq!(kept("url,sector\nhttp://a.example/,\"Finance\nand more\"\nhttp://b.example/,x\n").0, 2);
}

#[test]
fn an_entry_may_be_the_record_itself_and_so_may_a_list_of_urls() {
    let events = |data: &str| {
        let run = testing::run(&FILTER, &testing::record("openphish_feed", data), &[]);
        run.outcome.unwrap().events().iter().map(|event| event.timestamp).collect::<Vec<_>>()
    };
    assert_eq!(events(r#"{"url": "http://a.example/", "isotime": "2024-03-09T10:00:00Z"}"#), [1_709_978_400.0]);
    let list = r#"{"URLs": ["http://a.example/", ["x"], 7, "http://b.example/"], "timestamp": "2024-03-09T10:00:00Z"}"#;
    assert_eq!(events(list), [1_709_978_400.0; 2]);
}

#[test]
fn one_byte_that_is_no_utf_8_changes_no_url_but_its_own() {
    let data = json!({ "data": "http://a.example/\u{e9}\nhttp://b.example/\u{c3}\u{a9}\n", "encoding": "latin-1" });
    let record = testing::record("openphish_feed", &data.to_string());
    let urls = testing::summary(&testing::run(&FILTER, &record, &[]).outcome.unwrap()).join("\n");
    assert!(urls.contains("http://a.example/\u{e9}") && urls.contains("http://b.example/\u{e9}"), "{urls}");
}

#[test]
fn of_a_feed_with_more_entries_than_its_length_pays_for_the_first_are_kept() {
    let text: String = (0..100_000).map(|number| format!("a://{number}\n")).collect();
    let (events, log) = kept(&text);
    assert!((20_000..100_000).contains(&events), "{events}");
    assert!(log.last().unwrap().contains("the rest of this feed is left out"), "{log:?}");
}
