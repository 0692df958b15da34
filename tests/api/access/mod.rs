//! Access rights: the table of roles, routes, tokens and denials, and noninterference.

mod denials;
pub mod inputs;
mod key_sets;
pub mod noninterference;
mod revocations;
mod roles;
mod routes;
pub mod table;
