//! What is known of a value, from the indexes `_hash_1` and `_ref_1`.
//!
//! Events, objects and raw documents hold all that is below them in `_ref`; only the way to the sessions of events is
//! two hops long. Everything is read in the order of hashes, so that a document that the original stored twice is
//! counted once, and nothing has to be remembered of it.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};

use super::documents::{identity_fields, is_same, texts};
use super::server::{Found, INSTANCE, REFERENCE, Server};
use super::{export, reading};
use crate::json;
use crate::store::correlation::{Builder, EXAMPLE_DATA, attribute, data_of};
use crate::store::{Correlation, StoreError};
use crate::tahoe::{Category, Hash, Itype};

/// How many hashes one question names.
const TOGETHER: usize = 1000;

/// Of so many events at most the sessions are looked for.
const SESSIONS_BY_EVENTS: usize = 20_000;

/// The attributes that have this value, by sub-type.
pub(super) fn find_attributes(server: &Server, value: &str) -> Result<Vec<Hash>, StoreError> {
    // A look at the index for each sub-type, of which there are few.
    let command = doc! { "distinct": INSTANCE, "key": "sub_type", "query": { "itype": Itype::Attribute.name() } };
    let reply = server.command(command)?;
    let sub_types = reading::texts(reply.get("values"));
    let data = data_of(value);
    let meant: Vec<_> = sub_types.iter().flat_map(|sub_type| data.iter().map(|data| attribute(sub_type, data))).collect();
    let mut found = Vec::new();
    for chunk in meant.chunks(TOGETHER) {
        let hashes: Vec<Hash> = chunk.iter().map(|document| document.hash).collect();
        let mut fields = identity_fields();
        fields.insert("_valid", 1);
        let stored = server.find(INSTANCE, doc! { "_hash": { "$in": texts(&hashes) } }, fields)?;
        // Others may have its hash (`22` of `port` and `2` of `port2`).
        let is_there = |document: &&crate::tahoe::Document| {
            stored.iter().any(|stored| {
                reading::hash(stored.get("_hash")) == Some(document.hash) && !reading::hidden(stored) && is_same(stored, document)
            })
        };
        found.extend(chunk.iter().filter(is_there).map(|document| (document.sub_type.as_str(), document.hash)));
    }
    // Stable, and the text before the number.
    found.sort_by_key(|(sub_type, _)| *sub_type);
    Ok(found.into_iter().map(|(_, hash)| hash).collect())
}

/// What refers to a document.
pub(super) fn correlate(server: &Server, hash: Hash) -> Result<Correlation, StoreError> {
    let mut walk = Walk {
        marked: [
            (Category::Malicious, Ascending::new(server, referring(hash, "_mal_ref"), Document::new())?),
            (Category::Benign, Ascending::new(server, referring(hash, "_ben_ref"), Document::new())?),
        ],
        builder: Builder::default(),
        events: Vec::new(),
        cut: false,
    };
    let fields = doc! { "itype": 1, "sub_type": 1, "orgid": 1, "timestamp": 1, "category": 1 };
    let mut all = Ascending::new(server, referring(hash, "_ref"), fields)?;
    while let Some((found, group)) = all.next()? {
        walk.take(found, group)?;
    }
    let Walk { mut builder, events, cut, .. } = walk;
    for (found, (itype, sub_type)) in indirect(server, hash, &events)? {
        builder.holder(itype, &sub_type, found);
    }
    let mut correlation = builder.finish(|hash| data(server, hash))?;
    correlation.sessions_by_events = cut.then_some(SESSIONS_BY_EVENTS);
    Ok(correlation)
}

fn visible(mut filter: Document) -> Document {
    filter.insert("_valid", doc! { "$ne": false });
    filter
}

fn referring(hash: Hash, field: &str) -> Document {
    let mut filter = visible(doc! { "_ref": hash.to_string() });
    if field != "_ref" {
        filter.insert("itype", Itype::Event.name());
        filter.insert(field, hash.to_string());
    }
    filter
}

