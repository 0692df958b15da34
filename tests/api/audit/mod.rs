//! The audit trail: its entries, its signatures, and what `samregister verify` finds.

mod chain;
mod clock;
pub mod entries;
mod forgery;
mod timestamps;
mod trail_key;
mod trail_key_files;
mod trail_migration;
pub mod verify;
