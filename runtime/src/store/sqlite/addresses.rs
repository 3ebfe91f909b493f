//! Finding documents by their hashes, and adding to what finds them: the tables of `addresses.sql`.

use std::collections::HashMap;

use rusqlite::{CachedStatement, OptionalExtension as _, Transaction};

use super::known::{Split, Stored};
use super::schema::by_hash;
use crate::tahoe::Hash;

/// Between what bounds the room of the young level lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) least: i64,
    pub(super) most: i64,
}

/// Less is not worth a move; with more, a move would keep other processes waiting too long. With some tens of millions of
/// documents a move writes most pages of the large level, which may take as long as others wait for the file at most.
pub(super) const ROOM: Room = Room { least: 8 * 1024, most: 256 * 1024 };

/// A usual transaction adds so many documents.
const USUAL: u64 = 1024;

/// How many documents of a transaction wait in memory at most: some 5 MB.
const WAITING: i64 = 56 * 1024;

impl Room {
    /// How many documents the young level may hold beside so many in the large one. A move of r documents writes all n of the
    /// large level, and each transaction of t documents half of the young one: n / r + r / 2t for each document, which is the
    /// least where r² = 2nt.
    fn beside(self, documents: i64) -> i64 {
        let best = documents.unsigned_abs().saturating_mul(2 * USUAL).isqrt();
        i64::try_from(best).unwrap_or(self.most).clamp(self.least, self.most)
    }
}

/// Rows in one statement. The cursor stays where it is between the rows of one statement.
const TOGETHER: usize = 32;

/// A row of either level.
type Entry = ([u8; 8], i64);

/// Finds documents by their hashes, and notes new ones, within one transaction.
pub(super) struct Addresses<'t> {
    transaction: &'t Transaction<'t>,
    find: CachedStatement<'t>,
    /// Documents of this transaction that neither level has yet. They go there together, in the order of hashes; and those of
    /// a transaction that adds more than the young level holds never go into that.
    waiting: HashMap<Hash, Stored>,
    room: Room,
}

impl<'t> Addresses<'t> {
    pub(super) fn prepare(transaction: &'t Transaction<'_>, room: Room) -> rusqlite::Result<Self> {
        let find = transaction.prepare_cached(by_hash!("instance.id, itype, sub_type, orgid, timestamp"))?;
        Ok(Self { transaction, find, waiting: HashMap::new(), room })
    }

    /// The document of this hash.
    pub(super) fn find(&mut self, hash: &Hash) -> rusqlite::Result<Option<Stored>> {
        if let Some(stored) = self.waiting.get(hash) {
            return Ok(Some(*stored));
        }
        self.find.query_row([hash.as_bytes()], |row| Ok(Stored { id: row.get(0)?, split: Split::of_row(row, 1)? })).optional()
    }

    /// Notes a document that was inserted. Others find it after [`Addresses::flush`].
    pub(super) fn add(&mut self, hash: Hash, stored: Stored) -> rusqlite::Result<()> {
        self.waiting.insert(hash, stored);
        // A feed with a million of them takes no more memory than this.
        if self.waiting.len() as i64 > self.room.most.min(WAITING) { self.flush() } else { Ok(()) }
    }

    /// Writes what waits: into the young level, unless that has no room; then that is emptied into the large one, and this
    /// goes there as well. Must come before the transaction's end.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        let mut entries: Vec<Entry> = self.waiting.drain().map(|(hash, stored)| (prefix(&hash), stored.id)).collect();
        let Some(last) = entries.iter().map(|(_, id)| *id).max() else { return Ok(()) };
        entries.sort_unstable();
        let mut moved = self.transaction.prepare_cached("SELECT up_to FROM address_moved")?;
        let moved: i64 = moved.query_row([], |row| row.get(0))?;
        // Documents are numbered one after the other.
        if last.saturating_sub(moved) <= self.room.beside(moved) {
            return self.insert("address_fresh", &entries);
        }
        self.transaction.execute("INSERT INTO address SELECT prefix, id FROM address_fresh ORDER BY prefix, id", [])?;
        self.transaction.execute("DELETE FROM address_fresh", [])?;
        self.insert("address", &entries)?;
        self.transaction.execute("UPDATE address_moved SET up_to = ?1", [last]).map(drop)
    }

    fn insert(&self, level: &str, entries: &[Entry]) -> rusqlite::Result<()> {
        let values = vec!["(?, ?)"; TOGETHER].join(", ");
        let mut many = self.transaction.prepare_cached(&format!("INSERT INTO {level} VALUES {values}"))?;
        let (chunks, rest) = entries.as_chunks::<TOGETHER>();
        for chunk in chunks {
            for (row, (prefix, id)) in chunk.iter().enumerate() {
                many.raw_bind_parameter(row * 2 + 1, prefix)?;
                many.raw_bind_parameter(row * 2 + 2, id)?;
            }
            many.raw_execute()?;
        }
        let mut one = self.transaction.prepare_cached(&format!("INSERT INTO {level} VALUES (?, ?)"))?;
        rest.iter().try_for_each(|entry| one.execute(*entry).map(drop))
    }
}

