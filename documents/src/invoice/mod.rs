//! An invoice (faktura) or credit note (kreditfaktura) as a document: the data of its PDF and its
//! e-invoice.
//!
//! The data is complete: it includes the details of seller and buyer on the day of issue, which are
//! never looked up again.

mod contents;
mod exemption;
mod pdf;

pub use self::{
    contents::{Buyer, F_TAX, Invoice, Line, RateSum, Reference, Seller, Terms},
    pdf::{MAX_TIME_OF_LINES, Pdf, TIME_LIMIT, rendered, time_of_lines},
};
