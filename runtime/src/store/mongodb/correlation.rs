//! What refers to a document, by the index of `_ref`.

use mongodb::bson::{Bson, doc};

use super::reading;
use super::server::{INSTANCE, Server};
use crate::store::correlation::Counting;
use crate::store::{Correlation, StoreError};
use crate::tahoe::{Category, Hash, Itype, Scalar};

/// By the sub-types of attributes that there are: a value has one address for each.
pub(super) fn attributes(server: &Server, readings: &[Scalar]) -> Result<Vec<Hash>, StoreError> {
    let kinds =
        server.command(doc! { "distinct": INSTANCE, "key": "sub_type", "query": { "itype": Itype::Attribute.name() } })?;
    let mut kinds = reading::texts(kinds.get("values"));
    kinds.sort_unstable();
    let hashes: Vec<Hash> =
        kinds.iter().flat_map(|kind| readings.iter().map(move |reading| reading.attribute_hash(kind))).collect();
    let wanted: Vec<Bson> = hashes.iter().map(|hash| Bson::String(hash.to_string())).collect();
    let there = server.find(INSTANCE, doc! { "_hash": { "$in": wanted } }, doc! { "_hash": 1 })?;
    let there: Vec<Hash> = there.iter().filter_map(|document| reading::hash(document.get("_hash"))).collect();
    Ok(hashes.into_iter().filter(|hash| there.contains(hash)).collect())
}

/// Reads a few fields of all that refer to it. References for which a document had no room are not looked through.
pub(super) fn correlation(server: &Server, hash: Hash) -> Result<Correlation, StoreError> {
    let mut counting = Counting::default();
    let name = Bson::String(hash.to_string());
    let fields = doc! {
        "_hash": 1, "itype": 1, "sub_type": 1, "category": 1, "orgid": 1, "timestamp": 1,
        "_mal_ref": { "$elemMatch": { "$eq": name.clone() } }, "_ben_ref": { "$elemMatch": { "$eq": name.clone() } },
    };
    let plain = doc! {
        "_hash": 1, "itype": 1, "sub_type": 1, "category": 1, "orgid": 1, "timestamp": 1, "_mal_ref": 1, "_ben_ref": 1,
    };
    let filter = doc! { "_ref": name.clone() };
    // Only what says in which context, where the server can pick that out.
    let found = server.query(INSTANCE, filter.clone(), fields, doc! {}, None);
    let found = match found {
        Err(StoreError::Permanent(_)) => server.query(INSTANCE, filter, plain, doc! {}, None)?,
        found => found?,
    };
    for document in found {
        let document = document?;
        let text = |field| reading::text(document.get(field));
        match Itype::from_name(&text("itype")) {
            Some(Itype::Event) => {
                let within = |field| reading::hashes(document.get(field)).contains(&hash);
                let context = match (within("_mal_ref"), within("_ben_ref")) {
                    (true, _) => Category::Malicious,
                    (_, true) => Category::Benign,
                    _ => Category::Unknown,
                };
                let category = reading::category(document.get("category")).unwrap_or(Category::Unknown);
                let time = reading::number(document.get("timestamp")).unwrap_or(0.0);
                counting.seen((text("sub_type"), category, context, text("orgid")), 1, (time, time));
            }
            Some(itype) => counting.part_of((itype, text("sub_type")), 1, reading::hash(document.get("_hash"))),
            None => {}
        }
    }
    Ok(counting.end())
}
