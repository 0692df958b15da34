//! Documents, reports and files for people and other programs: plain data in, text or bytes out.
//! This crate has no access to the register, and depends on neither GraphQL nor HTTP nor a
//! terminal.
//!
//! Read the modules in this order: the foundation, typesetting, prose, the documents, reports and
//! the bookkeeping files.

// Foundation
mod error;
mod hash;
pub mod swedish;

// Typesetting of PDFs
pub mod typesetting;

// Prose in Markdown
pub mod prose;
mod size;
pub mod html;

// Documents
pub mod agreement;
pub mod invoice;
pub mod peppol;
pub mod reminder;
pub mod requisition;
pub mod calendar;

// Reports
mod grid;
mod formula;
pub mod labels;
pub mod sheet;
pub mod table;

// Bookkeeping files
pub mod sie;
pub mod sie_reading;

pub use self::{
    error::{Error, Result},
    grid::{Cell, Column, Grid, Kind},
    hash::sha256,
    size::TIME_LIMIT,
};
