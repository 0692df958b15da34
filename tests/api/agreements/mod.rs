//! Agreements: their templates, lifecycle, terms, deadlines and queries.

mod deadlines;
mod draft;
mod lifecycle;
mod matrix;
mod offered_documents;
mod queries;
mod random_walk;
mod reversals;
mod sign;
mod template_drift;
pub mod templates;
mod termination;
mod terms;
