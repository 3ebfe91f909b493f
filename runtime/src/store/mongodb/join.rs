//! Answers joined in memory: what a batch adds to each document, so that every document is written once a batch.

use std::collections::{BTreeMap, HashMap, HashSet};

use mongodb::bson::{Document as Stored, doc};

use super::documents::{describe, is_same, texts};
use super::server::Update;
use crate::store::mongodb::reading;
use crate::tahoe::{Body, Category, Document, Graph, Hash};

/// How many references one update adds at most.
const EACH: usize = 5000;

/// One document of a batch, joined over all answers that have it.
pub(super) struct Joined<'g> {
    pub(super) document: &'g Document,
    /// The answers that have it, by their places in the batch; the first is the one that brought it.
    pub(super) owners: Vec<usize>,
    /// Children are written before their parents: lower levels first.
    pub(super) level: usize,
    /// `_cref`, sorted.
    pub(super) children: Vec<Hash>,
    /// `_ref`, with what an event's context says of each.
    entries: BTreeMap<Hash, Category>,
    /// Of the references, those that the identity does not determine: a session's events.
    loose: HashSet<Hash>,
    pub(super) category: Category,
    start: Option<f64>,
    end: Option<f64>,
    duration: Option<f64>,
}

/// The levels of a batch's documents: attributes, objects by their depth, events, sessions.
const EVENTS: usize = usize::MAX - 1;
const SESSIONS: usize = usize::MAX;

impl Joined<'_> {
    pub(super) fn references(&self) -> Vec<Hash> {
        self.entries.keys().copied().collect()
    }

    pub(super) fn marked(&self, category: Category) -> Vec<Hash> {
        self.entries.iter().filter(|entry| *entry.1 == category).map(|(hash, _)| *hash).collect()
    }

    /// A session's events of this batch.
    pub(super) fn loose(&self) -> Vec<Hash> {
        let mut loose: Vec<Hash> = self.loose.iter().copied().collect();
        loose.sort_unstable();
        loose
    }

    /// A session's times, as far as known.
    pub(super) fn bounds(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let bounds = [("start_time", self.start), ("end_time", self.end), ("duration", self.duration)];
        bounds.into_iter().filter_map(|(field, value)| value.map(|value| (field, value)))
    }

    fn join(&mut self, document: &Document, graph: &Graph) {
        let hash = |index: u32| graph.documents.get(index as usize).map(|document| document.hash);
        match &document.body {
            Body::Attribute => {}
            Body::Object { children, references } => {
                self.children = children.iter().copied().filter_map(hash).collect();
                self.entries.extend(references.iter().copied().filter_map(hash).map(|hash| (hash, Category::Unknown)));
            }
            Body::Event { category, children, references, .. } => {
                self.children = children.iter().copied().filter_map(hash).collect();
                self.category = self.category.max(*category);
                for context in references {
                    if let Some(hash) = hash(context.document) {
                        let entry = self.entries.entry(hash).or_insert(Category::Unknown);
                        *entry = (*entry).max(context.category);
                    }
                }
            }
            Body::Session { children, references, start_time, end_time, duration } => {
                self.children = children.iter().copied().filter_map(hash).collect();
                for &index in references {
                    let Some(referred) = graph.documents.get(index as usize) else { continue };
                    self.entries.insert(referred.hash, Category::Unknown);
                    if let Body::Event { .. } = referred.body {
                        self.loose.insert(referred.hash);
                    }
                }
                let joined = |one: Option<f64>, other: Option<f64>, join: fn(f64, f64) -> f64| match (one, other) {
                    (Some(one), Some(other)) => Some(join(one, other)),
                    (one, other) => one.or(other),
                };
                self.start = joined(self.start, *start_time, f64::min);
                self.end = joined(self.end, *end_time, f64::max);
                self.duration = joined(self.duration, *duration, f64::max);
            }
        }
        self.children.sort_unstable();
        self.children.dedup();
    }
}

/// What a batch adds to the archive.
#[derive(Default)]
pub(super) struct Batch<'g> {
    pub(super) documents: HashMap<Hash, Joined<'g>>,
}

