//! Samregister: the membership and contracts register of NNS, the network of Sweden's samordningsförbund.
//!
//! Its rules are the crate `register`, whose modules stand here beside the three ways in: the API, the server that it is asked by, and
//! the commands. They are compiled apart so that a changed resolver leaves the rules as they are built.

pub use register::*;

// The ways in
pub mod cli;
pub mod graphql;
pub mod server;
