//! The documents that the archive has: who has which row, and whether the one of a hash is the one that is meant.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;

use lru::LruCache;
use rusqlite::{Connection, Row};

use super::addresses::Addresses;
use super::schema::itype_code;
use crate::json::dump_f64;
use crate::tahoe::{Body, Document, Hash, RawDocument};

/// How many documents are remembered: some 4 MB. Most references of a record are to values that many records share, and those come
/// back soon; the others are a look into the index away.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(32 * 1024).unwrap();

/// How many sub-types are remembered of each kind of document. A filter that makes up more costs a look at the table
/// each.
const REMEMBERED_KINDS: usize = 1024;

/// Where the parts of an identity end.
///
/// What is hashed is kind, sub-type, organisation, time and data in one, without separators. Two documents of one
/// hash therefore have the same concatenation, and are the same document exactly when its parts end at the same
/// places: three lengths tell a collision, and no stored document needs to be read for it. (The names of kinds are
/// such that none begins another.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    itype: i64,
    sub_type: usize,
    orgid: usize,
    timestamp: usize,
}

impl Split {
    pub(super) fn of(document: &Document) -> Self {
        let (orgid, timestamp) = match &document.body {
            Body::Event { orgid, timestamp, .. } => (orgid.len(), repr_length(*timestamp)),
            Body::Attribute | Body::Object { .. } | Body::Session { .. } => (0, 0),
        };
        Self { itype: itype_code(document.itype()), sub_type: document.sub_type.len(), orgid, timestamp }
    }

    /// A raw record's identity covers neither its organisation nor its time of arrival.
    pub(super) const fn of_raw(document: &RawDocument) -> Self {
        Self { itype: itype_code(crate::tahoe::Itype::Raw), sub_type: document.sub_type.len(), orgid: 0, timestamp: 0 }
    }

    /// Of the columns `itype, sub_type, orgid, timestamp` from `first` on. Only events have a timestamp.
    pub(super) fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let length = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_bytes_or_null()?.map_or(0, <[u8]>::len));
        let timestamp: Option<f64> = row.get(first + 3)?;
        let orgid = if timestamp.is_some() { length(first + 2)? } else { 0 };
        Ok(Self { itype: row.get(first)?, sub_type: length(first + 1)?, orgid, timestamp: timestamp.map_or(0, repr_length) })
    }
}

fn repr_length(timestamp: f64) -> usize {
    let mut text = String::with_capacity(24);
    dump_f64(&mut text, timestamp);
    text.len()
}

/// A document that the archive has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) split: Split,
}

/// The bounded memory of what is surely stored. Must be dropped when a transaction that added to it is rolled back.
/// Documents are never deleted, so what other processes do cannot make it wrong.
pub(super) struct Known {
    documents: LruCache<Hash, Stored>,
    /// Per code of a kind of document, the sub-types.
    kinds: HashMap<i64, HashSet<String>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { documents: LruCache::new(REMEMBERED), kinds: HashMap::new() }
    }
}

impl Known {
    pub(super) fn remember(&mut self, hash: Hash, stored: Stored) {
        self.documents.put(hash, stored);
    }

    /// Whether this is the first document of that kind, as far as is remembered: then the kind must be written down.
    pub(super) fn is_new_kind(&mut self, itype: i64, sub_type: &str) -> bool {
        let sub_types = self.kinds.entry(itype).or_default();
        if sub_types.contains(sub_type) {
            return false;
        }
        if sub_types.len() >= REMEMBERED_KINDS {
            sub_types.clear();
        }
        sub_types.insert(sub_type.to_owned())
    }

    /// The document of this hash, from memory or from the table.
    pub(super) fn find(&mut self, addresses: &mut Addresses<'_>, hash: &Hash) -> rusqlite::Result<Option<Stored>> {
        if let Some(stored) = self.documents.get(hash) {
            return Ok(Some(*stored));
        }
        let found = addresses.find(hash)?;
        if let Some(stored) = found {
            self.documents.put(*hash, stored);
        }
        Ok(found)
    }
}

/// What a stored document is called in a message about a collision with it.
pub(super) fn describe(connection: &Connection, id: i64) -> rusqlite::Result<String> {
    connection.query_row("SELECT itype || ' `' || sub_type || '`' FROM document WHERE id = ?1", [id], |row| row.get(0))
}
