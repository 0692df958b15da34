//! GraphQL types, queries and mutations of invoices.

pub mod bulk_mutations;
mod loading;
pub mod mutations;
pub mod part_lists;
mod payloads;
pub mod queries;
pub mod relations;
pub mod types;

/// Measures the futures of the types of this folder whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut super::future_sizes::Sizes<'_, '_>) {
    types::run::measure(sizes);
    types::run_months::measure(sizes);
}
