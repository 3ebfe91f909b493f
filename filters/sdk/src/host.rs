//! What a filter may ask of its host: an option's value, a line in the log.

#[cfg(not(target_arch = "wasm32"))]
use std::cell::RefCell;

pub use crate::bindings::cybexp::tahoe::log::Level;
use crate::limits::{LOG_LINE_BYTES, cut};

/// The host of the record in hand. In the sandbox it is the runtime; natively it is a stand-in with options of the
/// test's choice, which keeps what is logged.
#[derive(Debug)]
pub struct Host {
    #[cfg(not(target_arch = "wasm32"))]
    options: Vec<(String, String)>,
    #[cfg(not(target_arch = "wasm32"))]
    lines: RefCell<Vec<(Level, String)>>,
}

#[cfg(target_arch = "wasm32")]
impl Host {
    /// Called by the export macro alone.
    pub(crate) const fn of_sandbox() -> Self {
        Self {}
    }

    /// The operator's value for an option that the filter declares, or its default; `None` for any other key.
    pub fn option(&self, key: &str) -> Option<String> {
        crate::bindings::cybexp::tahoe::options::get(key)
    }

    /// Tells the operator something about the record in hand. At most 32 lines of 512 bytes are kept; the rest is cut.
    pub fn log(&self, level: Level, message: &str) {
        crate::bindings::cybexp::tahoe::log::log(level, cut(message, LOG_LINE_BYTES));
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Host {
    /// A stand-in whose options have these values.
    pub fn stand_in(options: Vec<(String, String)>) -> Self {
        Self { options, lines: RefCell::default() }
    }

    /// The operator's value for an option that the filter declares, or its default; `None` for any other key.
    pub fn option(&self, key: &str) -> Option<String> {
        self.options.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    /// Tells the operator something about the record in hand. At most 32 lines of 512 bytes are kept; the rest is cut.
    pub fn log(&self, level: Level, message: &str) {
        self.lines.borrow_mut().push((level, cut(message, LOG_LINE_BYTES).to_owned()));
    }

    /// What was logged, in order.
    pub fn into_lines(self) -> Vec<(Level, String)> {
        self.lines.into_inner()
    }
}

impl Host {
    /// Logs what the operator should look at.
    pub fn warn(&self, message: &str) {
        self.log(Level::Warn, message);
    }
}
