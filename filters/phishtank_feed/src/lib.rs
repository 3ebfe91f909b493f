//! Feeds of PhishTank: lines, the JSON dump, the CSV dump, and single entries as older archives hold them.
//!
//! An entry becomes a `phishtank_url` event at the time of its submission; a mere line becomes a `sighting`, as that of any
//! other feed does. In dumps URLs are escaped for HTML, more or less: that is undone once, so that the URL is the one
//! that a mail, another feed and a honeypot name.

mod entry;

use filter_sdk::{Answer, Category, Emits, Filter, Host, Record, Rejection};
use phish_feed::{Columns, Entry, Fault};

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "e8f53cdc-1a9a-478d-ac4f-ab6a2f7e2341",
    name: "phishtank_feed",
    version: env!("CARGO_PKG_VERSION"),
    description: "URLs in feeds and dumps of PhishTank: text, JSON or CSV.",
    accepts: &["phishtank_feed", "phishtank"],
    options: &[],
    emits: &[
        Emits::events(&["phishtank_url", "sighting"]),
        Emits::objects(&["target", "geoip"]),
        Emits::attributes(&[
            "url",
            "phish_id",
            "name",
            "ipv4",
            "ipv6",
            "cidr",
            "asn",
            "country_code2",
            "rir",
            "verification_timestamp",
        ]),
    ],
    asserts: &[Category::Malicious, Category::Unknown],
    parse,
};

filter_sdk::export!(FILTER);

const COLUMNS: Columns = Columns {
    names: &[
        "announcing_network",
        "cidr_block",
        "country",
        "ip_address",
        "phish_id",
        "rir",
        "submission_time",
        "target",
        "url",
        "verification_time",
        "verified",
    ],
    nested: "details",
};

fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    let mut answer = Answer::new(record.limits());
    // Older archives hold a single entry as the record itself.
    let text = phish_feed::text_of(record)?;
    phish_feed::read(text.as_deref().unwrap_or(&record.data), &COLUMNS, host, &mut |entry| {
        let fits = answer.attempt(|answer| match entry {
            Entry::Row(row) => entry::add(answer, row, record),
            Entry::Url(url) => {
                let url = answer.attribute("url", *url);
                answer.event("sighting", record.received_at, Category::Malicious, &[url]).malicious(&[url]);
                Ok(())
            }
        })?;
        if fits { Ok(()) } else { Err(Fault::TooMuch) }
    })?;
    Ok(answer)
}
