//! Contacts, personal data, erasure and retention.

mod contact_export;
mod contact_list;
mod contact_reads;
mod contacts;
mod erasure;
pub mod personal_data;
mod retention;
