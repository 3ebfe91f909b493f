//! A document with what it is made of, indented below it.

use std::io;

use serde_json::Value;

use super::{read, shown, text};
use crate::store::Store;

/// Objects nest four deep in an answer; archives may hold more, and the tree ends here.
const MAX_LEVELS: usize = 8;

/// Prints the document and, indented below it, its children.
pub(super) fn print(store: &dyn Store, document: &Value, out: &mut dyn io::Write) -> anyhow::Result<()> {
    Tree { store, document, out }.print()
}

struct Tree<'a> {
    store: &'a dyn Store,
    document: &'a Value,
    out: &'a mut dyn io::Write,
}

impl Tree<'_> {
    fn print(&mut self) -> anyhow::Result<()> {
        let document = self.document;
        writeln!(self.out, "{} {} {}", text(document, "itype"), text(document, "sub_type"), text(document, "_hash"))?;
        for field in
            ["orgid", "timezone", "received_at", "timestamp", "category", "start_time", "end_time", "duration", "filters"]
        {
            if let Some(value) = document.get(field) {
                writeln!(self.out, "  {field}: {}", shown(value))?;
            }
        }
        if matches!(document.get("itype").and_then(Value::as_str), Some("raw" | "attribute")) {
            writeln!(self.out, "  data: {}", shown(document.get("data").unwrap_or(&Value::Null)))?;
        }
        self.children(document, 1)?;
        if let Some(references) = document.get("_ref").and_then(Value::as_array) {
            writeln!(self.out, "  refers to {} documents", references.len())?;
        }
        Ok(())
    }

    fn children(&mut self, document: &Value, level: usize) -> anyhow::Result<()> {
        let hashes = document.get("_cref").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut children = Vec::new();
        for hash in hashes.iter().filter_map(|hash| hash.as_str()?.parse().ok()) {
            children.extend(read(self.store, hash)?);
        }
        children.sort_by_key(|child| (text(child, "sub_type"), child.get("data").map(Value::to_string)));
        for child in &children {
            let sub_type = text(child, "sub_type");
            let mark = self.mark(child);
            let indent = "  ".repeat(level);
            match child.get("data") {
                Some(data) if text(child, "itype") == "attribute" => {
                    writeln!(self.out, "{indent}{sub_type}: {}{mark}", shown(data))?
                }
                _ => writeln!(self.out, "{indent}{sub_type}{mark}")?,
            }
            if level < MAX_LEVELS {
                self.children(child, level + 1)?;
            }
        }
        Ok(())
    }

    /// In which context the document shown saw this part of it.
    fn mark(&self, child: &Value) -> &'static str {
        let within = |field: &str| {
            let hashes = self.document.get(field).and_then(Value::as_array);
            hashes.is_some_and(|hashes| hashes.iter().any(|hash| Some(hash) == child.get("_hash")))
        };
        match (within("_mal_ref"), within("_ben_ref")) {
            (true, _) => "  (malicious)",
            (_, true) => "  (benign)",
            _ => "",
        }
    }
}
