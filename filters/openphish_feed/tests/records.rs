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
