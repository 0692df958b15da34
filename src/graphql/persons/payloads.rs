//! Payload of the mutation of persons.

use async_graphql::SimpleObject;

use super::types::PersonKind;
use crate::graphql::{cost::list_size, scalars::Revision};

/// Payload of `personErase`.
#[derive(SimpleObject)]
pub struct PersonErasePayload {
    /// Kind of the erased person.
    pub(super) kind: PersonKind,
    /// Revisions of the audit trail whose fields about the person are null from now on, in order;
    /// empty when there are none, or the person was already erased.
    #[graphql(directive = list_size::apply(Some(20), None))]
    pub(super) revisions: Vec<Revision>,
}
