//! Submissions that may be pending, and where they lie.

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::reading;
use super::server::{INSTANCE, SUBMISSION};
use crate::store::{FilterRef, SubmissionKey};
use crate::tahoe::Itype;

/// Where the submissions of a lane lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Raw documents, by `_id`.
    Instance,
    /// Further submissions, by `seq`.
    Submission,
}

impl Source {
    pub(super) const fn collection(self) -> &'static str {
        match self {
            Self::Instance => INSTANCE,
            Self::Submission => SUBMISSION,
        }
    }

    pub(super) const fn order(self) -> &'static str {
        match self {
            Self::Instance => "_id",
            Self::Submission => "seq",
        }
    }

    pub(super) fn of_sub_type(self, sub_type: &str) -> Document {
        match self {
            Self::Instance => doc! { "itype": Itype::Raw.name(), "sub_type": sub_type, "_valid": { "$ne": false } },
            Self::Submission => doc! { "sub_type": sub_type },
        }
    }
}

/// A submission that may be pending.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) key: SubmissionKey,
    /// Where it is in its lane.
    pub(super) at: Bson,
    /// The document that tells time zone and time of arrival.
    pub(super) id: Bson,
    pub(super) source: Source,
    pub(super) marked: bool,
}

/// The fields that [`candidate`] reads.
pub(super) fn fields() -> Document {
    doc! { "_hash": 1, "raw": 1, "seq": 1, "orgid": 1, "filters": 1 }
}

/// What lies there, if it is a record that can have a key.
pub(super) fn candidate(document: &Document, source: Source, filter: &FilterRef) -> Option<Candidate> {
    let hash = document.get(if source == Source::Instance { "_hash" } else { "raw" });
    Some(Candidate {
        key: SubmissionKey { raw: reading::hash(hash)?, orgid: reading::text(document.get("orgid")) },
        at: document.get(source.order())?.clone(),
        id: document.get("_id")?.clone(),
        source,
        marked: reading::texts(document.get("filters")).contains(&filter.id.to_string()),
    })
}

/// An ObjectId before all of that time.
pub(super) fn id_at(seconds: f64) -> ObjectId {
    // Saturating: before 1970 and after 2106 there are no ObjectIds.
    ObjectId::from_parts(seconds as u32, [0; 5], [0; 3])
}

/// The greatest ObjectId below that one.
pub(super) fn before(id: ObjectId) -> ObjectId {
    let mut bytes = id.bytes();
    for byte in bytes.iter_mut().rev() {
        let (less, borrow) = byte.overflowing_sub(1);
        *byte = less;
        if !borrow {
            return ObjectId::from_bytes(bytes);
        }
    }
    id
}
