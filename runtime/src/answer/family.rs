//! What children make of their parent: its data, as it is hashed and as it is stored, and its references.

use std::cell::OnceCell;

use crate::tahoe::canonical::dump_entry;
use crate::tahoe::{Body, Document};

/// What canonical forms of parents are made of, for an object. An attribute's data is canonical as it is, and soon escaped.
pub(super) struct Forms {
    /// Its data in canonical form.
    canonical: String,
    /// The same as an entry of a list: escaped once, for all parents. Made for the first of them, and no longer than that one's
    /// form, which is bounded.
    entry: OnceCell<String>,
}

impl Forms {
    pub(super) fn new(canonical: String) -> Self {
        Self { canonical, entry: OnceCell::new() }
    }

    fn entry(&self) -> &str {
        self.entry.get_or_init(|| {
            let mut entry = String::with_capacity(2 * self.canonical.len());
            dump_entry(&mut entry, &self.canonical);
            entry
        })
    }
}

/// A child of the document that is being made.
pub(super) struct Member<'a> {
    pub(super) document: &'a Document,
    /// Of an object.
    pub(super) forms: Option<&'a Forms>,
}

impl<'a> Member<'a> {
    fn canonical(&self) -> &'a str {
        self.forms.map_or(&self.document.data, |forms| &forms.canonical)
    }

    fn write_entry(&self, out: &mut String) {
        match self.forms {
            Some(forms) => out.push_str(forms.entry()),
            None => dump_entry(out, &self.document.data),
        }
    }

    /// Of an attribute, if nothing in it needs an escape.
    fn entry_length(&self) -> usize {
        self.forms.map_or(self.document.data.len() + 10, |forms| forms.entry().len())
    }
}

/// The children that make a document, in canonical order.
pub(super) struct Family<'a>(Vec<Member<'a>>);

impl<'a> Family<'a> {
    pub(super) fn new(mut members: Vec<Member<'a>>) -> Self {
        members.sort_unstable_by_key(|member| (member.document.sub_type.as_str(), member.canonical()));
        Self(members)
    }

    /// The members by sub-type. Two of one sub-type and one canonical form would be one document, hence are one member: no
    /// list has duplicates.
    fn groups(&self) -> impl Iterator<Item = (&str, &[Member<'a>])> {
        let groups = self.0.chunk_by(|a, b| a.document.sub_type == b.document.sub_type);
        groups.filter_map(|group| Some((group.first()?.document.sub_type.as_str(), group)))
    }

    /// The parent's data in canonical form, `{"type": "[entry, …]", …}`: an object is of lists, and those are dumped as text.
    /// Sub-types are identifiers: nothing in them needs an escape.
    pub(super) fn canonical(&self) -> String {
        let length = |member: &Member<'_>| member.document.sub_type.len() + member.entry_length() + 10;
        let mut out = String::with_capacity(2 + self.0.iter().map(length).sum::<usize>());
        out.push('{');
        for (i, (sub_type, group)) in self.groups().enumerate() {
            out.push_str(if i > 0 { ", \"" } else { "\"" });
            out.push_str(sub_type);
            out.push_str("\": \"[");
            for (i, member) in group.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                member.write_entry(&mut out);
            }
            out.push_str("]\"");
        }
        out.push('}');
        out
    }

    /// The parent's data in stored form, `{"type":[data,…],…}`.
    pub(super) fn data(&self) -> String {
        let length = |member: &Member<'_>| member.document.sub_type.len() + member.document.data.len() + 6;
        let mut out = String::with_capacity(2 + self.0.iter().map(length).sum::<usize>());
        out.push('{');
        for (i, (sub_type, group)) in self.groups().enumerate() {
            out.push_str(if i > 0 { ",\"" } else { "\"" });
            out.push_str(sub_type);
            out.push_str("\":[");
            for (i, member) in group.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&member.document.data);
            }
            out.push(']');
        }
        out.push('}');
        out
    }

    /// The children and all that they refer to.
    pub(super) fn references(&self, children: &[u32]) -> Vec<u32> {
        let of_objects = || {
            self.0.iter().filter_map(|member| match &member.document.body {
                Body::Object { references, .. } => Some(references.as_slice()),
                Body::Attribute | Body::Event { .. } | Body::Session { .. } => None,
            })
        };
        let mut references = Vec::with_capacity(children.len() + of_objects().map(<[u32]>::len).sum::<usize>());
        references.extend(children);
        of_objects().for_each(|of_object| references.extend(of_object));
        as_set(&mut references);
        references
    }
}

/// Sorted and without duplicates.
pub(super) fn as_set(indices: &mut Vec<u32>) {
    indices.sort_unstable();
    indices.dedup();
}
