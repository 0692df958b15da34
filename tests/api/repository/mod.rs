//! Rules about the files of the repository: layers, form, documentation and acts of law.

mod client_docs;
mod docs_pages;
mod import_cycles;
mod laws;
mod language;
mod layers;
mod messages;
mod mutation_files;
pub mod source_files;
mod source_form;