/// All that refers to the document directly, on its way into the builder.
struct Walk<'s> {
    /// The events that saw it in a context, to be read beside all that refers to it.
    marked: [(Category, Ascending<'s>); 2],
    builder: Builder,
    /// The first ones.
    events: Vec<Hash>,
    /// Whether there are more events than these.
    cut: bool,
}

impl Walk<'_> {
    fn take(&mut self, hash: Hash, mut group: Vec<Document>) -> Result<(), StoreError> {
        let id = |document: &Document| document.get("_id").cloned().unwrap_or(Bson::Null);
        group.sort_by(|one, other| reading::compare_ids(&id(one), &id(other)));
        let Some(first) = group.first() else { return Ok(()) };
        let Some(itype) = first.get_str("itype").ok().and_then(Itype::from_name) else { return Ok(()) };
        let sub_type = reading::text(first.get("sub_type"));
        if itype != Itype::Event {
            self.builder.holder(itype, &sub_type, hash);
            return Ok(());
        }
        let mut context = Category::Unknown;
        for (category, marked) in &mut self.marked {
            if marked.holds(hash)? {
                context = context.max(*category);
            }
        }
        let orgid = reading::text(first.get("orgid"));
        let timestamp = reading::number(first.get("timestamp"));
        self.builder.event(&sub_type, &export::category(&group), context, &orgid, timestamp);
        self.cut = self.events.len() >= SESSIONS_BY_EVENTS;
        if !self.cut {
            self.events.push(hash);
        }
        Ok(())
    }
}

/// The sessions of events, and what refers to the document by a list beside it: by hash, so each once. Not those that
/// refer to it themselves, which were counted.
fn indirect(server: &Server, hash: Hash, events: &[Hash]) -> Result<BTreeMap<Hash, (Itype, String)>, StoreError> {
    let mut found = BTreeMap::new();
    let fields = doc! { "_hash": 1, "itype": 1, "sub_type": 1 };
    let mut take = |filter: Document| -> Result<(), StoreError> {
        let other = doc! { "_ref": { "$ne": hash.to_string() } };
        for document in server.find(INSTANCE, visible(doc! { "$and": [filter, other] }), fields.clone())? {
            let itype = document.get_str("itype").ok().and_then(Itype::from_name);
            if let (Some(itype), Some(found_hash)) = (itype, reading::hash(document.get("_hash"))) {
                found.insert(found_hash, (itype, reading::text(document.get("sub_type"))));
            }
        }
        Ok(())
    };
    let below: Vec<Hash> = std::iter::once(hash).chain(events.iter().copied()).collect();
    for chunk in below.chunks(TOGETHER) {
        let among = doc! { "$in": texts(chunk) };
        take(doc! { "_ref": among.clone(), "itype": Itype::Session.name() })?;
        // What refers to an event refers to the document too: a raw document that has the one beside it may have the
        // other there.
        let lists = server.find(REFERENCE, doc! { "_ref": among }, doc! { "src": 1 })?;
        let sources: Vec<Bson> = lists.into_iter().filter_map(|mut list| list.remove("src")).collect();
        for sources in sources.chunks(TOGETHER) {
            take(doc! { "_hash": { "$in": sources.to_vec() } })?;
        }
    }
    Ok(found)
}

/// The data of an example, unless it is long.
fn data(server: &Server, hash: Hash) -> Result<Option<String>, StoreError> {
    let filter = visible(doc! { "_hash": hash.to_string() });
    let found = server.find_sorted(INSTANCE, filter, doc! { "data": 1 }, doc! { "_id": 1 }, Some(1))?;
    let data = found.first().map(|document| json::write(&document.get("data").map_or(serde_json::Value::Null, reading::value)));
    Ok(data.filter(|data| data.len() <= EXAMPLE_DATA as usize))
}

/// Documents in the order of their hashes, those of one hash together.
struct Ascending<'s> {
    found: Found<'s>,
    /// The first one of the next hash.
    ahead: Option<(Hash, Document)>,
}

impl<'s> Ascending<'s> {
    fn new(server: &'s Server, filter: Document, fields: Document) -> Result<Self, StoreError> {
        let mut new = Self { found: server.by_hash(INSTANCE, filter, fields)?, ahead: None };
        new.read()?;
        Ok(new)
    }

    /// Fills `ahead`. Documents without an address are other things in the collection.
    fn read(&mut self) -> Result<(), StoreError> {
        self.ahead = None;
        while self.ahead.is_none()
            && let Some(document) = self.found.next()
        {
            let document = document?;
            self.ahead = reading::hash(document.get("_hash")).map(|hash| (hash, document));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Hash, Vec<Document>)>, StoreError> {
        let Some((hash, first)) = self.ahead.take() else { return Ok(None) };
        let mut group = vec![first];
        loop {
            self.read()?;
            match self.ahead.take() {
                Some((next, document)) if next == hash => group.push(document),
                other => {
                    self.ahead = other;
                    return Ok(Some((hash, group)));
                }
            }
        }
    }

    /// Whether a document of this hash is among them. To be asked in the order of hashes.
    fn holds(&mut self, hash: Hash) -> Result<bool, StoreError> {
        while self.ahead.as_ref().is_some_and(|(ahead, _)| *ahead < hash) {
            self.read()?;
        }
        Ok(self.ahead.as_ref().is_some_and(|(ahead, _)| *ahead == hash))
    }
}
