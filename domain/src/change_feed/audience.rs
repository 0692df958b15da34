//! The audience of a change: the viewers that its event is published to, and the condition that
//! selects the entries of one viewer.

use ::entity::{
    agreement, archived_document,
    audit_entry::{Column, Entity},
    contact,
    id::MemberId,
    invoice,
    kind::{Form, SubjectKind},
    member, organisation, template, template_version,
};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, ExprTrait, Iterable,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::{
    activities::of_visible_activity,
    agreements::{self, deadlines::is_not_acknowledgement},
    archived_documents,
    audit::Action,
    auth::viewer::{Resource, Viewer},
    context::Context,
    invoices,
    members::{self, of_visible_member},
    organisations, query, templates,
};

/// The kind of an event, by which a subscription filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A member, a contact or a contact area.
    Member,
    /// An organisation.
    Organisation,
    /// An activity, its accounts or a status report.
    Activity,
    /// A template or one of its versions.
    Template,
    /// An agreement.
    Agreement,
    /// A fee of the network itself, or a reference rate.
    Fee,
    /// An invoice, except for its payments.
    Invoice,
    /// A payment of an invoice, or a payment in a bank's file.
    Payment,
    /// An archived document.
    Document,
}

/// The viewers that the event of an action is published to, among those who can read the object
/// that it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everyone,
    /// Viewers who could read the object as a draft. Others do not learn the history of a draft
    /// when they can read the object later.
    DraftReaders,
    /// Not published: concerns no domain object; only in the audit trail.
    NotPublished,
}

impl Action {
    /// Returns the viewers that the event of this action is published to.
    #[must_use]
    pub fn audience(self) -> Audience {
        match self {
            Self::ActivityClose
            | Self::ActivityStart
            | Self::ActivityUpdate
            | Self::AgreementGiveNotice
            | Self::AgreementNoticeEndDecide
            | Self::AgreementNoticeWithdraw
            | Self::AgreementOffer
            | Self::AgreementSign
            | Self::AgreementWithdraw
            | Self::AllocationSet
            | Self::ArchivedDocumentErase
            | Self::ArchivedDocumentRegister
            | Self::ArchivedDocumentReplace
            | Self::BankFileImport
            | Self::BankPaymentMarkDuplicate
            | Self::BankPaymentMatch
            | Self::BankPaymentExclude
            | Self::BankPaymentReopen
            | Self::ContactAdd
            | Self::ContactErase
            | Self::ContactUpdate
            | Self::CostRecord
            | Self::CostReverse
            | Self::FeeScheduleSet
            | Self::GrantRecord
            | Self::GrantReverse
            | Self::Import
            | Self::InterestInvoiceIssue
            | Self::InvoiceCredit
            | Self::InvoiceIssue
            | Self::InvoiceRemind
            | Self::InvoiceRun
            | Self::InvoiceWriteOff
            | Self::MemberAdmit
            | Self::MemberLeave
            | Self::MemberMerge
            | Self::MemberReinstate
            | Self::MemberRemove
            | Self::MemberUpdate
            | Self::OrganisationAdd
            | Self::OrganisationRemove
            | Self::OrganisationUpdate
            | Self::PaymentRecord
            | Self::PaymentReverse
            | Self::PersonErase
            | Self::ReferenceRateSet
            | Self::RefundRecord
            | Self::RefundReverse
            | Self::StatusReportFile
            | Self::TemplateVersionPublish
            | Self::TemplateVersionRetire => Audience::Everyone,
            Self::AgreementDraft
            | Self::AgreementDraftUpdate
            | Self::AgreementReplace
            | Self::DeadlineSnooze
            | Self::DeadlineUnsnooze
            | Self::InvoiceDraft
            | Self::InvoiceDraftDiscard
            | Self::InvoiceDraftUpdate
            | Self::InvoicePdfKeep
            | Self::RequisitionIssue
            | Self::RequisitionWithdraw
            | Self::TemplateCreate
            | Self::TemplateVersionDraft
            | Self::TemplatesLoad => Audience::DraftReaders,
            Self::ClockAccept
            | Self::ContactReadsForget
            | Self::PeriodClose
            | Self::PeriodReopen
            | Self::TaxDecisionRecord
            | Self::TokenMint
            | Self::TokenRevoke
            | Self::TrailKeyReplace
            | Self::TrailMigrate
            | Self::VoucherExport => Audience::NotPublished,
        }
    }

