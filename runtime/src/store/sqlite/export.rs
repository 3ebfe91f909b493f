//! Documents as others read them, in the form of [`Store::export`](crate::store::Store::export).

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

use super::schema::{DONE, by_hash, category_of, itype_code, itype_of};
use crate::json::{dump_f64, dump_str};
use crate::store::ExportQuery;
use crate::tahoe::{Category, Hash, Itype};

/// The columns that [`Exporter::write`] reads; where each is follows.
macro_rules! columns {
    () => {
        "instance.id, hash, itype, sub_type, data, orgid, timestamp, category, start_time, end_time, duration, timezone, received_at"
    };
}
mod column {
    pub(super) const ID: usize = 0;
    pub(super) const HASH: usize = 1;
    pub(super) const ITYPE: usize = 2;
    pub(super) const SUB_TYPE: usize = 3;
    pub(super) const DATA: usize = 4;
    pub(super) const ORGID: usize = 5;
    pub(super) const TIMESTAMP: usize = 6;
    pub(super) const CATEGORY: usize = 7;
    pub(super) const START_TIME: usize = 8;
    pub(super) const END_TIME: usize = 9;
    pub(super) const DURATION: usize = 10;
    pub(super) const TIMEZONE: usize = 11;
    pub(super) const RECEIVED_AT: usize = 12;
}

/// Why an export ended early.
pub(super) enum ExportError {
    /// The store's.
    Sqlite(rusqlite::Error),
    /// The sink's.
    Sink(std::io::Error),
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Hands all documents that match to the sink, in the order of their hashes, as they were when this began.
pub(super) fn export(
    connection: &Connection,
    query: &ExportQuery,
    sink: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<u64, ExportError> {
    // One transaction, one state of the archive, whatever is committed meanwhile.
    let transaction = connection.unchecked_transaction()?;
    let mut exporter = Exporter::prepare(&transaction)?;
    let mut documents = transaction.prepare(ALL)?;
    let mut rows = documents.query(params![query.itype.map(itype_code), query.sub_type])?;
    let mut line = String::new();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        line.clear();
        exporter.write(&mut line, row)?;
        sink(&line).map_err(ExportError::Sink)?;
        count += 1;
    }
    Ok(count)
}

/// The order of hashes, as both levels of the index have it: they are merged, and only hashes that begin alike are sorted.
const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    ", prefix FROM addressed JOIN instance ON instance.id = addressed.id
     WHERE (?1 IS NULL OR itype = ?1) AND (?2 IS NULL OR sub_type = ?2) ORDER BY prefix, hash"
);

/// One document, if there is one of that hash.
pub(super) fn document(connection: &Connection, hash: &Hash) -> rusqlite::Result<Option<String>> {
    let transaction = connection.unchecked_transaction()?;
    let mut exporter = Exporter::prepare(&transaction)?;
    let mut find = transaction.prepare_cached(by_hash!(columns!()))?;
    let written = |row: &Row<'_>| {
        let mut line = String::new();
        exporter.write(&mut line, row)?;
        Ok(line)
    };
    find.query_row([hash.as_bytes()], written).optional()
}

/// Writes documents.
struct Exporter<'c> {
    edges: CachedStatement<'c>,
    below: CachedStatement<'c>,
    hash: CachedStatement<'c>,
    marks: CachedStatement<'c>,
}

