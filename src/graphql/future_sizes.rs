//! Sizes of the futures of resolvers.
//!
//! A list has a future for each selected field of each row, all at the same time. A resolver must
//! therefore hold neither the future of a statement nor that of a rule: both are boxed where they
//! are created, and only the row that loads a batch has one.
//!
//! With async-graphql's feature `boxed-trait`, `resolve_field` returns a boxed future. The test
//! measures the boxed value, which contains the resolvers of all fields of the type. The
//! future does nothing before it is polled: an object without a row is enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Object, ObjectType, OutputType, Schema,
    registry::{MetaType, Registry},
};

use super::{
    Mutation, Query,
    activities::{self, types::Activity},
    agreements::{
        self,
        matrix::{self, MatrixRow},
        template_drift::TemplateDeviation,
        types::Agreement,
    },
    archived_documents::{reads::ArchivedDocumentRead, types::ArchivedDocument},
    audit::types::AuditEntry,
    batch::{Batch, BatchRow},
    connection::{self, ConnectionNode},
    contacts::types::{Contact, ContactArea, ContactRead},
    decisions::types::DecisionUse,
    diary::types::DiaryEntry,
    document_list::types::Document,
    fees::{self, types::FeeSchedule},
    interest,
    invoices::{
        self,
        types::{Invoice, lines::InvoiceLine},
    },
    ledger::types::{Cost, Grant},
    members::{self, types::Member},
    organisations::types::Organisation,
    payments::{
        bank::types::{self as bank_types, BankPayment},
        types::{Payment, Refund, WriteOff},
    },
    receivables::types::Reminder,
    requisitions::types::Requisition,
    revenue,
    status_reports::types::StatusReport,
    stored_files, subscription,
    tax_decisions::types::TaxDecision,
    templates::types::{AgreementTemplate, AgreementTemplateVersion},
};

/// Maximum size of the future of a field, in bytes.
const MAX_BYTES: usize = 1024;

/// Types whose objects hold all data of their fields: no resolver of theirs waits for anything.
const WITHOUT_WAITING: &[&str] = &[
    "ActivityClosePayload",
    "ActivityRepresentative",
    "ActivityStartPayload",
    "ActivityUpdatePayload",
    "AgreementDraftPayload",
    "AgreementDraftUpdatePayload",
    "AgreementGiveNoticePayload",
    "AgreementNoticeEndDecidePayload",
    "AgreementNoticeWithdrawPayload",
    "AgreementOfferPayload",
    "AgreementReplacePayload",
    "AgreementSignPayload",
    "AgreementWithdrawPayload",
    "AgreementsDraftPayload",
    "AgreementsOfferPayload",
    "AllocationSetPayload",
    "AllocationsSetPayload",
    "ArchivedDocumentErasePayload",
    "ArchivedDocumentRegisterPayload",
    "ArchivedDocumentReplacePayload",
    "BankPaymentExcludePayload",
    "BankPaymentMarkDuplicatePayload",
    "BankPaymentMatchPayload",
    "BankPaymentReopenPayload",
    "BreakEven",
    "BreakEvenByFee",
    "ContactAddPayload",
    "ContactErasePayload",
    "ContactUpdatePayload",
    "CostRecordPayload",
    "CostReversePayload",
    "DeadlineSnoozePayload",
    "DeadlineUnsnoozePayload",
    "EnumLabel",
    "EnumLabels",
    "FeeQuote",
    "FeeScheduleSetPayload",
    "GrantRecordPayload",
    "GrantReversePayload",
    "InterestInvoiceIssuePayload",
    "InvoiceCreditPayload",
    "InvoiceDraftDiscardPayload",
    "InvoiceDraftPayload",
    "InvoiceDraftUpdatePayload",
    "InvoiceIssuePayload",
    "InvoiceRemindPayload",
    "InvoiceRun",
    "InvoiceRunPayload",
    "InvoiceWarning",
    "InvoiceWriteOffPayload",
    "InvoicesIssuePayload",
    "InvoicesRemindPayload",
    "MemberAdmitPayload",
    "MemberLeavePayload",
    "MemberMergePayload",
    "MemberReinstatePayload",
    "MemberRemovePayload",
    "MemberUpdatePayload",
    "NetworkFeeSetPayload",
    "OrganisationAddPayload",
    "OrganisationRemovePayload",
    "OrganisationUpdatePayload",
    "PageInfo",
    "PaymentRecordPayload",
    "PaymentReversePayload",
    "PeriodClosePayload",
    "PeriodReopenPayload",
    "PersonErasePayload",
    "ReferenceRateSetPayload",
    "RefundRecordPayload",
    "RefundReversePayload",
    "RequisitionIssuePayload",
    "RequisitionWithdrawPayload",
    "RetentionHolding",
    "RetentionReport",
    "RevenueReport",
    "StatusReportFilePayload",
    "TaxDecisionRecordPayload",
    "TemplateCreatePayload",
    "TemplateParameter",
    "TemplatePlaceholder",
    "TemplateTextFilter",
    "TemplateVersionDraftPayload",
    "TemplateVersionPublishPayload",
    "TemplateVersionRetirePayload",
    "VatAmount",
    "Viewer",
];

