//! The few commands that the store needs of a server, each with its faults sorted by whose they are.

use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::ErrorKind;
use mongodb::options::{DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, Collection, Database};

use super::address::{self, Address, Target};
use super::error::Fault;
use super::patience::{INDEX, Patience};
use crate::store::StoreError;

/// How many documents a server may send in one answer. Not all of them leave off at 16 MiB by themselves.
const BATCH: u32 = 1000;

/// The archive, which others read and write too.
pub(super) const INSTANCE: &str = "instance";
/// Submissions of further organisations.
pub(super) const SUBMISSION: &str = "submission";
/// How pairs stand.
pub(super) const LEDGER: &str = "ledger";
/// Who works on which range of hashes.
pub(super) const LEASE: &str = "lease";
/// Filters, as last registered.
pub(super) const FILTER: &str = "filter";
/// Up to where everything is settled.
pub(super) const WATERMARK: &str = "watermark";
/// References for which a document has no room.
pub(super) const REFERENCE: &str = "reference";
/// The numbers that dead letters are called by.
pub(super) const COUNTER: &str = "counter";

/// What one command holds at most, so that it is below the server's 16 MiB with all that is around it.
const COMMAND_BYTES: usize = 8 * 1024 * 1024;
const COMMAND_UPDATES: usize = 1000;
/// As many as FerretDB 1 takes: each of a command's updates keeps one of its hundred connections to its backend until
/// all are done, and the next waits for ever.
const FERRETDB_UPDATES: usize = 64;

/// How often a write that another writer overtook is tried again.
pub(super) const RACES: u32 = 8;

/// One update of an `update` command.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) filter: Document,
    pub(super) change: Document,
    pub(super) upsert: bool,
}

impl Update {
    /// Of the one document of that `_id`, which is there. FerretDB has an index for exactly this filter and no other.
    pub(super) fn of(id: impl Into<Bson>, change: Document) -> Self {
        Self { filter: doc! { "_id": id.into() }, change, upsert: false }
    }

    /// As [`Update::of`], for one that may have to be made.
    pub(super) fn or_insert(id: impl Into<Bson>, change: Document) -> Self {
        Self { upsert: true, ..Self::of(id, change) }
    }

    /// Only if the rest of the filter matches too.
    pub(super) fn guarded(filter: Document, change: Document) -> Self {
        Self { filter, change, upsert: false }
    }
}

/// A database on a server.
pub(super) struct Server {
    pub(super) address: Address,
    database: Database,
    concern: Bson,
    patience: Patience,
    /// How many updates one command has at most.
    updates: usize,
}

impl Server {
    /// Connects, and asks for a sign of life.
    pub(super) fn connect(uri: &str) -> Result<Self, StoreError> {
        let address = Address::new(uri);
        let target = address::parse(uri, &address)?;
        Self::at(target, address)
    }

    pub(super) fn at(target: Target, address: Address) -> Result<Self, StoreError> {
        let patience = target.patience;
        let concern =
            mongodb::bson::serialize_to_bson(&target.concern).unwrap_or_else(|_| Bson::Document(doc! { "w": "majority" }));
        let client = patience.wait(async { Client::with_options(target.options) });
        let client = client.map_err(|error| Fault::of(&error).into_error(&address))?;
        // From the primary, and only what an election cannot take back: what is read here decides that something need
        // not be written.
        let options = DatabaseOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .read_concern(ReadConcern::majority())
            .write_concern(target.concern)
            .build();
        let mut server = Self {
            database: client.database_with_options(&target.database, options),
            address,
            concern,
            patience,
            updates: COMMAND_UPDATES,
        };
        if server.command(doc! { "buildInfo": 1 })?.contains_key("ferretdbVersion") {
            server.updates = FERRETDB_UPDATES;
        }
        // A server by itself may not know read concerns, and has nobody to disagree with.
        if let Err(StoreError::Permanent(_)) = server.find_sorted(INSTANCE, doc! {}, doc! { "_id": 1 }, doc! {}, Some(1)) {
            let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
            let options = DatabaseOptions::builder()
                .selection_criteria(primary)
                .write_concern(server.database.write_concern().cloned())
                .build();
            server.database = client.database_with_options(&target.database, options);
        }
        Ok(server)
    }