impl<'g> Batch<'g> {
    /// Adds an answer, or says which of its documents is another than the one of its hash that is stored or was added
    /// before; then nothing of the answer is added.
    pub(super) fn add(&mut self, owner: usize, graph: &'g Graph, stored: &HashMap<Hash, Vec<Stored>>) -> Result<(), String> {
        for document in &graph.documents {
            let collides = |other: String| {
                let (hash, itype, sub_type) = (document.hash, document.itype(), &document.sub_type);
                format!(
                    "two different documents would have the hash {hash}: the {itype} `{sub_type}` of this answer, and the stored {other}"
                )
            };
            if let Some(other) = stored.get(&document.hash).into_iter().flatten().find(|other| !is_same(other, document)) {
                return Err(collides(describe(other)));
            }
            if let Some(other) = self.documents.get(&document.hash).filter(|other| !other.document.same_identity(document)) {
                return Err(collides(format!("{} `{}`", other.document.itype(), other.document.sub_type)));
            }
        }
        let mut levels = Vec::with_capacity(graph.documents.len());
        for document in &graph.documents {
            let level = match &document.body {
                Body::Attribute => 0,
                // Children come before parents in a graph.
                Body::Object { children, .. } => {
                    1 + children.iter().filter_map(|&index| levels.get(index as usize)).max().copied().unwrap_or(0)
                }
                Body::Event { .. } => EVENTS,
                Body::Session { .. } => SESSIONS,
            };
            levels.push(level);
            let joined = self.documents.entry(document.hash).or_insert_with(|| Joined {
                document,
                owners: Vec::new(),
                level,
                children: Vec::new(),
                entries: BTreeMap::new(),
                loose: HashSet::new(),
                category: Category::Unknown,
                start: None,
                end: None,
                duration: None,
            });
            if joined.owners.last() != Some(&owner) {
                joined.owners.push(owner);
            }
            joined.join(document, graph);
        }
        Ok(())
    }

    /// The documents in the order in which they may be written, in groups without an order within.
    pub(super) fn levels(&self) -> Vec<Vec<&Joined<'g>>> {
        let mut levels: BTreeMap<usize, Vec<&Joined<'g>>> = BTreeMap::new();
        for joined in self.documents.values() {
            levels.entry(joined.level).or_default().push(joined);
        }
        for level in levels.values_mut() {
            // Two writers of one batch then meet in the same order.
            level.sort_unstable_by_key(|joined| joined.document.hash);
        }
        levels.into_values().collect()
    }
}

/// The updates that join a document into a stored one, each of which may be repeated, and overtaken by another
/// writer's, without a trace: whatever the order, the end is the union, the minimum, the maximum.
///
/// Of the groups, each must be done before the next. What the identity determines is not written: it is there.
pub(super) fn updates(joined: &Joined<'_>, stored: &Stored) -> [Vec<Update>; 2] {
    let Some(id) = stored.get("_id") else { return [Vec::new(), Vec::new()] };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    match &joined.document.body {
        Body::Attribute | Body::Object { .. } => {}
        Body::Event { .. } => {
            if joined.category > Category::Unknown && reading::category(stored.get("category")) < Some(joined.category) {
                // The guard names what gives way; a category that others invented stays.
                let below = if joined.category == Category::Malicious { vec!["unknown", "benign"] } else { vec!["unknown"] };
                let below: Vec<_> = below.into_iter().map(Into::into).chain([mongodb::bson::Bson::Null]).collect();
                let guard = doc! { "_id": id.clone(), "category": { "$in": below } };
                first.push(Update::guarded(guard, doc! { "$set": { "category": joined.category.name() } }));
            }
            // Both sets in one update of one document, so that no reader, and no crash, sees a reference in both.
            for malicious in joined.marked(Category::Malicious).chunks(EACH) {
                let malicious = texts(malicious);
                let change =
                    doc! { "$addToSet": { "_mal_ref": { "$each": malicious.clone() } }, "$pullAll": { "_ben_ref": malicious } };
                first.push(Update::of(id.clone(), change));
            }
            // A reference that is malicious by now, or becomes so in between, does not pass the guard.
            for benign in joined.marked(Category::Benign) {
                let benign = benign.to_string();
                let guard = doc! { "_id": id.clone(), "_mal_ref": { "$ne": benign.as_str() } };
                second.push(Update::guarded(guard, doc! { "$addToSet": { "_ben_ref": benign } }));
            }
        }
        Body::Session { .. } => {
            let mut change = Stored::new();
            for (field, value) in joined.bounds() {
                let operator = if field == "start_time" { "$min" } else { "$max" };
                if let Ok(fields) = change.get_document_mut(operator) {
                    fields.insert(field, value);
                } else {
                    change.insert(operator, doc! { field: value });
                }
            }
            if !change.is_empty() {
                first.push(Update::of(id.clone(), change));
            }
        }
    }
    [first, second]
}
