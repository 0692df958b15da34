//! GraphQL types of the terms of an agreement: deadlines, ends by notice, fees and signatures.

use ::entity::{acknowledgement, agreement, signature, term::Deadline};
use async_graphql::{Context, Description, Enum, ID, Object};
use chrono::NaiveDate;

use super::types::{Agreement, agreement_of, ids};
use crate::graphql::{
    batch::{BatchRow, grouped},
    caller,
    connection::Column,
    cost::cost,
    fees::types::{FeeBasis, VatRate},
    members::types::AllocationBasis,
    request::LongText,
    scalars::{Date, DateTime, Decimal, Money, Sha256, node_id},
    stored_files::types::StoredFile,
    times,
};
use domain::{
    agreements::{
        deadlines::{acknowledgements, rules::Reason},
        former_notice_ends::NoticeEnd,
    },
    change_feed::times::Parts,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    fees, stored_files, term_sql,
};

/// Kind of a deadline.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::DeadlineKind")]
pub enum DeadlineKind {
    /// Last day to give notice before the term is renewed.
    Notice,
    /// Last day in force.
    End,
}

/// Reason for a deadline.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineReason {
    /// The agreement is renewed by its `renewalMonths` unless notice is given by the deadline.
    Renews,
    /// The agreement ends with its term.
    Ends,
    /// The agreement ends because notice was given.
    NoticeGiven,
}

/// The next day on which a decision about an agreement is due.
#[derive(Description)]
pub struct AgreementDeadline {
    agreement: BatchRow<agreement::Model>,
    deadline: Deadline,
    as_of: NaiveDate,
}

impl AgreementDeadline {
    /// Returns the agreement's next deadline on or after a day.
    pub(super) fn of(agreement: &BatchRow<agreement::Model>, as_of: NaiveDate) -> Option<Self> {
        let deadline = term_sql::of(agreement).next_deadline(as_of)?;
        Some(Self { agreement: agreement.clone(), deadline, as_of })
    }
}

#[Object(use_type_description)]
impl AgreementDeadline {
    /// Kind of the deadline.
    async fn kind(&self) -> DeadlineKind {
        self.deadline.kind.into()
    }

    /// Reason for the deadline.
    async fn reason(&self) -> DeadlineReason {
        match Reason::of(&term_sql::of(&self.agreement), self.as_of) {
            Some(Reason::Renews { .. }) => DeadlineReason::Renews,
            Some(Reason::NoticeGiven { .. }) => DeadlineReason::NoticeGiven,
            Some(Reason::Ends) | None => DeadlineReason::Ends,
        }
    }

    /// Day of the deadline.
    async fn deadline_on(&self) -> Date {
        Date(self.deadline.on)
    }

    /// Days from `asOf` to the deadline; 0 on the day itself.
    async fn days_left(&self) -> i64 {
        (self.deadline.on - self.as_of).num_days()
    }

