//! Writing references: most rows of an archive are these.

use rusqlite::{CachedStatement, Transaction, params};

/// Rows in one statement. The cursors stay where they are between the rows of one statement, and most rows are
/// neighbours.
const TOGETHER: usize = 32;

/// How many references wait at most, so that a feed with a million of them takes no more memory than this.
const WAITING: usize = 16 * 1024;

/// Columns of a row.
const COLUMNS: usize = 4;

/// `src`, `dst`, whether it is a child, and the code of the context.
type Edge = (i64, i64, bool, i64);

/// The references that a transaction adds. They wait for each other, and are in the table only after [`Edges::flush`].
pub(super) struct Edges<'t> {
    waiting: Vec<Edge>,
    many: CachedStatement<'t>,
    one: CachedStatement<'t>,
}

impl<'t> Edges<'t> {
    pub(super) fn prepare(transaction: &'t Transaction<'_>) -> rusqlite::Result<Self> {
        let rows = vec!["(?, ?, ?, ?)"; TOGETHER].join(", ");
        Ok(Self {
            waiting: Vec::new(),
            many: transaction.prepare_cached(&format!("INSERT OR IGNORE INTO edge VALUES {rows}"))?,
            one: transaction.prepare_cached("INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?)")?,
        })
    }

    /// Adds a reference; where there is one from and to the same documents, that one stays.
    pub(super) fn add(&mut self, src: i64, dst: i64, is_child: bool, context: i64) -> rusqlite::Result<()> {
        self.waiting.push((src, dst, is_child, context));
        if self.waiting.len() >= WAITING { self.flush() } else { Ok(()) }
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        // Stable, so that of two that are the same the first stays.
        self.waiting.sort_by_key(|&(src, dst, ..)| (src, dst));
        let (many, rest) = self.waiting.as_chunks::<TOGETHER>();
        for chunk in many {
            for (row, &(src, dst, is_child, context)) in chunk.iter().enumerate() {
                let first = row * COLUMNS;
                self.many.raw_bind_parameter(first + 1, src)?;
                self.many.raw_bind_parameter(first + 2, dst)?;
                self.many.raw_bind_parameter(first + 3, is_child)?;
                self.many.raw_bind_parameter(first + 4, context)?;
            }
            self.many.raw_execute()?;
        }
        for &(src, dst, is_child, context) in rest {
            self.one.execute(params![src, dst, is_child, context])?;
        }
        self.waiting.clear();
        Ok(())
    }
}
