//! GraphQL type of agreements.

use ::entity::{agreement, id::AgreementId, requisition};
use async_graphql::{Context, Description, Enum, ID, Object};
use chrono::NaiveDate;

use super::{
    counterparty::{Counterparty, CounterpartyIds, counterparty_of},
    documents::{self, AgreementDocument, AgreementPreview},
    terms::{AgreementDeadline, AgreementFee, Signature},
};
use crate::graphql::{
    activities::types::{Activity, activity_of},
    audit::types::{AuditEntry, entries_of},
    batch::{BatchRow, grouped, listed},
    caller,
    connection::{self, Column, Connection, ConnectionNode, DIRECT, and, every, selected_columns},
    cost::{cost, list_size, unversioned},
    database,
    decisions::types::{Decision, decision_of},
    invoices::{
        queries::{InvoiceFilter, InvoiceOrder, invoices_of},
        types::Invoice,
    },
    request::{LongText, take_bytes},
    requisitions::types::Requisition,
    scalars::{Date, DateTime, Json, Parsed, node_id, take},
    templates::types::{AgreementTemplateVersion, version_of},
    times,
};
use domain::{
    agreements::{
        self,
        deadlines::snooze,
        documents as rules,
        lifecycle::{self, Transition},
        notice, parameters, replace,
    },
    error::{Error, Result, ValidationErrors},
    invoices, requisitions, term_sql,
};

/// Purpose of an agreement.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::AgreementKind")]
pub enum AgreementKind {
    /// A member takes part in an activity for a special fee (särskilt avtal).
    Participation,
    /// The network pays for leading or doing work (uppdragsavtal).
    Assignment,
    /// Cooperation with an authority, a company or a university (samarbetsavtal).
    Cooperation,
}

/// Direction of the payments of an agreement.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::Direction")]
pub enum AgreementDirection {
    /// The counterparty pays the network.
    Income,
    /// The network pays the counterparty.
    Cost,
    /// No payments.
    None,
}

/// Status of an agreement as of a day, derived from its dates.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::term::Status")]
pub enum AgreementStatus {
    /// Draft: may still change.
    Draft,
    /// Sent to the counterparty, and not yet signed by both parties.
    Offered,
    /// Signed by both parties, and not yet in force.
    Signed,
    /// In force.
    Active,
    /// In force, and ends on a known day because notice was given.
    NoticeGiven,
    /// No longer in force.
    Ended,
    /// Withdrawn before it came into force.
    Withdrawn,
}

/// A contract between the network and a member or another organisation, made from a template.
#[derive(Clone, Description)]
pub struct Agreement(pub BatchRow<agreement::Model>);

#[Object(use_type_description)]
impl Agreement {
    /// Global id of the agreement, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Number, gapless per year: `2026-0042`; null until it is offered.
    async fn number(&self) -> Option<&str> {
        self.0.number.as_deref()
    }

    /// Purpose of the agreement.
    async fn kind(&self) -> AgreementKind {
        self.0.kind.into()
    }

    /// Status as of a day, derived from the dates below and from signed successors.
    async fn status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the calculation; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Result<AgreementStatus> {
        Ok(term_sql::of(&self.0).status(day(ctx, as_of)?).into())
    }

    /// Activity of the agreement; null when it is about none.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// Direction of the payments.
    async fn direction(&self) -> AgreementDirection {
        self.0.direction.into()
    }

