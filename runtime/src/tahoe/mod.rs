//! The Tahoe model: documents addressed by the hash of their content, the same bytes as the reference library's.
//!
//! Knows nothing of filters, their sandbox or of stores. [`RawDocument`] is made here; the documents of an
//! answer are made in [`answer`](crate::answer).

pub mod canonical;
pub mod document;
pub mod hash;
pub mod measure;
pub mod raw;
pub mod scalar;

pub use document::{Body, Category, Context, Document, Graph, Itype};
pub use hash::Hash;
pub use raw::RawDocument;
pub use scalar::Scalar;
