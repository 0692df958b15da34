//! Erasure of persons who are not contacts (GDPR art. 17): signatories, payers, and people named in
//! billing details, invoice references, decisions or token subjects.
//!
//! One transaction deletes the key of the person's data in the audit trail and removes the name
//! from the rows of the register. Data that must be preserved under bokföringslagen 7 kap. 2 §
//! stays until the retention period is over.

use std::collections::BTreeSet;

use ::entity::{
    acknowledgement, activity, agreement, audit_entry, bank_payment, decision, fee_schedule,
    id::{
        ActivityId, AgreementId, BankPaymentId, DecisionId, FeeScheduleId, InvoiceId, MemberId,
        OrganisationId,
    },
    kind::{Form, PersonKind, SignatureParty, SubjectKind},
    member, member_billing, organisation, signature, status_report,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    audit::{self, Action, Change, Person, forms},
    auth::viewer::Permission,
    config::Retention,
    context::Context,
    error::{ConflictReason, Error, Result},
    idempotency::{FromOutcome, Outcome},
    invoices::loading,
    members::contacts,
    retention, term_sql,
};

/// Identifies a person by the record that names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The signatory of an agreement for this party.
    Signatory(AgreementId, SignatureParty),
    /// The payer of a payment in a bank file, with its reference and message.
    Payer(BankPaymentId),
    /// The person in a member's billing details.
    MemberBuyer(MemberId),
    /// The person in an organisation's billing details.
    OrganisationBuyer(OrganisationId),
    /// The people in the references of an invoice, of both parties.
    InvoiceReferences(InvoiceId),
    /// The person in the decisions about an agreement.
    AgreementDecision(AgreementId),
    /// The person in the decisions about an activity.
    ActivityDecision(ActivityId),
    /// The person in the decision about a fee.
    FeeDecision(FeeScheduleId),
    /// The subject of tokens, compared without case, that is not the e-mail address of a contact.
    Subject(String),
}

/// The result of an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The kind of person.
    pub kind: PersonKind,
    /// The audit trail revisions whose personal fields can no longer be read, in ascending order.
    pub revisions: Vec<i64>,
}

impl FromOutcome for Erased {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        serde_json::from_value(outcome.details.clone()).ok()
    }
}

/// The persons to erase, and the object whose history records the erasure.
type Found = (BTreeSet<Person>, (SubjectKind, Uuid));

/// Erases a person who is not a contact. Erasing the same person again changes nothing.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, CONFLICT `RETAINED` with the first
/// day on which the law permits the erasure, or `IS_CONTACT`.
pub async fn erase(ctx: Context<'_>, named: &Named) -> Result<Erased> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::PersonErase).await?;
    let today = ctx.clock.today();
    let (kind, (persons, of)) = match named {
        Named::Signatory(id, party) => {
            (PersonKind::Signatory, signatory(&mut change, *id, *party, today).await?)
        }
        Named::Payer(id) => (PersonKind::Payer, payer(&mut change, *id, today).await?),
        Named::MemberBuyer(id) => (PersonKind::Buyer, member_buyer(&mut change, *id).await?),
        Named::OrganisationBuyer(id) => {
            (PersonKind::Buyer, organisation_buyer(&mut change, *id).await?)
        }
        Named::InvoiceReferences(id) => {
            (PersonKind::Buyer, invoice_references(&mut change, *id, today).await?)
        }
        Named::AgreementDecision(id) => {
            exists::<agreement::Entity>(&change, id.0, "agreement").await?;
            (
                PersonKind::Decision,
                decisions(&mut change, Form::Agreement, (SubjectKind::Agreement, id.0), today)
                    .await?,
            )
        }
        Named::ActivityDecision(id) => {
            exists::<activity::Entity>(&change, id.0, "activity").await?;
            (
                PersonKind::Decision,
                decisions(&mut change, Form::Activity, (SubjectKind::Activity, id.0), today)
                    .await?,
            )
        }
        Named::FeeDecision(id) => {
            exists::<fee_schedule::Entity>(&change, id.0, "fee").await?;
            (
                PersonKind::Decision,
                decisions(&mut change, Form::FeeSchedule, (SubjectKind::FeeSchedule, id.0), today)
                    .await?,
            )
        }
        Named::Subject(subject) => {
            (PersonKind::Subject, of_subject(&mut change, subject, today).await?)
        }
    };
    let erased = Erased { kind, revisions: change.erase(&persons, of).await? };
    change.commit_with(Outcome::default().detailed(&erased)?).await?;
    // A failure here does not undo the erasure.
    if let Err(error) = ctx.db.truncate_wal().await {
        tracing::warn!(%error, "the database's log could not be emptied after the erasure");
    }
    Ok(erased)
}