    /// Counterparty: a member or an organisation.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        let ids = |row: &agreement::Model| CounterpartyIds {
            member: row.member_id,
            organisation: row.organisation_id,
        };
        counterparty_of(ctx, &self.0, ids).await
    }

    /// Template version of the text; null when it has no template, or you may not see the version.
    async fn template_version(
        &self,
        ctx: &Context<'_>,
    ) -> Option<Result<AgreementTemplateVersion>> {
        version_of(ctx, &self.0, |row| row.template_version_id).await.transpose()
    }

    /// Parameters of the text: a JSON object from name to value, `{"days": 14}`; empty without
    /// parameters.
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Json> {
        let found = self
            .0
            .load(ctx, "", || async {
                parameters::parameters_of(database(ctx).read(), &ids(&self.0)).await
            })
            .await?;
        let Some(stored) = found.get(&self.0.id) else { return Ok(Json(serde_json::json!({}))) };
        take_bytes(ctx, stored.len())?;
        Ok(Json::stored(stored))
    }

    /// First day in force.
    async fn starts_on(&self) -> Date {
        Date(self.0.starts_on)
    }

    /// Last day of the agreed term, inclusive; null: until further notice. An agreement with
    /// automatic renewal continues after it: see `termEndsOn`.
    async fn ends_on(&self) -> Option<Date> {
        self.0.ends_on.map(Date)
    }

    /// Last day of the term that runs on a day, with every renewal until then; at most the day
    /// before a signed successor starts. Null: until further notice.
    async fn term_ends_on(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day within the term; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Option<Result<Date>> {
        day(ctx, as_of).map(|on| term_sql::of(&self.0).last_day(on).map(Date)).transpose()
    }

    /// Period of notice (uppsägningstid), in months.
    async fn notice_months(&self) -> i32 {
        self.0.notice_months
    }

    /// Length of each automatic renewal, in months, when no notice is given in time; null: it ends
    /// with its term.
    async fn renewal_months(&self) -> Option<i32> {
        self.0.renewal_months
    }

    /// Time of the offer to the counterparty; null while a draft.
    async fn offered_at(&self) -> Option<DateTime> {
        self.0.offered_at.map(DateTime)
    }

    /// Day on which both parties had signed; null before that.
    async fn signed_on(&self) -> Option<Date> {
        self.0.signed_on.map(Date)
    }

    /// Day on which the draft or offer was withdrawn; null unless withdrawn.
    async fn withdrawn_on(&self) -> Option<Date> {
        self.0.withdrawn_on.map(Date)
    }

    /// Day on which notice was given; `endsOn` is then the last day in force. Null when no notice
    /// was given.
    async fn notice_given_on(&self) -> Option<Date> {
        self.0.notice_given_on.map(Date)
    }

    /// Reason of the notice or withdrawal; null when there is neither, or no reason is recorded.
    async fn termination_reason(&self) -> Option<LongText<&str>> {
        self.0.termination_reason.as_deref().map(LongText)
    }

    /// Next day on which a decision about it is due; null when it is not signed, has ended, has a
    /// signed successor or runs until further notice.
    async fn next_deadline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The deadline is on this day or later; defaults to today. In \
                    `expiringAgreements`, pass the window's first day.")]
        as_of: Option<Parsed<Date>>,
    ) -> Option<Result<AgreementDeadline>> {
        let deadline = day(ctx, as_of).map(|on| AgreementDeadline::of(&self.0, on));
        deadline.transpose()
    }

    /// Decision to make the agreement: body, date, paragraph; null when not recorded.
    async fn decision(&self, ctx: &Context<'_>) -> Option<Result<Decision>> {
        decision_of(ctx, &self.0, |row| row.decision_id).await.transpose()
    }

    /// Fee or price; null when there is none.
    async fn fee(&self) -> Option<AgreementFee> {
        AgreementFee::of(&self.0)
    }

    /// Signatures, in the order of signing.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn signatures(&self, ctx: &Context<'_>) -> Result<Vec<Signature>> {
        let found = self.0.load(ctx, "", || async {
            let rows = rules::signatures_of(caller(ctx), &ids(&self.0)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.agreement_id))
        });
        listed(ctx, found.await?.get(&self.0.id), Signature)
    }

    /// Rendered text, frozen when the agreement was offered; null for a draft, and for imported
    /// history without a text.
    #[graphql(directive = cost::apply("10".into()))]
    async fn document(&self, ctx: &Context<'_>) -> Option<Result<AgreementDocument>> {
        documents::frozen(ctx, &self.0).await.transpose()
    }

    /// Text that the draft would be offered with today, marked UTKAST (draft) and without a number;
    /// null unless it is a draft with a template.
    #[graphql(directive = cost::apply("100".into()), directive = unversioned::apply())]
    async fn preview(&self, ctx: &Context<'_>) -> Option<Result<AgreementPreview>> {
        Box::pin(documents::preview(ctx, &self.0)).await.transpose()
    }

    /// Agreement that this one replaces; null when it replaces none.
    async fn predecessor(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.replaces_id).await.transpose()
    }

    /// Agreement that replaces this one, or is drafted or offered as its successor; null when there
    /// is none.
    async fn successor(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        let columns =
            and(selected_columns::<Agreement>(ctx, DIRECT), agreement::Column::ReplacesId);
        let found = self.0.load(ctx, "", || async {
            let rows = agreements::successors_of(caller(ctx), &ids(&self.0), &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.replaces_id))
        });
        match found.await {
            Ok(found) => found.get(&Some(self.0.id))?.first().cloned().map(Agreement).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Invoices and credit notes with a line about the agreement.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<InvoiceFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<InvoiceOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Invoice>> {
        invoices_of(
            ctx,
            &self.0,
            invoices::Parent::Agreement,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// Requisitions of its grant, in order of number; empty when you may not see all invoices.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn requisitions(&self, ctx: &Context<'_>) -> Result<Vec<Requisition>> {
        let columns =
            and(selected_columns::<Requisition>(ctx, DIRECT), requisition::Column::AgreementId);
        let found = self.0.load(ctx, "", || async {
            let rows = requisitions::of_agreements(caller(ctx), &ids(&self.0), &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.agreement_id))
        });
        listed(ctx, found.await?.get(&self.0.id), Requisition)
    }

    /// Entries of the audit trail about it, the latest first; empty when you may not read the audit
    /// trail.
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<AuditEntry>> {
        entries_of(ctx, &self.0, |row| row.id, connection::args(first, after, last, before)).await
    }

    /// `true` if you may change the draft (`agreementDraftUpdate`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_update_draft(&self, ctx: &Context<'_>) -> bool {
        self.can(ctx, Transition::Update)
    }

    /// `true` if you may offer the draft (`agreementOffer`). A missing or retired template, or a
    /// counterparty that is no member, may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_offer(&self, ctx: &Context<'_>) -> bool {
        self.can(ctx, Transition::Offer)
    }

    /// `true` if you may record a signature (`agreementSign`): it is offered, and not signed by
    /// both parties.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_sign(&self, ctx: &Context<'_>) -> bool {
        self.can(ctx, Transition::Sign)
    }

    /// `true` if you may withdraw the draft or the offer (`agreementWithdraw`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_withdraw(&self, ctx: &Context<'_>) -> bool {
        self.can(ctx, Transition::Withdraw)
    }

    /// `true` if you may give notice (`agreementGiveNotice`): it is signed, has not ended, and is
    /// neither replaced nor given notice already. Before its first day, and for a fixed term, the
    /// notice needs an explicit last day (`endsOn`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_give_notice(&self, ctx: &Context<'_>) -> bool {
        notice::can_give_notice(caller(ctx), &self.0)
    }

    /// `true` if you may withdraw the notice (`agreementNoticeWithdraw`): notice was given, and it
    /// has not ended. The last day of its member or activity may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_withdraw_notice(&self, ctx: &Context<'_>) -> bool {
        notice::can_withdraw_notice(caller(ctx), &self.0)
    }

    /// `true` if you may snooze the next deadline (`deadlineSnooze`), or end its snooze
    /// (`deadlineUnsnooze`) when `nextDeadline` has one: there is a deadline today or later.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_snooze_deadline(&self, ctx: &Context<'_>) -> bool {
        snooze::can_snooze(caller(ctx), &self.0)
    }

    /// `true` if you may requisition its grant (`requisitionIssue`): it is a cooperation agreement
    /// with income, and signed. Earlier requisitions may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_requisition(&self, ctx: &Context<'_>) -> bool {
        requisitions::issue::can_issue(caller(ctx), &self.0)
    }

    /// `true` if you may draft a successor (`agreementReplace`): it is signed, has not ended, and
    /// has no successor, not even a draft.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_replace(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || replace::replaceable(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id))
    }
}

