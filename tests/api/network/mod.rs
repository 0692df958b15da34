//! The network: its members, organisations and persons.

pub mod members;
pub mod organisations;
pub mod persons;
