//! `runtime show`: what is known of a value, or of one document.

mod tree;

use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::cli::ShowArgs;
use crate::exit::Exit;
use crate::store::{self, Correlation, Store};
use crate::tahoe::{Category, Hash, Scalar};
use crate::terminal::escape;

/// Kinds of events, and of what a value is part of, that are shown to people; all are in the JSON.
const MOST: usize = 50;

/// Shows the document of that hash as a tree; of a value, all attributes that have it. Of attributes and objects, also who
/// saw them and what they are part of. Exit code 1 if there is nothing.
pub(super) fn run(args: &ShowArgs) -> anyhow::Result<Exit> {
    let address = super::config::address(&args.store)?;
    let store = store::open_existing(&address)?;
    let mut out = io::stdout().lock();
    let documents = find(store.as_ref(), &args.what)?;
    if documents.is_empty() {
        let place = store::shown_address(&address);
        anyhow::bail!("{place} has no document with this hash, and no attribute with exactly this value: {:?}", args.what);
    }
    let mut all = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let kind = document.get("itype").and_then(Value::as_str).unwrap_or_default();
        let hash = document.get("_hash").and_then(Value::as_str).and_then(|hash| hash.parse::<Hash>().ok());
        let correlation = match hash {
            Some(hash) if kind == "attribute" || kind == "object" => Some(store.correlation(hash)?),
            _ => None,
        };
        if args.json {
            all.push(json!({"document": document, "correlation": correlation}));
            continue;
        }
        if number > 0 {
            writeln!(out)?;
        }
        if kind == "attribute" {
            let data = tree::shown(document.get("data").unwrap_or(&Value::Null));
            writeln!(out, "{}: {data}\n  {}", tree::text(document, "sub_type"), tree::text(document, "_hash"))?;
        } else {
            tree::print(store.as_ref(), document, &mut out)?;
        }
        correlation.map_or(Ok(()), |correlation| print(&mut out, &correlation))?;
    }
    if args.json {
        writeln!(out, "{}", Value::from(all))?;
    }
    Ok(Exit::Complete)
}

/// The document of that hash, else the attributes of that value.
fn find(store: &dyn Store, what: &str) -> anyhow::Result<Vec<Value>> {
    if let Ok(hash) = what.parse()
        && let Some(document) = tree::read(store, hash)?
    {
        return Ok(vec![document]);
    }
    let mut found = Vec::new();
    for hash in store.attributes(&Scalar::readings(what))? {
        found.extend(tree::read(store, hash)?);
    }
    Ok(found)
}

fn print(out: &mut impl io::Write, correlation: &Correlation) -> io::Result<()> {
    if correlation.seen.is_empty() {
        writeln!(out, "  no event saw it")?;
    } else {
        let mut table = super::table(["seen in", "category", "context", "by", "times", "first", "last"]);
        for seen in correlation.seen.iter().take(MOST) {
            let [category, context] = [seen.category, seen.context].map(Category::name);
            table.add_row([
                escape(&seen.sub_type).to_string(),
                category.to_owned(),
                if seen.context == Category::Unknown { "-" } else { context }.to_owned(),
                escape(&seen.orgid).to_string(),
                seen.count.to_string(),
                time(seen.first),
                time(seen.last),
            ]);
        }
        writeln!(out, "{table}")?;
    }
    more(out, correlation.seen.len())?;
    for part_of in correlation.part_of.iter().take(MOST) {
        let examples: Vec<String> = part_of.examples.iter().map(ToString::to_string).collect();
        let all = part_of.examples.len() as u64 == part_of.count;
        let (itype, sub_type) = (part_of.itype.name(), escape(&part_of.sub_type));
        writeln!(out, "in {} {itype} {sub_type}: {}{}", part_of.count, examples.join(" "), if all { "" } else { " …" })?;
    }
    more(out, correlation.part_of.len())
}

fn more(out: &mut impl io::Write, kinds: usize) -> io::Result<()> {
    match kinds.checked_sub(MOST) {
        Some(rest) if rest > 0 => writeln!(out, "… and {rest} more kinds: --json shows all"),
        _ => Ok(()),
    }
}

/// A time in UTC, to the second.
fn time(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
