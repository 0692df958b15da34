//! Erasure of persons who are no contacts, as the API offers it.

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject, SimpleObject};

use super::{
    agreements::SignatureParty, cost::list_size, mutation::mutation, scalars::row_id, viewer,
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    persons::{self, Erased, Named},
};

/// Kinds of persons whose data the audit log seals with a key of their own.
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

/// Names the person to erase in one of these ways.
#[derive(OneofObject)]
pub enum PersonEraseInput {
    /// Who signed an agreement: name and title.
    SignatoryOf(SignatoryInput),
    /// The payer of this bank payment: name, organisation number, reference and message.
    BankPaymentId(ID),
    /// The person in the billing details of this member: e-mail and reference.
    BillingOfMemberId(ID),
    /// The person in the billing details of this organisation: e-mail and reference.
    BillingOfOrganisationId(ID),
    /// The people in the references of this invoice or credit note, of both sides: `ourReference`
    /// and `buyerReference`.
    ReferencesOfInvoiceId(ID),
    /// The person in the decisions on this agreement: paragraph and document.
    DecisionOfAgreementId(ID),
    /// The person in the decisions on this activity: paragraph and document.
    DecisionOfActivityId(ID),
    /// The person in the decision on this fee: paragraph and document.
    DecisionOfFeeScheduleId(ID),
    /// The subject of tokens, in capitals or small letters, as it stands in status reports and
    /// acknowledgements.
    Subject(String),
}

/// Names the signatory of an agreement.
#[derive(InputObject)]
pub struct SignatoryInput {
    /// The agreement.
    agreement_id: ID,
    /// The side that the person signed for.
    party: SignatureParty,
}

/// The result of an erasure.
#[derive(SimpleObject)]
pub struct PersonErasePayload {
    /// Kind of the person.
    kind: PersonKind,
    /// The revisions of the audit log whose fields about the person are null from now on, in order;
    /// empty when there are none, or the person was erased before.
    #[graphql(directive = list_size::apply(Some(20), None))]
    revisions: Vec<String>,
}

/// Mutations on persons.
#[derive(Default)]
pub struct PersonMutation;

#[Object]
impl PersonMutation {
    /// Erases a person who is no contact (GDPR art. 17), for the OFFICE: the person's fields are
    /// null or a pseudonym, and null in the audit log. Issued documents keep what they say (art.
    /// 17.3 b). CONFLICT with reason RETAINED while the law on bookkeeping keeps the data:
    /// `extensions.mayGoFrom` is the first day on which they may go, null while that is not known.
    /// CONFLICT with reason IS_CONTACT for the e-mail address of a contact, which `contactErase`
    /// erases.
    async fn person_erase(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Names the person")] input: PersonEraseInput,
    ) -> Option<Result<PersonErasePayload>> {
        Some(erase(ctx, input).await)
    }
}

async fn erase(ctx: &Context<'_>, input: PersonEraseInput) -> Result<PersonErasePayload> {
    let mut errors = ValidationErrors::default();
    let named = named(input, &mut errors);
    errors.finish()?;
    let mutation = mutation(ctx);
    let payload = async |erased: Erased| {
        let revisions = erased.revisions.iter().map(ToString::to_string).collect();
        Ok(PersonErasePayload { kind: erased.kind.into(), revisions })
    };
    mutation.perform(persons::erase(mutation.db(), viewer(ctx), &named), payload).await
}

fn named(input: PersonEraseInput, errors: &mut ValidationErrors) -> Named {
    match input {
        PersonEraseInput::SignatoryOf(SignatoryInput { agreement_id, party }) => Named::Signatory(
            row_id(&agreement_id, "agreement", "input.signatoryOf.agreementId", errors),
            party.into(),
        ),
        PersonEraseInput::BankPaymentId(id) => {
            Named::Payer(row_id(&id, "bank_payment", "input.bankPaymentId", errors))
        }
        PersonEraseInput::BillingOfMemberId(id) => {
            Named::MemberBuyer(row_id(&id, "member", "input.billingOfMemberId", errors))
        }
        PersonEraseInput::BillingOfOrganisationId(id) => Named::OrganisationBuyer(row_id(
            &id,
            "organisation",
            "input.billingOfOrganisationId",
            errors,
        )),
        PersonEraseInput::ReferencesOfInvoiceId(id) => {
            Named::InvoiceReferences(row_id(&id, "invoice", "input.referencesOfInvoiceId", errors))
        }
        PersonEraseInput::DecisionOfAgreementId(id) => Named::AgreementDecision(row_id(
            &id,
            "agreement",
            "input.decisionOfAgreementId",
            errors,
        )),
        PersonEraseInput::DecisionOfActivityId(id) => {
            Named::ActivityDecision(row_id(&id, "activity", "input.decisionOfActivityId", errors))
        }
        PersonEraseInput::DecisionOfFeeScheduleId(id) => {
            Named::FeeDecision(row_id(&id, "fee_schedule", "input.decisionOfFeeScheduleId", errors))
        }
        PersonEraseInput::Subject(subject) => {
            Named::Subject(errors.text("input.subject", &subject, LINE))
        }
    }
}
