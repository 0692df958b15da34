//! Payloads of the mutations of organisations.

use async_graphql::{ID, SimpleObject};

use super::types::Organisation;

/// Payload of `organisationAdd`.
#[derive(SimpleObject)]
pub struct OrganisationAddPayload {
    /// The organisation.
    pub(super) organisation: Organisation,
}

/// Payload of `organisationUpdate`.
#[derive(SimpleObject)]
pub struct OrganisationUpdatePayload {
    /// The organisation.
    pub(super) organisation: Organisation,
}

/// Payload of `organisationRemove`.
#[derive(SimpleObject)]
pub struct OrganisationRemovePayload {
    /// Id of the removed organisation.
    pub(super) organisation_id: ID,
}
