//! The body, and what is attached.

use filter_sdk::Scalar;
use sha2::{Digest as _, Sha256};

use crate::Parts;
use crate::message::{Leaf, Mail};

/// Adds the body, plain text if there is some, else HTML; and every leaf but the body that is marked as an attachment, has
/// a file's name, or is neither of these two.
pub(crate) fn add(mail: &Mail<'_>, parts: &mut Parts) {
    let leaves: Vec<(Leaf<'_>, String)> =
        mail.leaves().map(|leaf| (leaf.mime_type(), leaf)).map(|(kind, leaf)| (leaf, kind)).collect();
    let body = body(&leaves);
    if let Some((leaf, _)) = body.and_then(|at| leaves.get(at)) {
        let (text, cut) = leaf.text();
        parts.text("body", Some(&text));
        parts.cut_body = cut;
    }
    for (at, (leaf, kind)) in leaves.iter().enumerate() {
        let is_text = kind == "text/plain" || kind == "text/html";
        if Some(at) != body && (leaf.is_attachment() || leaf.file_name().is_some() || !is_text) && parts.has_room(Parts::NODES) {
            file(leaf, kind, parts);
        }
    }
}

/// Which leaf is the body: one with a file's name only if there is no other.
fn body(leaves: &[(Leaf<'_>, String)]) -> Option<usize> {
    let of_kind = |wanted: &str, named: bool| {
        leaves.iter().position(|(leaf, kind)| kind == wanted && !leaf.is_attachment() && (named || leaf.file_name().is_none()))
    };
    of_kind("text/plain", false)
        .or_else(|| of_kind("text/html", false))
        .or_else(|| of_kind("text/plain", true))
        .or_else(|| of_kind("text/html", true))
}

fn file(leaf: &Leaf<'_>, kind: &str, parts: &mut Parts) {
    let content = leaf.content();
    let name = leaf.file_name().filter(|name| !crate::is_blank(name));
    let answer = &mut parts.answer;
    let mut nodes: Vec<_> = name.into_iter().map(|name| answer.attribute("filename", name)).collect();
    nodes.push(answer.attribute("sha256", hex::encode(Sha256::digest(&content))));
    nodes.push(answer.attribute("mime_type", kind));
    // No record is that long.
    nodes.push(answer.attribute("size", Scalar::Integer(i64::try_from(content.len()).unwrap_or(i64::MAX))));
    parts.children.push(answer.object("file", &nodes));
}