    pub(super) fn failed(&self, error: &mongodb::error::Error) -> StoreError {
        Fault::of(error).into_error(&self.address)
    }

    /// An error of our own: the place, and what of it.
    pub(super) fn refuse(&self, what: &str) -> StoreError {
        StoreError::Permanent(format!("{} {what}", self.address.shown()))
    }

    pub(super) fn command(&self, command: Document) -> Result<Document, StoreError> {
        self.patience.wait(self.database.run_command(command)).map_err(|error| self.failed(&error))
    }

    /// A command that may take as long as the building of an index.
    pub(super) fn long_command(&self, command: Document) -> Result<Document, StoreError> {
        self.patience.at_least(INDEX).wait(self.database.run_command(command)).map_err(|error| self.failed(&error))
    }

    pub(super) fn has_collection(&self, name: &str) -> Result<bool, StoreError> {
        let names = self.patience.wait(self.database.list_collection_names().filter(doc! { "name": name }));
        Ok(names.map_err(|error| self.failed(&error))?.iter().any(|found| found == name))
    }

    /// The indexes of a collection that is there, as the server describes them. No collection has more than 64.
    pub(super) fn indexes(&self, collection: &str) -> Result<Vec<Document>, StoreError> {
        let reply = self.command(doc! { "listIndexes": collection })?;
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        Ok(batch.map(Vec::as_slice).unwrap_or_default().iter().filter_map(Bson::as_document).cloned().collect())
    }

