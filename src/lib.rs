//! Samregister: the membership and contracts register of NNS, the network of Sweden's
//! samordningsförbund.
//!
//! The rules are in the crate `domain`. This crate has its three interfaces: the GraphQL API, the
//! HTTP server, and the command line. It is compiled separately, so that a changed resolver does
//! not rebuild the rules.

pub mod cli;
pub mod graphql;
pub mod http;
