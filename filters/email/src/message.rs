//! The message behind the bytes: headers, and the leaves of its tree of parts.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::copy::{self, HIDDEN_DIGEST, HIDDEN_MESSAGE};
use filter_sdk::{Rejection, limits};
use mail_parser::{Addr, Address, Encoding, Header, HeaderName, HeaderValue, Message, MessageParser, MessagePart, PartType};

const MESSAGE: &str = "message/rfc822";

/// A message as received, and the copy of it that is parsed.
pub(crate) struct Source<'m> {
    bytes: &'m [u8],
    copy: Vec<u8>,
}

/// Lines that could begin a part, of a message that is read: each part takes memory, however short it is.
const MOST_PARTS: usize = 100_000;

impl<'m> Source<'m> {
    /// Prepares a message.
    ///
    /// # Errors
    /// It may have more parts than any message needs.
    pub(crate) fn new(bytes: &'m [u8]) -> Result<Self, Rejection> {
        let bytes = without_envelope(bytes);
        let begins = bytes.windows(3).filter(|three| *three == b"\n--").count();
        if begins > MOST_PARTS {
            return Err(Rejection::new(format!(
                "expected at most {MOST_PARTS} lines that begin with two hyphens, found {begins}"
            )));
        }
        Ok(Self { bytes, copy: copy::for_parsing(bytes) })
    }
}

/// A parsed message.
pub(crate) struct Mail<'m> {
    /// As received.
    bytes: &'m [u8],
    message: Message<'m>,
}

impl<'m> Mail<'m> {
    /// Reads a message; `None` if there is no header field.
    pub(crate) fn parse(source: &'m Source<'_>) -> Option<Self> {
        let mut message = MessageParser::default().parse(&source.copy)?;
        // What the parts hold is read from the original when it is needed: together it may be longer than the message.
        for part in message.parts.iter_mut().filter(|part| !matches!(part.body, PartType::Multipart(_))) {
            part.body = PartType::Text(Cow::Borrowed(""));
        }
        let mail = Self { bytes: source.bytes, message };
        // Any text is read as a header of some kind; a field has a name, and a colon behind it (RFC 5322, 2.2).
        let is_field = |header: &Header<'_>| {
            let field = mail.bytes.get(header.offset_field as usize..header.offset_start as usize).unwrap_or_default();
            let name = field.strip_suffix(b":").map(<[u8]>::trim_ascii_end).unwrap_or_default();
            !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
        };
        mail.headers().iter().any(is_field).then_some(mail)
    }

    fn headers(&self) -> &[Header<'m>] {
        self.message.parts.first().map(|part| part.headers.as_slice()).unwrap_or_default()
    }

    /// The first header of that name: of those that should be single the first counts.
    fn header(&self, name: &HeaderName<'_>) -> Option<&HeaderValue<'m>> {
        self.headers().iter().find(|header| header.name == *name).map(|header| &header.value)
    }

    /// The values of all headers of that name, as received, from the top.
    pub(crate) fn raw_headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let named = self.headers().iter().filter(move |header| header.name.as_str().eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(self.raw(header)))
    }

    fn raw(&self, header: &Header<'_>) -> &[u8] {
        self.bytes.get(header.offset_start as usize..header.offset_end as usize).unwrap_or_default()
    }

    /// The mailboxes of the first header of that name, those of groups included.
    pub(crate) fn addresses(&self, name: &HeaderName<'_>) -> Vec<&Addr<'m>> {
        match self.header(name).and_then(HeaderValue::as_address) {
            Some(Address::List(list)) => list.iter().collect(),
            Some(Address::Group(groups)) => groups.iter().flat_map(|group| &group.addresses).collect(),
            None => Vec::new(),
        }
    }

    /// The subject, decoded. One in bytes that are neither ASCII nor UTF-8 is read as Windows does.
    pub(crate) fn subject(&self) -> Option<Cow<'_, str>> {
        let header = self.headers().iter().find(|header| header.name == HeaderName::Subject)?;
        let raw = self.raw(header);
        if std::str::from_utf8(raw).is_err() && !raw.windows(2).any(|two| two == b"=?") {
            return Some(Cow::Owned(decode(raw, None).trim().to_owned()));
        }
        header.value.as_text().map(Cow::Borrowed)
    }

    /// When it was written, in Unix seconds, if it says so in a way that can be read.
    pub(crate) fn date(&self) -> Option<f64> {
        let date = self.header(&HeaderName::Date)?.as_datetime()?;
        date.is_valid().then(|| date.to_timestamp() as f64)
    }

    /// The parts that are not made of parts, in order.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = Leaf<'_>> {
        let digests: HashSet<u32> =
            self.message.parts.iter().filter(|part| is_digest(part)).flat_map(|part| children(part)).collect();
        let leaves = self.message.parts.iter().enumerate().filter(|(_, part)| !matches!(part.body, PartType::Multipart(_)));
        leaves.map(move |(id, part)| {
            let in_digest = u32::try_from(id).is_ok_and(|id| digests.contains(&id));
            Leaf { part, bytes: self.bytes, in_digest }
        })
    }
}

fn children(part: &MessagePart<'_>) -> Vec<u32> {
    match &part.body {
        PartType::Multipart(children) => children.clone(),
        _ => Vec::new(),
    }
}

