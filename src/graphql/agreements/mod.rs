//! Agreements as the API tells of them.

pub mod mutations;
mod template_drift;
mod types;
mod deadlines;
mod queries;
mod reversals;

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    agreement,
    id::{AgreementId, MemberId, OrganisationId},
    requisition,
};
use async_graphql::{Context, Description, Enum, ID, Object, Union};
use chrono::NaiveDate;

pub use self::{
    deadlines::{DeadlineAcknowledgeInput, DeadlineAcknowledgementWithdrawInput, DeadlineMutation},
    queries::{
        AgreementBy, AgreementFilter, AgreementOrder, AgreementOrderField, AgreementQuery,
        agreements_of, counterparty,
    },
    reversals::{NoticeEndQuery, NoticeMutation},
    template_drift::{ConsistencyQuery, TemplateDeviation, TemplateDeviationReason},
    types::{Acknowledgement, AgreementDeadline, AgreementFee, Signature, SignatureParty},
};
use super::{
    activities::{Activity, Decision, activity_of, decision_of},
    audit::{AuditEntry, history_of},
    batch::{BatchRow, distinct, grouped, listed},
    connection::{self, Column, Connection, ConnectionNode, DIRECT, and, every, selected_columns},
    cost::{cost, list_size},
    database,
    documents::{self, AgreementDocument, AgreementPreview},
    invoices::{Invoice, InvoiceFilter, InvoiceOrder, invoices_of},
    members::Member,
    organisations::Organisation,
    request::{LongText, take_bytes},
    requisitions::Requisition,
    scalars::{Date, DateTime, Json, Parsed, node_id, take},
    templates::{AgreementTemplateVersion, version_of},
    viewer,
};
use domain::{
    agreements::{self, documents as rules},
    error::{Error, Result, ValidationErrors},
    invoices::{self, requisitions},
    members, organisations, term_sql,
};

/// What an agreement is for.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::AgreementKind")]
pub enum AgreementKind {
    /// A member takes part in an activity for a special fee (särskilt avtal).
    Participation,
    /// The network pays somebody to lead or do work (uppdragsavtal).
    Assignment,
    /// With an authority, a company or a university (samarbetsavtal).
    Cooperation,
}

/// Which way the money of an agreement goes.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::Direction")]
pub enum Direction {
    /// The network is paid.
    Income,
    /// The network pays.
    Cost,
    /// No money.
    None,
}

/// Where an agreement is in its life, as of a day.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::term::Status")]
pub enum AgreementStatus {
    /// Being written.
    Draft,
    /// Sent to the counterparty, not signed by both.
    Offered,
    /// Signed by both, not yet in force.
    Signed,
    /// In force.
    Active,
    /// In force, and ends on a known day since notice was given.
    NoticeGiven,
    /// Was in force.
    Ended,
    /// Never came about.
    Withdrawn,
}

/// The other side of an agreement, or the buyer on an invoice.
#[derive(Clone, Union)]
pub enum Counterparty {
    /// A member.
    Member(Member),
    /// Somebody else.
    Organisation(Organisation),
}

/// A contract between the network and a member or another organisation, made from a template.
#[derive(Clone, Description)]
pub struct Agreement(pub BatchRow<agreement::Model>);

