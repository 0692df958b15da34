//! Who asks: tokens, and what a viewer may see and do.

mod claims;
mod key_set;
pub mod minting;
mod pem;
pub mod revocations;
mod subject;
pub mod token;
pub mod viewer;