    /// `true` if the action changes how much of an invoice is paid.
    #[must_use]
    pub fn is_payment(self) -> bool {
        matches!(
            self,
            Self::BankFileImport
                | Self::BankPaymentMatch
                | Self::InvoiceWriteOff
                | Self::PaymentRecord
                | Self::PaymentReverse
                | Self::RefundRecord
                | Self::RefundReverse
        )
    }
}

/// Returns the kind of the events about a subject; `None` for subjects that no event is about.
/// An invoice has two kinds, by the action.
pub(super) fn kind_of(subject: SubjectKind, is_payment: bool) -> Option<Kind> {
    Some(match subject {
        SubjectKind::Member | SubjectKind::Contact | SubjectKind::ContactArea => Kind::Member,
        SubjectKind::Organisation => Kind::Organisation,
        SubjectKind::Activity | SubjectKind::StatusReport => Kind::Activity,
        SubjectKind::Template => Kind::Template,
        SubjectKind::Agreement => Kind::Agreement,
        SubjectKind::FeeSchedule | SubjectKind::ReferenceRate => Kind::Fee,
        SubjectKind::Invoice if is_payment => Kind::Payment,
        SubjectKind::Invoice => Kind::Invoice,
        SubjectKind::BankPayment => Kind::Payment,
        SubjectKind::ArchivedDocument => Kind::Document,
        SubjectKind::Books
        | SubjectKind::Token
        | SubjectKind::ContactReads
        | SubjectKind::AuditTrail
        | SubjectKind::Clock => return None,
    })
}

/// A condition that no entry meets.
fn none() -> Condition {
    Condition::all().add(query::nothing())
}

fn subject() -> SimpleExpr {
    Expr::col((Entity, Column::SubjectId))
}

/// Selects the entries about a row that is `visible`; all entries, when all rows are.
fn about<E: EntityTrait>(of: E, id: E::Column, visible: Condition) -> Condition {
    if visible.is_empty() {
        return visible;
    }
    Condition::all().add(
        subject().in_subquery(Query::select().column((of, id)).from(of).cond_where(visible).take()),
    )
}

/// Selects the entries about objects of this kind that the viewer can read.
fn seen(ctx: Context<'_>, kind: SubjectKind) -> Condition {
    match kind {
        // Anyone with a token can read what the network runs, how it goes and what it costs.
        SubjectKind::Activity
        | SubjectKind::ContactArea
        | SubjectKind::FeeSchedule
        | SubjectKind::ReferenceRate
        | SubjectKind::StatusReport => Condition::all(),
        SubjectKind::Member => about(member::Entity, member::Column::Id, members::visible(ctx)),
        SubjectKind::Contact => {
            let owner = Expr::col((contact::Entity, contact::Column::MemberId));
            about(
                contact::Entity,
                contact::Column::Id,
                of_visible_member(&ctx.viewer.visibility(Resource::MemberAffairs), owner),
            )
        }
        SubjectKind::Organisation => {
            about(organisation::Entity, organisation::Column::Id, organisations::visible(ctx))
        }
        SubjectKind::Template if ctx.viewer.visibility(Resource::Templates).all => Condition::all(),
        SubjectKind::Template => Condition::any()
            .add(about(template::Entity, template::Column::Id, templates::visible(ctx)))
            .add(about(
                template_version::Entity,
                template_version::Column::Id,
                templates::visible_version(ctx),
            )),
        SubjectKind::Agreement => {
            about(agreement::Entity, agreement::Column::Id, agreements::visible(ctx))
        }
        SubjectKind::Invoice => about(invoice::Entity, invoice::Column::Id, invoices::visible(ctx)),
        SubjectKind::ArchivedDocument => about(
            archived_document::Entity,
            archived_document::Column::Id,
            archived_documents::visible(ctx),
        ),
        // A bank payment that is not matched belongs to no member.
        SubjectKind::BankPayment if ctx.viewer.visibility(Resource::Invoices).all => {
            Condition::all()
        }
        SubjectKind::BankPayment
        | SubjectKind::Books
        | SubjectKind::Token
        | SubjectKind::ContactReads
        | SubjectKind::AuditTrail
        | SubjectKind::Clock => none(),
    }
}

