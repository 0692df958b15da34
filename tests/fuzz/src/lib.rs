//! The checks of the fuzz targets, each of which holds for every input. `tests/long/fuzz.sh`
//! searches for an input that fails; the API tests repeat those that are kept.

pub mod bank_file;
pub mod csv;
pub mod cursor;
pub mod node_id;
pub mod prose;
pub mod query_cost;
pub mod request;
pub mod settings;
pub mod template;
pub mod token;

/// A fuzz target.
pub struct Target {
    /// Name of its file, its seeds and its dictionary.
    pub name: &'static str,
    /// Checks an input. Panics if it fails.
    pub check: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 10] = [
    Target { name: "bank_file", check: bank_file::check },
    Target { name: "csv", check: csv::check },
    Target { name: "cursor", check: |bytes| cursor::check(text(bytes)) },
    Target { name: "node_id", check: |bytes| node_id::check(text(bytes)) },
    Target { name: "prose", check: |bytes| prose::check(text(bytes)) },
    Target { name: "query_cost", check: |bytes| query_cost::check(text(bytes)) },
    Target { name: "request", check: |bytes| request::check(text(bytes)) },
    Target { name: "settings", check: |bytes| settings::check(text(bytes)) },
    Target { name: "template", check: |bytes| template::check(text(bytes)) },
    Target { name: "token", check: |bytes| token::check(text(bytes)) },
];

/// Returns the text that an input begins with, as libFuzzer gives it to a target that reads text.
fn text(bytes: &[u8]) -> &str {
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}