    /// Snooze that hides the deadline for now; null when there is none, and for a MEMBER, who does
    /// not see internal notes of the network.
    async fn snooze(&self, ctx: &Context<'_>) -> Option<Result<DeadlineSnooze>> {
        let found = self.agreement.load(ctx, "", || async {
            let rows = acknowledgements::acknowledgements_of(
                caller(ctx),
                &ids(&self.agreement),
                self.as_of,
            )
            .await?;
            Ok(grouped(rows, |row| row.agreement_id))
        });
        match found.await {
            Ok(found) => {
                found.get(&self.agreement.id)?.first().cloned().map(DeadlineSnooze).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Snooze of a deadline (`deadlineSnooze`).
#[derive(Description)]
pub struct DeadlineSnooze(acknowledgement::Model);

#[Object(use_type_description)]
impl DeadlineSnooze {
    /// Token subject of the user who snoozed it.
    async fn snoozed_by(&self) -> &str {
        &self.0.acknowledged_by
    }

    /// Time at which it was snoozed.
    async fn snoozed_at(&self) -> DateTime {
        DateTime(self.0.acknowledged_at)
    }

    /// Last day on which the deadline is hidden.
    async fn snoozed_until(&self) -> Date {
        Date(self.0.until)
    }

    /// Reason; null when not recorded.
    async fn note(&self) -> Option<LongText<&str>> {
        self.0.note.as_deref().map(LongText)
    }
}

/// Fee of an agreement.
#[derive(Description)]
pub struct AgreementFee {
    agreement: BatchRow<agreement::Model>,
    basis: FeeBasis,
    vat_rate: VatRate,
}

impl AgreementFee {
    /// Columns of the fee and of the term that it is prorated by.
    pub(super) const COLUMNS: &'static [Column<agreement::Model>] = {
        use agreement::Column as C;
        &[
            C::MemberId,
            C::FeeBasis,
            C::FeeAmount,
            C::FeePerMille,
            C::FeeCap,
            C::FeeMinimum,
            C::FeeAllocationBasis,
            C::VatRate,
            C::StartsOn,
            C::EndsOn,
            C::NoticeMonths,
            C::RenewalMonths,
            C::OfferedAt,
            C::SignedOn,
            C::WithdrawnOn,
            C::NoticeGivenOn,
            C::ReplacedFrom,
        ]
    };

    /// Returns the agreement's fee; `None` when it has none.
    pub(super) fn of(agreement: &BatchRow<agreement::Model>) -> Option<Self> {
        let (basis, vat_rate) = (agreement.fee_basis?.into(), agreement.vat_rate?.into());
        Some(Self { agreement: agreement.clone(), basis, vat_rate })
    }
}

#[Object(use_type_description)]
impl AgreementFee {
    /// Basis of the calculation.
    async fn basis(&self) -> FeeBasis {
        self.basis
    }

    /// Amount in kronor, net of VAT: per year, per participant or, for ONE_OFF, in all; null for
    /// PER_MILLE_OF_ALLOCATION.
    async fn amount(&self) -> Option<Money> {
        self.agreement.fee_amount.map(Into::into)
    }

    /// Rate in per mille of the member's allocation; null unless `basis` is
    /// PER_MILLE_OF_ALLOCATION.
    async fn per_mille(&self) -> Option<Decimal> {
        self.agreement.fee_per_mille.map(Decimal::new)
    }

    /// Maximum of a whole year (maxtak) in kronor, for PER_MILLE_OF_ALLOCATION; null: no cap.
    async fn cap(&self) -> Option<Money> {
        self.agreement.fee_cap.map(Into::into)
    }

    /// Minimum of a whole year in kronor, for PER_MILLE_OF_ALLOCATION; null: no minimum.
    async fn minimum(&self) -> Option<Money> {
        self.agreement.fee_minimum.map(Into::into)
    }

    /// Allocation (tilldelning) that the rate applies to; null unless `basis` is
    /// PER_MILLE_OF_ALLOCATION.
    async fn allocation_basis(&self) -> Option<AllocationBasis> {
        self.agreement
            .fee_per_mille
            .map(|_| self.agreement.fee_allocation_basis.unwrap_or_default().into())
    }

    /// VAT treatment.
    async fn vat_rate(&self) -> VatRate {
        self.vat_rate
    }

    /// Fee of one calendar year in kronor, net of VAT. For a year that the term covers in part, it
    /// is prorated by the months on whose first day the agreement is in force, after cap and
    /// minimum were applied to the whole year's fee. ONE_OFF falls in full in the year in which the
    /// term starts. PER_PARTICIPANT is zero, since the number of participants is not known.
    /// CONFLICT with reason NO_ALLOCATION when the allocation of a per-mille fee is not known, or
    /// you may not see it.
    async fn amount_for(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Result<Money> {
        let mut errors = ValidationErrors::default();
        errors.expect(
            fees::amounts::YEARS.contains(&year),
            "year",
            FieldErrorCode::OutOfRange
                .problem("must be 1900 to 2999")
                .with("min", 1900)
                .with("max", 2999),
        );
        errors.finish()?;
        let amounts = self
            .agreement
            .load(ctx, "", || async {
                fees::amounts_of(caller(ctx), self.agreement.batch_rows(), year).await
            })
            .await?;
        let amount = amounts.get(&self.agreement.id).copied().map(Money);
        amount.ok_or_else(|| {
            let of = fees::quote::describe(self.agreement.fee_allocation_basis.unwrap_or_default());
            Error::conflict(
                ConflictReason::NoAllocation,
                format!("the fee is per mille of the allocation {of}, and none of {year} is known"),
            )
        })
    }
}

/// Party of an agreement.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::SignatureParty")]
pub enum SignatureParty {
    /// The network, NNS.
    Network,
    /// The counterparty.
    Counterparty,
}

/// Method of signing.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::SignatureMethod")]
pub enum SignatureMethod {
    /// On paper.
    Paper,
    /// By e-signature.
    ESignature,
}

/// Signature of a party on an agreement.
#[derive(Clone, Description)]
pub struct Signature(pub BatchRow<signature::Model>);

/// The part of an agreement in whose entries the trail has signatures.
const PART: times::PartOf<signature::Model> =
    times::PartOf { parts: Parts::Signatures, id: |row| row.id.0, owner: |row| row.agreement_id.0 };

#[Object(use_type_description)]
impl Signature {
    /// Global id of the signature, opaque. Pass it to `node`.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time at which it was recorded, as in the audit trail; null when the trail has no entry that
    /// you may learn of.
    #[graphql(directive = cost::apply("10".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        PART.created_at(ctx, &self.0).await
    }

    /// The same as `createdAt`: a signature never changes.
    #[graphql(directive = cost::apply("10".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        PART.created_at(ctx, &self.0).await
    }

    /// Party that signed.
    async fn party(&self) -> SignatureParty {
        self.0.party.into()
    }

    /// Name of the person who signed.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Title of the person; null when not recorded.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// Day of the signature.
    async fn signed_on(&self) -> Date {
        Date(self.0.signed_on)
    }

    /// Method of signing.
    async fn method(&self) -> SignatureMethod {
        self.0.method.into()
    }

    /// SHA-256 of the signed PDF, in hexadecimal.
    async fn document_sha256(&self) -> Sha256 {
        Sha256::new(&self.0.document_sha256)
    }

    /// Scanned signed copy; null: none was uploaded.
    async fn file(&self, ctx: &Context<'_>) -> Option<Result<StoredFile>> {
        let found = self.0.load(ctx, "", || async {
            let signatures: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
            stored_files::of_signatures(caller(ctx), &signatures).await
        });
        match found.await {
            Ok(found) => {
                found.get(&self.0.id).cloned().map(BatchRow::single).map(StoredFile).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// An end by notice that an earlier rule computed, and that differs by the present rule. The
/// counterparty was notified of the earlier one.
#[derive(Clone, Description)]
pub struct AgreementNoticeEnd(pub(super) BatchRow<NoticeEnd>);

#[Object(use_type_description)]
impl AgreementNoticeEnd {
    /// The agreement; null when you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |end| Some(end.agreement)).await.transpose()
    }

    /// Day of the notice.
    async fn notice_given_on(&self) -> Date {
        Date(self.0.given_on)
    }

    /// Last day in force that the counterparty was notified of. It applies until
    /// `agreementNoticeEndDecide` decides otherwise.
    async fn ends_on(&self) -> Date {
        Date(self.0.ends_on)
    }

    /// Last day in force by the present rule.
    async fn rule_ends_on(&self) -> Date {
        Date(self.0.rule_ends_on)
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    use crate::graphql::future_sizes::row;
    let day = NaiveDate::default();
    let deadline = Deadline { kind: ::entity::kind::DeadlineKind::End, on: day };
    sizes.add(&AgreementDeadline { agreement: row(), deadline, as_of: day });
    sizes.add(&AgreementFee {
        agreement: row(),
        basis: FeeBasis::OneOff,
        vat_rate: VatRate::Standard25,
    });
    sizes.add(&DeadlineSnooze(acknowledgement::Model::default()));
    sizes.add(&Signature(row()));
    sizes.add(&AgreementNoticeEnd(row()));
}