/// Erases the payers of bank payments whose retention period, as the network decided it, is over:
/// their names, references and messages, and their keys in the audit trail, whose entries remain
/// verifiable. Returns the number of payments.
///
/// # Errors
/// As [`erase`]; payers that were erased before the error stay erased.
pub async fn erase_due_payers(ctx: Context<'_>, decided: &Retention) -> Result<u64> {
    let mut erased = 0;
    loop {
        let due = retention::due_payers(ctx, decided).await?;
        if due.is_empty() {
            return Ok(erased);
        }
        for id in due {
            erase(ctx, &Named::Payer(id)).await?;
            erased += 1;
        }
    }
}

fn missing(noun: &str) -> Error {
    Error::NotFound(format!("there is no such {noun}"))
}

async fn exists<E: EntityTrait>(change: &Change, id: Uuid, noun: &str) -> Result<()>
where
    <E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType: From<Uuid>,
{
    E::find_by_id(id).one(change.tx()).await?.map(drop).ok_or_else(|| missing(noun))
}

/// Fails with `RETAINED` until the retention period of bokföringslagen is over for a record that
/// ended on `last`; `None` if it has no end yet.
fn ensure_over(what: &str, last: Option<NaiveDate>, today: NaiveDate) -> Result<()> {
    let may_go_from = last.and_then(retention::may_go_from);
    if may_go_from.is_some_and(|first| first <= today) {
        return Ok(());
    }
    let until = may_go_from.map_or_else(
        || "through the seventh year after it has ended".to_owned(),
        |first| format!("until {first}"),
    );
    Err(Error::Retained {
        message: format!("{what} stays {until} (bokföringslagen 7 kap. 2 §)"),
        may_go_from,
    })
}

/// Fails with `RETAINED` like [`ensure_over`], for the data of an agreement.
fn ensure_ended(row: &agreement::Model, today: NaiveDate) -> Result<()> {
    let last = row.withdrawn_on.or_else(|| term_sql::of(row).final_day());
    let name = row
        .number
        .as_ref()
        .map_or_else(|| "the draft".to_owned(), |number| format!("agreement {number}"));
    ensure_over(&name, last, today)
}

async fn signatory(
    change: &mut Change,
    agreement: AgreementId,
    party: SignatureParty,
    today: NaiveDate,
) -> Result<Found> {
    use signature::Column;
    let agreement = agreement::Entity::find_by_id(agreement)
        .one(change.tx())
        .await?
        .ok_or_else(|| missing("agreement"))?;
    let row = signature::Entity::find()
        .filter(Column::AgreementId.eq(agreement.id))
        .filter(Column::Party.eq(party));
    let row = row.one(change.tx()).await?.ok_or_else(|| missing("signature"))?;
    let id = row.id;
    ensure_ended(&agreement, today)?;
    let of = (SubjectKind::Agreement, agreement.id.0);
    let after = signature::Model { name: forms::pseudonym(id), title: None, ..row.clone() };
    if after != row {
        let before = forms::agreement(change.tx(), agreement.clone()).await?;
        audit::replace(change, after).await?;
        let after = forms::agreement(change.tx(), agreement).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::signatory(id)]), of))
}

