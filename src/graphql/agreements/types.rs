//! What an agreement is made of: its deadline, fee, signatures and text.

use ::entity::{acknowledgement, agreement, signature, term::Deadline};
use async_graphql::{Context, Description, Enum, Object};
use chrono::NaiveDate;

use super::ids;
use crate::graphql::{
    batch::{BatchRow, grouped},
    connection::Column,
    database,
    fees::{FeeBasis, VatRate},
    members::AllocationBasis,
    request::LongText,
    scalars::{Date, DateTime, Money},
    viewer,
};
use domain::{
    agreements::deadlines::{self, Reason},
    error::{Error, Result, ValidationErrors},
    fees, term_sql,
};

/// What falls due on a deadline.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::DeadlineKind")]
pub enum DeadlineKind {
    /// Last day to give notice before the term is prolonged.
    Notice,
    /// Last day in force.
    End,
}

/// Why something must be decided.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineReason {
    /// It is prolonged by its `renewalMonths` unless somebody gives notice by the deadline.
    Renews,
    /// It ends, since nothing prolongs it.
    Ends,
    /// It ends, since notice was given.
    NoticeGiven,
}

/// The next day on which something must be decided about an agreement.
#[derive(Description)]
pub struct AgreementDeadline {
    agreement: BatchRow<agreement::Model>,
    deadline: Deadline,
    as_of: NaiveDate,
}

impl AgreementDeadline {
    /// The agreement's next deadline on or after a day.
    pub(super) fn of(agreement: &BatchRow<agreement::Model>, as_of: NaiveDate) -> Option<Self> {
        let deadline = term_sql::of(agreement).next_deadline(as_of)?;
        Some(Self { agreement: agreement.clone(), deadline, as_of })
    }
}

#[Object(use_type_description)]
impl AgreementDeadline {
    /// What falls due.
    async fn kind(&self) -> DeadlineKind {
        self.deadline.kind.into()
    }

    /// Why something must be decided.
    async fn reason(&self) -> DeadlineReason {
        match Reason::of(&term_sql::of(&self.agreement), self.as_of) {
            Some(Reason::Renews { .. }) => DeadlineReason::Renews,
            Some(Reason::NoticeGiven { .. }) => DeadlineReason::NoticeGiven,
            Some(Reason::Ends) | None => DeadlineReason::Ends,
        }
    }

    /// The day.
    async fn on(&self) -> Date {
        Date(self.deadline.on)
    }

    /// Days until then, from the day that was asked about; 0 on the day itself.
    async fn days_left(&self) -> i64 {
        (self.deadline.on - self.as_of).num_days()
    }

