//! Rules about the files of the repository: layers, form, documentation, acts of law and inputs of
//! fuzz targets; and comparisons with an independent model in Python.

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
pub mod model;
mod mutation_files;
pub mod source_files;
mod source_form;
