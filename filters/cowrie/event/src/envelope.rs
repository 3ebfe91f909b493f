//! What shippers put around an event.

use filter_sdk::{Object, Rejection, Value};

/// Envelopes around one event: a shipper that reads what another shipper wrote.
const MOST_ENVELOPES: u8 = 3;

/// The event in a record. If the record is not one itself, it is the JSON text (Filebeat) or the object (Logstash) in
/// `message`, or the object in `honeypot`, where the Logstash configuration that comes with Cowrie puts it.
///
/// # Errors
/// If there is none.
pub(crate) fn open(record: Object<'_>) -> Result<Object<'_>, Rejection> {
    event_in(record, MOST_ENVELOPES)
        .ok_or_else(|| Rejection::new("expected a Cowrie event: found no `eventid`, neither here nor in `message` or `honeypot`"))
}

fn event_in(object: Object<'_>, envelopes: u8) -> Option<Object<'_>> {
    if object.get("eventid").is_some() {
        return Some(object);
    }
    let envelopes = envelopes.checked_sub(1)?;
    let in_message = match object.get("message") {
        Some(Value::Text(text)) => Object::parse(text, super::FIELDS).ok().map(Object::into_owned),
        Some(Value::Object(inner)) => Some(inner.clone()),
        _ => None,
    };
    in_message.and_then(|inner| event_in(inner, envelopes)).or_else(|| match object.get("honeypot") {
        Some(Value::Object(inner)) => event_in(inner.clone(), envelopes),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(data: &str) -> Result<String, Rejection> {
        Ok(open(Object::parse(data, super::super::FIELDS)?)?.required_text("session")?.into_owned())
    }

    #[test]
    fn an_event_is_found_in_every_known_envelope() {
        for data in [
            r#"{"eventid": "x", "session": "s"}"#,
            r#"{"message": "{\"eventid\": \"x\", \"session\": \"s\"}"}"#,
            r#"{"message": "{\"message\": \"{\\\"eventid\\\": \\\"x\\\", \\\"session\\\": \\\"s\\\"}\"}"}"#,
            r#"{"message": {"eventid": "x", "session": "s"}}"#,
            r#"{"honeypot": {"eventid": "x", "session": "s"}, "message": "login attempt"}"#,
            r#"{"honeypot": {"eventid": "x", "session": "s"}, "message": "{}"}"#,
            r#"{"eventid": null, "message": "{\"eventid\": \"x\", \"session\": \"s\"}"}"#,
        ] {
            assert_eq!(opened(data).unwrap(), "s", "{data}");
        }
    }

    #[test]
    fn an_event_is_not_looked_for_in_its_own_message() {
        assert_eq!(
            opened(r#"{"eventid": "x", "session": "s", "message": "{\"eventid\": \"y\", \"session\": \"t\"}"}"#).unwrap(),
            "s"
        );
    }

    #[test]
    fn half_a_surrogate_pair_inside_the_envelope_does_not_cost_the_event() {
        let data = r#"{"message": "{\"eventid\": \"x\", \"session\": \"s\\udcff\"}"}"#;
        assert_eq!(opened(data).unwrap(), "s\u{fffd}");
    }

    #[test]
    fn what_holds_no_event_is_rejected() {
        for data in ["{}", r#"{"message": "not json"}"#, r#"{"message": "{}"}"#, r#"{"honeypot": []}"#, r#"{"note": "x"}"#] {
            assert!(opened(data).is_err(), "{data}");
        }
    }
}
