//! An answer in the making: the record's session, and its one event.

use cowrie_event::{Endpoint, Event};
use filter_sdk::{Answer, Category, Host, Node, Object, Record, Rejection, Scalar, Session, Value, net};

use crate::compat::Mapping;

/// The answer to one record so far.
pub(crate) struct Draft<'a> {
    pub(crate) event: &'a Event<'a>,
    pub(crate) fields: &'a Object<'a>,
    pub(crate) host: &'a Host,
    pub(crate) mapping: Mapping,
    pub(crate) answer: Answer,
    session: Session,
}

impl<'a> Draft<'a> {
    /// Begins with the session, to which every record belongs. Session ids are unique only for their sensor.
    pub(crate) fn new(record: &Record, event: &'a Event<'a>, host: &'a Host, mapping: Mapping) -> Result<Self, Rejection> {
        let mut answer = Answer::new(record.limits());
        let id = event
            .fields
            .filled_text("session")?
            .ok_or_else(|| Rejection::new("expected `session`, which is absent, null or empty"))?;
        let mut key = vec![answer.attribute("sessionid", id)];
        if let Some(sensor) = event.fields.filled_text("sensor")? {
            key.push(answer.attribute(mapping.sensor(), sensor));
        }
        let session = answer.session("cowrie_session", &key);
        Ok(Self { event, fields: &event.fields, host, mapping, answer, session })
    }

    pub(crate) fn session_began(&mut self) {
        self.answer.session_began(self.session, self.event.time);
    }

    /// The duration was a number, then a string from one of the protocols, and is milliseconds since 3.0.4. In 2015
    /// there was none.
    pub(crate) fn session_ended(&mut self) -> Result<(), Rejection> {
        let duration = match self.fields.number("duration_ms")? {
            Some(milliseconds) => Some(milliseconds / 1e3),
            None => self.fields.number("duration")?,
        };
        if duration.is_some_and(f64::is_sign_negative) && duration != Some(0.0) {
            return Err(Rejection::new("expected a duration of 0 or more, found a negative one"));
        }
        self.answer.session_ended(self.session, self.event.time, duration.map(f64::abs));
        Ok(())
    }

    pub(crate) fn attribute(&mut self, sub_type: &str, value: impl Into<Scalar>) -> Node {
        self.answer.attribute(sub_type, value)
    }

    pub(crate) fn object(&mut self, sub_type: &str, children: &[Node]) -> Node {
        self.answer.object(sub_type, children)
    }

    /// The attribute for a field that the event cannot be without.
    pub(crate) fn required(&mut self, sub_type: &str, field: &str) -> Result<Node, Rejection> {
        let value = self.fields.required_text(field)?;
        Ok(self.attribute(sub_type, value))
    }

    /// The attribute for a field that may be absent.
    pub(crate) fn optional(&mut self, sub_type: &str, field: &str) -> Result<Option<Node>, Rejection> {
        let value = self.fields.text(field)?;
        Ok(value.map(|value| self.attribute(sub_type, value)))
    }

    pub(crate) fn endpoint(&mut self, endpoint: Endpoint<'_>) -> Node {
        let (sub_type, value) = endpoint.attribute();
        self.attribute(sub_type, value)
    }

    /// Adds the event of these children, `malicious` among them or below; the attacker ends both lists.
    pub(crate) fn event(&mut self, sub_type: &str, mut children: Vec<Node>, mut malicious: Vec<Node>) {
        if let Some(ip) = self.event.attacker() {
            let address = match self.fields.get("src_ip") {
                Some(Value::Text(written)) if !self.mapping.is_full() => self.answer.attribute("ipv4", written.as_ref()),
                _ => self.attribute(net::ip_sub_type(ip), net::ip_text(ip)),
            };
            let attacker = self.object("attacker", &[address]);
            children.push(attacker);
            malicious.extend([address, attacker]);
        }
        self.answer.event(sub_type, self.event.time, Category::Malicious, &children).malicious(&malicious).session(self.session);
    }
}
