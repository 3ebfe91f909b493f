//! What an archive knows of a value: who saw it, when and in what context, and what it is part of.
//!
//! Both stores walk their references and hand what they find to a [`Builder`], which counts. It keeps groups and a few
//! examples, never one thing for each event, so that a value that millions of events share takes no more memory than
//! a rare one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use crate::tahoe::{Body, Category, Document, Hash, Itype, Scalar};

/// How many groups, and kinds of holders, a correlation lists at most.
const LISTED: usize = 50;

/// How many groups, and kinds of holders, are told apart: beyond, what is of another group counts in the totals only.
const TOLD_APART: usize = 10_000;

/// Examples of each kind of holder.
const EXAMPLES: usize = 3;

/// Up to this size, in bytes of JSON, an example comes with its data.
pub(in crate::store) const EXAMPLE_DATA: u32 = 1000;

/// What an archive knows of a document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Correlation {
    /// The events that refer to it.
    pub events: Events,
    /// The objects that it is part of, however deep.
    pub objects: Holders,
    /// The sessions that it, or an event that refers to it, is part of.
    pub sessions: Holders,
    /// The raw records that it came from.
    pub records: Holders,
    /// Not null: there are so many events that sessions were looked for by way of this many only.
    pub sessions_by_events: Option<usize>,
}

/// The events that refer to a document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Events {
    /// How many, and when.
    #[serde(flatten)]
    pub span: Span,
    /// The largest groups, the largest first.
    pub groups: Vec<EventGroup>,
    /// How many events are of groups that are not listed.
    pub omitted: u64,
}

/// Events that are alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventGroup {
    /// What happened.
    pub sub_type: String,
    /// What is known of the events as a whole: unknown, benign, malicious, or what other modules call it.
    pub category: String,
    /// In which context the events saw the document; [`Category::Unknown`] for neither.
    #[serde(serialize_with = "context")]
    pub context: Category,
    /// Whose events.
    pub orgid: String,
    /// How many, and when.
    #[serde(flatten)]
    pub span: Span,
}

/// A number of events in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Span {
    /// How many.
    pub count: u64,
    /// When the first of them happened, Unix seconds.
    pub first_seen: Option<f64>,
    /// When the last of them happened, Unix seconds.
    pub last_seen: Option<f64>,
}

impl Span {
    fn add(&mut self, timestamp: Option<f64>) {
        self.count += 1;
        if let Some(time) = timestamp {
            self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
            self.last_seen = Some(self.last_seen.map_or(time, |last| last.max(time)));
        }
    }
}

/// Documents of one kind that a document is part of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Holders {
    /// How many.
    pub count: u64,
    /// The most frequent sub-types, the most frequent first.
    pub sub_types: Vec<HolderKind>,
    /// How many are of sub-types that are not listed.
    pub omitted: u64,
}

/// Documents of one kind and sub-type that a document is part of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HolderKind {
    /// The sub-type.
    pub sub_type: String,
    /// How many.
    pub count: u64,
    /// Those with the lowest hashes.
    pub examples: Vec<Example>,
}

/// One document that a document is part of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// Its address.
    pub hash: Hash,
    /// Its data, unless that is long. Of raw records, never.
    pub data: Option<serde_json::Value>,
}

/// The name of a context.
#[must_use]
pub const fn context_name(context: Category) -> &'static str {
    match context {
        Category::Unknown => "neither",
        Category::Benign | Category::Malicious => context.name(),
    }
}

fn context<S: Serializer>(context: &Category, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(context_name(*context))
}

/// An attribute that may be in an archive.
pub(in crate::store) fn attribute(sub_type: &str, data: &str) -> Document {
    let hash = Hash::of(&[Itype::Attribute.name().as_bytes(), sub_type.as_bytes(), data.as_bytes()]);
    Document { hash, sub_type: sub_type.to_owned(), data: data.to_owned(), body: Body::Attribute }
}

/// The data of all attributes that a person may mean by a text, in stored form.
pub(in crate::store) fn data_of(text: &str) -> Vec<String> {
    let written = |scalar: Scalar| {
        let mut data = String::new();
        scalar.write_canonical(&mut data);
        data
    };
    Scalar::readings(text).into_iter().map(written).collect()
}

/// Counts what a store finds.
#[derive(Default)]
pub(in crate::store) struct Builder {
    span: Span,
    groups: BTreeMap<Group, Span>,
    holders: [Counted; 3],
}

/// What makes events alike: sub-type, category, context, organisation.
type Group = (String, String, Category, String);

/// Holders of one kind.
#[derive(Default)]
struct Counted {
    count: u64,
    sub_types: BTreeMap<String, (u64, BTreeSet<Hash>)>,
}

impl Builder {
    /// An event that refers to the document, each once.
    pub(in crate::store) fn event(
        &mut self,
        sub_type: &str,
        category: &str,
        context: Category,
        orgid: &str,
        timestamp: Option<f64>,
    ) {
        self.span.add(timestamp);
        let group = (sub_type.to_owned(), category.to_owned(), context, orgid.to_owned());
        if self.groups.len() < TOLD_APART || self.groups.contains_key(&group) {
            self.groups.entry(group).or_default().add(timestamp);
        }
    }