#[Object(use_type_description)]
impl Agreement {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("agreement", self.0.id)
    }

    /// `2026-0042`, gapless per year. A draft has no number until it is offered: then it is
    /// `UTKAST` (draft).
    async fn number(&self) -> &str {
        self.0.number.as_deref().unwrap_or("UTKAST")
    }

    /// What it is for.
    async fn kind(&self) -> AgreementKind {
        self.0.kind.into()
    }

    /// Where it is in its life, derived from the dates below; never a stored flag that a job has to
    /// flip.
    async fn status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of this day; today when left out.")] on: Option<Parsed<Date>>,
    ) -> Result<AgreementStatus> {
        Ok(term_sql::of(&self.0).status(day(ctx, on)?).into())
    }

    /// The activity that it is about; null when it is about none.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// Which way the money goes.
    async fn direction(&self) -> Direction {
        self.0.direction.into()
    }

    /// The other side.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |row| (row.member_id, row.organisation_id)).await
    }

    /// The version of the template that it was made from; null when it was made from none, or from
    /// one that you may not see.
    async fn template(&self, ctx: &Context<'_>) -> Option<Result<AgreementTemplateVersion>> {
        version_of(ctx, &self.0, |row| row.template_version_id).await.transpose()
    }

    /// What its text was filled in with: a JSON object, empty when there is nothing to fill in.
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Json> {
        let found =
            self.0.load(ctx, "", rules::parameters_of(database(ctx).read(), &ids(&self.0))).await?;
        let Some(stored) = found.get(&self.0.id) else { return Ok(Json(serde_json::json!({}))) };
        take_bytes(ctx, stored.len())?;
        Ok(Json::stored(stored))
    }

    /// First day in force.
    async fn starts_on(&self) -> Date {
        Date(self.0.starts_on)
    }

    /// Last day of the agreed term, which is in force too; null: until further notice. A term that
    /// is prolonged by itself goes on after it: see `termEndsOn`.
    async fn ends_on(&self) -> Option<Date> {
        self.0.ends_on.map(Date)
    }

    /// Last day of the term that runs on a day: with every prolongation by then, and never later
    /// than the day before a signed successor starts. Null: until further notice.
    async fn term_ends_on(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The day; today when left out.")] on: Option<Parsed<Date>>,
    ) -> Option<Result<Date>> {
        day(ctx, on).map(|on| term_sql::of(&self.0).last_day(on).map(Date)).transpose()
    }

    /// Months of notice (uppsägningstid).
    async fn notice_months(&self) -> i32 {
        self.0.notice_months
    }

    /// Months that it is prolonged by, again and again, when nobody gives notice in time; null: it
    /// just ends.
    async fn renewal_months(&self) -> Option<i32> {
        self.0.renewal_months
    }

    /// When it was offered to the counterparty; null while a draft.
    async fn offered_at(&self) -> Option<DateTime> {
        self.0.offered_at.map(DateTime)
    }

    /// Day on which both had signed; null until then.
    async fn signed_on(&self) -> Option<Date> {
        self.0.signed_on.map(Date)
    }

    /// Day on which the draft or the offer was withdrawn; null when it was not.
    async fn withdrawn_on(&self) -> Option<Date> {
        self.0.withdrawn_on.map(Date)
    }

    /// Day on which notice was given; `endsOn` then says when it ends. Null when nobody gave
    /// notice.
    async fn notice_given_on(&self) -> Option<Date> {
        self.0.notice_given_on.map(Date)
    }

    /// Why it ends or was withdrawn; null when it goes on, or nobody said.
    async fn termination_reason(&self) -> Option<LongText<&str>> {
        self.0.termination_reason.as_deref().map(LongText)
    }

    /// The next day on which something must be decided about it; null when it is not signed, has
    /// ended, has a signed successor or runs until further notice.
    async fn next_deadline(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "On this day or after it; today when left out. Give the window's first day in `expiringAgreements`."
        )]
        on: Option<Parsed<Date>>,
    ) -> Option<Result<AgreementDeadline>> {
        let deadline = day(ctx, on).map(|on| AgreementDeadline::of(&self.0, on));
        deadline.transpose()
    }

    /// Who decided it: organ, date, paragraph; null when nothing is known.
    async fn decision(&self, ctx: &Context<'_>) -> Option<Result<Decision>> {
        decision_of(ctx, &self.0, |row| row.decision_id).await.transpose()
    }

    /// What it costs; null when it costs nothing.
    async fn fee(&self) -> Option<AgreementFee> {
        AgreementFee::of(&self.0)
    }

    /// Who signed it, in the order that they did.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn signatures(&self, ctx: &Context<'_>) -> Result<Vec<Signature>> {
        let found = self.0.load(ctx, "", async {
            let rows = rules::signatures_of(database(ctx), &ids(&self.0)).await?;
            Ok(grouped(rows, |row| row.agreement_id))
        });
        listed(ctx, found.await?.get(&self.0.id), Signature)
    }

    /// The rendered text, frozen when the agreement was offered; null for a draft, and for one
    /// whose text is not kept in the register.
    #[graphql(directive = cost::apply("10".into()))]
    async fn document(&self, ctx: &Context<'_>) -> Option<Result<AgreementDocument>> {
        documents::frozen(ctx, &self.0).await.transpose()
    }

    /// The text that a draft would be offered with today, marked as a draft (UTKAST) and without a
    /// number; null for what is no draft.
    #[graphql(directive = cost::apply("100".into()))]
    async fn preview(&self, ctx: &Context<'_>) -> Option<Result<AgreementPreview>> {
        documents::preview(ctx, &self.0).await.transpose()
    }

    /// The agreement that this one replaces; null when it replaces none.
    async fn replaces(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.replaces_id).await.transpose()
    }

    /// The agreement that replaced this one, or is drafted or offered to do so; null when there is
    /// none.
    async fn replaced_by(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        let columns =
            and(selected_columns::<Agreement>(ctx, DIRECT), agreement::Column::ReplacesId);
        let found = self.0.load(ctx, "", async {
            let rows =
                agreements::successors_of(database(ctx), viewer(ctx), &ids(&self.0), &columns)
                    .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.replaces_id))
        });
        match found.await {
            Ok(found) => found.get(&Some(self.0.id))?.first().cloned().map(Agreement).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// The invoices and credit notes with a line about it.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<InvoiceFilter>,
        #[graphql(desc = "In which order; see the list's default")] order_by: Option<InvoiceOrder>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Invoice>> {
        invoices_of(
            ctx,
            &self.0,
            invoices::Of::Agreement,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// The requisitions of its grant, in order of number; empty for those who may not see all
    /// invoices.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn requisitions(&self, ctx: &Context<'_>) -> Result<Vec<Requisition>> {
        let columns =
            and(selected_columns::<Requisition>(ctx, DIRECT), requisition::Column::AgreementId);
        let found = self.0.load(ctx, "", async {
            let rows =
                requisitions::of_agreements(database(ctx), viewer(ctx), &ids(&self.0), &columns)
                    .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.agreement_id))
        });
        listed(ctx, found.await?.get(&self.0.id), Requisition)
    }

    /// What was done to it, the oldest first; empty for those who may not read the audit trail.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<AuditEntry>> {
        history_of(ctx, &self.0, |row| row.id.0).await
    }
}

