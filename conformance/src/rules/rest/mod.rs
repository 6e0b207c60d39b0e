//! The REST API held against its own OpenAPI document, and that held against what is required of it.

mod breach;
pub(crate) mod document;
pub(crate) mod required;
