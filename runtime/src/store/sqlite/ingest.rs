//! Taking raw records into the archive.

use rusqlite::{CachedStatement, Transaction, TransactionBehavior, params};

use super::Writer;
use super::addresses::{Addresses, Room};
use super::connect::{insist, relax};
use super::counts::Submissions;
use super::known::{Split, Stored, describe};
use super::schema::itype_code;
use crate::store::{Archived, NewRecord};
use crate::tahoe::Itype;

/// Archives a batch: durable, unless the archive is to be thrown away, or not at all.
pub(super) fn ingest(writer: &mut Writer, records: &[NewRecord]) -> rusqlite::Result<Vec<Archived>> {
    if !writer.lasting {
        return ingest_whole(writer, records);
    }
    // Cannot be set within a transaction.
    insist(&writer.connection)?;
    let archived = ingest_whole(writer, records);
    relax(&writer.connection)?;
    archived
}

fn ingest_whole(writer: &mut Writer, records: &[NewRecord]) -> rusqlite::Result<Vec<Archived>> {
    let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut archive = Archive::prepare(&transaction, writer.room)?;
    let archived = records.iter().map(|record| archive.add(record)).collect::<rusqlite::Result<_>>()?;
    archive.finish()?;
    transaction.commit()?;
    Ok(archived)
}

struct Archive<'t> {
    transaction: &'t Transaction<'t>,
    addresses: Addresses<'t>,
    insert: CachedStatement<'t>,
    insert_kind: CachedStatement<'t>,
    submit: CachedStatement<'t>,
    submitted: Submissions,
}

impl<'t> Archive<'t> {
    fn prepare(transaction: &'t Transaction<'t>, room: Room) -> rusqlite::Result<Self> {
        Ok(Self {
            transaction,
            addresses: Addresses::prepare(transaction, room)?,
            insert: transaction.prepare_cached(
                "INSERT INTO instance (hash, itype, sub_type, data, orgid, timezone, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            insert_kind: transaction.prepare_cached("INSERT OR IGNORE INTO kind VALUES (?1, ?2)")?,
            submit: transaction.prepare_cached(
                "INSERT INTO submission (raw, sub_type, orgid, timezone, received_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (raw, orgid) DO NOTHING",
            )?,
            submitted: Submissions::default(),
        })
    }

    fn add(&mut self, record: &NewRecord) -> rusqlite::Result<Archived> {
        let NewRecord { document, orgid, timezone, received_at } = record;
        let raw = match self.addresses.find(&document.hash)? {
            Some(stored) if stored.split == Split::of_raw(document) => stored.id,
            Some(stored) => return Ok(Archived::Collision { stored: describe(self.transaction, stored.id)? }),
            None => {
                let (hash, itype) = (document.hash.as_bytes(), itype_code(Itype::Raw));
                let raw =
                    self.insert.insert(params![hash, itype, document.sub_type, document.data, orgid, timezone, received_at])?;
                self.addresses.add(document.hash, Stored { id: raw, split: Split::of_raw(document) })?;
                self.insert_kind.execute(params![itype, document.sub_type])?;
                raw
            }
        };
        let added = self.submit.execute(params![raw, document.sub_type, orgid, timezone, received_at])?;
        if added == 0 {
            return Ok(Archived::AlreadyThere);
        }
        self.submitted.add(&document.sub_type);
        Ok(Archived::New)
    }

    /// Writes what waits to be written.
    fn finish(mut self) -> rusqlite::Result<()> {
        self.addresses.flush()?;
        self.submitted.write(self.transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Scratch, exported, record};
    use super::*;
    use crate::store::Store as _;
    use crate::tahoe::Hash;

    #[test]
    fn archiving_again_adds_nothing_and_the_first_submission_decides_what_the_document_says() {
        let scratch = Scratch::new();
        let first = record("cowrie", 1, "org-one");
        let mut later = first.clone();
        later.timezone = "US/Pacific".to_owned();
        later.received_at += 60.0;
        let mut other = later.clone();
        other.orgid = "org-two".to_owned();
        let archived = scratch.store.ingest(&[first.clone(), later.clone(), other.clone()]).unwrap();
        assert_eq!(archived, [Archived::New, Archived::AlreadyThere, Archived::New]);
        let before = exported(&scratch.store);
        assert_eq!(scratch.store.ingest(&[other, later, first]).unwrap(), vec![Archived::AlreadyThere; 3]);
        assert_eq!(exported(&scratch.store), before);
        assert_eq!(before.lines().count(), 1);
        assert!(before.ends_with(
            r#""data":{"n":1,"sensor":"sensor-01"},"itype":"raw","orgid":"org-one","received_at":1800000001.0,"sub_type":"cowrie","timezone":"UTC"}
"#
        ));
        // The second organisation's submission has its own time of arrival.
        assert_eq!(scratch.query::<f64>("SELECT received_at FROM submission WHERE orgid = 'org-two'"), 1_800_000_061.0);
        assert_eq!(scratch.broken_references(), 0);
    }

    #[test]
    fn a_record_whose_hash_is_that_of_another_sub_type_is_refused_alone() {
        let scratch = Scratch::new();
        let first = record("cowrie", 1, "org-one");
        // No two sub-types give one hash with data that is an object; a damaged archive may.
        let mut other = record("cowrie2", 2, "org-one");
        other.document.hash = first.document.hash;
        let archived = scratch.store.ingest(&[first, other, record("cowrie", 3, "org-one")]).unwrap();
        assert_eq!(archived, [Archived::New, Archived::Collision { stored: "raw `cowrie`".to_owned() }, Archived::New]);
        assert_eq!(scratch.query::<i64>("SELECT count(*) FROM submission"), 2);
    }

    #[test]
    fn hashes_that_begin_alike_are_told_apart() {
        let scratch = Scratch::new();
        let records = [1, 2, 3].map(|n| {
            let mut record = record("cowrie", n, "org-one");
            let mut bytes = *record.document.hash.as_bytes();
            bytes.iter_mut().take(16).for_each(|byte| *byte = 7);
            record.document.hash = Hash::from_bytes(bytes);
            record
        });
        assert_eq!(scratch.store.ingest(&records).unwrap(), vec![Archived::New; 3]);
        assert_eq!(scratch.store.ingest(&records).unwrap(), vec![Archived::AlreadyThere; 3]);
        let mut hashes = records.each_ref().map(|record| record.document.hash);
        hashes.sort_unstable();
        let all = exported(&scratch.store);
        for (line, hash) in all.lines().zip(hashes) {
            assert!(line.contains(&hash.to_string()));
            assert_eq!(scratch.store.document(hash).unwrap().as_deref(), Some(line));
        }
        assert_eq!(all.lines().count(), 3);
    }

    #[test]
    fn text_from_outside_is_data_and_nothing_else() {
        let scratch = Scratch::new();
        let mut hostile = record("cowrie", 1, "'); DROP TABLE instance; --\0\u{202e}");
        hostile.document.sub_type = "\"; SELECT 1".to_owned();
        assert_eq!(scratch.store.ingest(&[hostile.clone()]).unwrap(), [Archived::New]);
        assert_eq!(scratch.store.ingest(&[hostile]).unwrap(), [Archived::AlreadyThere]);
        assert!(exported(&scratch.store).contains(r#""orgid":"'); DROP TABLE instance; --\u0000\u202e""#));
    }
}
