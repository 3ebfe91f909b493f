//! What a filter says of itself, and how it becomes a component.

use crate::bindings::cybexp::tahoe::types;
use crate::{Answer, Category, Host, Record, Rejection};

/// A filter: its descriptor and its function. The fields are those of `descriptor` in the contract, where each is
/// described.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// A UUID in lower case, made once and never changed.
    pub id: &'static str,
    /// A short name, `[a-z][a-z0-9_]*`.
    pub name: &'static str,
    /// Semver; `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// The sub-types of the raw records that it reads.
    pub accepts: &'static [&'static str],
    /// The settings that an operator may choose.
    pub options: &'static [OptionSpec],
    /// All kinds of document that it may make. An answer with another fails.
    pub emits: &'static [Emits],
    /// The categories of its events, and the contexts in which it places nodes.
    pub asserts: &'static [Category],
    /// Turns a record into an answer, or says why it cannot.
    pub parse: fn(&Record, &Host) -> Result<Answer, Rejection>,
}

/// Kinds of document that a filter may make.
#[derive(Clone, Copy, Debug)]
pub struct Emits {
    pub(crate) kind: types::InstanceKind,
    pub(crate) sub_types: &'static [&'static str],
}

impl Emits {
    /// Attributes of these sub-types; `*` is any.
    pub const fn attributes(sub_types: &'static [&'static str]) -> Self {
        Self { kind: types::InstanceKind::Attribute, sub_types }
    }

    /// Objects of these sub-types; `*` is any.
    pub const fn objects(sub_types: &'static [&'static str]) -> Self {
        Self { kind: types::InstanceKind::Object, sub_types }
    }

    /// Events of these sub-types; `*` is any.
    pub const fn events(sub_types: &'static [&'static str]) -> Self {
        Self { kind: types::InstanceKind::Event, sub_types }
    }

    /// Sessions of these sub-types; `*` is any.
    pub const fn sessions(sub_types: &'static [&'static str]) -> Self {
        Self { kind: types::InstanceKind::Session, sub_types }
    }

    fn emissions(&self) -> impl Iterator<Item = types::Emission> {
        self.sub_types.iter().map(|sub_type| types::Emission { kind: self.kind, sub_type: (*sub_type).to_owned() })
    }
}

/// A setting that an operator may choose.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// An identifier.
    pub key: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// The value when the operator says nothing.
    pub default: &'static str,
    /// The values to choose from; any, if empty.
    pub allowed: &'static [&'static str],
    /// Whether the value must be kept out of logs and files.
    pub secret: bool,
}

impl Filter {
    /// The descriptor as it crosses the boundary.
    pub fn descriptor(&self) -> types::Descriptor {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let options = self.options.iter().map(|option| types::OptionSpec {
            key: option.key.to_owned(),
            description: option.description.to_owned(),
            default: option.default.to_owned(),
            allowed: texts(option.allowed),
            secret: option.secret,
        });
        types::Descriptor {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            description: self.description.to_owned(),
            accepts: texts(self.accepts),
            options: options.collect(),
            emits: self.emits.iter().flat_map(Emits::emissions).collect(),
            asserts: self.asserts.to_vec(),
        }
    }

    /// Runs the filter on one record. An answer beyond the host's limits becomes a rejection: the host would count it
    /// as a failure of the filter.
    ///
    /// # Errors
    /// The filter's rejection, or that one.
    pub fn run(&self, record: &Record, host: &Host) -> Result<Answer, Rejection> {
        let answer = (self.parse)(record, host)?;
        if let Some((what, count, limit)) = answer.excess() {
            return Err(Rejection::new(format!("expected at most {limit} {what} from a record of this length, found {count}")));
        }
        if answer.cut_texts() > 0 {
            host.warn("a text is longer than the archive takes, and was cut");
        }
        Ok(answer)
    }

    /// [`Filter::run`] with the sandbox's host: what the export macro calls.
    #[cfg(target_arch = "wasm32")]
    pub fn run_in_sandbox(&self, record: &Record) -> Result<types::Answer, Rejection> {
        // Of a panic the sandbox sees a trap. What it was about goes to the log, of which the host keeps the last line.
        std::panic::set_hook(Box::new(|panic| {
            Host::of_sandbox().log(crate::Level::Error, &panic.to_string().replace('\n', " "));
        }));
        self.run(record, &Host::of_sandbox()).map(Answer::into_content)
    }
}

/// Makes the crate a component: exports the filter that a constant of type [`Filter`] describes.
///
/// `export!(FILTER, arena)` also gives it an allocator for guests that live for one record (see the source of `arena`): right for
/// records of bytes and kilobytes, where it saves a fifth of the work and most growth of memory. A feed of megabytes takes as much
/// memory with it as with std's allocator, and no less time.
///
/// Outside WebAssembly it does nothing, so that filters can be linked into one test.
#[macro_export]
macro_rules! export {
    ($filter:path, arena) => {
        #[cfg(target_arch = "wasm32")]
        #[global_allocator]
        static ARENA: $crate::arena::Arena = $crate::arena::Arena;

        $crate::export!($filter);
    };
    ($filter:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::exports::cybexp::tahoe::filter::Guest for Component {
                fn describe() -> $crate::bindings::cybexp::tahoe::types::Descriptor {
                    $filter.descriptor()
                }

                fn parse(
                    record: $crate::Record,
                ) -> ::core::result::Result<$crate::bindings::cybexp::tahoe::types::Answer, $crate::Rejection> {
                    $filter.run_in_sandbox(&record)
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