    /// The acknowledgement that silences it for now; null when there is none, and for a MEMBER, to
    /// whom the network's own notes are not shown.
    async fn acknowledged(&self, ctx: &Context<'_>) -> Option<Result<Acknowledgement>> {
        let found = self.agreement.load(ctx, "", async {
            let rows = deadlines::acknowledgements_of(
                database(ctx),
                viewer(ctx),
                &ids(&self.agreement),
                self.as_of,
            )
            .await?;
            Ok(grouped(rows, |row| row.agreement_id))
        });
        match found.await {
            Ok(found) => {
                found.get(&self.agreement.id)?.first().cloned().map(Acknowledgement).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Somebody has seen a deadline and wants to hear no more of it until a day.
#[derive(Description)]
pub struct Acknowledgement(acknowledgement::Model);

#[Object(use_type_description)]
impl Acknowledgement {
    /// Who.
    async fn by(&self) -> &str {
        &self.0.acknowledged_by
    }

    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.0.acknowledged_at)
    }

    /// Last quiet day.
    async fn until(&self) -> Date {
        Date(self.0.until)
    }

    /// Why; null when nobody said.
    async fn note(&self) -> Option<LongText<&str>> {
        self.0.note.as_deref().map(LongText)
    }
}

/// What an agreement costs.
#[derive(Description)]
pub struct AgreementFee {
    agreement: BatchRow<agreement::Model>,
    basis: FeeBasis,
    vat_rate: VatRate,
}

impl AgreementFee {
    /// What it is made of: the fee's own columns, and those of the term that it is prorated by.
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

    /// The agreement's fee; null when it says none.
    pub(super) fn of(agreement: &BatchRow<agreement::Model>) -> Option<Self> {
        let (basis, vat_rate) = (agreement.fee_basis?.into(), agreement.vat_rate?.into());
        Some(Self { agreement: agreement.clone(), basis, vat_rate })
    }
}

#[Object(use_type_description)]
impl AgreementFee {
    /// What it is reckoned on.
    async fn basis(&self) -> FeeBasis {
        self.basis
    }

    /// The sum: a year's, a participant's or, for ONE_OFF, the whole; null when it is reckoned per
    /// mille.
    async fn amount(&self) -> Option<Money> {
        self.agreement.fee_amount.map(Into::into)
    }

    /// The rate in per mille of the member's allocation; null unless it is reckoned so.
    async fn per_mille(&self) -> Option<f64> {
        self.agreement.fee_per_mille.map(|rate| rate.as_f64())
    }

    /// Never more than this in a whole year (maxtak), for PER_MILLE_OF_ALLOCATION; null: no cap.
    async fn cap(&self) -> Option<Money> {
        self.agreement.fee_cap.map(Into::into)
    }

    /// Never less than this in a whole year, for PER_MILLE_OF_ALLOCATION; null: no minimum.
    async fn minimum(&self) -> Option<Money> {
        self.agreement.fee_minimum.map(Into::into)
    }

    /// The allocation (tilldelning) that the rate is of; null unless it is reckoned per mille.
    async fn allocation_basis(&self) -> Option<AllocationBasis> {
        self.agreement
            .fee_per_mille
            .map(|_| self.agreement.fee_allocation_basis.unwrap_or_default().into())
    }

    /// How it is taxed.
    async fn vat_rate(&self) -> VatRate {
        self.vat_rate
    }

    /// Fee of one year, before VAT; a year that the term covers only in part is prorated by the
    /// months on whose first day the agreement is in force, after the cap and the minimum have been
    /// put on the whole year's fee. ONE_OFF falls whole in the year that the term starts, and
    /// PER_PARTICIPANT is zero, since nobody knows yet how many there will be. CONFLICT
    /// `NO_ALLOCATION` when it is reckoned per mille of an allocation that is not known, or that
    /// you may not see.
    async fn amount_for(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year")] year: i32,
    ) -> Result<Money> {
        let mut errors = ValidationErrors::default();
        errors.expect(fees::amounts::YEARS.contains(&year), "year", "must be 1900 to 2999");
        errors.finish()?;
        let amounts = self
            .agreement
            .load(
                ctx,
                "",
                fees::amounts_of(database(ctx), viewer(ctx), self.agreement.batch_rows(), year),
            )
            .await?;
        let amount = amounts.get(&self.agreement.id).copied().map(Money);
        amount.ok_or_else(|| {
            let of = fees::describe(self.agreement.fee_allocation_basis.unwrap_or_default());
            Error::conflict(
                "NO_ALLOCATION",
                format!("the fee is per mille of the allocation {of}, and none of {year} is known"),
            )
        })
    }
}

/// Which side of an agreement.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::SignatureParty")]
pub enum SignatureParty {
    /// NNS.
    Network,
    /// The other side.
    Counterparty,
}

/// How somebody signed.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::SignatureMethod")]
pub enum SignatureMethod {
    /// On paper.
    Paper,
    /// Electronically.
    ESignature,
}

/// A party's signature under an agreement.
#[derive(Description)]
pub struct Signature(pub(super) signature::Model);

#[Object(use_type_description)]
impl Signature {
    /// Which side.
    async fn party(&self) -> SignatureParty {
        self.0.party.into()
    }

    /// Who signed.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// As what; null when nobody said.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// When.
    async fn signed_on(&self) -> Date {
        Date(self.0.signed_on)
    }

    /// How.
    async fn method(&self) -> SignatureMethod {
        self.0.method.into()
    }

    /// SHA-256 of the PDF that was signed, in hexadecimal.
    async fn document_sha256(&self) -> &str {
        &self.0.document_sha256
    }
}
