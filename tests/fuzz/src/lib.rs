//! What the fuzz targets share. A target fails if its filter panics, or answers what the host would refuse.

use filter_sdk::{Filter, testing};

/// A record as it is archived: JSON.
pub fn record(filter: &Filter, options: &[(&str, &str)], bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if serde_json::from_str::<serde_json::Value>(text).is_ok() {
        testing::run(filter, &testing::record(filter.accepts[0], text), options);
    }
}

/// A text as it is archived under `data`, or bytes that are none, as `ingest` archives them.
pub fn text(filter: &Filter, bytes: &[u8]) {
    let data = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::json!({ "data": text }),
        Err(_) => {
            let characters: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            serde_json::json!({ "data": characters, "encoding": "latin-1" })
        }
    };
    testing::run(filter, &testing::record(filter.accepts[0], &data.to_string()), &[]);
}
