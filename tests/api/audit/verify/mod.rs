//! Findings of `samregister verify`.

mod continuity;
mod documents;
mod live;
pub mod rows;
mod schema;
mod since;
mod triggers;
mod unreadable;