    /// Raw bytes: a document that others wrote badly is then a fault of that document, not of the cursor.
    fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.database.collection(name)
    }

    /// A cursor over what matches. An empty sort: any order.
    pub(super) fn query(
        &self,
        collection: &str,
        filter: Document,
        projection: Document,
        sort: Document,
        limit: Option<usize>,
    ) -> Result<Found<'_>, StoreError> {
        let collection = self.collection(collection);
        let mut find = collection.find(filter);
        if !projection.is_empty() {
            find = find.projection(projection);
        }
        if !sort.is_empty() {
            find = find.sort(sort).allow_disk_use(true);
        }
        let mut batch = BATCH;
        if let Some(limit) = limit {
            // In one answer: a server begins with a hundred, unless told.
            batch = u32::try_from(limit).unwrap_or(u32::MAX);
            find = find.limit(i64::from(batch));
        }
        let cursor = self.patience.wait(find.batch_size(batch)).map_err(|error| self.failed(&error))?;
        Ok(Found { server: self, cursor })
    }

    /// A cursor over what matches, with these fields and `_hash`, in the order of their hashes. Projected before it is
    /// sorted, so that the server sorts little: a document may hold thousands of references.
    pub(super) fn by_hash(&self, collection: &str, filter: Document, mut projection: Document) -> Result<Found<'_>, StoreError> {
        projection.insert("_hash", 1);
        let stages = [doc! { "$match": filter }, doc! { "$project": projection }, doc! { "$sort": { "_hash": 1 } }];
        let collection = self.collection(collection);
        let aggregate = collection.aggregate(stages).allow_disk_use(true).batch_size(BATCH).with_type();
        let cursor = self.patience.wait(aggregate).map_err(|error| self.failed(&error))?;
        Ok(Found { server: self, cursor })
    }

    /// All that match.
    pub(super) fn find(&self, collection: &str, filter: Document, projection: Document) -> Result<Vec<Document>, StoreError> {
        self.find_sorted(collection, filter, projection, Document::new(), None)
    }

    pub(super) fn find_sorted(
        &self,
        collection: &str,
        filter: Document,
        projection: Document,
        sort: Document,
        limit: Option<usize>,
    ) -> Result<Vec<Document>, StoreError> {
        self.query(collection, filter, projection, sort, limit)?.collect()
    }

    /// Inserts; returns the faults of single documents by their index. What has no fault is stored.
    pub(super) fn insert(&self, collection: &str, documents: &[Document]) -> Result<Vec<(usize, Fault)>, StoreError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let target: Collection<Document> = self.database.collection(collection);
        let Err(error) = self.patience.wait(target.insert_many(documents).ordered(false)) else { return Ok(Vec::new()) };
        if let ErrorKind::InsertMany(many) = error.kind.as_ref()
            && many.write_concern_error.is_none()
            && let Some(errors) = &many.write_errors
        {
            let faults = errors.iter().map(|error| (error.index, Fault::of_code(error.code, &error.message, true)));
            return self.only_of_documents(faults.collect());
        }
        match Fault::of(&error) {
            // The whole command was refused for one document: find out which.
            fault if fault.is_of_document() && documents.len() == 1 => Ok(vec![(0, fault.scrubbed(&self.address))]),
            fault if fault.is_of_document() => {
                let mut faults = Vec::new();
                for (index, document) in documents.iter().enumerate() {
                    let fault = self.insert(collection, std::slice::from_ref(document))?.pop();
                    faults.extend(fault.map(|(_, fault)| (index, fault)));
                }
                Ok(faults)
            }
            // Some may be stored: the caller looks.
            Fault::Duplicate => Ok((0..documents.len()).map(|index| (index, Fault::Duplicate)).collect()),
            fault => Err(fault.into_error(&self.address)),
        }
    }

    /// Joins, in as many commands as it takes; no order among them is promised. Returns the faults of single updates
    /// by their index: why the document cannot take them.
    ///
    /// Through the `update` command, since the driver's bulk write needs MongoDB 8.
    pub(super) fn update(&self, collection: &str, updates: &[Update]) -> Result<Vec<(usize, Fault)>, StoreError> {
        let mut refused = Vec::new();
        let mut from = 0;
        while from < updates.len() {
            let rest = updates.get(from..).unwrap_or_default();
            let mut bytes = 0;
            let fits = rest.iter().take(self.updates).take_while(|update| {
                bytes += size(&update.change) + size(&update.filter);
                bytes <= COMMAND_BYTES
            });
            let length = fits.count().max(1);
            let chunk = rest.get(..length).unwrap_or_default();
            refused.extend(self.update_chunk(collection, chunk, from)?);
            from += length;
        }
        Ok(refused)
    }

    /// Of updates that are not all taken, finds out which by halves. MongoDB names them; FerretDB always names the
    /// first one, and does not try those behind the one that it means. Joins may be repeated.
    fn update_chunk(&self, collection: &str, updates: &[Update], first: usize) -> Result<Vec<(usize, Fault)>, StoreError> {
        for race in 0..RACES {
            let Some(fault) = self.update_once(collection, updates) else { return Ok(Vec::new()) };
            match fault {
                Fault::Transient(_) | Fault::Permanent(_) => return Err(fault.into_error(&self.address)),
                _ if updates.len() > 1 => {
                    let (one, other) = updates.split_at(updates.len() / 2);
                    let mut refused = self.update_chunk(collection, one, first)?;
                    refused.extend(self.update_chunk(collection, other, first + one.len())?);
                    return Ok(refused);
                }
                // Two upserts of one document at once: one of them finds it there the next time.
                Fault::Duplicate => std::thread::sleep(std::time::Duration::from_millis(1 << race)),
                fault => return Ok(vec![(first, fault.scrubbed(&self.address))]),
            }
        }
        Err(Fault::Duplicate.into_error(&self.address))
    }

    /// One `update` command; returns a fault if there was one, the worst first.
    fn update_once(&self, collection: &str, updates: &[Update]) -> Option<Fault> {
        let list: Vec<Bson> = updates
            .iter()
            .map(|update| {
                let mut one = doc! { "q": update.filter.clone(), "u": update.change.clone() };
                if update.upsert {
                    one.insert("upsert", true);
                }
                Bson::Document(one)
            })
            .collect();
        let command = doc! { "update": collection, "updates": list, "ordered": false, "writeConcern": self.concern.clone() };
        let reply = match self.patience.wait(self.database.run_command(command)) {
            Ok(reply) => reply,
            Err(error) => return Some(Fault::of(&error)),
        };
        if let Ok(concern) = reply.get_document("writeConcernError") {
            return Some(Fault::Transient(concern.get_str("errmsg").unwrap_or("the write concern was not met").to_owned()));
        }
        let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default().iter().filter_map(Bson::as_document);
        let mut faults = errors.map(|error| {
            // Small and whole, as the protocol has it.
            let code = super::reading::number(error.get("code")).unwrap_or(0.0) as i32;
            Fault::of_code(code, error.get_str("errmsg").unwrap_or_default(), true)
        });
        let first = faults.next()?;
        Some(faults.find(|fault| matches!(fault, Fault::Transient(_) | Fault::Permanent(_))).unwrap_or(first))
    }

    /// What is not a document's own fault concerns the whole batch.
    fn only_of_documents(&self, faults: Vec<(usize, Fault)>) -> Result<Vec<(usize, Fault)>, StoreError> {
        for (_, fault) in &faults {
            if let Fault::Transient(_) | Fault::Permanent(_) = fault {
                return Err(fault.clone().into_error(&self.address));
            }
        }
        Ok(faults.into_iter().map(|(index, fault)| (index, fault.scrubbed(&self.address))).collect())
    }

    /// Removes what matches; only of our own collections.
    pub(super) fn delete(&self, collection: &str, filter: Document) -> Result<(), StoreError> {
        self.patience.wait(self.collection(collection).delete_many(filter)).map(drop).map_err(|error| self.failed(&error))
    }

    /// Takes `n` numbers from a counter; returns the first.
    pub(super) fn take_numbers(&self, name: &str, n: usize) -> Result<i64, StoreError> {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let reply = self.command(doc! {
            "findAndModify": COUNTER, "query": { "_id": name }, "update": { "$inc": { "next": n } }, "upsert": true, "new": true,
            "writeConcern": self.concern.clone(),
        })?;
        let after = reply.get_document("value").ok().map_or(0, |value| super::reading::count(value, "next"));
        Ok(i64::try_from(after).unwrap_or(i64::MAX).saturating_sub(n) + 1)
    }
}