/// The day that somebody asks about: today unless they say so.
fn day(ctx: &Context<'_>, on: Option<Parsed<Date>>) -> Result<NaiveDate> {
    let mut errors = ValidationErrors::default();
    let on = take(on, "on", &mut errors);
    errors.finish()?;
    Ok(on.map_or_else(|| database(ctx).clock.today(), |on| on.0))
}

fn ids(row: &BatchRow<agreement::Model>) -> Vec<AgreementId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

impl ConnectionNode for Agreement {
    type Row = agreement::Model;
    const NAME: &'static str = "Agreement";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use agreement::Column as C;
        match field {
            "number" => &[C::Number],
            "kind" => &[C::Kind],
            "status" | "termEndsOn" | "nextDeadline" => &term_sql::COLUMNS,
            "activity" => &[C::ActivityId],
            "direction" => &[C::Direction],
            "counterparty" => &[C::MemberId, C::OrganisationId],
            "template" => &[C::TemplateVersionId],
            "startsOn" => &[C::StartsOn],
            "endsOn" => &[C::EndsOn],
            "noticeMonths" => &[C::NoticeMonths],
            "renewalMonths" => &[C::RenewalMonths],
            "offeredAt" => &[C::OfferedAt],
            "signedOn" => &[C::SignedOn],
            "withdrawnOn" => &[C::WithdrawnOn],
            "noticeGivenOn" => &[C::NoticeGivenOn],
            "terminationReason" => &[C::TerminationReason],
            "decision" => &[C::DecisionId],
            "preview" => &[C::OfferedAt, C::WithdrawnOn],
            "fee" => AgreementFee::COLUMNS,
            "replaces" => &[C::ReplacesId],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[agreement::Column::Id]
    }
}

/// The agreement that each row of a batch names, if the viewer sees it.
pub async fn agreement_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<AgreementId>,
) -> Result<Option<Agreement>> {
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, "agreement", async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let rows = agreements::by_ids(
                database(ctx),
                viewer(ctx),
                &ids,
                &selected_columns::<Agreement>(ctx, DIRECT),
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(Agreement))
}

/// The counterparties of a batch.
type Counterparties = (HashMap<MemberId, Vec<Member>>, HashMap<OrganisationId, Vec<Organisation>>);

/// The counterparty that each row of a batch names, by its member's or its organisation's id: a
/// statement for the members and one for the others at most.
pub async fn counterparty_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    ids: fn(&M) -> (Option<MemberId>, Option<OrganisationId>),
) -> Result<Counterparty> {
    let found: Arc<Counterparties> = row
        .load(ctx, "counterparty", async {
            let (db, viewer) = (database(ctx), viewer(ctx));
            let of_members = distinct(row.batch_rows().iter().filter_map(|row| ids(row).0));
            let of_others = distinct(row.batch_rows().iter().filter_map(|row| ids(row).1));
            let (mut members, mut others) = (Vec::new(), Vec::new());
            if !of_members.is_empty() {
                members = members::by_ids(
                    db,
                    viewer,
                    &of_members,
                    &selected_columns::<Member>(ctx, DIRECT),
                )
                .await?;
            }
            if !of_others.is_empty() {
                others = organisations::by_ids(
                    db,
                    viewer,
                    &of_others,
                    &selected_columns::<Organisation>(ctx, DIRECT),
                )
                .await?;
            }
            let members =
                grouped(BatchRow::each(members).into_iter().map(Member), |member| member.0.id);
            Ok((
                members,
                grouped(BatchRow::each(others).into_iter().map(Organisation), |other| other.0.id),
            ))
        })
        .await?;
    let (member, other) = ids(row);
    let member = member.and_then(|id| found.0.get(&id)?.first().cloned()).map(Counterparty::Member);
    let other =
        || other.and_then(|id| found.1.get(&id)?.first().cloned()).map(Counterparty::Organisation);
    member.or_else(other).ok_or_else(|| Error::NotFound("there is no such counterparty".into()))
}

/// The agreement with this id, if you may see it.
pub async fn node(ctx: &Context<'_>, id: AgreementId) -> Result<Option<Agreement>> {
    let found =
        agreements::by_ids(database(ctx), viewer(ctx), &[id], &every::<Agreement>()).await?;
    Ok(found.into_iter().next().map(|row| Agreement(BatchRow::single(row))))
}
