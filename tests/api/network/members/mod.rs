//! Members: admission, lists, leaving and succession.

mod admission;
mod leave;
mod lists;
mod succession;
