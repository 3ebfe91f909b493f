//! Sightings as submitted: a flat object, each key a kind of attribute.

use filter_sdk::limits::SUB_TYPE_BYTES;
use filter_sdk::text::quoted;
use filter_sdk::{Answer, Category, Host, Object, Record, Rejection, Scalar, Value, time};

use crate::sighting;

/// Each member becomes one sighting, but for those that describe all of them: `timestamp`, `category` and `context`.
pub(crate) fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    let object = Object::parse_all(&record.data)?;
    let time = record.event_time(seen_at(&object, record)?)?;
    let category = category(&object, "category")?.unwrap_or(Category::Unknown);
    let context = self::category(&object, "context")?.unwrap_or(category);
    let mut answer = Answer::new(record.limits());
    let mut left_out = object.skipped();
    for (key, value) in object.members() {
        if matches!(key, "timestamp" | "category" | "context") || *value == Value::Null {
            continue;
        }
        let value = attribute(key, value)?;
        if answer.spare_events() == 0 {
            left_out += 1;
            continue;
        }
        sighting(&mut answer, time, category, context, key, value);
    }
    if left_out > 0 {
        host.warn(&format!("a record has more sightings than the archive takes: {left_out} left out"));
    }
    Ok(answer)
}

/// When it was seen; if nobody says, when the record arrived.
fn seen_at(object: &Object<'_>, record: &Record) -> Result<f64, Rejection> {
    match object.get("timestamp") {
        None => Ok(record.received_at),
        Some(value) => match value.as_f64() {
            Some(seconds) => Ok(seconds),
            None => time::parse(&object.required_text("timestamp")?),
        },
    }
}

fn category(object: &Object<'_>, key: &str) -> Result<Option<Category>, Rejection> {
    let Some(text) = object.text(key)? else { return Ok(None) };
    match text.as_ref() {
        "unknown" => Ok(Some(Category::Unknown)),
        "benign" => Ok(Some(Category::Benign)),
        "malicious" => Ok(Some(Category::Malicious)),
        other => Err(Rejection::new(format!("expected `{key}` to be unknown, benign or malicious, found {}", quoted(other)))),
    }
}

/// The value as it was given, if it can be an attribute under this key.
fn attribute(key: &str, value: &Value<'_>) -> Result<Scalar, Rejection> {
    if !is_sub_type(key) {
        return Err(Rejection::new(format!("expected a key of letters, digits and underscores, found {}", quoted(key))));
    }
    // The digits of the two would read as one number in the hash.
    let takes_numbers = !key.ends_with(|c: char| c.is_ascii_digit());
    match value {
        Value::Text(text) => Ok(Scalar::Text(text.to_string())),
        Value::Boolean(value) => Ok(Scalar::Boolean(*value)),
        Value::Integer(value) if takes_numbers => Ok(Scalar::Integer(*value)),
        Value::Float(value) if takes_numbers => Ok(Scalar::Float(*value)),
        Value::Integer(_) | Value::Float(_) => {
            Err(Rejection::new(format!("expected text under `{key}`, which ends in a digit, found a number")))
        }
        Value::Unsigned(_) => Err(Rejection::new(format!("expected a number of at most 63 bits under `{key}`"))),
        Value::Null | Value::List(_) | Value::Object(_) | Value::Skipped => {
            Err(Rejection::new(format!("expected a scalar under `{key}`, found {}", value.kind())))
        }
    }
}

fn is_sub_type(key: &str) -> bool {
    let mut bytes = key.bytes();
    key.len() <= SUB_TYPE_BYTES
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
