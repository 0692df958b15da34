//! Authentication and authorization: tokens, and what a viewer may read and do.

mod bearer;
mod claims;
pub mod file_link;
pub mod key_set;
pub mod minting;
mod pem;
pub mod revocations;
mod subject;
pub mod token;
pub mod viewer;
