//! What is known of a value, from the view `addressed` and the index `edge_by_dst`.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::schema::{by_hash, category_of, itype_code, itype_of};
use crate::store::Correlation;
use crate::store::correlation::{Builder, EXAMPLE_DATA, attribute, data_of};
use crate::tahoe::{Category, Hash, Itype};

/// The sub-types that attributes have, few beside all attributes.
const SUB_TYPES: &str = "SELECT sub_type FROM kind WHERE itype = ?1 ORDER BY sub_type";

/// Whether a document is there, and is the attribute that is meant: others may have its hash (`22` of `port` and `2` of
/// `port2`).
const ATTRIBUTE: &str = by_hash!("1", and "itype = ?2 AND sub_type = ?3 AND data = ?4");

/// One hop: the `_ref` of an event holds all that is below it.
const EVENTS: &str = "SELECT sub_type, category, context, orgid, timestamp FROM edge JOIN instance ON instance.id = src
     WHERE dst = ?1 AND itype = ?2";

/// As EVENTS: all that refers to it directly, but events; and a second hop from events, and from objects outside of events, to
/// sessions and to the raw documents, of whose references only the tops are stored.
const HOLDERS: &str = "WITH holder (id) AS (
         SELECT src FROM edge WHERE dst = ?1
         UNION
         SELECT top.src FROM edge AS below JOIN instance AS middle ON middle.id = below.src AND middle.itype IN (?2, ?3)
            JOIN edge AS top ON top.dst = below.src
         WHERE below.dst = ?1
     )
     SELECT itype, sub_type, hash FROM holder JOIN instance ON instance.id = holder.id WHERE itype <> ?3";

/// The data of an example, unless it is long.
const DATA: &str = by_hash!("data", and "octet_length(data) <= ?2");

/// The attributes that have this value, by sub-type.
pub(super) fn find_attributes(connection: &Connection, value: &str) -> rusqlite::Result<Vec<Hash>> {
    let transaction = connection.unchecked_transaction()?;
    let itype = itype_code(Itype::Attribute);
    let data = data_of(value);
    let mut found = Vec::new();
    let mut sub_types = transaction.prepare_cached(SUB_TYPES)?;
    let mut there = transaction.prepare_cached(ATTRIBUTE)?;
    let mut rows = sub_types.query([itype])?;
    while let Some(row) = rows.next()? {
        let sub_type = row.get_ref(0)?.as_str()?;
        for data in &data {
            let hash = attribute(sub_type, data).hash;
            if there.exists(params![hash.as_bytes(), itype, sub_type, data])? {
                found.push(hash);
            }
        }
    }
    Ok(found)
}

/// What refers to a document.
pub(super) fn correlate(connection: &Connection, hash: Hash) -> rusqlite::Result<Correlation> {
    // One state of the archive for all questions.
    let transaction = connection.unchecked_transaction()?;
    let mut builder = Builder::default();
    let find = by_hash!("instance.id");
    let id: Option<i64> = transaction.query_row(find, [hash.as_bytes()], |row| row.get(0)).optional()?;
    if let Some(id) = id {
        events(&transaction, id, &mut builder)?;
        holders(&transaction, id, &mut builder)?;
    }
    let mut data = transaction.prepare(DATA)?;
    builder.finish(|hash| data.query_row(params![hash.as_bytes(), EXAMPLE_DATA], |row| row.get(0)).optional())
}

fn events(connection: &Connection, id: i64, builder: &mut Builder) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(EVENTS)?;
    let mut rows = statement.query([id, itype_code(Itype::Event)])?;
    while let Some(row) = rows.next()? {
        let sub_type = row.get_ref(0)?.as_str()?;
        let category = category_of(row.get(1)?).unwrap_or(Category::Unknown);
        let context = category_of(row.get(2)?).unwrap_or(Category::Unknown);
        let orgid = row.get_ref(3)?.as_str_or_null()?.unwrap_or_default();
        builder.event(sub_type, category.name(), context, orgid, row.get(4)?);
    }
    Ok(())
}

fn holders(connection: &Connection, id: i64, builder: &mut Builder) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(HOLDERS)?;
    let mut rows = statement.query([id, itype_code(Itype::Object), itype_code(Itype::Event)])?;
    while let Some(row) = rows.next()? {
        if let Some(itype) = itype_of(row.get(0)?) {
            builder.holder(itype, row.get_ref(1)?.as_str()?, Hash::from_bytes(row.get(2)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::testing::{ALL, FILTER, Scratch, plan, settle_all};
    use super::{ATTRIBUTE, DATA, EVENTS, HOLDERS, SUB_TYPES};
    use crate::store::Store as _;

    #[test]
    fn every_question_goes_by_an_index_and_never_through_a_table() {
        let scratch = Scratch::with(20);
        settle_all(&scratch.store, &scratch.store.claim(FILTER, ALL).unwrap());
        let connection = Connection::open(scratch.path()).unwrap();
        let instance = |name: &str| format!("SEARCH {name} USING INTEGER PRIMARY KEY (rowid=?)");
        let by_dst = |name: &str| format!("SEARCH {name} USING INDEX edge_by_dst (dst=?)");
        // Also once SQLite has statistics, which somebody's `ANALYZE` leaves.
        for statistics in ["", "ANALYZE"] {
            connection.execute_batch(statistics).unwrap();
            assert_eq!(plan(&connection, SUB_TYPES), ["SEARCH kind USING PRIMARY KEY (itype=?)"]);
            for by_hash in [ATTRIBUTE, DATA] {
                let level = |name: &str| format!("SEARCH {name} USING PRIMARY KEY (prefix=?)");
                let steps = plan(&connection, by_hash).into_iter().filter(|step| step.starts_with("S")).collect::<Vec<_>>();
                assert_eq!(steps, [level("address_fresh"), instance("instance"), level("address"), instance("instance")]);
            }
            assert_eq!(plan(&connection, EVENTS), [by_dst("edge"), instance("instance")]);
            let steps = plan(&connection, HOLDERS);
            for step in [by_dst("below"), instance("middle"), by_dst("top"), instance("instance")] {
                let covering = step.replace("USING INDEX", "USING COVERING INDEX");
                assert!(steps.contains(&step) || steps.contains(&covering), "{step} is not in {steps:?}");
            }
            assert!(steps.iter().all(|step| !step.starts_with("SCAN") || step == "SCAN holder"), "{steps:?}");
        }
    }
}
