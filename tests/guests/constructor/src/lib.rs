//! A filter for tests: makes the instance that a record of `fixtures/tahoe/model.json` describes, so that the host's
//! documents can be compared with those of the Tahoe reference library by way of a real component.

use filter_sdk::{Answer, Category, Emits, Filter, Host, Node, Record, Rejection, Scalar};
use serde_json::Value;

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "00000000-0000-4000-8000-00000000c0de",
    name: "constructor",
    version: env!("CARGO_PKG_VERSION"),
    description: "For tests: makes the instance that a record describes.",
    accepts: &["construct"],
    options: &[],
    emits: &[Emits::attributes(&["*"]), Emits::objects(&["*"]), Emits::events(&["*"]), Emits::sessions(&["*"])],
    asserts: &[Category::Unknown, Category::Benign, Category::Malicious],
    parse,
};

filter_sdk::export!(FILTER);

fn parse(record: &Record, _: &Host) -> Result<Answer, Rejection> {
    let spec: Value = serde_json::from_str(&record.data).map_err(|error| Rejection::new(error.to_string()))?;
    let mut answer = Answer::new(record.limits());
    match text(&spec, "k")? {
        "event" => {
            let children = nodes(&mut answer, &spec, "children")?;
            let malicious = nodes(&mut answer, &spec, "malicious")?;
            let benign = nodes(&mut answer, &spec, "benign")?;
            let time = spec.get("timestamp").and_then(Value::as_f64).ok_or_else(|| Rejection::new("no timestamp"))?;
            let time = record.event_time(time)?;
            answer.event(text(&spec, "sub_type")?, time, Category::Unknown, &children).malicious(&malicious).benign(&benign);
        }
        "session" => {
            let key = nodes(&mut answer, &spec, "children")?;
            answer.session(text(&spec, "sub_type")?, &key);
        }
        "panic" => stop(text(&spec, "data")?),
        _ => {
            node(&mut answer, &spec)?;
        }
    }
    Ok(answer)
}

#[expect(clippy::panic, reason = "to see what an author sees")]
#[inline(never)]
fn stop(words: &str) {
    panic!("told to stop: {words}");
}

/// Recursion is bounded by the depth of raw records.
fn node(answer: &mut Answer, spec: &Value) -> Result<Node, Rejection> {
    let sub_type = text(spec, "sub_type")?;
    if text(spec, "k")? == "object" {
        let children = nodes(answer, spec, "children")?;
        return Ok(answer.object(sub_type, &children));
    }
    let value = match spec.get("data") {
        Some(Value::Bool(boolean)) => Scalar::Boolean(*boolean),
        Some(Value::Number(number)) => {
            number.as_i64().map_or_else(|| Scalar::Float(number.as_f64().unwrap_or(f64::NAN)), Scalar::Integer)
        }
        Some(Value::String(text)) => Scalar::Text(text.clone()),
        _ => Scalar::Null,
    };
    Ok(answer.attribute(sub_type, value))
}

fn nodes(answer: &mut Answer, spec: &Value, field: &str) -> Result<Vec<Node>, Rejection> {
    let specs = spec.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    specs.iter().map(|spec| node(answer, spec)).collect()
}

fn text<'a>(spec: &'a Value, field: &str) -> Result<&'a str, Rejection> {
    spec.get(field).and_then(Value::as_str).ok_or_else(|| Rejection::new(format!("expected text in `{field}`")))
}
