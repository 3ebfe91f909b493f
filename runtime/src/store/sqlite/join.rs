//! Joining the documents of one answer into the archive: look-ups first, then writes.

use rusqlite::{CachedStatement, Transaction, params};

use super::addresses::{Addresses, Room};
use super::edges::Edges;
use super::known::{Known, Split, Stored, describe};
use super::schema::{category_code, itype_code};
use crate::tahoe::{Body, Category, Document, Graph, Itype};

/// The row of each document of a graph; `None` for those that the archive does not have.
pub(super) type Rows = Vec<Option<i64>>;

/// Why an answer cannot be joined: a document of it is not the stored one of its hash.
pub(super) struct Collision(pub(super) String);

/// Joins graphs within one transaction.
pub(super) struct Joiner<'t> {
    transaction: &'t Transaction<'t>,
    known: &'t mut Known,
    addresses: Addresses<'t>,
    insert: CachedStatement<'t>,
    insert_kind: CachedStatement<'t>,
    edges: Edges<'t>,
    raise_category: CachedStatement<'t>,
    raise_context: CachedStatement<'t>,
    widen_session: CachedStatement<'t>,
}

impl<'t> Joiner<'t> {
    pub(super) fn prepare(transaction: &'t Transaction<'t>, known: &'t mut Known, room: Room) -> rusqlite::Result<Self> {
        Ok(Self {
            transaction,
            known,
            addresses: Addresses::prepare(transaction, room)?,
            insert: transaction.prepare_cached(
                "INSERT INTO instance (hash, itype, sub_type, data, orgid, timestamp, category, start_time, end_time, duration)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            insert_kind: transaction.prepare_cached("INSERT OR IGNORE INTO kind VALUES (?1, ?2)")?,
            edges: Edges::prepare(transaction)?,
            raise_category: transaction.prepare_cached("UPDATE instance SET category = ?2 WHERE id = ?1 AND category < ?2")?,
            raise_context: transaction
                .prepare_cached("UPDATE edge SET context = ?3 WHERE src = ?1 AND dst = ?2 AND context < ?3")?,
            // Written only where something changes, so that repeating it dirties no page. min and max of SQL are null
            // if one is.
            widen_session: transaction.prepare_cached(
                "UPDATE instance SET start_time = coalesce(min(start_time, ?2), start_time, ?2),
                    end_time = coalesce(max(end_time, ?3), end_time, ?3), duration = coalesce(max(duration, ?4), duration, ?4)
                 WHERE id = ?1 AND (coalesce(?2 < start_time, ?2 IS NOT NULL AND start_time IS NULL)
                    OR coalesce(?3 > end_time, ?3 IS NOT NULL AND end_time IS NULL)
                    OR coalesce(?4 > duration, ?4 IS NOT NULL AND duration IS NULL))",
            )?,
        })
    }

    /// Looks up every document of a graph, and writes nothing. The inner error says which collides with a stored one.
    pub(super) fn look_up(&mut self, graph: &Graph) -> rusqlite::Result<Result<Rows, Collision>> {
        let mut rows = Vec::with_capacity(graph.documents.len());
        for document in &graph.documents {
            let found = self.known.find(&mut self.addresses, &document.hash)?;
            if let Some(stored) = found
                && stored.split != Split::of(document)
            {
                let (hash, itype, sub_type) = (document.hash, document.itype(), &document.sub_type);
                let stored = describe(self.transaction, stored.id)?;
                return Ok(Err(Collision(format!(
                    "two different documents would have the hash {hash}: the {itype} `{sub_type}` of this answer, and the stored {stored}"
                ))));
            }
            rows.push(found.map(|stored| stored.id));
        }
        Ok(Ok(rows))
    }

    /// Joins a graph whose documents were looked up in this transaction, and gives the raw record its references.
    /// Returns how many documents were new.
    pub(super) fn join(&mut self, raw: i64, graph: &Graph, mut rows: Rows) -> rusqlite::Result<u64> {
        let mut new = 0;
        for (index, document) in graph.documents.iter().enumerate() {
            let stored = rows.get(index).copied().flatten();
            let id = match stored {
                Some(id) => {
                    self.join_stored(id, document, graph, &rows)?;
                    id
                }
                None => {
                    new += 1;
                    self.insert_new(document, &rows)?
                }
            };
            if let Some(row) = rows.get_mut(index) {
                *row = Some(id);
            }
        }
        for index in tops(graph) {
            if let Some(id) = row_of(&rows, index) {
                self.edges.add(raw, id, false, 0)?;
            }
        }
        Ok(new)
    }

    /// Writes what waits to be written. The graphs are joined only then.
    pub(super) fn finish(mut self) -> rusqlite::Result<()> {
        self.addresses.flush()?;
        self.edges.flush()
    }

    /// Children come before parents in a graph, so `rows` has all that a document refers to.
    fn insert_new(&mut self, document: &Document, rows: &Rows) -> rusqlite::Result<i64> {
        let (hash, itype) = (document.hash.as_bytes(), itype_code(document.itype()));
        let (sub_type, data) = (&document.sub_type, &document.data);
        let nothing: Option<f64> = None;
        let id = match &document.body {
            Body::Attribute | Body::Object { .. } => {
                self.insert.insert(params![hash, itype, sub_type, data, nothing, nothing, nothing, nothing, nothing, nothing])?
            }
            Body::Event { orgid, timestamp, category, .. } => {
                let category = category_code(*category);
                self.insert.insert(params![hash, itype, sub_type, data, orgid, timestamp, category, nothing, nothing, nothing])?
            }
            Body::Session { start_time, end_time, duration, .. } => self
                .insert
                .insert(params![hash, itype, sub_type, data, nothing, nothing, nothing, start_time, end_time, duration])?,
        };
        let stored = Stored { id, split: Split::of(document) };
        self.addresses.add(document.hash, stored)?;
        // An event is seldom seen twice: it would only push out what is.
        if document.itype() != Itype::Event {
            self.known.remember(document.hash, stored);
        }
        if self.known.is_new_kind(itype, sub_type) {
            self.insert_kind.execute(params![itype, sub_type])?;
        }
        match &document.body {
            Body::Attribute => {}
            Body::Object { children, references } | Body::Session { children, references, .. } => {
                for &index in references {
                    self.insert_edge(id, index, children, Category::Unknown, rows)?;
                }
            }
            Body::Event { children, references, .. } => {
                for context in references {
                    self.insert_edge(id, context.document, children, context.category, rows)?;
                }
            }
        }
        Ok(id)
    }

    fn insert_edge(&mut self, src: i64, index: u32, children: &[u32], context: Category, rows: &Rows) -> rusqlite::Result<()> {
        if let Some(dst) = row_of(rows, index) {
            let is_child = children.binary_search(&index).is_ok();
            self.edges.add(src, dst, is_child, category_code(context))?;
        }
        Ok(())
    }

    /// Joins into a stored document what its identity does not determine. The edges of attributes and objects, an
    /// event's as such, and a session's to its key follow from the identity: they were written with the document.
    fn join_stored(&mut self, id: i64, document: &Document, graph: &Graph, rows: &Rows) -> rusqlite::Result<()> {
        match &document.body {
            Body::Attribute | Body::Object { .. } => {}
            Body::Event { category, references, .. } => {
                if *category > Category::Unknown {
                    self.raise_category.execute(params![id, category_code(*category)])?;
                }
                let mut marked = references.iter().filter(|context| context.category > Category::Unknown).peekable();
                if marked.peek().is_some() {
                    // The event may be of this transaction, and its edges still waiting.
                    self.edges.flush()?;
                }
                for context in marked {
                    if let Some(dst) = row_of(rows, context.document) {
                        self.raise_context.execute(params![id, dst, category_code(context.category)])?;
                    }
                }
            }
            Body::Session { references, start_time, end_time, duration, .. } => {
                self.widen_session.execute(params![id, start_time, end_time, duration])?;
                for &index in references {
                    if let Some(Body::Event { .. }) = graph.documents.get(index as usize).map(|document| &document.body)
                        && let Some(dst) = row_of(rows, index)
                    {
                        self.edges.add(id, dst, false, 0)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn row_of(rows: &Rows, index: u32) -> Option<i64> {
    rows.get(index as usize).copied().flatten()
}

/// What of the raw record's references is not below another of them, sessions aside: events, sessions, and nodes
/// outside both. The rest follows from these, and is some nine tenths of the edges that a record would have.
fn tops(graph: &Graph) -> impl Iterator<Item = u32> {
    let mut below = vec![false; graph.documents.len()];
    let mut mark = |index: u32| {
        if let Some(flag) = below.get_mut(index as usize) {
            *flag = true;
        }
    };
    for &index in &graph.record_references {
        match graph.documents.get(index as usize).map(|document| &document.body) {
            Some(Body::Object { references, .. }) => references.iter().for_each(|&index| mark(index)),
            Some(Body::Event { references, .. }) => references.iter().for_each(|context| mark(context.document)),
            Some(Body::Attribute | Body::Session { .. }) | None => {}
        }
    }
    graph.record_references.iter().copied().filter(move |&index| below.get(index as usize) == Some(&false))
}
