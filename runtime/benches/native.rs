use std::process::{Command, Stdio};
use std::time::Duration;

use filter_sdk::Host;
use filter_sdk::bindings::cybexp::tahoe::types;
use tahoe_runtime::answer::{Answer, Event, Node, Session};
use tahoe_runtime::sandbox::Record;
use tahoe_runtime::store::NewRecord;
use tahoe_runtime::tahoe::{Category, Scalar};
use tahoe_runtime::verdict::Outcome;

use crate::corpus::root;
use crate::report::timed;

/// A filter's code as it runs without WebAssembly.
pub(crate) enum Native {
    Rust(&'static filter_sdk::Filter),
    Python { module: &'static str },
}

impl Native {
    /// How long the filter takes for these records; `None` if there is no Python for it.
    pub(crate) fn time(&self, records: &[NewRecord]) -> Option<Duration> {
        match self {
            Self::Rust(filter) => Some(timed(|| {
                for record in records {
                    drop(std::hint::black_box(call(filter, &guest_record(record))));
                }
            })),
            Self::Python { module } => time_python(module, records),
        }
    }
}

/// What a filter sees of a record on its way into the archive.
pub(crate) fn guest_record(record: &NewRecord) -> Record<'_> {
    Record {
        sub_type: &record.document.sub_type,
        data: &record.document.data,
        timezone: &record.timezone,
        received_at: record.received_at,
    }
}

/// What a filter answers, as the SDK has it. It gets the record's text as its own, as in the sandbox.
fn call(filter: &filter_sdk::Filter, record: &Record<'_>) -> Result<types::Answer, filter_sdk::Rejection> {
    let input = filter_sdk::Record {
        sub_type: record.sub_type.to_owned(),
        data: record.data.to_owned(),
        timezone: record.timezone.to_owned(),
        received_at: record.received_at,
    };
    let options = filter.options.iter().map(|option| (option.key.to_owned(), option.default.to_owned())).collect();
    filter.run(&input, &Host::stand_in(options)).map(filter_sdk::Answer::into_content)
}

/// What a filter answers, as the host has it.
pub(crate) fn outcome(filter: &filter_sdk::Filter, record: &Record<'_>) -> Outcome {
    match call(filter, record) {
        Ok(answer) => Outcome::Answered(Answer {
            nodes: answer.nodes.into_iter().map(node).collect(),
            events: answer.events.into_iter().map(event).collect(),
            sessions: answer.sessions.into_iter().map(session).collect(),
        }),
        Err(rejection) => Outcome::Rejected(rejection.reason),
    }
}

fn node(node: types::Node) -> Node {
    match node {
        types::Node::Attribute(types::Attribute { sub_type, value }) => {
            let value = match value {
                types::Scalar::Null => Scalar::Null,
                types::Scalar::Boolean(value) => Scalar::Boolean(value),
                types::Scalar::Integer(value) => Scalar::Integer(value),
                types::Scalar::Float(value) => Scalar::Float(value),
                types::Scalar::Text(value) => Scalar::Text(value),
            };
            Node::Attribute { sub_type, value }
        }
        types::Node::Object(types::Object { sub_type, children }) => Node::Object { sub_type, children },
    }
}

fn event(event: types::Event) -> Event {
    let types::Event { sub_type, timestamp, category, children, malicious, benign, session } = event;
    let category = match category {
        types::Category::Unknown => Category::Unknown,
        types::Category::Benign => Category::Benign,
        types::Category::Malicious => Category::Malicious,
    };
    Event { sub_type, timestamp, category, children, malicious, benign, session }
}

fn session(session: types::Session) -> Session {
    let types::Session { sub_type, key, start_time, end_time, duration } = session;
    Session { sub_type, key, start_time, end_time, duration }
}

/// Reads records, a line each, and prints how many seconds the filter took for them.
const PYTHON: &str = "
import importlib, sys, time
from tahoe_filter import log
from tahoe_filter.filter import Record
described = importlib.import_module(sys.argv[1]).FILTER
options = {option.key: option.default for option in described.options}
records = [Record(sys.argv[2], line, 'UTC', 1767225600.0) for line in sys.stdin]
start = time.perf_counter()
for record in records:
    described.run(record, options)
    log.taken()
print(time.perf_counter() - start)
";

fn time_python(module: &str, records: &[NewRecord]) -> Option<Duration> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let filters = root().join("filters");
    let path = std::env::join_paths([filters.join("sdk-python"), filters.join(module)]).unwrap();
    let sub_type = &records.first()?.document.sub_type;
    let mut command = Command::new(python);
    command.args(["-c", PYTHON, module, sub_type]).env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = process.stdin.take()?;
    for record in records {
        std::io::Write::write_all(&mut input, format!("{}\n", record.document.data).as_bytes()).ok()?;
    }
    drop(input);
    let output = process.wait_with_output().ok()?;
    let seconds = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