/// Measured types, with the size of the future of a field.
pub(super) struct Sizes<'c, 'd> {
    ctx: &'c Context<'d>,
    of: BTreeMap<String, usize>,
}

impl Sizes<'_, '_> {
    /// Measures the fields of an object.
    pub(super) fn add<T: ObjectType>(&mut self, object: &T) {
        self.put(T::type_name().into_owned(), object);
    }

    fn put<T: ObjectType>(&mut self, name: String, object: &T) {
        let future = object.resolve_field(self.ctx);
        self.of.insert(name, size_of_val(&*future));
    }

    fn add_node<N: ConnectionNode + ObjectType>(&mut self) {
        self.add(&N::of(row()));
    }

    fn add_list<N: ConnectionNode + ObjectType>(&mut self) {
        self.add_node::<N>();
        connection::measure::<N>(self);
    }
}

/// Returns a row that must not be read.
pub(super) fn row<M>() -> BatchRow<M> {
    BatchRow::at(&Batch::new(Vec::new()), 0)
}

/// Measures each part of a root type under the name of the root and its position.
macro_rules! measure_parts {
    ($sizes:expr, $root:ident($($part:ident),*)) => {
        let $root($($part),*) = $root::default();
        $($sizes.put(concat!(stringify!($root), ".", stringify!($part)).to_owned(), &$part);)*
    };
}

fn measure(ctx: &Context<'_>) -> BTreeMap<String, usize> {
    let mut sizes = Sizes { ctx, of: BTreeMap::new() };
    sizes.add_list::<Activity>();
    sizes.add_list::<Agreement>();
    sizes.add_list::<AgreementTemplate>();
    sizes.add_list::<ArchivedDocument>();
    sizes.add_list::<ArchivedDocumentRead>();
    sizes.add_list::<AuditEntry>();
    sizes.add_list::<BankPayment>();
    sizes.add_list::<Payment>();
    sizes.add_list::<Refund>();
    sizes.add_list::<Reminder>();
    sizes.add_list::<DiaryEntry>();
    sizes.add_list::<Document>();
    sizes.add_list::<Contact>();
    sizes.add_list::<ContactArea>();
    sizes.add_list::<ContactRead>();
    sizes.add_list::<Cost>();
    sizes.add_list::<DecisionUse>();
    sizes.add_list::<Grant>();
    sizes.add_list::<Invoice>();
    sizes.add_list::<MatrixRow>();
    sizes.add_list::<Member>();
    sizes.add_list::<Organisation>();
    sizes.add_list::<StatusReport>();
    sizes.add_list::<TemplateDeviation>();
    sizes.add_node::<AgreementTemplateVersion>();
    sizes.add_node::<FeeSchedule>();
    sizes.add_node::<InvoiceLine>();
    sizes.add_node::<WriteOff>();
    sizes.add_node::<Requisition>();
    sizes.add(&TaxDecision(row()));
    agreements::terms::measure(&mut sizes);
    activities::coverage::measure(&mut sizes);
    agreements::documents::measure(&mut sizes);
    super::decisions::types::measure(&mut sizes);
    interest::types::measure(&mut sizes);
    invoices::measure(&mut sizes);
    bank_types::measure(&mut sizes);
    matrix::measure(&mut sizes);
    members::types::measure(&mut sizes);
    revenue::types::measure(&mut sizes);
    fees::scenario::measure(&mut sizes);
    stored_files::types::measure(&mut sizes);
    subscription::measure(&mut sizes);
    super::templates::types::measure(&mut sizes);
    measure_roots(&mut sizes);
    sizes.of
}

fn measure_roots(sizes: &mut Sizes<'_, '_>) {
    sizes.put("Query".to_owned(), &Query::default());
    sizes.put("Mutation".to_owned(), &Mutation::default());
    measure_parts!(
        sizes,
        Query(
            nodes,
            viewer,
            members,
            activities,
            fees,
            agreements,
            consistency,
            matrix,
            templates,
            placeholders,
            invoices,
            runs,
            bank_payments,
            payments,
            reminders,
            document_list,
            archived_documents,
            archived_document_reads,
            diary,
            rates,
            revenue,
            audit,
            revisions,
            contacts,
            organisations,
            decisions,
            status_reports,
            retention,
            notice_ends,
            closings,
            ledger,
            tax_decisions,
            enum_labels
        )
    );
    measure_parts!(
        sizes,
        Mutation(
            members,
            contacts,
            persons,
            organisations,
            activities,
            records,
            status_reports,
            fees,
            agreements,
            deadlines,
            notices,
            reversals,
            organisation_removals,
            invoices,
            templates,
            payments,
            reminders,
            adjustments,
            bank_payments,
            rates,
            closings,
            interest,
            requisitions,
            ledger,
            tax_decisions,
            many_allocations,
            many_agreements,
            many_invoices,
            many_reminders,
            archived_documents
        )
    );
}

