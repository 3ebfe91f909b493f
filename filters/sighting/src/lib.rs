//! A filter for sightings: that a thing was seen, at a time, in a context.
//!
//! `report` reads sightings as people and programs submit them; `honeypot` makes them of a honeypot's records, beside
//! what the `cowrie` filter makes.

mod honeypot;
mod report;

use filter_sdk::{Answer, Category, Emits, Filter, Host, OptionSpec, Record, Rejection};

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "05e66bff-c3e1-49a0-bd2e-ad203a1f94fc",
    name: "sighting",
    version: env!("CARGO_PKG_VERSION"),
    description: "Sightings as submitted, and of the addresses, URLs and files in honeypot records.",
    accepts: &["sighting", "cowrie", "unr_honeypot"],
    options: &[OptionSpec {
        key: "honeypot",
        description: "Whether honeypot records become sightings.",
        default: "on",
        allowed: &["on", "off"],
        secret: false,
    }],
    // A submitted sighting names its own kinds of attribute.
    emits: &[Emits::events(&["sighting"]), Emits::attributes(&["*"])],
    asserts: &[Category::Unknown, Category::Benign, Category::Malicious],
    parse,
};

filter_sdk::export!(FILTER, arena);

fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    if record.sub_type == "sighting" {
        report::parse(record, host)
    } else if host.option("honeypot").as_deref() == Some("off") {
        Ok(Answer::new(record.limits()))
    } else {
        honeypot::parse(record)
    }
}

/// Adds the sighting of one attribute.
fn sighting(
    answer: &mut Answer,
    time: f64,
    category: Category,
    context: Category,
    sub_type: &str,
    value: impl Into<filter_sdk::Scalar>,
) {
    let node = answer.attribute(sub_type, value);
    let event = answer.event("sighting", time, category, &[node]);
    match context {
        Category::Malicious => event.malicious(&[node]),
        Category::Benign => event.benign(&[node]),
        Category::Unknown => event,
    };
}
