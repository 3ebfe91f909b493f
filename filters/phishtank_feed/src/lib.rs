//! Feeds of PhishTank: lines, the JSON dump, the CSV dump, and single entries as older archives hold them.
//!
//! An entry becomes a `phishtank_url` event at the time of its submission; a mere line becomes a `sighting`, as that of any
//! other feed does. In dumps URLs are escaped for HTML, more or less: that is undone once, so that the URL is the one
//! that a mail, another feed and a honeypot name.

mod entry;

use std::collections::HashSet;

use filter_sdk::{Answer, Category, Emits, Filter, Host, Record, Rejection, net};
use phish_feed::{Columns, Entry, no_url};

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
    let text = text.as_deref().unwrap_or(&record.data);
    let mut seen: HashSet<String> = HashSet::new();
    phish_feed::read(text, &COLUMNS, host, &mut |entry| match entry {
        Entry::Row(row) => entry::add(&mut answer, row, record),
        Entry::Line(line) => {
            let url = net::url(line).ok_or_else(|| no_url(line))?;
            // The same line twice says nothing more.
            if seen.insert(url.to_owned()) {
                if answer.spare_events() == 0 || answer.spare_nodes() == 0 {
                    return Err(entry::TOO_MANY.into());
                }
                let url = answer.attribute("url", url);
                answer.event("sighting", record.received_at, Category::Malicious, &[url]).malicious(&[url]);
            }
            Ok(())
        }
    })?;
    Ok(answer)
}
