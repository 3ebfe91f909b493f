//! What a poll costs that finds nothing: the same in every archive.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;

use super::address::{self, Address};
use super::server::{LEASE, Server, WATERMARK};
use super::testing::Scratch;
use super::{MongoStore, indexes, references};
use crate::store::Store as _;
use crate::store::testing::{ALL, FILTER, filter, number, settle_all};
use crate::tahoe::{Hash, RawDocument};

/// A store with a clock of its own that tells what it asks of the server.
struct Overheard {
    store: MongoStore,
    seconds: Arc<AtomicU64>,
    commands: Arc<Mutex<Vec<Document>>>,
}

impl Overheard {
    fn new(scratch: &Scratch) -> Self {
        drop(scratch.store());
        let commands: Arc<Mutex<Vec<Document>>> = Arc::default();
        let address = Address::new(scratch.uri());
        let mut target = address::parse(scratch.uri(), &address).unwrap();
        let theirs = Arc::clone(&commands);
        target.options.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Started(started) = event {
                theirs.lock().unwrap().push(started.command);
            }
        }));
        let seconds = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&seconds);
        let clock = Arc::new(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
        let store = MongoStore::with(Server::at(target, address).unwrap(), clock, references::INLINE);
        store.register(&filter(FILTER, &["cowrie"])).unwrap();
        Self { store, seconds, commands }
    }

    /// What a daemon does when it has nothing to do; returns what it found, and asked.
    fn poll(&self) -> (Vec<usize>, Vec<Document>) {
        self.commands.lock().unwrap().clear();
        self.seconds.fetch_add(1, Ordering::Relaxed);
        self.store.reopen(FILTER).unwrap();
        let work = self.store.claim(FILTER, ALL).unwrap();
        // The leases are renewed now and then, by another thread.
        let mut asked = std::mem::take(&mut *self.commands.lock().unwrap());
        asked.retain(|command| !command.values().any(|value| value.as_str() == Some(LEASE)));
        settle_all(&self.store, &work);
        (work.iter().map(number).collect(), asked)
    }
}

/// A raw document as the original wrote it, archived at that time.
fn original(n: u32, seconds: u32) -> Document {
    let data = serde_json::json!({ "n": n });
    let hash = RawDocument::new("cowrie", data.as_object().unwrap().clone()).unwrap().hash;
    let id = ObjectId::from_parts(seconds, [1; 5], [0, (n >> 8) as u8, n as u8]);
    doc! { "_id": id, "itype": "raw", "sub_type": "cowrie", "data": { "n": n }, "orgid": "org", "timezone": "UTC", "_hash": hash.to_string() }
}

/// So many records that are done.
fn done(records: u32) -> Vec<Document> {
    let done = |n| {
        let mut document = original(n, 1_600_000_000 + n);
        document.insert("filters", vec![FILTER.to_string()]);
        document
    };
    (0..records).map(done).collect()
}

/// A command with the collection, but without values, which differ from archive to archive.
fn shape(command: &Document) -> String {
    let (name, collection) = command.iter().next().unwrap();
    let fields = |field| command.get_document(field).map(|document| document.keys().cloned().collect::<Vec<_>>());
    format!("{name} {collection} {:?} {:?}", fields("filter").unwrap_or_default(), fields("sort").unwrap_or_default())
}

/// The sweep walks through the archive, a slice at a time, and rests for longer in a small one.
fn is_of_sweep(command: &Document) -> bool {
    let filter = command.get_document("filter");
    filter.is_ok_and(|filter| filter.values().filter_map(Bson::as_document).any(|value| value.contains_key("$type")))
}

/// Whether an index answers a query without a look at more documents than it finds, but for conditions that nearly
/// all documents of the range meet: the fields that are given come first in its keys, then the one that is sorted by.
fn is_answered(query: &Document, keys: &Document) -> bool {
    let condition = |field: &str| query.get_document("filter").ok().and_then(|filter| filter.get(field));
    let is_operator = |name: &str| condition(name).and_then(Bson::as_document).is_some_and(|value| !value.contains_key("$in"));
    let given = keys.keys().take_while(|key| condition(key).is_some() && !is_operator(key)).count();
    match query.get_document("sort").ok().and_then(|sort| sort.keys().next()) {
        Some(sorted) => keys.keys().nth(given) == Some(sorted),
        None => given > 0,
    }
}

