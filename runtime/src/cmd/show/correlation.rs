//! What is known of a document, for people.

use std::io;

use super::shown;
use crate::store::Correlation;
use crate::store::correlation::{Events, Holders, Span, context_name};
use crate::terminal::escape_bounded;

/// Characters of a name in a table: an organisation's, a sub-type's.
const MAX_NAME: usize = 40;

/// Prints events, then what the document is part of.
pub(super) fn print(correlation: &Correlation, out: &mut dyn io::Write) -> io::Result<()> {
    events(&correlation.events, out)?;
    holders(["part of", "object"], &correlation.objects, out)?;
    holders(["part of", "session"], &correlation.sessions, out)?;
    if let Some(events) = correlation.sessions_by_events {
        writeln!(out, "    only the sessions of the first {events} events, in the order of hashes")?;
    }
    holders(["from", "record"], &correlation.records, out)
}

fn events(events: &Events, out: &mut dyn io::Write) -> io::Result<()> {
    let Span { count, .. } = events.span;
    if count == 0 {
        return writeln!(out, "  in no event");
    }
    let [first, last] = times(&events.span);
    writeln!(out, "  in {count} event{}, first seen {first}, last seen {last}", plural(count))?;
    let mut table = crate::cmd::table(["event", "category", "seen as", "organisation", "events", "first seen", "last seen"]);
    for group in &events.groups {
        let [sub_type, category, orgid] =
            [&group.sub_type, &group.category, &group.orgid].map(|name| escape_bounded(name, MAX_NAME));
        let [first, last] = times(&group.span);
        let count = group.span.count.to_string();
        table.add_row([sub_type, category, context_name(group.context).to_owned(), orgid, count, first, last]);
    }
    for line in table.to_string().lines() {
        writeln!(out, "    {}", line.trim_end())?;
    }
    omitted(events.omitted, "event", "of other groups", out)
}

fn holders([how, what]: [&str; 2], holders: &Holders, out: &mut dyn io::Write) -> io::Result<()> {
    if holders.count == 0 {
        return Ok(());
    }
    writeln!(out, "  {how} {} {what}{}", holders.count, plural(holders.count))?;
    for kind in &holders.sub_types {
        writeln!(out, "    {}: {}", escape_bounded(&kind.sub_type, MAX_NAME), kind.count)?;
        for example in &kind.examples {
            let data = example.data.as_ref().map_or_else(String::new, |data| format!("  {}", shown(data)));
            writeln!(out, "      {}{data}", example.hash)?;
        }
        omitted(kind.count - kind.examples.len() as u64, what, "not listed", out)?;
    }
    omitted(holders.omitted, what, "of other sub-types", out)
}

fn omitted(count: u64, what: &str, which: &str, out: &mut dyn io::Write) -> io::Result<()> {
    if count == 0 { Ok(()) } else { writeln!(out, "      and {count} {what}{} {which}", plural(count)) }
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The first and the last time.
fn times(span: &Span) -> [String; 2] {
    [span.first_seen, span.last_seen].map(|time| time.map_or_else(|| "unknown".to_owned(), utc))
}

/// Unix seconds as ISO time in UTC, to the second; what is no time of ours stays a number.
fn utc(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds.floor() as i64).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::correlation::EventGroup;
    use crate::tahoe::Category;

    #[test]
    fn times_are_iso_and_in_utc_and_what_is_none_stays_a_number() {
        assert_eq!(utc(1_762_143_133.005), "2025-11-03T04:12:13Z");
        assert_eq!(utc(-0.5), "1969-12-31T23:59:59Z");
        assert_eq!(utc(1e300), format!("{}", 1e300));
    }

    #[test]
    fn names_that_others_chose_are_escaped_and_cut() {
        let span = Span { count: 1, first_seen: None, last_seen: Some(0.0) };
        let [sub_type, category, orgid] = ["a\u{1b}[2J", "b\nc", &"\u{202e}".repeat(1000)].map(str::to_owned);
        let group = EventGroup { sub_type, category, orgid, context: Category::Unknown, span };
        let events = Events { span, groups: vec![group], omitted: 0 };
        let correlation = Correlation { events, ..Correlation::default() };
        let mut out = Vec::new();
        print(&correlation, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.lines().count(), 3, "{out}");
        assert!(out.contains("a\\u{1b}[2J") && out.contains("b\\nc") && out.contains("unknown"), "{out}");
        assert!(!out.contains(['\u{1b}', '\u{202e}']) && out.len() < 1000, "{out}");
    }
}
