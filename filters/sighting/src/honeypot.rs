//! What a honeypot saw: the attacker and its files are malicious, whom it attacks through the honeypot is a victim.

use cowrie_event::{Endpoint, Event, Kind};
use filter_sdk::text::strip;
use filter_sdk::{Answer, Category, Record, Rejection};

use crate::sighting;

/// Each piece of the record becomes one sighting at its time.
pub(crate) fn parse(record: &Record) -> Result<Answer, Rejection> {
    let event = Event::read(record)?;
    let mut answer = Answer::new(record.limits());
    let mut see =
        |category, (sub_type, value): (&str, String)| sighting(&mut answer, event.time, category, category, sub_type, value);
    let attacker = event.attacker().map(Endpoint::Ip);
    if let Some(attacker) = attacker.clone() {
        see(Category::Malicious, attacker.attribute());
    }
    if let Some(Kind::Download { .. }) = event.kind
        && let Some(url) = event.url()?
    {
        see(Category::Malicious, ("url", url));
    }
    if let Some(Kind::Download { success: true } | Kind::Upload) = event.kind
        && let Some(digest) = event.sha256()?
    {
        see(Category::Malicious, ("sha256", digest.into_owned()));
    }
    if event.kind.is_some_and(Kind::is_forward)
        && let Some(target) = event.target()?
        // An attacker that asks for itself is no victim.
        && Some(&target) != attacker.as_ref()
        && !matches!(&target, Endpoint::Name(name) if strip(name).is_empty())
    {
        see(Category::Benign, target.attribute());
    }
    Ok(answer)
}