/// Selects, among the entries about objects of this kind that the viewer can read, those that
/// changed a field that it can read. An event does not say what changed, but it shows that
/// something did.
fn reported(ctx: Context<'_>, kind: SubjectKind) -> Condition {
    let backend = ctx.db.backend();
    let affairs = ctx.viewer.visibility(Resource::MemberAffairs);
    match kind {
        SubjectKind::Member if !affairs.all => {
            let facts = Condition::all()
                .add(is_no_part(backend, "amount"))
                .add(differs_without(backend, &["billing"]));
            Condition::any().add(of_visible_member(&affairs, subject())).add(facts)
        }
        SubjectKind::Organisation if !affairs.all => {
            Condition::all().add(differs_without(backend, &BILLING))
        }
        SubjectKind::Activity => {
            let accounts =
                of_visible_activity(backend, &ctx.viewer.visibility(Resource::Revenue), subject());
            let plan = Condition::any().add(accounts).add(is_no_part(backend, "booked_on"));
            let people = Condition::any().add(differs_without(backend, &CONTACT_FIELDS));
            let people = affairs
                .member
                .into_iter()
                .flat_map(|own| CONTACT_FIELDS.map(|field| changes_own(backend, own, field)))
                .fold(people, Condition::add);
            Condition::all()
                .add_option((!ctx.viewer.visibility(Resource::Revenue).all).then_some(plan))
                .add_option((!affairs.all).then_some(people))
        }
        SubjectKind::Agreement => drafts_apart(ctx, kind, "offered_at"),
        SubjectKind::Invoice => drafts_apart(ctx, kind, "issued_on"),
        SubjectKind::Template => drafts_apart(ctx, kind, "published_at"),
        _ => Condition::all(),
    }
}

/// Selects every entry for viewers who can read drafts of this kind. For others, leaves out the
/// actions of drafts and the entries that leave a draft, which has no day in this field.
fn drafts_apart(ctx: Context<'_>, kind: SubjectKind, day: &str) -> Condition {
    let drafts = match kind {
        SubjectKind::Template if !ctx.viewer.visibility(Resource::Templates).all => none(),
        // A member reads its agreements from the offer on, and its invoices from the issue on.
        _ => {
            let viewer = Viewer { member: None, ..ctx.viewer.clone() };
            seen(ctx.with_viewer(&viewer), kind)
        }
    };
    if drafts.is_empty() {
        return drafts;
    }
    let of_drafts = Action::iter()
        .filter(|action| action.audience() == Audience::DraftReaders)
        .flat_map(Action::words);
    let left = match ctx.db.backend() {
        DbBackend::Postgres => format!("(\"after\"::jsonb -> '{day}' = 'null'::jsonb) IS NOT TRUE"),
        _ => format!("json_type(\"after\", '$.{day}') IS NOT 'null'"),
    };
    let apart = Condition::all().add(Column::Action.is_not_in(of_drafts)).add(Expr::cust(left));
    // Giving notice removes a snooze as well.
    let apart = apart.add_option(
        (kind == SubjectKind::Agreement).then(|| is_not_acknowledgement(ctx.db.backend())),
    );
    Condition::any().add(drafts).add(apart)
}

/// The fields of an organisation's billing, among the other fields of its entries.
const BILLING: [&str; 6] =
    ["billing_email", "peppol_id", "buyer_reference", "address_line", "postal_code", "city"];
