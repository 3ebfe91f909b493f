//! What the author of a filter imports.
//!
//! A filter is one function: it takes a [`Record`], as an organisation archived it, and gives an [`Answer`] or a
//! [`Rejection`]. It is plain Rust: the same function runs in a unit test and, built for WebAssembly, inside the
//! runtime's sandbox.
//!
//! ```
//! use filter_sdk::{Answer, Category, Emits, Filter, Host, Object, Record, Rejection};
//!
//! /// What this filter is; the runtime shows it to the operator before it runs.
//! const FILTER: Filter = Filter {
//!     id: "0f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f",
//!     name: "seen",
//!     version: "0.1.0",
//!     description: "Addresses that a sensor saw.",
//!     accepts: &["seen"],
//!     options: &[],
//!     emits: &[Emits::events(&["sighting"]), Emits::attributes(&["ipv4"])],
//!     asserts: &[Category::Malicious],
//!     parse,
//! };
//!
//! fn parse(record: &Record, _host: &Host) -> Result<Answer, Rejection> {
//!     let fields = Object::parse(&record.data, &["address", "time"])?;
//!     let time = record.event_time(filter_sdk::time::parse(&fields.required_text("time")?)?)?;
//!     let mut answer = Answer::new(record.limits());
//!     let address = answer.attribute("ipv4", fields.required_text("address")?);
//!     answer.event("sighting", time, Category::Malicious, &[address]).malicious(&[address]);
//!     Ok(answer)
//! }
//!
//! // In a crate of its own, with `crate-type = ["cdylib", "rlib"]`:
//! filter_sdk::export!(FILTER);
//!
//! use filter_sdk::testing;
//! let record = testing::record("seen", r#"{"address": "192.0.2.1", "time": "2024-03-09T12:34:56Z"}"#);
//! let answer = testing::run(&FILTER, &record, &[]).outcome.unwrap();
//! assert_eq!(answer.events().len(), 1);
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`filter`] | the descriptor and the [`export!`] macro |
//! | [`record`] | the raw record, rejections |
//! | [`json`] | reading the fields of a record, with the archive's rules |
//! | [`answer`] | building the graph |
//! | [`limits`] | what the host accepts for an input of this length |
//! | [`time`], [`net`], [`text`] | ISO 8601; addresses and URLs; white space and wrappers of Python |
//! | [`host`] | options and log |
//! | [`testing`] | running a filter natively: goldens, and a check against the contract |

pub mod answer;
#[cfg(any(target_arch = "wasm32", test))]
#[expect(unsafe_code, reason = "an allocator deals in raw memory")]
pub mod arena;
#[expect(missing_docs, reason = "generated; the contract's own text is in `wit/`")]
pub mod bindings;
mod expansion;
pub mod filter;
pub mod host;
pub mod json;
pub mod limits;
pub mod net;
pub mod record;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod text;
pub mod time;

pub use answer::{Answer, Node, Session};
pub use bindings::cybexp::tahoe::types::{Category, RawRecord as Record, Rejection, Scalar};
pub use filter::{Emits, Filter, OptionSpec};
pub use host::{Host, Level};
pub use json::{Object, Value};
pub use limits::Limits;
