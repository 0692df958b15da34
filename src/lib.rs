//! Samregister: the membership and contracts register of NNS, the network of Sweden's
//! samordningsförbund.
//!
//! The rules are the crate `domain`. Here stand its three interfaces: the API, the HTTP server, and
//! the command line. They are compiled apart so that a changed resolver does not rebuild the rules.

pub mod cli;
pub mod graphql;
pub mod http;