/// The fields of an activity's entries that name contacts.
const CONTACT_FIELDS: [&str; 2] = ["board_contact_id", "lead_contact_id"];

/// Selects the entries that change more than these fields.
fn differs_without(backend: DbBackend, fields: &[&str]) -> SimpleExpr {
    let without = |text: &str| match backend {
        DbBackend::Postgres => format!("(\"{text}\"::jsonb - '{{{}}}'::text[])", fields.join(",")),
        _ => format!(
            "json_remove(\"{text}\"{})",
            fields.iter().map(|field| format!(", '$.{field}'")).collect::<String>()
        ),
    };
    Expr::cust(format!("{} IS DISTINCT FROM {}", without("before"), without("after")))
}

/// Selects the entries about the object itself, and not about a row that belongs to it, which has
/// this field.
fn is_no_part(backend: DbBackend, field: &str) -> SimpleExpr {
    let text = "COALESCE(\"after\", \"before\")";
    Expr::cust(match backend {
        DbBackend::Postgres => format!("({text}::jsonb -> '{field}') IS NULL"),
        _ => format!("json_type({text}, '$.{field}') IS NULL"),
    })
}

/// Selects the entries that put one of the member's own contacts into this field, or take it out.
fn changes_own(backend: DbBackend, member: MemberId, field: &str) -> Condition {
    let named = |text: &str| match backend {
        DbBackend::Postgres => format!("(\"{text}\"::jsonb ->> '{field}')::uuid"),
        _ => format!("unhex(json_extract(\"{text}\", '$.{field}'), '-')"),
    };
    let (before, after) = (named("before"), named("after"));
    let changed = Expr::cust(format!("{before} IS DISTINCT FROM {after}"));
    let own = Query::select()
        .expr(Expr::val(1))
        .from(contact::Entity)
        .and_where(Expr::col((contact::Entity, contact::Column::MemberId)).eq(member))
        .and_where(
            Expr::col((contact::Entity, contact::Column::Id))
                .is_in([Expr::cust(before), Expr::cust(after)]),
        )
        .take();
    Condition::all().add(changed).add(Expr::exists(own))
}

/// Forms of digests and parts, which are always recorded together with their document.
const PARTS: [Form; 9] = [
    Form::InvoiceContent,
    Form::InvoiceXml,
    Form::AgreementHtml,
    Form::FeeCharge,
    Form::BankPaymentPart,
    Form::Adjustment,
    Form::SignatureFile,
    Form::CostFile,
    Form::DocumentFile,
];

/// Selects the entries about an object, and not about a part that is recorded together with it.
pub(super) fn is_whole_object() -> SimpleExpr {
    Expr::cust(format!("COALESCE(form, '') NOT IN ('{}')", PARTS.map(Form::word).join("', '")))
}

/// Selects the entries about objects of this kind that are published to the viewer.
pub(super) fn published(ctx: Context<'_>, kind: SubjectKind) -> Condition {
    Condition::all().add(Column::SubjectKind.eq(kind)).add(seen(ctx, kind)).add(reported(ctx, kind))
}

/// Selects the entries that are published to the viewer and are of one of these kinds; of any kind
/// if none is named.
pub(super) fn matching(ctx: Context<'_>, kinds: &[Kind]) -> Condition {
    let mut any = Condition::any();
    for kind in SubjectKind::iter() {
        let is_wanted = |is_payment| {
            kind_of(kind, is_payment).is_some_and(|kind| kinds.is_empty() || kinds.contains(&kind))
        };
        let payments = || Action::iter().filter(|action| action.is_payment());
        let mut entries = published(ctx, kind);
        // An invoice has two kinds, by the action.
        match (is_wanted(false), is_wanted(true)) {
            (false, false) => continue,
            (true, false) => {
                let words = payments().flat_map(Action::words);
                entries = entries.add(Column::Action.is_not_in(words));
            }
            (false, true) => {
                let words = payments().flat_map(Action::words);
                entries = entries.add(Column::Action.is_in(words));
            }
            (true, true) => {}
        }
        any = any.add(entries);
    }
    any
}