async fn payer(change: &mut Change, id: BankPaymentId, today: NaiveDate) -> Result<Found> {
    let before = bank_payment::Entity::find_by_id(id)
        .one(change.tx())
        .await?
        .ok_or_else(|| missing("bank payment"))?;
    ensure_over(&format!("the payment of {}", before.booked_on), Some(before.booked_on), today)?;
    let after = bank_payment::Model {
        reference: None,
        message: None,
        payer_name: None,
        payer_org_number: None,
        set_aside_reason: before.set_aside_reason.as_ref().map(|_| forms::ERASED.to_owned()),
        ..before.clone()
    };
    if after != before {
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::payer(id)]), (SubjectKind::BankPayment, id.0)))
}

/// Erases the person from a member's billing details. They are needed for the next invoice only,
/// since issued invoices have their own copy of the recipient.
async fn member_buyer(change: &mut Change, id: MemberId) -> Result<Found> {
    let row =
        member::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| missing("member"))?;
    let before = forms::members(change.tx(), vec![row.clone()]).await?.pop().unwrap_or_default();
    if let Some(billing) = before
        .billing
        .clone()
        .filter(|billing| billing.email.is_some() || billing.buyer_reference.is_some())
    {
        audit::replace(
            change,
            member_billing::Model { email: None, buyer_reference: None, ..billing },
        )
        .await?;
        let after = forms::members(change.tx(), vec![row]).await?.pop().unwrap_or_default();
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::buyer(id)]), (SubjectKind::Member, id.0)))
}

async fn organisation_buyer(change: &mut Change, id: OrganisationId) -> Result<Found> {
    let before = organisation::Entity::find_by_id(id)
        .one(change.tx())
        .await?
        .ok_or_else(|| missing("organisation"))?;
    let after =
        organisation::Model { billing_email: None, buyer_reference: None, ..before.clone() };
    if after != before {
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::buyer(id)]), (SubjectKind::Organisation, id.0)))
}

