//! Payloads of the mutations of templates.

use async_graphql::SimpleObject;

use super::types::{AgreementTemplate, AgreementTemplateVersion};

/// Payload of `templateCreate`.
#[derive(SimpleObject)]
pub struct TemplateCreatePayload {
    /// The template, with its first version.
    pub(super) template: AgreementTemplate,
}

/// Payload of `templateVersionDraft`.
#[derive(SimpleObject)]
pub struct TemplateVersionDraftPayload {
    /// The version.
    pub(super) template_version: AgreementTemplateVersion,
}

/// Payload of `templateVersionPublish`.
#[derive(SimpleObject)]
pub struct TemplateVersionPublishPayload {
    /// The version.
    pub(super) template_version: AgreementTemplateVersion,
}

/// Payload of `templateVersionRetire`.
#[derive(SimpleObject)]
pub struct TemplateVersionRetirePayload {
    /// The version.
    pub(super) template_version: AgreementTemplateVersion,
}
