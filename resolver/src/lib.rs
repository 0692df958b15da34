//! The library async-graphql, with a shorter way to resolve the fields of an object.
//!
//! The program depends on this crate under the name `async-graphql`. The library's macros name that
//! crate in the code that they generate, so that each object type resolves its selection by
//! [`resolver_utils::resolve_container`], and none is written in another way for it.

mod container;
mod list;
mod together;

pub use async_graphql::*;
pub use list::List;

/// What the library's macros call in the code that they generate.
pub mod resolver_utils {
    pub use crate::container::resolve_container;
    pub use async_graphql::resolver_utils::*;
}