/// Erases the references of an invoice. A draft's references can be erased at any time, also those
/// of a discarded draft in the audit trail. The references of an issued invoice are part of the
/// data that bokföringslagen protects, and its documents retain them permanently.
async fn invoice_references(change: &mut Change, id: InvoiceId, today: NaiveDate) -> Result<Found> {
    let found = (BTreeSet::from([Person::buyer(id)]), (SubjectKind::Invoice, id.0));
    let Some(before) = loading::by_ids(change.tx(), &BTreeSet::from([id])).await?.remove(&id)
    else {
        let entries = audit_entry::Entity::find().filter(audit_entry::Column::RecordId.eq(id.0));
        let is_discarded = entries
            .filter(audit_entry::Column::Form.eq(Form::Invoice))
            .one(change.tx())
            .await?
            .is_some();
        return if is_discarded { Ok(found) } else { Err(missing("invoice")) };
    };
    if before.is_issued() {
        ensure_over(&before.name(), before.row.issued_on, today)?;
    }
    let mut after = before.clone();
    (after.row.our_reference, after.row.buyer_reference) = (None, None);
    if after != before {
        audit::replace(change, after.row.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok(found)
}

/// Erases every decision that a record has or had, and updates all records that share the decision.
async fn decisions(
    change: &mut Change,
    form: Form,
    of: (SubjectKind, Uuid),
    today: NaiveDate,
) -> Result<Found> {
    let mut persons = BTreeSet::new();
    for id in decision_ids(change, form, of.1).await? {
        persons.insert(Person::decision(id));
        let Some(row) = decision::Entity::find_by_id(id).one(change.tx()).await? else { continue };
        let agreements = agreement::Entity::find()
            .filter(agreement::Column::DecisionId.eq(id))
            .all(change.tx())
            .await?;
        agreements.iter().try_for_each(|row| ensure_ended(row, today))?;
        let fees = fee_schedule::Entity::find()
            .filter(fee_schedule::Column::DecisionId.eq(id))
            .all(change.tx())
            .await?;
        fees.iter().try_for_each(|row| ensure_over("the fee", row.valid_to, today))?;
        let activities = activity::Entity::find()
            .filter(activity::Column::DecisionId.eq(id))
            .all(change.tx())
            .await?;
        if row.paragraph.is_none() && row.document.is_none() {
            continue;
        }
        let owners = Owners { agreements, fees, activities };
        let before = owners.records(change).await?;
        audit::replace(change, decision::Model { paragraph: None, document: None, ..row }).await?;
        let after = owners.records(change).await?;
        before
            .0
            .iter()
            .zip(&after.0)
            .try_for_each(|(before, after)| change.record(Some(before), Some(after)))?;
        before
            .1
            .iter()
            .zip(&after.1)
            .try_for_each(|(before, after)| change.record(Some(before), Some(after)))?;
        before
            .2
            .iter()
            .zip(&after.2)
            .try_for_each(|(before, after)| change.record(Some(before), Some(after)))?;
    }
    Ok((persons, of))
}

/// The records that refer to a decision.
struct Owners {
    agreements: Vec<agreement::Model>,
    fees: Vec<fee_schedule::Model>,
    activities: Vec<activity::Model>,
}

impl Owners {
    async fn records(
        &self,
        change: &Change,
    ) -> Result<(Vec<forms::Agreement>, Vec<forms::FeeSchedule>, Vec<forms::Activity>)> {
        Ok((
            forms::agreements(change.tx(), self.agreements.clone()).await?,
            forms::fee_schedules(change.tx(), self.fees.clone()).await?,
            forms::activities(change.tx(), self.activities.clone()).await?,
        ))
    }
}

/// Returns the decisions named in the audit entries of a record.
async fn decision_ids(change: &Change, form: Form, record: Uuid) -> Result<BTreeSet<DecisionId>> {
    use audit_entry::Column;
    let entries = audit_entry::Entity::find()
        .filter(Column::RecordId.eq(record))
        .filter(Column::Form.eq(form))
        .all(change.tx())
        .await?;
    let texts = entries.iter().flat_map(|entry| [&entry.before, &entry.after]).flatten();
    let id = |text: &String| {
        let text: serde_json::Value = serde_json::from_str(text).ok()?;
        Uuid::try_parse(text.get("decision")?.get("id")?.as_str()?).ok().map(DecisionId)
    };
    Ok(texts.filter_map(id).collect())
}

/// Erases a subject from the rows where it filed a report or acknowledged a deadline. Its revoked
/// tokens stay revoked, because the revocation stores only a digest.
async fn of_subject(change: &mut Change, subject: &str, today: NaiveDate) -> Result<Found> {
    let person = Person::subject(subject);
    if contacts::has_email(change.tx(), subject, None).await? {
        return Err(Error::conflict(
            ConflictReason::IsContact,
            "the subject is the e-mail address of a contact; erase the contact",
        ));
    }
    let is_subject = |text: &str| Person::subject(text) == person;
    let acknowledgements = acknowledgement::Entity::find().all(change.tx()).await?;
    for before in acknowledgements.into_iter().filter(|row| is_subject(&row.acknowledged_by)) {
        let agreement = agreement::Entity::find_by_id(before.agreement_id)
            .one(change.tx())
            .await?
            .ok_or_else(|| missing("agreement"))?;
        ensure_ended(&agreement, today)?;
        let after = acknowledgement::Model {
            acknowledged_by: forms::pseudonym(before.id),
            note: None,
            ..before.clone()
        };
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    let reports = status_report::Entity::find().all(change.tx()).await?;
    let reports = reports.into_iter().filter(|row| is_subject(&row.reported_by)).collect();
    for before in forms::status_reports(change.tx(), reports).await? {
        let mut after = before.clone();
        after.row.reported_by = forms::pseudonym(before.row.id);
        audit::replace(change, after.row.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([person]), (SubjectKind::Token, Uuid::nil())))
}