impl<'c> Exporter<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            edges: connection
                .prepare_cached("SELECT hash, is_child, context FROM edge JOIN instance ON id = dst WHERE src = ?1")?,
            // What a raw document refers to by way of the tops that are stored for it; a session's references are not
            // among them.
            below: connection.prepare_cached(
                "SELECT top.dst, below.dst FROM edge AS top JOIN instance ON instance.id = top.dst
                 LEFT JOIN edge AS below ON below.src = top.dst AND itype <> ?2 WHERE top.src = ?1",
            )?,
            hash: connection.prepare_cached("SELECT hash FROM instance WHERE id = ?1")?,
            marks: connection.prepare_cached(
                "SELECT uuid FROM submission JOIN filter
                 JOIN ledger ON ledger.filter = filter.id AND ledger.submission = submission.id AND state = ?3
                 WHERE raw = ?1 AND orgid = ?2 ORDER BY uuid",
            )?,
        })
    }

    /// Writes one document: keys in the order of their code points, nothing between tokens.
    fn write(&mut self, out: &mut String, row: &Row<'_>) -> rusqlite::Result<()> {
        let id: i64 = row.get(column::ID)?;
        let hash = Hash::from_bytes(row.get(column::HASH)?);
        let code: i64 = row.get(column::ITYPE)?;
        let itype = itype_of(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, code))?;
        let mut fields = Fields { out, first: true };
        let references = match itype {
            Itype::Attribute => References::default(),
            Itype::Object | Itype::Event | Itype::Session => self.references(id)?,
            Itype::Raw => References { all: self.record_references(id)?, ..References::default() },
        };
        let linked = matches!(itype, Itype::Object | Itype::Event | Itype::Session);
        if itype == Itype::Event {
            fields.hashes("_ben_ref", &references.benign);
        }
        if linked {
            fields.hashes("_cref", &references.children);
        }
        write_hash(fields.key("_hash"), &hash);
        if itype == Itype::Event {
            fields.hashes("_mal_ref", &references.malicious);
        }
        if linked || !references.all.is_empty() {
            fields.hashes("_ref", &references.all);
        }
        if let Some(category) = row.get::<_, Option<i64>>(column::CATEGORY)?.and_then(category_of) {
            fields.text("category", category.name());
        }
        // Written as it is: JSON in this form already.
        fields.key("data").push_str(row.get_ref(column::DATA)?.as_str()?);
        fields.number("duration", row.get(column::DURATION)?);
        fields.number("end_time", row.get(column::END_TIME)?);
        if itype == Itype::Raw {
            let orgid = row.get_ref(column::ORGID)?.as_str_or_null()?;
            self.marks(&mut fields, id, orgid)?;
        }
        fields.text("itype", itype.name());
        if let Some(orgid) = row.get_ref(column::ORGID)?.as_str_or_null()? {
            fields.text("orgid", orgid);
        }
        fields.number("received_at", row.get(column::RECEIVED_AT)?);
        fields.number("start_time", row.get(column::START_TIME)?);
        fields.text("sub_type", row.get_ref(column::SUB_TYPE)?.as_str()?);
        fields.number("timestamp", row.get(column::TIMESTAMP)?);
        if let Some(timezone) = row.get_ref(column::TIMEZONE)?.as_str_or_null()? {
            fields.text("timezone", timezone);
        }
        out.push('}');
        Ok(())
    }

    /// The references of an object, an event or a session, each list in the order of hashes.
    fn references(&mut self, id: i64) -> rusqlite::Result<References> {
        let mut found = References::default();
        let mut rows = self.edges.query([id])?;
        while let Some(row) = rows.next()? {
            let hash = Hash::from_bytes(row.get(0)?);
            found.all.push(hash);
            if row.get(1)? {
                found.children.push(hash);
            }
            match category_of(row.get(2)?) {
                Some(Category::Benign) => found.benign.push(hash),
                Some(Category::Malicious) => found.malicious.push(hash),
                Some(Category::Unknown) | None => {}
            }
        }
        for list in [&mut found.all, &mut found.children, &mut found.benign, &mut found.malicious] {
            list.sort_unstable();
        }
        Ok(found)
    }

    /// The `_ref` of a raw document. Rows before hashes, since many events of one record refer to the same documents.
    fn record_references(&mut self, id: i64) -> rusqlite::Result<Vec<Hash>> {
        let mut ids: Vec<i64> = Vec::new();
        let mut rows = self.below.query(params![id, itype_code(Itype::Session)])?;
        while let Some(row) = rows.next()? {
            let top = row.get(0)?;
            if ids.last() != Some(&top) {
                ids.push(top);
            }
            ids.extend(row.get::<_, Option<i64>>(1)?);
        }
        drop(rows);
        ids.sort_unstable();
        ids.dedup();
        let mut hashes = Vec::with_capacity(ids.len());
        for id in ids {
            hashes.push(Hash::from_bytes(self.hash.query_row([id], |row| row.get(0))?));
        }
        hashes.sort_unstable();
        Ok(hashes)
    }

    /// The filters that have done the record's first submission: the one of the organisation that the raw document
    /// names.
    fn marks(&mut self, fields: &mut Fields<'_>, id: i64, orgid: Option<&str>) -> rusqlite::Result<()> {
        let mut rows = self.marks.query(params![id, orgid, DONE])?;
        let mut first = true;
        while let Some(row) = rows.next()? {
            let out = if first { fields.key("filters") } else { &mut *fields.out };
            out.push(if first { '[' } else { ',' });
            first = false;
            dump_str(out, row.get_ref(0)?.as_str()?);
        }
        if !first {
            fields.out.push(']');
        }
        Ok(())
    }
}

#[derive(Default)]
struct References {
    all: Vec<Hash>,
    children: Vec<Hash>,
    benign: Vec<Hash>,
    malicious: Vec<Hash>,
}

/// The fields of a JSON object, in the order in which they are given.
struct Fields<'o> {
    out: &'o mut String,
    first: bool,
}

impl Fields<'_> {
    fn key(&mut self, key: &str) -> &mut String {
        self.out.push(if self.first { '{' } else { ',' });
        self.first = false;
        dump_str(self.out, key);
        self.out.push(':');
        self.out
    }

    fn text(&mut self, key: &str, text: &str) {
        dump_str(self.key(key), text);
    }

    fn number(&mut self, key: &str, number: Option<f64>) {
        if let Some(number) = number {
            dump_f64(self.key(key), number);
        }
    }

    fn hashes(&mut self, key: &str, hashes: &[Hash]) {
        let out = self.key(key);
        out.push('[');
        for (i, hash) in hashes.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_hash(out, hash);
        }
        out.push(']');
    }
}

