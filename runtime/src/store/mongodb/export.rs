//! Documents as others read them:, "Export". The same bytes as from the embedded store.
//!
//! Not one state of the archive: what is committed meanwhile may be in it or not, each document whole.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{Bson, Document, doc};

use super::reading;
use super::references;
use super::server::{INSTANCE, Server};
use crate::json;
use crate::json::{dump_f64, dump_str};
use crate::store::{ExportQuery, StoreError};
use crate::tahoe::{Category, Hash, Itype};

/// Hands all documents that match to the sink, in the order of their hashes.
pub(super) fn export(
    server: &Server,
    inline: usize,
    query: &ExportQuery,
    sink: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<u64, StoreError> {
    let mut filter = doc! { "_valid": { "$ne": false } };
    match query.itype {
        Some(itype) => filter.insert("itype", itype.name()),
        None => filter.insert("itype", doc! { "$in": Itype::ALL.map(Itype::name).to_vec() }),
    };
    if let Some(sub_type) = &query.sub_type {
        filter.insert("sub_type", sub_type.as_str());
    }
    let mut count = 0;
    let mut group: Vec<Document> = Vec::new();
    let mut last = None;
    let mut write = |group: &mut Vec<Document>| -> Result<(), StoreError> {
        if let Some(line) = line(server, inline, group)? {
            let written = sink(&line);
            written.map_err(|error| StoreError::Permanent(format!("the export could not be written: {error}")))?;
            count += 1;
        }
        group.clear();
        Ok(())
    };
    for document in server.query(INSTANCE, filter, Document::new(), doc! { "_hash": 1 }, None)? {
        let document = document?;
        // Other things in the collection, without an address.
        let Some(hash) = reading::hash(document.get("_hash")) else { continue };
        if last != Some(hash) {
            write(&mut group)?;
            last = Some(hash);
        }
        group.push(document);
    }
    write(&mut group)?;
    Ok(count)
}

/// One document, if there is one of that hash.
pub(super) fn document(server: &Server, inline: usize, hash: Hash) -> Result<Option<String>, StoreError> {
    let mut group = server.find(INSTANCE, doc! { "_hash": hash.to_string() }, Document::new())?;
    group.retain(|document| !reading::hidden(document));
    line(server, inline, &mut group)
}

/// The join of the documents of one hash: the original could race and store one twice.
fn line(server: &Server, inline: usize, group: &mut [Document]) -> Result<Option<String>, StoreError> {
    let id = |document: &Document| document.get("_id").cloned().unwrap_or(Bson::Null);
    group.sort_by(|one, other| reading::compare_ids(&id(one), &id(other)));
    let Some(first) = group.first() else { return Ok(None) };
    let Some(itype) = first.get_str("itype").ok().and_then(Itype::from_name) else { return Ok(None) };
    let Some(hash) = reading::hash(first.get("_hash")) else { return Ok(None) };
    let all =
        |field: &str| -> BTreeSet<Hash> { group.iter().flat_map(|document| reading::hashes(document.get(field))).collect() };
    let numbers = |field: &str| group.iter().filter_map(|document| reading::number(document.get(field))).collect::<Vec<f64>>();
    let orgid = reading::text(first.get("orgid"));
    let linked = matches!(itype, Itype::Object | Itype::Event | Itype::Session);
    let mut fields = Fields::default();
    fields.set("_hash", |out| dump_str(out, &hash.to_string()));
    fields.set("data", |out| out.push_str(&json::write(&first.get("data").map_or(serde_json::Value::Null, reading::value))));
    fields.text("itype", itype.name());
    fields.text("sub_type", &reading::text(first.get("sub_type")));
    if linked || itype == Itype::Raw {
        let mut references = all("_ref");
        if group.iter().any(|document| references::may_have_more(document, inline)) {
            references.extend(references::beside(server, hash)?);
        }
        if linked || !references.is_empty() {
            fields.hashes("_ref", &references);
        }
    }
    if linked {
        fields.hashes("_cref", &all("_cref"));
    }
    match itype {
        Itype::Attribute | Itype::Object => {}
        Itype::Event => {
            let malicious = all("_mal_ref");
            let benign = all("_ben_ref").difference(&malicious).copied().collect();
            fields.hashes("_mal_ref", &malicious);
            fields.hashes("_ben_ref", &benign);
            fields.text("orgid", &orgid);
            fields.number("timestamp", reading::number(first.get("timestamp")));
            fields.text("category", &category(group));
        }
        Itype::Session => {
            fields.number("start_time", numbers("start_time").into_iter().reduce(f64::min));
            fields.number("end_time", numbers("end_time").into_iter().reduce(f64::max));
            fields.number("duration", numbers("duration").into_iter().reduce(f64::max));
        }
        Itype::Raw => {
            fields.text("orgid", &orgid);
            let own = group.iter().filter(|document| reading::text(document.get("orgid")) == orgid);
            let marks: BTreeSet<String> = own.flat_map(|document| reading::texts(document.get("filters"))).collect();
            if !marks.is_empty() {
                fields.set("filters", |out| list(out, marks.iter()));
            }
            let of_id = match first.get("_id") {
                Some(Bson::ObjectId(id)) => Some(reading::time_of(id)),
                _ => None,
            };
            fields.number("received_at", reading::number(first.get("received_at")).or(of_id));
            if let Some(timezone) = first.get("timezone") {
                fields.text("timezone", &reading::text(Some(timezone)));
            }
        }
    }
    Ok(Some(fields.write()))
}

/// The category of an event that these documents describe.
pub(super) fn category(group: &[Document]) -> String {
    match group.iter().filter_map(|document| reading::category(document.get("category"))).max() {
        Some(category) => category.name().to_owned(),
        // None, or one that others invented.
        None => match group.first().and_then(|first| first.get("category")) {
            None | Some(Bson::Null) => Category::Unknown.name().to_owned(),
            other => reading::text(other),
        },
    }
}

/// The fields of a JSON object, written in the order of their names.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    fn set(&mut self, key: &'static str, write: impl FnOnce(&mut String)) {
        let mut value = String::new();
        write(&mut value);
        self.0.insert(key, value);
    }

    fn text(&mut self, key: &'static str, text: &str) {
        self.set(key, |out| dump_str(out, text));
    }

    fn number(&mut self, key: &'static str, number: Option<f64>) {
        if let Some(number) = number {
            self.set(key, |out| dump_f64(out, number));
        }
    }

    fn hashes(&mut self, key: &'static str, hashes: &BTreeSet<Hash>) {
        let hashes: Vec<String> = hashes.iter().map(Hash::to_string).collect();
        self.set(key, |out| list(out, hashes.iter()));
    }

    fn write(self) -> String {
        let mut out = String::with_capacity(self.0.values().map(|value| value.len() + 16).sum());
        for (key, value) in self.0 {
            out.push(if out.is_empty() { '{' } else { ',' });
            dump_str(&mut out, key);
            out.push(':');
            out.push_str(&value);
        }
        out.push('}');
        out
    }
}

fn list<'t>(out: &mut String, items: impl Iterator<Item = &'t String>) {
    out.push('[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        dump_str(out, item);
    }
    out.push(']');
}