/// Root type that measures with its own context.
struct Probe;

#[Object]
impl Probe {
    async fn sizes(&self, ctx: &Context<'_>) -> Vec<String> {
        measure(ctx).into_iter().map(|(name, bytes)| format!("{bytes} {name}")).collect()
    }
}

async fn sizes() -> BTreeMap<String, usize> {
    let schema = Schema::build(Probe, EmptyMutation, EmptySubscription).finish();
    let answer = schema.execute("{ sizes }").await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    let answer = answer.data.into_json().unwrap_or_default();
    let lines = answer["sizes"].as_array().cloned().unwrap_or_default();
    let line = |line: &serde_json::Value| {
        let (bytes, name) = line.as_str()?.split_once(' ')?;
        Some((name.to_owned(), bytes.parse().ok()?))
    };
    lines.iter().filter_map(line).collect()
}

#[tokio::test]
async fn the_future_of_every_field_is_small() {
    let sizes = sizes().await;
    assert!(sizes.len() > 80, "measured {} types only", sizes.len());
    let large: Vec<_> = sizes
        .iter()
        .filter(|(_, bytes)| **bytes >= MAX_BYTES)
        .map(|(name, bytes)| format!("{name}: {bytes}"))
        .collect();
    assert!(
        large.is_empty(),
        "box what these resolvers wait for, or their largest argument: {}",
        large.join(", ")
    );
}

/// `true` for the parts that the library merges into `Query` and `Mutation`, which are measured as
/// parts, and which clients don't see.
fn is_merged_part(name: &str) -> bool {
    let is_root = ["Query", "Mutation"].contains(&name);
    !is_root
        && (name.contains("MergedObjectTail")
            || name.ends_with("Query")
            || name.ends_with("Mutation"))
}

#[tokio::test]
async fn every_object_type_is_measured() {
    let mut registry = Registry::default();
    Query::create_type_info(&mut registry);
    Mutation::create_type_info(&mut registry);
    let in_schema: BTreeSet<String> = registry
        .types
        .iter()
        .filter(|(_, found)| matches!(found, MetaType::Object { .. }))
        .map(|(name, _)| name.clone())
        .filter(|name| !name.starts_with("__") && !is_merged_part(name))
        .collect();
    let measured: BTreeSet<String> =
        sizes().await.into_keys().filter(|name| !name.contains('.')).collect();
    let listed: BTreeSet<String> = WITHOUT_WAITING.iter().map(ToString::to_string).collect();
    let known: BTreeSet<String> = measured.union(&listed).cloned().collect();
    let missing: Vec<_> = in_schema.difference(&known).collect();
    assert!(missing.is_empty(), "measure {missing:?}");
    // `Change` is part of the subscription.
    let gone: Vec<_> = known.difference(&in_schema).filter(|name| *name != "Change").collect();
    assert!(gone.is_empty(), "{gone:?} are not in the schema");
    assert!(measured.is_disjoint(&listed), "measured types are listed as not measured");
}

/// Returns the texts of the source files in a folder.
fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                sources(&path)
            } else {
                std::fs::read_to_string(path).into_iter().collect()
            }
        })
        .collect()
}

/// Returns the resolvers of a type in a source file: the content of its `impl` blocks with
/// `#[Object]` or `#[ComplexObject]`.
fn resolvers<'s>(source: &'s str, type_name: &str) -> Vec<&'s str> {
    let head = format!("impl {type_name} {{\n");
    let blocks = source.match_indices(&head).filter_map(|(start, head)| {
        let since_last_block = source[..start].rsplit("\n}\n").next().unwrap_or_default();
        let is_object =
            ["#[Object", "#[ComplexObject"].iter().any(|name| since_last_block.contains(name));
        let (block, _) = source[start + head.len()..].split_once("\n}\n")?;
        is_object.then_some(block)
    });
    blocks.collect()
}

#[test]
fn a_type_that_is_not_measured_waits_for_nothing() {
    let sources = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/graphql")));
    let resolvers_of = |name: &str| -> String {
        sources.iter().flat_map(|source| resolvers(source, name)).collect()
    };
    assert!(resolvers_of("Activity").contains(".await"), "no resolver was found");
    assert!(resolvers_of("InvoiceRun").contains("async fn"), "no resolver was found");
    for name in WITHOUT_WAITING {
        let declaration = format!("struct {name}");
        let is_declared = sources.iter().any(|source| {
            let mut after = source.split(&declaration).skip(1);
            after.any(|rest| rest.starts_with([' ', '(', ';']))
        });
        assert!(is_declared, "{name} is no struct of this folder");
        assert!(
            !resolvers_of(name).contains(".await"),
            "a resolver of {name} waits: measure the type"
        );
    }
}