/// Most of an export is hashes; the formatter would be most of its time.
fn write_hash(out: &mut String, hash: &Hash) {
    let mut digits = [0; 64];
    // The length is right, and digits are UTF-8.
    let _ = hex::encode_to_slice(hash.as_bytes(), &mut digits);
    out.push('"');
    out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FILTER, Scratch, done, exported, key, login, plan, record};
    use crate::store::{ExportQuery, Store as _, StoreError};
    use crate::tahoe::{Category, Itype};

    fn filled() -> Scratch {
        let scratch = Scratch::with(3);
        let settled: Vec<_> =
            (0..3).map(|n| done(key(&record("cowrie", n, "org-one")), login(n, "org-one", Category::Malicious))).collect();
        scratch.store.commit(FILTER, &settled).unwrap();
        scratch
    }

    #[test]
    fn every_line_has_its_keys_sorted_and_exactly_the_fields_of_its_kind() {
        let scratch = filled();
        let mut hashes = Vec::new();
        for line in exported(&scratch.store).lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            // The writer of raw data writes the same form: sorted, compact, ASCII.
            assert_eq!(crate::json::write(&value), line);
            let fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
            let expected: &[&str] = match value.get("itype").unwrap().as_str().unwrap() {
                "attribute" => &["_hash", "data", "itype", "sub_type"],
                "object" => &["_cref", "_hash", "_ref", "data", "itype", "sub_type"],
                "event" => &[
                    "_ben_ref",
                    "_cref",
                    "_hash",
                    "_mal_ref",
                    "_ref",
                    "category",
                    "data",
                    "itype",
                    "orgid",
                    "sub_type",
                    "timestamp",
                ],
                "session" => &["_cref", "_hash", "_ref", "data", "end_time", "itype", "start_time", "sub_type"],
                _ => &["_hash", "_ref", "data", "filters", "itype", "orgid", "received_at", "sub_type", "timezone"],
            };
            let optional = ["start_time", "duration"];
            let without = |fields: &[&str]| {
                fields.iter().filter(|field| !optional.contains(field)).map(ToString::to_string).collect::<Vec<_>>()
            };
            assert_eq!(without(&fields), without(expected), "{line}");
            hashes.push(value.get("_hash").unwrap().as_str().unwrap().to_owned());
        }
        assert!(hashes.is_sorted());
        assert_eq!(hashes.len() as i64, scratch.query::<i64>("SELECT count(*) FROM instance"));
    }

    #[test]
    fn an_export_reads_along_the_index_and_does_not_sort_the_archive() {
        let scratch = filled();
        let connection = rusqlite::Connection::open(scratch.path()).unwrap();
        for statistics in ["", "ANALYZE"] {
            connection.execute_batch(statistics).unwrap();
            let steps = plan(&connection, super::ALL);
            let instance = "SEARCH instance USING INTEGER PRIMARY KEY (rowid=?)";
            // Of those that begin alike only.
            let ties = "USE TEMP B-TREE FOR LAST TERM OF ORDER BY";
            let [young, large] = ["SCAN address_fresh", "SCAN address"];
            assert_eq!(steps, ["MERGE (UNION ALL)", "LEFT", young, instance, ties, "RIGHT", large, instance, ties]);
        }
    }

    #[test]
    fn a_query_picks_by_kind_and_sub_type() {
        let scratch = filled();
        let count = |itype: Option<Itype>, sub_type: Option<&str>| {
            let query = ExportQuery { itype, sub_type: sub_type.map(str::to_owned) };
            scratch.store.export(&query, &mut |_| Ok(())).unwrap()
        };
        assert_eq!(count(Some(Itype::Raw), None), 3);
        assert_eq!(count(None, Some("ipv4")), 3);
        assert_eq!(count(Some(Itype::Attribute), Some("ipv4")), 3);
        assert_eq!(count(Some(Itype::Object), Some("ipv4")), 0);
        assert_eq!(count(None, Some("nothing")), 0);
    }

    #[test]
    fn one_document_is_written_as_in_the_whole_and_the_view_of_references_agrees() {
        let scratch = filled();
        let all = exported(&scratch.store);
        let mut references = 0;
        for line in all.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let hash = value.get("_hash").unwrap().as_str().unwrap().parse().unwrap();
            assert_eq!(scratch.store.document(hash).unwrap().as_deref(), Some(line));
            references += value.get("_ref").map_or(0, |list| list.as_array().unwrap().len());
        }
        assert_eq!(scratch.query::<i64>("SELECT count(*) FROM reference"), references as i64);
        assert_eq!(scratch.store.document(crate::tahoe::Hash::of(&[b"absent"])).unwrap(), None);
        for view in ["document", "attempt", "dead_record"] {
            scratch.query::<i64>(&format!("SELECT count(*) FROM {view}"));
        }
    }

    #[test]
    fn an_export_that_cannot_be_written_ends_with_the_reason() {
        let scratch = filled();
        let error =
            scratch.store.export(&ExportQuery::default(), &mut |_| Err(std::io::Error::other("pipe closed"))).unwrap_err();
        assert!(matches!(error, StoreError::Permanent(text) if text.contains("pipe closed")));
    }
}
