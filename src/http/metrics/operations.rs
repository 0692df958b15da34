//! Metrics of GraphQL operations by name. Clients choose the names, so that only a limited number
//! of them gets a label.

use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::SECONDS;

/// Maximum number of names that get a label, in order of first use.
const MAX_NAMES: usize = 100;
/// Maximum length of such a name, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Upper bounds of the buckets of statements.
const STATEMENTS: [f64; 9] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0];
/// Upper bounds of the buckets of rows.
const ROWS: [f64; 7] = [0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamedResult {
    name: String,
    code: String,
}

/// Outcome of one executed document.
pub(in crate::http) struct Outcome<'a> {
    /// Name of its operation; `None` for an anonymous one.
    pub(in crate::http) name: Option<&'a str>,
    /// Code of its first error, or `OK`.
    pub(in crate::http) code: &'a str,
    pub(in crate::http) took: Duration,
    pub(in crate::http) statements: u64,
    pub(in crate::http) rows: u64,
}

/// Metrics of operations.
#[derive(Debug)]
pub(in crate::http) struct Operations {
    names: RwLock<BTreeSet<String>>,
    results: Family<NamedResult, Counter>,
    seconds: Family<Named, Histogram, fn() -> Histogram>,
    statements: Histogram,
    rows: Histogram,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            names: RwLock::default(),
            results: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            statements: Histogram::new(STATEMENTS),
            rows: Histogram::new(ROWS),
        }
    }
}

impl Operations {
    /// Registers the metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "graphql_operations",
            "Executed operations by name (anonymous: without a name; other: beyond the first hundred names; unknown: refused before it was known) and by the code of their first error (OK: none)",
            self.results.clone(),
        );
        registry.register_with_unit(
            "graphql_operation_duration",
            "Duration of executed operations by name, from the measured document to its answer",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "graphql_operation_statements",
            "Database statements of an executed operation",
            self.statements.clone(),
        );
        registry.register(
            "graphql_operation_rows",
            "Database rows that an executed operation loaded as objects",
            self.rows.clone(),
        );
    }

    /// Counts an executed operation.
    pub(in crate::http) fn count(&self, outcome: &Outcome<'_>) {
        let name = outcome.name.map_or("anonymous", |name| self.label(name)).to_owned();
        let labels = NamedResult { name: name.clone(), code: outcome.code.to_owned() };
        self.results.get_or_create(&labels).inc();
        self.seconds.get_or_create(&Named { name }).observe(outcome.took.as_secs_f64());
        let (statements, rows) = (outcome.statements as f64, outcome.rows as f64);
        self.statements.observe(statements);
        self.rows.observe(rows);
    }

    /// Counts a document that was refused before its operation was known.
    pub(super) fn refuse(&self, code: &str) {
        let labels = NamedResult { name: "unknown".to_owned(), code: code.to_owned() };
        self.results.get_or_create(&labels).inc();
    }

    /// Returns the label of a name: the name itself if it is among the first ones.
    fn label<'a>(&self, name: &'a str) -> &'a str {
        if self.names.read().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return name;
        }
        let mut names = RwLock::write(&self.names).unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES || name.len() > MAX_NAME_BYTES {
            return "other";
        }
        names.insert(name.to_owned());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_get_a_label_and_the_others_share_one() {
        let operations = Operations::default();
        assert_eq!(operations.label(&"n".repeat(MAX_NAME_BYTES + 1)), "other");
        for number in 0..MAX_NAMES {
            let name = format!("Name{number}");
            assert_eq!(operations.label(&name), name);
        }
        assert_eq!(operations.label("OneMore"), "other");
        assert_eq!(operations.label("Name7"), "Name7");
    }
}