/// What the levels have of a hash.
fn prefix(hash: &Hash) -> [u8; 8] {
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::super::SqliteStore;
    use super::super::testing::{ALL, FILTER, Scratch, done, exported, filter, key, login, record, settle_all};
    use super::Room;
    use crate::store::{Committed, NewRecord, Settled, Store as _};
    use crate::tahoe::Category;

    /// Lets the young level hold this many documents, as far as this process is concerned.
    fn give_room(store: &SqliteStore, room: i64) {
        super::super::lock(&store.writer).room = Room { least: room, most: room };
    }

    #[test]
    fn the_young_level_grows_with_the_archive_within_bounds() {
        let of = |documents| super::ROOM.beside(documents);
        assert_eq!([0, 30_000, 3_000_000, 30_000_000, i64::MAX].map(of), [8192, 8192, 78383, 247870, 262_144]);
    }

    fn records(numbers: std::ops::Range<usize>) -> Vec<NewRecord> {
        numbers.map(|n| record("cowrie", n, "org-one")).collect()
    }

    /// How many documents each level has, the young one first; each document is in exactly one, under its own hash, and where
    /// the mark says.
    fn levels(scratch: &Scratch) -> (i64, i64) {
        let count = |sql: &str| scratch.query::<i64>(&format!("SELECT count(*) {sql}"));
        let (fresh, moved) = (count("FROM address_fresh"), count("FROM address"));
        assert_eq!(count("FROM addressed JOIN instance USING (id) WHERE prefix = substr(hash, 1, 8)"), fresh + moved);
        assert_eq!(count("FROM instance"), fresh + moved);
        assert_eq!(count("FROM address JOIN address_moved ON id > up_to"), 0);
        assert_eq!(count("FROM address_fresh JOIN address_moved ON id <= up_to"), 0);
        (fresh, moved)
    }

    /// Every document is found by its hash, and the export has them in that order, each once.
    fn all_are_found(scratch: &Scratch, store: &SqliteStore) {
        let all = exported(store);
        let connection = Connection::open(scratch.path()).unwrap();
        let mut hashes = connection.prepare("SELECT lower(hex(hash)) FROM instance ORDER BY hash").unwrap();
        let hashes: Vec<String> = hashes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(all.lines().count(), hashes.len());
        for (line, hash) in all.lines().zip(hashes) {
            assert_eq!(store.document(hash.parse().unwrap()).unwrap().as_deref(), Some(line));
        }
    }

    #[test]
    fn the_young_level_is_emptied_when_there_is_no_room_and_nothing_else_changes() {
        let scratch = Scratch::new();
        give_room(&scratch.store, 5);
        scratch.store.ingest(&records(0..3)).unwrap();
        assert_eq!(levels(&scratch), (3, 0));
        scratch.store.ingest(&records(3..5)).unwrap();
        assert_eq!(levels(&scratch), (5, 0));
        scratch.store.ingest(&records(5..6)).unwrap();
        assert_eq!(levels(&scratch), (0, 6));
        all_are_found(&scratch, &scratch.store);
        scratch.store.ingest(&records(6..10)).unwrap();
        assert_eq!(levels(&scratch), (4, 6));
        all_are_found(&scratch, &scratch.store);
        // A transaction that is larger than the young level.
        scratch.store.ingest(&records(9..30)).unwrap();
        assert_eq!(levels(&scratch), (2, 28));
        all_are_found(&scratch, &scratch.store);
        let plain = Scratch::new();
        plain.store.ingest(&records(0..30)).unwrap();
        assert_eq!(levels(&plain), (30, 0));
        assert_eq!(exported(&scratch.store), exported(&plain.store));
    }

    #[test]
    fn a_move_that_is_rolled_back_did_not_take_place() {
        let scratch = Scratch::with(4);
        give_room(&scratch.store, 6);
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        let before = exported(&scratch.store);
        // Comes after all documents.
        let obstacle = "CREATE TRIGGER obstacle BEFORE UPDATE ON watermark BEGIN SELECT raise(ABORT, 'obstacle'); END";
        Connection::open(scratch.path()).unwrap().execute_batch(obstacle).unwrap();
        let settled: Vec<Settled> =
            work.iter().zip(0..).map(|(work, n)| done(work.key.clone(), login(n, "org-one", Category::Unknown))).collect();
        assert!(scratch.store.commit(FILTER, &settled).unwrap_err().to_string().contains("obstacle"));
        assert_eq!(levels(&scratch), (4, 0));
        assert_eq!(exported(&scratch.store), before);
        Connection::open(scratch.path()).unwrap().execute_batch("DROP TRIGGER obstacle").unwrap();
        scratch.store.commit(FILTER, &settled).unwrap();
        assert!(levels(&scratch).1 > 4);
        all_are_found(&scratch, &scratch.store);
    }

    #[test]
    fn a_process_finds_what_another_one_moved_after_it_looked() {
        let scratch = Scratch::with(3);
        let other = scratch.another();
        other.register(&filter(FILTER, &["cowrie"])).unwrap();
        // Both have looked, and remember.
        settle_all(&other, &other.claim(FILTER, ALL).unwrap());
        all_are_found(&scratch, &scratch.store);
        give_room(&scratch.store, 0);
        scratch.store.ingest(&records(3..5)).unwrap();
        assert_eq!(levels(&scratch).0, 0);
        for store in [&scratch.store, &other] {
            all_are_found(&scratch, store);
        }
        // The same documents again, by the one that did not move them.
        let again = settle_all(&other, &other.claim(FILTER, ALL).unwrap());
        assert_eq!(again.len(), 2);
        let known = key(&record("cowrie", 0, "org-two"));
        other.ingest(&[record("cowrie", 0, "org-two")]).unwrap();
        let known = done(known, login(0, "org-one", Category::Unknown));
        assert_eq!(other.commit(FILTER, &[known]).unwrap(), [Committed::Done { new_documents: 0 }]);
        levels(&scratch);
        all_are_found(&scratch, &scratch.store);
    }

    /// What a process does: archive records and settle them, and whether it is cut off when all documents are written.
    #[derive(Clone, Copy, Debug)]
    struct Step {
        process: usize,
        from: usize,
        count: usize,
        is_cut_off: bool,
    }

    fn step() -> impl Strategy<Value = Step> {
        (0..2_usize, 0..12_usize, 1..5_usize, proptest::bool::weighted(0.25))
            .prop_map(|(process, from, count, is_cut_off)| Step { process, from, count, is_cut_off })
    }

    fn take(store: &SqliteStore, step: Step, obstacle: &dyn Fn(&str)) {
        let records = records(step.from..step.from + step.count);
        let settled: Vec<Settled> =
            (step.from..).zip(&records).map(|(n, record)| done(key(record), login(n, "org-one", Category::Benign))).collect();
        store.ingest(&records).unwrap();
        if step.is_cut_off {
            obstacle("CREATE TRIGGER obstacle BEFORE UPDATE ON watermark BEGIN SELECT raise(ABORT, 'obstacle'); END");
        }
        // If there is nothing new, nothing is in its way.
        let committed = store.commit(FILTER, &settled);
        assert!(step.is_cut_off || committed.is_ok());
        obstacle("DROP TRIGGER IF EXISTS obstacle");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn whoever_moves_when_the_archive_is_the_same(
            steps in proptest::collection::vec(step(), 1..12),
            rooms in proptest::array::uniform2(0..24_i64),
        ) {
            let [plain, scratch] = [Scratch::with(1), Scratch::with(1)];
            let other = scratch.another();
            other.register(&filter(FILTER, &["cowrie"])).unwrap();
            let processes = [&scratch.store, &other];
            processes.iter().zip(rooms).for_each(|(store, room)| give_room(store, room));
            let files = [&plain, &scratch].map(|scratch| Connection::open(scratch.path()).unwrap());
            let [beside_plain, beside] = files.each_ref().map(|file| |sql: &str| file.execute_batch(sql).unwrap());
            for step in steps {
                let store = processes.get(step.process).unwrap();
                take(store, step, &beside);
                take(&plain.store, step, &beside_plain);
                let (fresh, _) = levels(&scratch);
                prop_assert!(fresh <= *rooms.iter().max().unwrap());
                all_are_found(&scratch, store);
                prop_assert_eq!(exported(&scratch.store), exported(&plain.store));
            }
            prop_assert_eq!(scratch.broken_references(), 0);
        }
    }
}
