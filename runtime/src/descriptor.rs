//! What a filter says of itself: the checked form of `descriptor` in `wit/types.wit`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::tahoe::{Category, Itype};

/// Whether a text is an identifier, `[A-Za-z_][A-Za-z0-9_]*`: what sub-types and option keys must be.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The most bytes of an identifier.
pub const MAX_IDENTIFIER: usize = 128;

/// The most bytes of a line for people, and of an option's value.
pub const MAX_LINE: usize = 512;

const MAX_NAME: usize = 64;

const MAX_ACCEPTS: usize = 64;
const MAX_OPTIONS: usize = 64;
const MAX_EMITS: usize = 1024;

/// A descriptor as a guest gave it, of whatever version of the contract.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Declared {
    /// See `wit/types.wit` for these.
    pub id: String,
    /// Short name.
    pub name: String,
    /// Semver.
    pub version: String,
    /// One line.
    pub description: String,
    /// Raw sub-types.
    pub accepts: Vec<String>,
    /// Settings.
    pub options: Vec<OptionSpec>,
    /// Kind and sub-type, `*` for any.
    pub emits: Vec<(Itype, String)>,
    /// Categories and contexts.
    pub asserts: Vec<Category>,
}

/// A setting of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionSpec {
    /// An identifier.
    pub key: String,
    /// One line.
    pub description: String,
    /// Without an operator's word.
    pub default: String,
    /// Any, if empty.
    pub allowed: Vec<String>,
    /// Kept out of logs and command lines.
    pub secret: bool,
}

/// A descriptor whose every part keeps the contract's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    /// The mark that records carry when this filter has done them.
    pub id: Uuid,
    /// Names the filter for people.
    pub name: String,
    /// Semver.
    pub version: String,
    /// One line.
    pub description: String,
    /// The sub-types of the raw records that it reads.
    pub accepts: Vec<String>,
    /// Its settings.
    pub options: Vec<OptionSpec>,
    /// What it may make.
    pub emits: Emits,
}

/// A descriptor that breaks a rule of the contract.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("its descriptor breaks the contract: {0}")]
pub struct DescriptorError(String);

impl Descriptor {
    /// Checks what a guest declared.
    ///
    /// # Errors
    /// Names the field, what was expected and what was found.
    pub fn check(declared: Declared) -> Result<Self, DescriptorError> {
        let refuse = |text: String| Err(DescriptorError(text));
        let id = match Uuid::parse_str(&declared.id) {
            Ok(id) if id.to_string() == declared.id && !id.is_nil() => id,
            _ => return refuse(format!("id: expected a UUID in lower case with hyphens, found {:?}", cut(&declared.id))),
        };
        let named = declared.name.starts_with(|c: char| c.is_ascii_lowercase())
            && declared.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !named || declared.name.len() > MAX_NAME {
            return refuse(format!(
                "name: expected [a-z][a-z0-9_]* of at most {MAX_NAME} bytes, found {:?}",
                cut(&declared.name)
            ));
        }
        if declared.version.len() > MAX_NAME || semver::Version::parse(&declared.version).is_err() {
            return refuse(format!("version: expected a semantic version such as 1.0.0, found {:?}", cut(&declared.version)));
        }
        check_line("description", &declared.description)?;
        if declared.accepts.is_empty() || declared.accepts.len() > MAX_ACCEPTS {
            return refuse(format!("accepts: expected 1 to {MAX_ACCEPTS} sub-types, found {}", declared.accepts.len()));
        }
        for sub_type in &declared.accepts {
            check_identifier("accepts", sub_type)?;
        }
        check_options(&declared.options)?;
        let emits = Emits::check(declared.emits, &declared.asserts)?;
        let mut accepts = declared.accepts;
        accepts.sort_unstable();
        accepts.dedup();
        Ok(Self {
            id,
            name: declared.name,
            version: declared.version,
            description: declared.description,
            accepts,
            options: declared.options,
            emits,
        })
    }
}

fn check_options(options: &[OptionSpec]) -> Result<(), DescriptorError> {
    if options.len() > MAX_OPTIONS {
        return Err(DescriptorError(format!("options: at most {MAX_OPTIONS}, found {}", options.len())));
    }
    let mut keys = BTreeSet::new();
    for option in options {
        check_identifier("option key", &option.key)?;
        if !keys.insert(&option.key) {
            return Err(DescriptorError(format!("options: {} is there twice", option.key)));
        }
        check_line("option description", &option.description)?;
        for value in option.allowed.iter().chain([&option.default]) {
            check_line("option value", value)?;
        }
        if option.allowed.len() > MAX_OPTIONS || !(option.allowed.is_empty() || option.allowed.contains(&option.default)) {
            return Err(DescriptorError(format!("option {}: the default is not among the allowed values", option.key)));
        }
    }
    Ok(())
}

fn check_identifier(what: &str, text: &str) -> Result<(), DescriptorError> {
    if text.len() > MAX_IDENTIFIER || !is_identifier(text) {
        return Err(DescriptorError(format!(
            "{what}: expected an identifier of at most {MAX_IDENTIFIER} bytes, found {:?}",
            cut(text)
        )));
    }
    Ok(())
}

fn check_line(what: &str, text: &str) -> Result<(), DescriptorError> {
    if text.len() > MAX_LINE || text.contains('\n') {
        return Err(DescriptorError(format!("{what}: expected one line of at most {MAX_LINE} bytes, found {:?}", cut(text))));
    }
    Ok(())
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// What a filter may emit: a test per document, so it is looked up, not searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Emits {
    /// Per kind the sub-types, `*` for any.
    #[serde(flatten)]
    kinds: BTreeMap<&'static str, BTreeSet<String>>,
    asserts: BTreeSet<&'static str>,
}

impl Emits {
    fn check(emits: Vec<(Itype, String)>, asserts: &[Category]) -> Result<Self, DescriptorError> {
        if emits.len() > MAX_EMITS {
            return Err(DescriptorError(format!("emits: at most {MAX_EMITS}, found {}", emits.len())));
        }
        let mut checked = Self { asserts: asserts.iter().map(|category| category.name()).collect(), ..Self::default() };
        for (itype, sub_type) in emits {
            if sub_type != "*" {
                check_identifier("emits", &sub_type)?;
            }
            checked.kinds.entry(itype.name()).or_default().insert(sub_type);
        }
        Ok(checked)
    }

    /// Whether a document of this kind and sub-type was declared.
    #[must_use]
    pub fn allows(&self, itype: Itype, sub_type: &str) -> bool {
        self.kinds.get(itype.name()).is_some_and(|allowed| allowed.contains(sub_type) || allowed.contains("*"))
    }

    /// Whether this category, or context, was declared.
    #[must_use]
    pub fn asserts(&self, category: Category) -> bool {
        self.asserts.contains(category.name())
    }

    /// For people: each kind with its sub-types, in order.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, Vec<&str>)> {
        self.kinds.iter().map(|(kind, sub_types)| (*kind, sub_types.iter().map(String::as_str).collect()))
    }

    /// The declared categories and contexts, in order.
    pub fn asserted(&self) -> impl Iterator<Item = &'static str> {
        self.asserts.iter().copied()
    }
}
