//! What an agreement is made of: its deadline, fee, signatures and text.

use ::entity::{acknowledgement, agreement, agreement_document, id::AgreementId, signature, term::Deadline};
use async_graphql::{Context, Description, Enum, Object};
use chrono::NaiveDate;

use super::ids;
use crate::{
    agreements::{contents, deadlines, text},
    error::{Error, Faults, Result},
    fees,
    graphql::{
        database,
        documents::AgreementDocument,
        fees::{FeeBasis, VatRate},
        loaders::{Handle, grouped},
        network,
        page::Column,
        scalars::{Date, DateTime, Money, node_id},
        viewer,
    },
    terms,
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

/// The next day on which something must be decided about an agreement.
#[derive(Description)]
pub struct AgreementDeadline {
    agreement: Handle<agreement::Model>,
    deadline: Deadline,
    as_of: NaiveDate,
}

impl AgreementDeadline {
    /// The agreement's next deadline on or after a day.
    pub(super) fn of(agreement: &Handle<agreement::Model>, as_of: NaiveDate) -> Option<Self> {
        let deadline = terms::of(agreement).next_deadline(as_of)?;
        Some(Self { agreement: agreement.clone(), deadline, as_of })
    }
}

#[Object(use_type_description)]
impl AgreementDeadline {
    /// What falls due.
    async fn kind(&self) -> DeadlineKind {
        self.deadline.kind.into()
    }

    /// The day.
    async fn on(&self) -> Date {
        Date(self.deadline.on)
    }

    /// Days until then, from the day that was asked about; 0 on the day itself.
    async fn days_left(&self) -> i64 {
        (self.deadline.on - self.as_of).num_days()
    }

    /// Who has seen it and wants to hear no more of it for now; null when nobody has.
    async fn acknowledged(&self, ctx: &Context<'_>) -> Option<Result<Acknowledgement>> {
        let found = self.agreement.load(ctx, "", async {
            let rows = deadlines::acknowledgements_of(database(ctx), &ids(&self.agreement), self.as_of).await?;
            Ok(grouped(rows, |row| row.agreement_id))
        });
        match found.await {
            Ok(found) => found.get(&self.agreement.id)?.first().cloned().map(Acknowledgement).map(Ok),
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
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }
}

/// What an agreement costs.
#[derive(Description)]
pub struct AgreementFee {
    agreement: Handle<agreement::Model>,
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
    pub(super) fn of(agreement: &Handle<agreement::Model>) -> Option<Self> {
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

    /// The sum: a year's, a participant's or, for ONE_OFF, the whole; null when it is reckoned per mille.
    async fn amount(&self) -> Option<Money> {
        self.agreement.fee_amount.map(Into::into)
    }

    /// The rate in per mille of the member's allocation; null unless it is reckoned so.
    async fn per_mille(&self) -> Option<f64> {
        self.agreement.fee_per_mille.map(|rate| rate.as_f64())
    }

    /// How it is taxed.
    async fn vat_rate(&self) -> VatRate {
        self.vat_rate
    }

    /// What one year costs, before VAT; a year that the term covers only in part is prorated by whole months. ONE_OFF falls whole in
    /// the year that the term starts, and PER_PARTICIPANT is nought, since nobody knows yet how many there will be. CONFLICT
    /// `NO_ALLOCATION` when it is reckoned per mille of an allocation that is not known, or that you may not see.
    async fn amount_for(&self, ctx: &Context<'_>, #[graphql(desc = "Calendar year")] year: i32) -> Result<Money> {
        let mut faults = Faults::default();
        faults.expect(fees::amounts::YEARS.contains(&year), "year", "must be 1900 to 2999");
        faults.finish()?;
        let amounts = self.agreement.load(ctx, "", fees::amounts_of(database(ctx), viewer(ctx), self.agreement.siblings(), year)).await?;
        let amount = amounts.get(&self.agreement.id).copied().map(Money);
        amount.ok_or_else(|| Error::conflict("NO_ALLOCATION", format!("the fee is reckoned on an allocation of {year} that is not known")))
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

/// The text that an agreement was offered with, with what the selection asks for; null when there is none.
pub(super) async fn document_of(ctx: &Context<'_>, agreement: &Handle<agreement::Model>) -> Result<Option<AgreementDocument>> {
    use agreement_document::Column as C;
    let look_ahead = ctx.look_ahead();
    let wanted = [("sha256", C::Sha256), ("html", C::Html)].into_iter().filter(|(field, _)| look_ahead.field(field).exists());
    let columns: Vec<_> = std::iter::once(C::AgreementId).chain(wanted.map(|(_, column)| column)).collect();
    let found = agreement.load(ctx, "", contents::documents_of(database(ctx), &ids(agreement), &columns)).await?;
    Ok(found.get(&agreement.id).cloned().map(|row| AgreementDocument::kept(row, pdf_url(agreement.id))))
}

/// What a draft would be offered with today; null for what is no draft, or was made from no template.
pub(super) async fn preview_of(ctx: &Context<'_>, agreement: &Handle<agreement::Model>) -> Result<Option<AgreementDocument>> {
    let is_draft = |row: &&agreement::Model| row.offered_at.is_none() && row.withdrawn_on.is_none();
    let drafts: Vec<_> = agreement.siblings().iter().filter(is_draft).map(|row| row.id).collect();
    if !drafts.contains(&agreement.id) {
        return Ok(None);
    }
    let found = agreement.load(ctx, "", text::previews(database(ctx), viewer(ctx), network(ctx), &drafts)).await?;
    let Some(document) = found.get(&agreement.id).cloned().transpose()? else { return Ok(None) };
    Ok(Some(AgreementDocument::preview(document, pdf_url(agreement.id))))
}

/// Where the PDF of an agreement is.
fn pdf_url(id: AgreementId) -> String {
    format!("/files/agreements/{}.pdf", *node_id("agreement", id))
}
