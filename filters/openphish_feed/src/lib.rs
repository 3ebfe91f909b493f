//! Feeds of OpenPhish: the community's, a URL a line, and the premium ones, JSON or CSV with what is known of each URL.
//!
//! Every URL becomes a `sighting` event. The URL is stored as received, so that a mail, another feed and a honeypot that
//! name it meet in one attribute.

use filter_sdk::text::strip;
use filter_sdk::{Answer, Category, Emits, Filter, Host, Node, Object, Record, Rejection, Value, net, time};
use phish_feed::{Columns, Entry, Fault, Row};

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "c4cd1ecf-1149-46e0-9daa-e2477016d8dc",
    name: "openphish_feed",
    version: env!("CARGO_PKG_VERSION"),
    description: "URLs in feeds of OpenPhish: text, JSON or CSV.",
    accepts: &["openphish_feed", "openphish"],
    options: &[],
    emits: &[
        Emits::events(&["sighting"]),
        Emits::objects(&["target"]),
        Emits::attributes(&["url", "ipv4", "ipv6", "asn", "name", "country_code2", "sector"]),
    ],
    asserts: &[Category::Malicious],
    parse,
};

filter_sdk::export!(FILTER);

const COLUMNS: Columns =
    Columns { names: &["asn", "brand", "country_code", "discover_time", "ip", "isotime", "sector", "url"], nested: "" };

fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    let mut answer = Answer::new(record.limits());
    let arrived = record.received_at;
    if let Some(text) = phish_feed::text_of(record)? {
        phish_feed::read(&text, &COLUMNS, host, &mut |entry| add(&mut answer, entry, arrived, record))?;
        return Ok(answer);
    }
    // As older archives hold it, the community's feed is a list of URLs, and the time of all of them.
    let record_itself = Object::parse(&record.data, &["URLs", "timestamp"])?;
    if let Some(Value::List(urls)) = record_itself.get("URLs") {
        let time = listed_at(&record_itself, record)?;
        if record_itself.skipped() > 0 {
            host.warn(&format!("{} URLs are left out: the list is too long", record_itself.skipped()));
        }
        phish_feed::read_list(urls, host, &mut |entry| add(&mut answer, entry, time, record))?;
    } else {
        // An entry of a premium feed as the record itself.
        phish_feed::read(&record.data, &COLUMNS, host, &mut |entry| add(&mut answer, entry, arrived, record))?;
    }
    Ok(answer)
}

/// One sighting, with what is known of the URL; at `time`, if the entry knows no better.
fn add(answer: &mut Answer, entry: &Entry<'_>, time: f64, record: &Record) -> Result<(), Fault> {
    let (url, time, row) = match entry {
        Entry::Url(url) => (*url, time, None),
        Entry::Row(row) => {
            let url = row.get("url").ok_or(Fault::Missing("url"))?;
            (net::url(url).ok_or(Fault::NoUrl)?, found_at(row, record)?.unwrap_or(time), Some(row))
        }
    };
    let fits = answer.attempt(|answer| {
        let url = answer.attribute("url", url);
        let mut children = vec![url];
        if let Some(row) = row {
            children.extend(known(answer, row));
        }
        answer.event("sighting", time, Category::Malicious, &children).malicious(&[url]);
        Ok::<(), Fault>(())
    })?;
    if fits { Ok(()) } else { Err(Fault::TooMuch) }
}

/// What a premium feed says of a URL.
fn known(answer: &mut Answer, row: &Row<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    if let Some(ip) = row.get("ip").and_then(net::ip) {
        nodes.push(answer.attribute(net::ip_sub_type(ip), net::ip_text(ip)));
    }
    if let Some(asn) = row.get("asn").map(strip) {
        let number = asn.strip_prefix("AS").unwrap_or(asn);
        nodes.extend((!number.is_empty()).then(|| answer.attribute("asn", number)));
    }
    if let Some(brand) = row.get("brand") {
        let name = answer.attribute("name", brand);
        nodes.push(answer.object("target", &[name]));
    }
    for (column, sub_type) in [("country_code", "country_code2"), ("sector", "sector")] {
        nodes.extend(row.get(column).map(|value| answer.attribute(sub_type, value)));
    }
    nodes
}

/// When the URL was found, if the entry says.
fn found_at(row: &Row<'_>, record: &Record) -> Result<Option<f64>, Rejection> {
    let Some(text) = row.get("isotime").or_else(|| row.get("discover_time")) else { return Ok(None) };
    let found = time::parse(text).or_else(|rejection| discovered(text).ok_or(rejection));
    found.and_then(|time| record.event_time(time)).map(Some)
}

/// A `discover_time`, day first: `09-03-2024 12:34:56 UTC`.
fn discovered(text: &str) -> Option<f64> {
    let (date, clock) = text.trim().strip_suffix(" UTC")?.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    time::parse(&format!("{year}-{month}-{day}T{clock}Z")).ok().filter(|_| parts.next().is_none())
}

/// When a list of URLs was made; when it arrived, if it does not say.
fn listed_at(list: &Object<'_>, record: &Record) -> Result<f64, Rejection> {
    let Some(value) = list.get("timestamp") else { return Ok(record.received_at) };
    let time = match value.as_f64() {
        Some(seconds) => seconds,
        None => time::parse(&list.required_text("timestamp")?)?,
    };
    record.event_time(time)
}
