//! The audit trail: its entries, signatures and checks, the change feed, and requests that are
//! applied once.

mod chain;
pub mod change_feed;
mod clock;
pub mod entries;
mod forgery;
pub mod idempotency;
mod timestamps;
mod trail_key;
mod trail_key_files;
mod trail_migration;
pub mod verify;
