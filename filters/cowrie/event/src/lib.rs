//! One event of a Cowrie honeypot, whatever version wrote it and whatever shipped it.
//!
//! A library of its own, as two filters read these records: `cowrie` for what happened, `sighting` for the addresses,
//! URLs and files in it. A component cannot be a library of another (both would export the same functions), so what
//! they share lies between them.

mod envelope;
mod kind;

use std::borrow::Cow;
use std::net::IpAddr;

use filter_sdk::{Object, Record, Rejection, Value, net, time};

pub use kind::Kind;

/// The fields that anyone here reads, and `message` and `honeypot`, which may hold the event.
const FIELDS: &[&str] = &[
    "compCS",
    "data",
    "dest_ip",
    "dest_port",
    "destfile",
    "dst_ip",
    "dst_port",
    "duration",
    "duration_ms",
    "encCS",
    "eventid",
    "filename",
    "fingerprint",
    "hassh",
    "height",
    "honeypot",
    "input",
    "ja4",
    "ja4h",
    "kexAlgs",
    "key",
    "keyAlgs",
    "macCS",
    "message",
    "name",
    "orig_ip",
    "orig_port",
    "outfile",
    "password",
    "protocol",
    "sensor",
    "session",
    "shasum",
    "src_ip",
    "src_port",
    "timestamp",
    "type",
    "url",
    "username",
    "value",
    "version",
    "width",
];

/// A Cowrie event.
#[derive(Debug)]
pub struct Event<'a> {
    /// All fields by their names in Cowrie's JSON; use the methods here for those whose form has changed over the
    /// years.
    pub fields: Object<'a>,
    /// The event's id as written.
    pub id: String,
    /// What the id means; `None` if nobody here knows it.
    pub kind: Option<Kind>,
    /// When it happened, within the bounds of the record.
    pub time: f64,
}

/// Where a forwarded connection goes, or says that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint<'a> {
    /// An IP address.
    Ip(IpAddr),
    /// Anything else: a host name, as written.
    Name(Cow<'a, str>),
}

impl<'a> Event<'a> {
    /// Reads a record: Cowrie's own JSON, or an envelope around it.
    ///
    /// # Errors
    /// If there is no event in it, or no time that an event of this record may have.
    pub fn read(record: &'a Record) -> Result<Self, Rejection> {
        let fields = envelope::open(Object::parse(&record.data, FIELDS)?)?;
        let id = fields.required_text("eventid")?.into_owned();
        let time = record.event_time(time::parse(&fields.required_text("timestamp")?)?)?;
        Ok(Self { kind: Kind::of(&id), id, time, fields })
    }

    /// The peer's address; `None` if the field holds none, as under some ways of starting the sensor.
    pub fn attacker(&self) -> Option<IpAddr> {
        match self.fields.get("src_ip") {
            Some(Value::Text(text)) => net::ip(text),
            _ => None,
        }
    }

    /// The target of a forwarded connection. T-Pot calls it `dest_ip`.
    ///
    /// # Errors
    /// If it is not a scalar.
    pub fn target(&self) -> Result<Option<Endpoint<'_>>, Rejection> {
        Ok(match self.fields.text("dst_ip")? {
            Some(text) => Some(Endpoint::of(text)),
            None => self.fields.text("dest_ip")?.map(Endpoint::of),
        })
    }

    /// The URL of a download: not `stdin`, and not the path of a redirected output, which old versions wrote in its
    /// place.
    ///
    /// # Errors
    /// If it is not a scalar.
    pub fn url(&self) -> Result<Option<String>, Rejection> {
        Ok(self.fields.text("url")?.and_then(|text| net::url(&text).map(str::to_owned)))
    }

    /// The SHA-256 of a transferred file.
    ///
    /// # Errors
    /// If it is not a scalar.
    pub fn sha256(&self) -> Result<Option<Cow<'_, str>>, Rejection> {
        self.fields.filled_text("shasum")
    }
}

impl<'a> Endpoint<'a> {
    /// Reads an endpoint: an address in any spelling, else a name.
    pub fn of(text: Cow<'a, str>) -> Self {
        net::ip(&text).map_or(Self::Name(text), Self::Ip)
    }

    /// The sub-type and the value of the attribute for it.
    pub fn attribute(self) -> (&'static str, String) {
        match self {
            Self::Ip(ip) => (net::ip_sub_type(ip), net::ip_text(ip)),
            Self::Name(name) => ("hostname", name.into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use filter_sdk::testing;

    fn record(fields: &str) -> Record {
        testing::record("cowrie", &format!(r#"{{"eventid": "cowrie.x", "timestamp": "2024-03-09T12:34:56Z"{fields}}}"#))
    }

    #[test]
    fn the_list_of_fields_is_sorted_without_repetition() {
        assert!(FIELDS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_target_is_an_address_or_a_name() {
        for (fields, expected) in [
            (r#", "dst_ip": "::ffff:203.0.113.9""#, Some(("ipv4", "203.0.113.9"))),
            (r#", "dst_ip": "mail.example.com""#, Some(("hostname", "mail.example.com"))),
            (r#", "dst_ip": null, "dest_ip": "2001:DB8::1""#, Some(("ipv6", "2001:db8::1"))),
            ("", None),
        ] {
            let record = record(fields);
            let event = Event::read(&record).unwrap();
            let target = event.target().unwrap().map(Endpoint::attribute);
            assert_eq!(target, expected.map(|(sub_type, value)| (sub_type, value.to_owned())));
        }
    }

    #[test]
    fn an_address_field_without_an_address_is_no_attacker() {
        for fields in [r#", "src_ip": "unknown""#, r#", "src_ip": """#, r#", "src_ip": ["192.0.2.1"]"#, r#", "src_ip": null"#, ""]
        {
            assert_eq!(Event::read(&record(fields)).unwrap().attacker(), None);
        }
    }

    #[test]
    fn a_path_or_stdin_is_no_url() {
        for (fields, expected) in [
            (r#", "url": " http://example.com/a ""#, Some("http://example.com/a")),
            (r#", "url": "stdin""#, None),
            (r#", "url": "/tmp/x.sh""#, None),
            (r#", "url": """#, None),
        ] {
            assert_eq!(Event::read(&record(fields)).unwrap().url().unwrap().as_deref(), expected);
        }
    }

    #[test]
    fn a_time_is_needed_and_must_be_within_the_records_bounds() {
        for data in [
            r#"{"eventid": "cowrie.x"}"#,
            r#"{"eventid": "cowrie.x", "timestamp": "yesterday"}"#,
            r#"{"eventid": "cowrie.x", "timestamp": "9999-01-01T00:00:00Z"}"#,
            r#"{"eventid": "cowrie.x", "timestamp": "1969-12-31T23:59:59Z"}"#,
        ] {
            assert!(Event::read(&testing::record("cowrie", data)).is_err(), "{data}");
        }
    }
}
