//! The indexes that keep every question cheap. Made if they are missing; a user who may not make them still works,
//! only slower.

use mongodb::bson::{Document, doc};

use super::server::{INSTANCE, LEDGER, REFERENCE, SUBMISSION, Server};
use crate::store::StoreError;

/// Collection, name, keys.
pub(super) fn wanted() -> Vec<(&'static str, &'static str, Document)> {
    vec![
        // Joins, `document`, and exports, which are sorted by it.
        (INSTANCE, "_hash_1", doc! { "_hash": 1 }),
        // What refers to a document, from within or beside.
        (INSTANCE, "_ref_1", doc! { "_ref": 1 }),
        (REFERENCE, "_ref_1", doc! { "_ref": 1 }),
        // Pending work, and the sub-types that there are.
        (INSTANCE, "itype_1_sub_type_1__id_1", doc! { "itype": 1, "sub_type": 1, "_id": 1 }),
        (SUBMISSION, "sub_type_1_seq_1", doc! { "sub_type": 1, "seq": 1 }),
        // Tallies.
        (SUBMISSION, "raw_1", doc! { "raw": 1 }),
        (LEDGER, "filter_1_raw_1", doc! { "filter": 1, "raw": 1 }),
        // Dead letters, which alone have a letter.
        (LEDGER, "letter_1", doc! { "letter": 1 }),
    ]
}

/// Makes what is missing. `_hash` is unique only in an archive that is empty yet: one that the original wrote may
/// hold a hash twice, and a unique index would fail its writes.
pub(super) fn ensure(server: &Server) -> Result<(), StoreError> {
    let empty = server.find_sorted(INSTANCE, Document::new(), doc! { "_id": 1 }, Document::new(), Some(1))?.is_empty();
    for (collection, name, keys) in wanted() {
        let mut index = doc! { "key": keys, "name": name };
        if name == "letter_1" {
            index.insert("sparse", true);
        }
        if empty && name == "_hash_1" {
            let mut unique = index.clone();
            unique.insert("unique", true);
            if server.long_command(doc! { "createIndexes": collection, "indexes": [unique] }).is_ok() {
                continue;
            }
        }
        match server.long_command(doc! { "createIndexes": collection, "indexes": [index.clone()] }) {
            Ok(_) => {}
            // There under another name or with other options, which do as well; or not allowed; or, on FerretDB, not
            // known.
            Err(StoreError::Permanent(why)) => {
                index.remove("sparse");
                if server.long_command(doc! { "createIndexes": collection, "indexes": [index] }).is_err() {
                    tracing::debug!("the index {name} on {collection} was not made: {why}");
                }
            }
            Err(transient) => return Err(transient),
        }
    }
    Ok(())
}