#[test]
fn a_poll_that_finds_nothing_asks_the_same_of_every_archive_and_only_what_an_index_answers() {
    let mut shapes = Vec::new();
    for records in [30, 1500] {
        let Some(scratch) = Scratch::new() else { return };
        scratch.insert(&done(records));
        let overheard = Overheard::new(&scratch);
        // Until the watermark has moved.
        for _ in 0..12 {
            assert_eq!(overheard.poll().0, [0; 0]);
        }
        let polls: Vec<Vec<Document>> = (0..10).map(|_| overheard.poll().1).collect();
        let asked = polls.iter().flatten();
        for command in asked.filter(|command| command.contains_key("find")) {
            let collection = command.get_str("find").unwrap();
            // One document per filter and sub-type, whatever is archived.
            let small = collection == WATERMARK;
            let by_id = doc! { "_id": 1 };
            let wanted = indexes::wanted();
            let keys = wanted.iter().filter(|(of, ..)| *of == collection).map(|(_, _, keys)| keys).chain([&by_id]);
            assert!(small || keys.into_iter().any(|keys| is_answered(command, keys)), "no index answers {command}");
        }
        for poll in polls {
            let (sweep, rest): (Vec<Document>, Vec<Document>) = poll.into_iter().partition(is_of_sweep);
            assert!(sweep.len() <= 1, "{sweep:?}");
            // Now and then, by the clock, the watermark moves: one more update, of one small document.
            let queries = rest.iter().filter(|command| command.contains_key("find"));
            shapes.push(queries.map(shape).collect::<Vec<_>>());
        }
    }
    // Where the watermark is, and both lanes twice, or three times when it has moved.
    assert!(shapes.iter().all(|shapes| shapes.len() <= 8), "{shapes:#?}");
    let distinct = |shapes: &[Vec<String>]| shapes.iter().flatten().cloned().collect::<BTreeSet<String>>();
    let (few, many) = shapes.split_at(10);
    assert_eq!(distinct(few), distinct(many));
}

#[test]
fn a_query_that_no_index_answers_is_known() {
    let keys = doc! { "itype": 1, "sub_type": 1, "_id": 1 };
    let query = |filter: Document, sort: Document| doc! { "find": "instance", "filter": filter, "sort": sort };
    let raw = doc! { "itype": "raw", "sub_type": "cowrie" };
    assert!(is_answered(&query(raw.clone(), doc! { "_id": 1 }), &keys));
    assert!(!is_answered(&query(raw.clone(), doc! { "received_at": 1 }), &keys));
    assert!(!is_answered(&query(doc! { "itype": "raw", "sub_type": { "$ne": "x" } }, doc! { "_id": 1 }), &keys));
    assert!(!is_answered(&query(doc! { "sub_type": "cowrie" }, doc! {}), &keys));
    assert!(is_answered(&query(doc! { "_hash": { "$in": [Hash::of(&[b""]).to_string()] } }, doc! {}), &doc! { "_hash": 1 }));
}

#[test]
fn a_record_that_arrived_late_is_found_by_polling_behind_any_number_of_others() {
    let Some(scratch) = Scratch::new() else { return };
    scratch.insert(&done(1200));
    let overheard = Overheard::new(&scratch);
    // Until the watermark is behind all of them, and the first sweep at its end.
    for _ in 0..16 {
        assert_eq!(overheard.poll().0, [0; 0]);
    }
    // Its place is in the second slice of the next one, before which it rests for five minutes.
    scratch.insert(&[original(3000, 1_600_000_000 + 1100)]);
    overheard.seconds.fetch_add(300, Ordering::Relaxed);
    assert!((0..16).any(|_| overheard.poll().0 == [3000]), "not found in a whole sweep");
}
