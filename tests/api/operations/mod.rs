//! Operation of a register: its database and its backups.

pub mod backups;
pub mod database;
