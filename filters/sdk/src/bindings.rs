//! The contract of `wit/` as Rust types: generated code, and nothing else.

wit_bindgen::generate!({
    path: "../../wit",
    world: "tahoe-filter",
    pub_export_macro: true,
    default_bindings_module: "filter_sdk::bindings",
    additional_derives: [PartialEq],
});
