//! Payloads of the mutations of agreements.

use async_graphql::SimpleObject;

use super::types::Agreement;

/// Payload of `agreementDraft`.
#[derive(SimpleObject)]
pub struct AgreementDraftPayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementDraftUpdate`.
#[derive(SimpleObject)]
pub struct AgreementDraftUpdatePayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementOffer`.
#[derive(SimpleObject)]
pub struct AgreementOfferPayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementWithdraw`.
#[derive(SimpleObject)]
pub struct AgreementWithdrawPayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementSign`.
#[derive(SimpleObject)]
pub struct AgreementSignPayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementGiveNotice`.
#[derive(SimpleObject)]
pub struct AgreementGiveNoticePayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementReplace`.
#[derive(SimpleObject)]
pub struct AgreementReplacePayload {
    /// The successor.
    pub(super) agreement: Agreement,
}

/// Payload of `deadlineSnooze`.
#[derive(SimpleObject)]
pub struct DeadlineSnoozePayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `deadlineUnsnooze`.
#[derive(SimpleObject)]
pub struct DeadlineUnsnoozePayload {
    /// The agreement.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementNoticeWithdraw`.
#[derive(SimpleObject)]
pub struct AgreementNoticeWithdrawPayload {
    /// The agreement without the notice.
    pub(super) agreement: Agreement,
}

/// Payload of `agreementNoticeEndDecide`.
#[derive(SimpleObject)]
pub struct AgreementNoticeEndDecidePayload {
    /// The agreement with the decided end.
    pub(super) agreement: Agreement,
}