impl Agreement {
    /// Returns `true` if the viewer may make a transition today.
    fn can(&self, ctx: &Context<'_>, transition: Transition) -> bool {
        lifecycle::can(caller(ctx), transition, &self.0)
    }
}

/// Parses the `asOf` argument; defaults to today.
fn day(ctx: &Context<'_>, as_of: Option<Parsed<Date>>) -> Result<NaiveDate> {
    let mut errors = ValidationErrors::default();
    let on = take(as_of, "as_of", &mut errors);
    errors.finish()?;
    Ok(on.map_or_else(|| caller(ctx).clock.today(), |on| on.0))
}

/// Returns the ids of a batch of agreements.
pub(super) fn ids(row: &BatchRow<agreement::Model>) -> Vec<AgreementId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

impl ConnectionNode for Agreement {
    type Row = agreement::Model;
    const NAME: &'static str = "Agreement";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use agreement::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "number" => &[C::Number],
            "kind" => &[C::Kind],
            "status" | "termEndsOn" | "nextDeadline" => &term_sql::COLUMNS,
            "activity" => &[C::ActivityId],
            "direction" => &[C::Direction],
            "counterparty" => &[C::MemberId, C::OrganisationId],
            "templateVersion" => &[C::TemplateVersionId],
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
            "predecessor" => &[C::ReplacesId],
            "viewerCanRequisition" => &[C::Kind, C::Direction, C::SignedOn, C::WithdrawnOn],
            "viewerCanUpdateDraft"
            | "viewerCanOffer"
            | "viewerCanSign"
            | "viewerCanWithdraw"
            | "viewerCanGiveNotice"
            | "viewerCanWithdrawNotice"
            | "viewerCanSnoozeDeadline"
            | "viewerCanReplace" => &term_sql::COLUMNS,
            "id" | "createdAt" | "updatedAt" | "parameters" | "signatures" | "document"
            | "successor" | "invoices" | "requisitions" | "auditEntries" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[agreement::Column::Id]
    }
}

/// Returns the agreement that each row of a batch refers to, if the viewer may see it.
pub async fn agreement_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<AgreementId>,
) -> Result<Option<Agreement>> {
    connection::referenced::<Agreement, _, _>(
        ctx,
        row,
        id,
        |row| row.id,
        |ctx, ids, columns| Box::pin(agreements::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// Returns the agreement with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: AgreementId) -> Result<Option<Agreement>> {
    let found = agreements::by_ids(caller(ctx), &[id], &every::<Agreement>()).await?;
    Ok(found.into_iter().next().map(|row| Agreement(BatchRow::single(row))))
}

/// Returns the agreement that a mutation changed.
pub(super) async fn changed(ctx: &Context<'_>, id: AgreementId) -> Result<Agreement> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}
