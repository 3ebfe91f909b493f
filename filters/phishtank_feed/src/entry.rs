//! One entry of a dump.

use filter_sdk::text::strip;
use filter_sdk::{Answer, Category, Node, Record, Scalar, net, time};
use phish_feed::{Fault, Row};

/// What PhishTank writes where it knows no target.
const NO_TARGET: &str = "Other";

/// The event of an entry.
pub(crate) fn add(answer: &mut Answer, row: &Row<'_>, record: &Record) -> Result<(), Fault> {
    let escaped = row.get("url").ok_or(Fault::Missing("url"))?;
    let unescaped = html_escape::decode_html_entities(escaped);
    let url = net::url(&unescaped).ok_or(Fault::NoUrl)?;
    let submitted = row.get("submission_time").ok_or(Fault::Missing("submission_time"))?;
    let time = record.event_time(time::parse(submitted)?)?;

    let url = answer.attribute("url", url);
    let (mut children, mut malicious) = (vec![url], vec![url]);
    children.extend(row.get("phish_id").map(|id| answer.attribute("phish_id", id)));
    if let Some(target) = row.get("target").filter(|target| strip(target) != NO_TARGET) {
        let name = answer.attribute("name", target);
        children.push(answer.object("target", &[name]));
    }
    for detail in row.nested() {
        let (place, address) = geoip(answer, detail);
        children.extend(place);
        malicious.extend(address);
    }
    if let Some(verified) = row.get("verification_time").and_then(|text| time::parse(text).ok()) {
        children.push(answer.attribute("verification_timestamp", Scalar::Float(verified)));
    }
    let category = if row.get("verified").map(strip) == Some("yes") { Category::Malicious } else { Category::Unknown };
    answer.event("phishtank_url", time, category, &children).malicious(&malicious);
    Ok(())
}

/// Where the URL's host stood, if anything of it is known; and its address.
fn geoip(answer: &mut Answer, detail: &Row<'_>) -> (Option<Node>, Option<Node>) {
    let address = detail.get("ip_address").and_then(net::ip);
    let address = address.map(|ip| answer.attribute(net::ip_sub_type(ip), net::ip_text(ip)));
    let mut parts: Vec<Node> = address.into_iter().collect();
    for (column, sub_type) in
        [("cidr_block", "cidr"), ("announcing_network", "asn"), ("country", "country_code2"), ("rir", "rir")]
    {
        parts.extend(detail.get(column).map(|value| answer.attribute(sub_type, value)));
    }
    ((!parts.is_empty()).then(|| answer.object("geoip", &parts)), address)
}
