//! One entry of a dump.

use std::borrow::Cow;

use filter_sdk::{Answer, Category, Node, Record, net, time};
use phish_feed::{Row, no_url};

/// Why an entry is left out that would be too much.
pub(crate) const TOO_MANY: &str = "the feed has more entries than the archive takes from a record of its length";

/// Nodes of an entry beside those of its details, and of one detail, at most.
const NODES: usize = 5;
const DETAIL_NODES: usize = 6;

/// Details that are kept: what an event holds beside them fits too.
const DETAILS: usize = 1_000;

/// What PhishTank writes where it knows no target.
const NO_TARGET: &str = "Other";

/// The event of an entry.
pub(crate) fn add(answer: &mut Answer, row: &Row<'_>, record: &Record) -> Result<(), Cow<'static, str>> {
    let escaped = row.get("url").ok_or("it has no `url`")?;
    let unescaped = html_escape::decode_html_entities(escaped);
    let url = net::url(&unescaped).ok_or_else(|| no_url(&unescaped))?;
    let submitted = row.get("submission_time").ok_or("it has no `submission_time`")?;
    let time = time::parse(submitted).and_then(|time| record.event_time(time)).map_err(|rejection| rejection.reason)?;
    let details = row.nested().get(..DETAILS).unwrap_or(row.nested());
    if answer.spare_events() == 0 || answer.spare_nodes() < NODES + DETAIL_NODES * details.len() {
        return Err(TOO_MANY.into());
    }

    let url = answer.attribute("url", url);
    let (mut children, mut malicious) = (vec![url], vec![url]);
    children.extend(row.get("phish_id").map(|id| answer.attribute("phish_id", id)));
    if let Some(target) = row.get("target").filter(|target| *target != NO_TARGET) {
        let name = answer.attribute("name", target);
        children.push(answer.object("target", &[name]));
    }
    for detail in details {
        let (place, address) = geoip(answer, detail);
        children.extend(place);
        malicious.extend(address);
    }
    if let Some(verified) = row.get("verification_time").and_then(|text| time::parse(text).ok()) {
        children.push(answer.attribute("verification_timestamp", filter_sdk::Scalar::Float(verified)));
    }
    let category = if row.get("verified") == Some("yes") { Category::Malicious } else { Category::Unknown };
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
