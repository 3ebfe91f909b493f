//! Documents as Cybex-P writes them, and whether one that is stored is the same as a new one.

use mongodb::bson::{Bson, Document as Stored, doc, oid::ObjectId};
use serde_json::Value;

use super::join::Joined;
use super::reading;
use crate::json;
use crate::store::NewRecord;
use crate::tahoe::canonical::canonical;
use crate::tahoe::measure::canonical_size;
use crate::tahoe::{Body, Category, Document, Hash, Itype, RawDocument};

/// The canonical form of stored data is made up to this size, or some times that of the new data.
const MOST_CANONICAL: u64 = 64 * 1024 * 1024;

/// The fields that tell whether a stored document is the one that its hash says, and what of it joins look at.
pub(super) fn identity_fields() -> Stored {
    doc! { "_hash": 1, "itype": 1, "sub_type": 1, "data": 1, "orgid": 1, "timestamp": 1, "category": 1 }
}

/// The document of a new raw record, which is also its first submission.
pub(super) fn raw(record: &NewRecord, id: ObjectId) -> Stored {
    doc! {
        "_id": id,
        "itype": Itype::Raw.name(),
        "sub_type": record.document.sub_type.as_str(),
        "data": reading::bson_of_text(&record.document.data),
        "orgid": record.orgid.as_str(),
        "timezone": record.timezone.as_str(),
        "received_at": record.received_at,
        "_hash": record.document.hash.to_string(),
    }
}

/// A new document, with its references as far as they fit; returns those that do not.
pub(super) fn new(joined: &Joined<'_>, inline: usize) -> (Stored, Vec<Hash>) {
    let document = joined.document;
    let hash = document.hash.to_string();
    let mut stored = doc! {
        "_id": hash.as_str(),
        "itype": document.itype().name(),
        "sub_type": document.sub_type.as_str(),
        "data": reading::bson_of_text(&document.data),
        "_hash": hash.as_str(),
    };
    let mut beside = Vec::new();
    match &document.body {
        Body::Attribute => {}
        Body::Object { .. } => {
            stored.insert("_cref", texts(&joined.children));
            stored.insert("_ref", texts(&joined.references()));
        }
        Body::Event { orgid, timestamp, .. } => {
            stored.insert("orgid", orgid.as_str());
            stored.insert("timestamp", *timestamp);
            stored.insert("category", joined.category.name());
            stored.insert("_cref", texts(&joined.children));
            stored.insert("_ref", texts(&joined.references()));
            stored.insert("_mal_ref", texts(&joined.marked(Category::Malicious)));
            stored.insert("_ben_ref", texts(&joined.marked(Category::Benign)));
        }
        Body::Session { .. } => {
            let references = joined.references();
            let (here, rest) = references.split_at(references.len().min(inline));
            beside = rest.to_vec();
            stored.insert("_cref", texts(&joined.children));
            stored.insert("_ref", texts(here));
            for (field, value) in joined.bounds() {
                stored.insert(field, value);
            }
        }
    }
    (stored, beside)
}

/// Hashes as archives keep them.
pub(super) fn texts(hashes: &[Hash]) -> Vec<Bson> {
    hashes.iter().map(|hash| Bson::String(hash.to_string())).collect()
}

/// What a stored document is, for people.
pub(super) fn describe(stored: &Stored) -> String {
    format!("{} `{}`", reading::text(stored.get("itype")), reading::text(stored.get("sub_type")))
}

/// Whether a stored document is the same as a new one: all identity fields, since one hash does not tell
/// (`spec/tahoe.md`).
pub(super) fn is_same(stored: &Stored, document: &Document) -> bool {
    let stamped = match &document.body {
        Body::Event { orgid, timestamp, .. } => {
            // An integer has another `repr` than the float, so another hash.
            let time = match stored.get("timestamp") {
                Some(Bson::Double(float)) => Some(float.to_bits()),
                _ => None,
            };
            reading::text(stored.get("orgid")) == *orgid && time == Some(timestamp.to_bits())
        }
        _ => true,
    };
    stamped && is_kind(stored, document.itype(), &document.sub_type) && same_data(stored, &document.data)
}

/// As [`is_same`] for raw records, whose identity has nothing else.
pub(super) fn is_same_raw(stored: &Stored, document: &RawDocument) -> bool {
    is_kind(stored, Itype::Raw, &document.sub_type) && same_data(stored, &document.data)
}

fn is_kind(stored: &Stored, itype: Itype, sub_type: &str) -> bool {
    let field = |name| match stored.get(name) {
        Some(Bson::String(text)) => Some(text.as_str()),
        _ => None,
    };
    field("itype") == Some(itype.name()) && field("sub_type") == Some(sub_type)
}

/// Whether two spellings of data have one canonical form. The original stored lists in any order, with duplicates and
/// unstripped.
fn same_data(stored: &Stored, data: &str) -> bool {
    let stored = stored.get("data").map_or(Value::Null, reading::value);
    if json::write(&stored) == data {
        return true;
    }
    let Ok(new) = serde_json::from_str::<Value>(data) else { return false };
    // The form of what others stored may be out of all proportion; that of the new one was bounded.
    canonical_size(&stored).length <= MOST_CANONICAL.max(4 * canonical_size(&new).length) && canonical(&stored) == canonical(&new)
}
