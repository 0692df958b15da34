//! Interest invoices (räntefakturor): late interest of an invoice, claimed by an invoice of its
//! own.
//!
//! Interest is no payment for goods or services. So the invoice is outside the scope of VAT and
//! bears no interest itself. A line has the days with the same capital and rate. Days that an
//! interest invoice claims, and that are not credited, are not claimed again.

pub(super) mod claims;
mod content;
pub mod issue;
pub(super) mod loading;
pub mod overclaims;
