//! GraphQL mutation that erases persons other than contacts.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use super::payloads::PersonErasePayload;
use crate::graphql::{
    agreements::terms::SignatureParty,
    errors,
    mutation::mutation,
    scalars::{Revision, row_id},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    persons::{self, Erased, Named},
};

/// Names the person to erase by exactly one reference.
#[derive(OneofObject)]
pub enum PersonEraseInput {
    /// Signatory of an agreement: name and title.
    SignatoryOf(SignatoryInput),
    /// Id of a bank payment, for its payer: name, organisation number, reference and message.
    BankPaymentId(ID),
    /// Id of a member, for the person in its billing details: e-mail and reference.
    BillingOfMemberId(ID),
    /// Id of an organisation, for the person in its billing details: e-mail and reference.
    BillingOfOrganisationId(ID),
    /// Id of an invoice or credit note, for the persons in its references: `ourReference` and
    /// `buyerReference`.
    ReferencesOfInvoiceId(ID),
    /// Id of an agreement, for the person in its decision: paragraph and document.
    DecisionOfAgreementId(ID),
    /// Id of an activity, for the person in its decision: paragraph and document.
    DecisionOfActivityId(ID),
    /// Id of a fee schedule, for the person in its decision: paragraph and document.
    DecisionOfFeeScheduleId(ID),
    /// Subject of tokens, case-insensitive, as in status reports and snoozed deadlines.
    Subject(String),
}

/// Reference to the signatory of an agreement.
#[derive(InputObject)]
pub struct SignatoryInput {
    /// Id of the agreement.
    agreement_id: ID,
    /// Party that the person signed for.
    party: SignatureParty,
}

/// Mutations of persons.
#[derive(Default)]
pub struct PersonMutation;

#[Object]
impl PersonMutation {
    /// Erases a person other than a contact (GDPR art. 17): the person's fields become null or a
    /// pseudonym, and null in the audit trail. Issued documents retain their text (art. 17.3 b).
    /// CONFLICT with reason RETAINED while the law on bookkeeping requires the data:
    /// `extensions.erasableFrom` is the first day on which they may be erased, null while not
    /// known. CONFLICT with reason IS_CONTACT for the e-mail address of a contact, which
    /// `contactErase` erases.
    ///
    /// Requires the role OFFICE.
    async fn person_erase(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to erase.")] input: Box<PersonEraseInput>,
    ) -> Option<Result<PersonErasePayload>> {
        Some(Box::pin(erase(ctx, *input)).await)
    }
}

async fn erase(ctx: &Context<'_>, input: PersonEraseInput) -> Result<PersonErasePayload> {
    let mut errors = ValidationErrors::default();
    let named = named(input, &mut errors);
    errors.finish().map_err(errors::within_input)?;
    let mutation = mutation(ctx);
    let payload = async |erased: Erased| {
        let revisions = erased.revisions.iter().map(Revision::new).collect();
        Ok(PersonErasePayload { kind: erased.kind.into(), revisions })
    };
    mutation.perform(persons::erase::erase(mutation.context(), &named), payload).await
}

fn named(input: PersonEraseInput, errors: &mut ValidationErrors) -> Named {
    match input {
        PersonEraseInput::SignatoryOf(SignatoryInput { agreement_id, party }) => Named::Signatory(
            row_id(&agreement_id, "signatory_of.agreement_id", errors),
            party.into(),
        ),
        PersonEraseInput::BankPaymentId(id) => Named::Payer(row_id(&id, "bank_payment_id", errors)),
        PersonEraseInput::BillingOfMemberId(id) => {
            Named::MemberBuyer(row_id(&id, "billing_of_member_id", errors))
        }
        PersonEraseInput::BillingOfOrganisationId(id) => {
            Named::OrganisationBuyer(row_id(&id, "billing_of_organisation_id", errors))
        }
        PersonEraseInput::ReferencesOfInvoiceId(id) => {
            Named::InvoiceReferences(row_id(&id, "references_of_invoice_id", errors))
        }
        PersonEraseInput::DecisionOfAgreementId(id) => {
            Named::AgreementDecision(row_id(&id, "decision_of_agreement_id", errors))
        }
        PersonEraseInput::DecisionOfActivityId(id) => {
            Named::ActivityDecision(row_id(&id, "decision_of_activity_id", errors))
        }
        PersonEraseInput::DecisionOfFeeScheduleId(id) => {
            Named::FeeDecision(row_id(&id, "decision_of_fee_schedule_id", errors))
        }
        PersonEraseInput::Subject(subject) => {
            Named::Subject(errors.text("subject", &subject, LINE))
        }
    }
}