    /// An object, a session or a raw record that the document is part of, each once.
    pub(in crate::store) fn holder(&mut self, itype: Itype, sub_type: &str, hash: Hash) {
        let [objects, sessions, records] = &mut self.holders;
        let counted = match itype {
            Itype::Object => objects,
            Itype::Session => sessions,
            Itype::Raw => records,
            Itype::Attribute | Itype::Event => return,
        };
        counted.add(sub_type, hash);
    }

    /// The result. `data` gives the data of an object or a session as JSON text, unless it is longer than
    /// [`EXAMPLE_DATA`].
    pub(in crate::store) fn finish<E>(self, mut data: impl FnMut(Hash) -> Result<Option<String>, E>) -> Result<Correlation, E> {
        let group = |((sub_type, category, context, orgid), span)| EventGroup { sub_type, category, context, orgid, span };
        let mut groups: Vec<EventGroup> = self.groups.into_iter().map(group).collect();
        // Stable: those that are as large stay in the order of their names.
        groups.sort_by_key(|group| Reverse(group.span.count));
        groups.truncate(LISTED);
        let omitted = self.span.count - groups.iter().map(|group| group.span.count).sum::<u64>();
        let [objects, sessions, records] = self.holders;
        Ok(Correlation {
            events: Events { span: self.span, groups, omitted },
            objects: objects.finish(&mut data)?,
            sessions: sessions.finish(&mut data)?,
            records: records.finish(&mut |_| Ok(None))?,
            sessions_by_events: None,
        })
    }
}

impl Counted {
    fn add(&mut self, sub_type: &str, hash: Hash) {
        self.count += 1;
        if self.sub_types.len() >= TOLD_APART && !self.sub_types.contains_key(sub_type) {
            return;
        }
        let (count, examples) = match self.sub_types.get_mut(sub_type) {
            Some(known) => known,
            None => self.sub_types.entry(sub_type.to_owned()).or_default(),
        };
        *count += 1;
        if examples.len() < EXAMPLES || examples.last().is_some_and(|last| hash < *last) {
            examples.insert(hash);
        }
        if examples.len() > EXAMPLES {
            examples.pop_last();
        }
    }

    fn finish<E>(self, data: &mut dyn FnMut(Hash) -> Result<Option<String>, E>) -> Result<Holders, E> {
        let mut found: Vec<_> = self.sub_types.into_iter().collect();
        found.sort_by_key(|(_, (count, _))| Reverse(*count));
        found.truncate(LISTED);
        let mut sub_types = Vec::with_capacity(found.len());
        for (sub_type, (count, hashes)) in found {
            let mut examples = Vec::with_capacity(hashes.len());
            for hash in hashes {
                let data = data(hash)?.and_then(|data| serde_json::from_str(&data).ok());
                examples.push(Example { hash, data });
            }
            sub_types.push(HolderKind { sub_type, count, examples });
        }
        let omitted = self.count - sub_types.iter().map(|kind| kind.count).sum::<u64>();
        Ok(Holders { count: self.count, sub_types, omitted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(builder: Builder) -> Correlation {
        builder.finish(|_| Ok::<_, ()>(Some("{}".to_owned()))).unwrap()
    }

    fn hash(n: u64) -> Hash {
        Hash::of(&[&n.to_be_bytes()])
    }

    #[test]
    fn a_flood_of_groups_is_counted_whole_and_listed_in_part() {
        let mut builder = Builder::default();
        for n in 0..TOLD_APART as u64 + 10 {
            builder.event(&format!("e{n}"), "unknown", Category::Unknown, "org", Some(n as f64));
            builder.holder(Itype::Object, &format!("o{n}"), hash(n));
        }
        builder.event("e7", "unknown", Category::Unknown, "org", None);
        let found = finish(builder);
        let total = TOLD_APART as u64 + 11;
        let span = Span { count: total, first_seen: Some(0.0), last_seen: Some((TOLD_APART + 9) as f64) };
        assert_eq!((found.events.span, found.events.groups.len()), (span, LISTED));
        assert_eq!(found.events.omitted, total - LISTED as u64 - 1);
        let [largest, ..] = found.events.groups.as_slice() else { panic!("no groups") };
        let twice = Span { count: 2, first_seen: Some(7.0), last_seen: Some(7.0) };
        assert_eq!((largest.sub_type.as_str(), largest.span), ("e7", twice));
        assert_eq!((found.objects.count, found.objects.sub_types.len()), (total - 1, LISTED));
        assert_eq!(found.objects.omitted, total - 1 - LISTED as u64);
    }

    #[test]
    fn examples_are_few_and_the_same_in_every_order() {
        let of = |order: &[u64]| {
            let mut builder = Builder::default();
            order.iter().for_each(|&n| builder.holder(Itype::Raw, "cowrie", hash(n)));
            finish(builder)
        };
        let order: Vec<u64> = (0..100).collect();
        let reverse: Vec<u64> = order.iter().rev().copied().collect();
        let found = of(&order);
        assert_eq!(found, of(&reverse));
        let kind = found.records.sub_types.first().unwrap();
        assert_eq!((kind.count, kind.examples.len()), (100, EXAMPLES));
        // Raw data may be large and is never read.
        assert!(kind.examples.iter().all(|example| example.data.is_none()));
    }
}
