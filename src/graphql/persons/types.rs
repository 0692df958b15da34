//! GraphQL types of persons.

use async_graphql::Enum;

/// Kind of a person whose data the audit trail encrypts with the person's own key.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::PersonKind")]
pub enum PersonKind {
    /// A contact.
    Contact,
    /// The signatory of an agreement.
    Signatory,
    /// The payer of a bank payment.
    Payer,
    /// The subject of a token.
    Subject,
    /// A person named in a decision.
    Decision,
    /// A person named in billing details or in the references of an invoice.
    Buyer,
}
