//! E-mail, as mail servers and people store it: RFC 5322 and MIME, and what the world makes of them.
//!
//! A message becomes one `email` event with its mailboxes, the address that it was sent from, subject, body and
//! attachments. What is missing or broken costs itself: only what has no header field at all is no message.

mod copy;
mod files;
mod message;
mod sender;

use filter_sdk::{Answer, Category, Emits, Filter, Host, Node, Object, Record, Rejection};
use mail_parser::HeaderName;

use crate::message::{Mail, Source};

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "6e52bc6a-af7f-41ea-8684-e39c42d4aa3f",
    name: "email",
    version: env!("CARGO_PKG_VERSION"),
    description: "Messages as mail servers store them: mailboxes, sending address, subject, body, attachments.",
    accepts: &["email"],
    options: &[],
    emits: &[
        Emits::events(&["email"]),
        Emits::objects(&["src", "from", "reply_to", "dst", "cc", "file"]),
        Emits::attributes(&["name", "email_addr", "ipv4", "ipv6", "subject", "body", "filename", "sha256", "mime_type", "size"]),
    ],
    asserts: &[Category::Unknown],
    parse,
};

filter_sdk::export!(FILTER, arena);

fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    let object = Object::parse(&record.data, &["data", "encoding"])?;
    let text = object.required_text("data")?;
    let bytes = match object.text("encoding")?.as_deref() {
        None => text.into_owned().into_bytes(),
        Some("latin-1") => latin_1(&text)?,
        Some(other) => {
            return Err(Rejection::new(format!("expected the encoding latin-1, found {}", filter_sdk::text::quoted(other))));
        }
    };
    let source = Source::new(&bytes)?;
    let mail = Mail::parse(&source).ok_or_else(|| Rejection::new("expected a message, found no header field"))?;

    let mut parts = Parts { answer: Answer::new(record.limits()), children: Vec::new(), left_out: 0, cut_body: false };
    sender::add(&mail, &mut parts);
    for address in mail.addresses(&HeaderName::ReplyTo) {
        // Whose desk it is was never kept.
        parts.mailbox("reply_to", None, address.address());
    }
    for (header, sub_type) in [(HeaderName::To, "dst"), (HeaderName::Cc, "cc")] {
        for address in mail.addresses(&header) {
            parts.mailbox(sub_type, address.name(), address.address());
        }
    }
    parts.text("subject", mail.subject().as_deref());
    files::add(&mail, &mut parts);

    let Parts { mut answer, children, left_out, cut_body, .. } = parts;
    if cut_body {
        host.warn("the body of a message is longer than a document of the archive takes, and was cut");
    }
    if left_out > 0 {
        host.warn(&format!("a message has more parts and mailboxes than the archive takes: {left_out} left out"));
    }
    if !children.is_empty() {
        // A date that cannot be is no reason to lose a message.
        let time = mail.date().and_then(|time| record.event_time(time).ok()).unwrap_or(record.received_at);
        answer.event("email", time, Category::Unknown, &children);
    }
    Ok(answer)
}

/// The bytes that the text stands for, a character each.
fn latin_1(text: &str) -> Result<Vec<u8>, Rejection> {
    let byte =
        |c: char| u8::try_from(u32::from(c)).map_err(|_| Rejection::new("expected characters below U+0100 in latin-1 data"));
    text.chars().map(byte).collect()
}

/// What of a message is in the answer so far.
struct Parts {
    answer: Answer,
    children: Vec<Node>,
    /// What there was no room for.
    left_out: usize,
    /// Whether the body is longer than a document takes.
    cut_body: bool,
}

impl Parts {
    /// The most nodes of one file.
    const NODES: usize = 5;

    /// Whether another child of so many nodes fits; counts it as left out if not. References need no count: with at most
    /// three to each node, the limit of nodes is reached before theirs.
    fn has_room(&mut self, nodes: usize) -> bool {
        let room = self.children.len() < filter_sdk::limits::CHILDREN && self.answer.spare_nodes() >= nodes;
        self.left_out += usize::from(!room);
        room
    }

    /// Adds an attribute, unless it is blank.
    fn text(&mut self, sub_type: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !is_blank(value))
            && self.has_room(1)
        {
            self.children.push(self.answer.attribute(sub_type, value));
        }
    }

    /// Adds a mailbox that has an address.
    fn mailbox(&mut self, sub_type: &str, name: Option<&str>, address: Option<&str>) {
        if address.is_some_and(|address| !is_blank(address)) {
            self.object(sub_type, &[("name", name), ("email_addr", address)]);
        }
    }

    /// Adds an object of these texts, as far as they are there and not blank.
    fn object(&mut self, sub_type: &str, texts: &[(&str, Option<&str>)]) {
        let texts: Vec<(&str, &str)> =
            texts.iter().filter_map(|(name, text)| Some((*name, (*text)?))).filter(|(_, text)| !is_blank(text)).collect();
        if !texts.is_empty() && self.has_room(texts.len() + 1) {
            let nodes: Vec<Node> = texts.into_iter().map(|(name, text)| self.answer.attribute(name, text)).collect();
            self.children.push(self.answer.object(sub_type, &nodes));
        }
    }
}

fn is_blank(text: &str) -> bool {
    filter_sdk::text::strip(text).is_empty()
}
