//! `runtime show`: what is known of a value, or one document.

mod correlation;
mod tree;

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cli::ShowArgs;
use crate::exit::Exit;
use crate::store::{self, Correlation, Store};
use crate::tahoe::Hash;
use crate::terminal::{escape, escape_bounded};

/// How many attributes of one value are shown. There is one for each sub-type, and filters may make up many.
const MAX_ATTRIBUTES: usize = 50;

/// Characters of a value that a line shows.
const MAX_VALUE: usize = 200;

/// Shows all that the text may mean: the document of that hash, and the attributes of that value.
pub(super) fn run(args: &ShowArgs) -> anyhow::Result<Exit> {
    let store = store::open_existing(&super::config::address(&args.store)?)?;
    let store = store.as_ref();
    // The digest of a file looks like the hash of a document, and may be both.
    let mut hashes: Vec<Hash> = args.value.parse().into_iter().collect();
    hashes.extend(store.find_attributes(&args.value)?);
    let omitted = hashes.len().saturating_sub(MAX_ATTRIBUTES);
    hashes.truncate(MAX_ATTRIBUTES);
    let mut found = Vec::new();
    let mut out = io::stdout().lock();
    for hash in hashes {
        let Some(document) = read(store, hash)? else { continue };
        let correlated = matches!(document.get("itype").and_then(Value::as_str), Some("attribute" | "object"));
        let correlation = if correlated { Some(store.correlate(hash)?) } else { None };
        if args.json {
            found.push(json!({ "document": document, "correlation": correlation }));
            continue;
        }
        if !found.is_empty() {
            writeln!(out)?;
        }
        found.push(Value::Null);
        print(store, &document, correlation.as_ref(), &mut out)?;
    }
    if args.json {
        writeln!(out, "{}", json!({ "value": args.value, "found": found, "omitted": omitted }))?;
    } else if omitted > 0 {
        writeln!(out, "\n{omitted} more sub-types of attributes have this value; the first are shown.")?;
    }
    if !found.is_empty() {
        return Ok(Exit::Complete);
    }
    let value = escape_bounded(&args.value, MAX_VALUE);
    anyhow::bail!(
        "the archive has no attribute with the value {value}, and no document of that hash.\n\
         A value is compared whole and as it was received: http://a.example and http://a.example/ are two"
    )
}

fn print(store: &dyn Store, document: &Value, correlation: Option<&Correlation>, out: &mut dyn io::Write) -> anyhow::Result<()> {
    tree::print(store, document, out)?;
    if let Some(correlation) = correlation {
        correlation::print(correlation, out)?;
    }
    Ok(())
}

fn read(store: &dyn Store, hash: Hash) -> anyhow::Result<Option<Value>> {
    let Some(line) = store.document(hash)? else { return Ok(None) };
    Ok(Some(serde_json::from_str(&line).context("the store gave a document that is no JSON")?))
}

fn text(document: &Value, field: &str) -> String {
    escape(document.get(field).and_then(Value::as_str).unwrap_or("?")).to_string()
}

/// A value on one line, safe to print: JSON, but text without its quotes.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cut: String = text.chars().take(MAX_VALUE).collect();
    let more = if cut.len() < text.len() { " …" } else { "" };
    format!("{}{more}", escape(&cut))
}
