//! Payloads of the mutations of contacts.

use async_graphql::SimpleObject;

use super::types::Contact;

/// Payload of `contactAdd`.
#[derive(SimpleObject)]
pub struct ContactAddPayload {
    /// The contact.
    pub(super) contact: Contact,
}

/// Payload of `contactUpdate`.
#[derive(SimpleObject)]
pub struct ContactUpdatePayload {
    /// The contact.
    pub(super) contact: Contact,
}

/// Payload of `contactErase`.
#[derive(SimpleObject)]
pub struct ContactErasePayload {
    /// The contact without personal data.
    pub(super) contact: Contact,
}
