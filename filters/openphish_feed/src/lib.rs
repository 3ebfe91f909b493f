//! Feeds of OpenPhish: the community's, a URL a line, and the premium ones, JSON or CSV with what is known of each URL.
//!
//! Every URL becomes a `sighting` event. The URL is stored as received, so that a mail, another feed and a honeypot that
//! name it meet in one attribute.

use std::borrow::Cow;
use std::collections::HashSet;

use filter_sdk::{Answer, Category, Emits, Filter, Host, Node, Object, Record, Rejection, net, time};
use phish_feed::{Columns, Entry, Row, no_url};

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

/// The most nodes that one entry becomes.
const NODES: usize = 8;

fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    let mut answer = Answer::new(record.limits());
    match phish_feed::text_of(record)? {
        Some(text) => {
            let mut seen: HashSet<String> = HashSet::new();
            phish_feed::read(&text, &COLUMNS, host, &mut |entry| {
                let (url, row) = match entry {
                    Entry::Line(line) => (*line, None),
                    Entry::Row(row) => (row.get("url").ok_or("it has no `url`")?, Some(*row)),
                };
                let url = net::url(url).ok_or_else(|| no_url(url))?;
                let time = match row {
                    Some(row) => seen_at(row, record)?,
                    // The same line twice says nothing more.
                    None if !seen.insert(url.to_owned()) => return Ok(()),
                    None => record.received_at,
                };
                add(&mut answer, url, time, row)
            })?;
        }
        None => community(record, host, &mut answer)?,
    }
    Ok(answer)
}

/// One sighting, with what is known of the URL.
fn add(answer: &mut Answer, url: &str, time: f64, row: Option<&Row<'_>>) -> Result<(), Cow<'static, str>> {
    if answer.spare_events() == 0 || answer.spare_nodes() < NODES {
        return Err("the feed has more entries than the archive takes from a record of its length".into());
    }
    let url = answer.attribute("url", url);
    let mut children = vec![url];
    if let Some(row) = row {
        children.extend(known(answer, row));
    }
    answer.event("sighting", time, Category::Malicious, &children).malicious(&[url]);
    Ok(())
}

/// What a premium feed says of a URL.
fn known(answer: &mut Answer, row: &Row<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    if let Some(ip) = row.get("ip").and_then(net::ip) {
        nodes.push(answer.attribute(net::ip_sub_type(ip), net::ip_text(ip)));
    }
    if let Some(asn) = row.get("asn") {
        let number = asn.trim().strip_prefix("AS").unwrap_or(asn.trim());
        nodes.push(answer.attribute("asn", number));
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

/// When the URL was found; when the feed arrived, if it does not say.
fn seen_at(row: &Row<'_>, record: &Record) -> Result<f64, Cow<'static, str>> {
    let Some(text) = row.get("isotime").or_else(|| row.get("discover_time")) else { return Ok(record.received_at) };
    let found = time::parse(text).or_else(|rejection| discovered(text).ok_or(rejection));
    found.and_then(|time| record.event_time(time)).map_err(|rejection| rejection.reason.into())
}

/// A `discover_time`, day first: `09-03-2024 12:34:56 UTC`.
fn discovered(text: &str) -> Option<f64> {
    let (date, clock) = text.trim().strip_suffix(" UTC")?.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    time::parse(&format!("{year}-{month}-{day}T{clock}Z")).ok().filter(|_| parts.next().is_none())
}

/// The community's feed as older archives hold it: a list of URLs and the time of all of them.
fn community(record: &Record, host: &Host, answer: &mut Answer) -> Result<(), Rejection> {
    let object = Object::parse(&record.data, &["URLs", "timestamp"])?;
    let time = match object.number("timestamp")? {
        Some(time) => record.event_time(time)?,
        None => record.received_at,
    };
    if object.skipped() > 0 {
        host.warn(&format!("{} URLs are left out: the list is too long", object.skipped()));
    }
    let text = object.texts("URLs")?.join("\n");
    phish_feed::read(&text, &COLUMNS, host, &mut |entry| {
        let Entry::Line(line) = entry else { return Err("expected a URL".into()) };
        add(answer, net::url(line).ok_or_else(|| no_url(line))?, time, None)
    })
}
