//! Access rights: the table of roles, routes, tokens and denials.

mod denials;
pub mod inputs;
mod key_sets;
mod revocations;
mod roles;
mod routes;
pub mod table;