fn is_digest(part: &MessagePart<'_>) -> bool {
    content_type(part).is_some_and(|(kind, sub_type)| kind == "multipart" && sub_type == HIDDEN_DIGEST)
}

fn content_type(part: &MessagePart<'_>) -> Option<(String, String)> {
    use mail_parser::MimeHeaders as _;
    let found = part.content_type()?;
    Some((found.c_type.to_ascii_lowercase(), found.c_subtype.as_deref().unwrap_or_default().to_ascii_lowercase()))
}

/// A token of RFC 2045 at the start of what stands for one: parameters that were glued to it are cut off.
fn token(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_graphic() || "()<>@,;:\\\"/[]?=".contains(c)).next().unwrap_or_default()
}

/// A part that holds something itself.
pub(crate) struct Leaf<'m> {
    part: &'m MessagePart<'m>,
    bytes: &'m [u8],
    in_digest: bool,
}

impl Leaf<'_> {
    /// Type and sub-type, in lower case. What says nothing is plain text, or a message within a digest.
    pub(crate) fn mime_type(&self) -> String {
        match content_type(self.part) {
            // Parts within that could not be found: what is there is text.
            Some((kind, _)) if kind == "multipart" => "text/plain".to_owned(),
            Some((kind, sub_type)) if kind == HIDDEN_MESSAGE => format!("message/{}", token(&sub_type)),
            Some((kind, sub_type)) if !kind.is_empty() && !sub_type.is_empty() => {
                format!("{}/{}", token(&kind), token(&sub_type))
            }
            Some(_) => "application/octet-stream".to_owned(),
            None if self.in_digest => MESSAGE.to_owned(),
            None => "text/plain".to_owned(),
        }
    }

    /// The name of the file that it is.
    pub(crate) fn file_name(&self) -> Option<&str> {
        use mail_parser::MimeHeaders as _;
        self.part.attachment_name()
    }

    /// Whether it says that it is to be kept apart.
    pub(crate) fn is_attachment(&self) -> bool {
        use mail_parser::MimeHeaders as _;
        self.part.content_disposition().is_some_and(|disposition| disposition.c_type.eq_ignore_ascii_case("attachment"))
    }

    /// What was sent: decoded for transfer, and no further. What is not as it says is taken as it is.
    pub(crate) fn content(&self) -> Cow<'_, [u8]> {
        let raw = self.bytes.get(self.part.offset_body as usize..self.part.offset_end as usize).unwrap_or_default();
        let named = self.part.headers.iter().find(|header| header.name == HeaderName::ContentTransferEncoding);
        let named = named.and_then(|header| header.value.as_text()).unwrap_or_default();
        let decoded = if self.part.encoding == Encoding::Base64 || named.eq_ignore_ascii_case("base64") {
            let mut letters = raw.to_vec();
            letters.retain(|byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'='));
            mail_parser::decoders::base64::base64_decode(&letters)
        } else if self.part.encoding == Encoding::QuotedPrintable || named.eq_ignore_ascii_case("quoted-printable") {
            mail_parser::decoders::quoted_printable::quoted_printable_decode(raw)
        } else {
            None
        };
        decoded.map_or(Cow::Borrowed(raw), Cow::Owned)
    }

    /// The content as text, lines ending in LF; the beginning of it, if it is too long for a document. `true`: it was cut.
    pub(crate) fn text(&self) -> (String, bool) {
        use mail_parser::MimeHeaders as _;
        let charset = self.part.content_type().and_then(|found| found.attribute("charset"));
        let content = self.content();
        // Every character takes a byte at least, where it is written out.
        let (beginning, rest) = content.split_at_checked(BODY_BYTES).unwrap_or((&content, &[]));
        let text = decode(beginning, charset).replace("\r\n", "\n");
        let cut = limits::cut_written(&text, BODY_BYTES);
        (cut.to_owned(), !rest.is_empty() || cut.len() < text.len())
    }
}

/// Bytes of a body where it is written out: what else is in the event has room beside it.
const BODY_BYTES: usize = limits::DOCUMENT_BYTES / 5 * 4;

/// Text in a character set that may be a lie: what is UTF-8 is that, else it is what it says, else what Windows takes it
/// for, which has a character for every byte.
fn decode(bytes: &[u8], charset: Option<&str>) -> String {
    let unicode = charset
        .is_none_or(|charset| ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)));
    let named = charset
        .filter(|_| !unicode)
        .and_then(|charset| mail_parser::decoders::charsets::map::charset_decoder(charset.as_bytes()));
    match (named, std::str::from_utf8(bytes)) {
        (Some(decoder), _) => decoder(bytes),
        (None, Ok(text)) => text.to_owned(),
        (None, Err(_)) => {
            let windows = mail_parser::decoders::charsets::map::charset_decoder(b"cp1252");
            windows.map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), |decoder| decoder(bytes))
        }
    }
}

/// The message without what mailboxes and editors put before it: a byte order mark, blank lines, a line `From …`.
fn without_envelope(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    if !bytes.starts_with(b"From ") {
        return bytes;
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    bytes.get(end..).unwrap_or_default()
}
