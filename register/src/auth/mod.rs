//! Who asks: tokens, and what a viewer may see and do.

mod key_set;
mod pem;
pub mod revocations;
pub mod token;
pub mod viewer;
