//! Who asks: tokens, and what a viewer may see and do.

pub mod token;
pub mod viewer;
