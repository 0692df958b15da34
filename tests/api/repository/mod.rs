//! Rules about the files of the repository: layers, contexts, form, documentation, acts of law and
//! inputs of fuzz targets.

mod client_docs;
mod contexts;
mod docs_pages;
mod failure_table;
mod fuzz_inputs;
mod import_cycles;
mod laws;
mod language;
mod layers;
mod messages;
mod mutation_files;
pub mod source_files;
mod source_form;