/// What a query finds, read from the server as it is asked for.
pub(super) struct Found<'s> {
    server: &'s Server,
    cursor: mongodb::Cursor<RawDocumentBuf>,
}

impl Iterator for Found<'_> {
    type Item = Result<Document, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.server.patience.wait(self.cursor.advance()) {
            Ok(true) => Some(Ok(decoded(self.cursor.current()))),
            Ok(false) => None,
            Err(error) => Some(Err(self.server.failed(&error))),
        }
    }
}

/// What can be read of a document that may be broken: text that is no UTF-8 gets U+FFFD, what is no BSON ends it.
fn decoded(raw: &RawDocument) -> Document {
    if let Ok(document) = Document::try_from(raw) {
        return document;
    }
    mongodb::bson::Utf8Lossy::<Document>::try_from(raw).map(|lossy| lossy.0).unwrap_or_default()
}

/// Bytes as BSON.
pub(super) fn size(document: &Document) -> usize {
    5 + document.iter().map(|(key, value)| key.len() + 2 + value_size(value)).sum::<usize>()
}

fn value_size(value: &Bson) -> usize {
    match value {
        Bson::String(text) => text.len() + 5,
        Bson::Document(document) => size(document),
        // The keys of an array are its indices in decimal.
        Bson::Array(items) => 5 + items.iter().map(|item| 9 + value_size(item)).sum::<usize>(),
        Bson::Binary(binary) => binary.bytes.len() + 5,
        _ => 16,
    }
}
