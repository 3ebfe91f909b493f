//! What an archive knows of one document: the events that saw it, and what it is part of.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::tahoe::{Category, Hash, Itype};

/// Documents that are named of each kind that something is part of.
pub(super) const EXAMPLES: usize = 3;

/// Events that saw a document, alike in all but their time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// The events' sub-type.
    pub sub_type: String,
    /// What is known of them.
    pub category: Category,
    /// In which context the document was seen; unknown if the events do not say.
    pub context: Category,
    /// Whose they are.
    pub orgid: String,
    /// How many there are.
    pub count: u64,
    /// When the first happened, in Unix seconds.
    pub first: f64,
    /// When the last happened.
    pub last: f64,
}

/// Documents of one kind that refer to a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartOf {
    /// Object, session, or raw: the records that it was found in.
    #[serde(serialize_with = "name")]
    pub itype: Itype,
    /// Their sub-type.
    pub sub_type: String,
    /// How many there are.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<Hash>,
}

fn name<S: serde::Serializer>(itype: &Itype, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(itype.name())
}

/// What is known of one document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Correlation {
    /// The events that saw it, the most frequent first.
    pub seen: Vec<Seen>,
    /// What it is part of, the most frequent first.
    pub part_of: Vec<PartOf>,
}

/// What events have in common that are counted together: sub-type, category, context, organisation.
pub(super) type Kind = (String, Category, Category, String);

/// Counts as documents come by.
#[derive(Debug, Default)]
pub(super) struct Counting {
    seen: BTreeMap<Kind, (u64, f64, f64)>,
    part_of: BTreeMap<(Itype, String), (u64, Vec<Hash>)>,
}

impl Counting {
    /// So many events that are alike, the first and the last at these times.
    pub(super) fn seen(&mut self, key: Kind, count: u64, (first, last): (f64, f64)) {
        let held = self.seen.entry(key).or_insert((0, f64::INFINITY, f64::NEG_INFINITY));
        *held = (held.0 + count, held.1.min(first), held.2.max(last));
    }

    /// Documents that refer to it, some of them by name.
    pub(super) fn part_of(&mut self, key: (Itype, String), count: u64, examples: impl IntoIterator<Item = Hash>) {
        let held = self.part_of.entry(key).or_default();
        held.0 += count;
        held.1.extend(examples);
        held.1.truncate(EXAMPLES);
    }

    pub(super) fn end(self) -> Correlation {
        let seen = self.seen.into_iter().map(|((sub_type, category, context, orgid), (count, first, last))| Seen {
            sub_type,
            category,
            context,
            orgid,
            count,
            first,
            last,
        });
        let part_of = self.part_of.into_iter().map(|((itype, sub_type), (count, mut examples))| {
            examples.sort_unstable();
            PartOf { itype, sub_type, count, examples }
        });
        let (mut seen, mut part_of): (Vec<Seen>, Vec<PartOf>) = (seen.collect(), part_of.collect());
        // Stable: what is as frequent stays in the order of its names.
        seen.sort_by_key(|seen| std::cmp::Reverse(seen.count));
        part_of.sort_by_key(|part_of| std::cmp::Reverse(part_of.count));
        Correlation { seen, part_of }
    }
}
