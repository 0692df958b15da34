//! The shape of the schema: nodes, connections, filters and orders, buttons, descriptions and
//! scalars, as the conventions of the API want them.

use std::collections::{BTreeMap, BTreeSet};

use samregister::graphql;
use serde_json::Value;

use crate::support::schema_documents::{Schema, inner, list, written};

/// Lists of objects that are no connections, with the reason: they are short, or are read as a
/// whole.
const SHORT_LISTS: &[(&str, &[&str])] = &[
    (
        "a few for each object",
        &[
            "Activity.representatives",
            "Activity.feeSchedules",
            "Activity.breakEvenByFee",
            "Agreement.signatures",
            "Agreement.requisitions",
            "AgreementTemplate.versions",
            "AgreementTemplate.usage",
            "AgreementTemplateVersion.parameters",
            "ArchivedDocument.files",
            "BankPayment.duplicates",
            "BankPayment.possibleDuplicates",
            "BankPayment.possiblePayments",
            "BankPayment.matches",
            "ContactArea.boardContacts",
            "Invoice.refunds",
            "Invoice.writeOffs",
            "Invoice.payments",
            "Invoice.reminders",
            "Invoice.warnings",
            "Invoice.creditNotes",
            "Member.predecessors",
            "Member.contacts",
            "MemberReinstatePayload.agreements",
            "Viewer.activities",
        ],
    ),
    ("one or two a year", &["Member.allocations", "Query.referenceRates"]),
    ("a few for each fee of the network", &["Query.networkFees", "Query.taxDecisions"]),
    ("a document, whose lines add up", &["Invoice.lines", "Invoice.vatBreakdown"]),
    (
        "a report, whose rows add up to its totals",
        &[
            "InvoiceRun.invoices",
            "InvoiceRun.problems",
            "InvoiceRun.unpaidMonths",
            "InvoiceRun.invoicedMonths",
            "InvoiceRun.toCredit",
            "RetentionReport.holdings",
            "RetentionReport.contacts",
            "RevenueReport.rows",
            "RevenueReport.withheld",
            "ServiceFeeScenario.rows",
            "ServiceFeeScenario.missing",
        ],
    ),
    (
        "a part of a matrix of all members and activities",
        &[
            "ActivityMatrix.activities",
            "ActivityMatrix.byVolunteers",
            "Coverage.notConnected",
            "MatrixRow.cells",
            "MatrixTrend.joined",
            "MatrixTrend.left",
        ],
    ),
    ("agreements of a former rule, which no new one joins", &["Query.agreementNoticeEnds"]),
    (
        "fixed by the program",
        &[
            "EnumLabels.values",
            "Query.enumLabels",
            "Query.templateFilters",
            "Query.templatePlaceholders",
        ],
    ),
    ("at most 100, chosen by the caller", &["Query.nodes"]),
    (
        "one for each item of the input, at most 100",
        &[
            "AgreementsDraftPayload.results",
            "AgreementsOfferPayload.results",
            "AllocationsSetPayload.results",
            "InvoicesIssuePayload.results",
            "InvoicesRemindPayload.results",
        ],
    ),
];

/// Records of the register without an id, and so without `createdAt` and `updatedAt`, with the
/// fields of the times that apply, and the reason.
const RECORDS_WITHOUT_ID: &[(&str, &[&str], &str)] = &[
    ("AgreementDocument", &["Agreement.offeredAt"], "made by the offer, and never changed"),
    (
        "ArchivedDocumentRead",
        &["ArchivedDocumentRead.firstAt", "ArchivedDocumentRead.lastAt"],
        "no part of the audit trail",
    ),
    ("ContactRead", &["ContactRead.firstAt", "ContactRead.lastAt"], "no part of the audit trail"),
    ("DeadlineSnooze", &["DeadlineSnooze.snoozedAt"], "made, and never changed"),
    (
        "Decision",
        &["Activity.updatedAt", "Agreement.updatedAt", "FeeSchedule.updatedAt"],
        "recorded and changed with its subject",
    ),
];

/// Connections of the query without `orderBy`, with the reason.
const OWN_ORDERS: &[(&str, &str)] = &[
    ("expiringAgreements", "by deadline, which is what it is a list of"),
    ("templateConsistency", "a list of findings, by number of the agreement"),
];

/// Mutations without a field `viewerCan…`, with the reason.
const WITHOUT_BUTTON: &[(&str, &[&str])] = &[
    (
        "makes an object: `viewer { permissions }` says if the caller may",
        &[
            "activityStart",
            "agreementDraft",
            "archivedDocumentRegister",
            "contactAdd",
            "costRecord",
            "feeScheduleSet",
            "grantRecord",
            "invoiceDraft",
            "invoiceRun",
            "memberAdmit",
            "networkFeeSet",
            "organisationAdd",
            "referenceRateSet",
            "taxDecisionRecord",
            "templateCreate",
        ],
    ),
    ("depends on the year and amount, not on the member", &["allocationSet", "allocationsSet"]),
    (
        "of many objects: each has the button of the mutation of one",
        &["agreementsDraft", "agreementsOffer", "invoicesIssue", "invoicesRemind"],
    ),
    ("on several members: each has `viewerCanLeave`", &["memberMerge"]),
    ("on all data of a person: `viewer { permissions }`", &["personErase"]),
    ("on the books: see `booksClosedThrough`", &["periodClose", "periodReopen"]),
    ("on each of `agreementNoticeEnds`", &["agreementNoticeEndDecide"]),
    ("depends on rates and earlier claims: see `Invoice.interest`", &["interestInvoiceIssue"]),
];

/// Openings that say nothing of what a field is.
const OPENINGS: [&str; 9] =
    ["The row", "What", "Who", "Whether", "Which", "Where", "How", "Why", "Those"];

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// Every field of an object type, with the type's name.
fn object_fields(schema: &Schema) -> Vec<(&str, &Value)> {
    let objects = schema.types().filter(|(_, found)| found["kind"] == "OBJECT");
    objects
        .flat_map(|(name, found)| list(&found["fields"]).iter().map(move |field| (name, field)))
        .collect()
}

fn is_connection(field: &Value) -> bool {
    inner(&field["type"]).ends_with("Connection")
}

/// Asserts that these names are those that are found.
fn assert_listed<'n>(
    listed: impl Iterator<Item = &'n str>,
    found: &BTreeSet<String>,
    advice: &str,
) {
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(missing.is_empty(), "{advice}: {missing:?}");
    let gone: Vec<_> = listed.difference(found).collect();
    assert!(gone.is_empty(), "remove from the list of exceptions: {gone:?}");
}

#[tokio::test]
async fn what_has_an_id_is_a_node_with_times() {
    let schema = Schema::of_program().await;
    let mut wrong = Vec::new();
    for (name, found) in schema.types().filter(|(_, found)| found["kind"] == "OBJECT") {
        let is_node = list(&found["interfaces"]).iter().any(|of| of["name"] == "Node");
        let fields: BTreeMap<&str, String> = list(&found["fields"])
            .iter()
            .map(|field| (text(field, "name"), written(&field["type"])))
            .collect();
        let has_id = fields.get("id").is_some_and(|id| id == "ID!");
        if has_id != is_node {
            wrong.push(format!("{name}: an id, or Node, alone"));
        }
        // An entry of the trail is what the times of others are from.
        if !is_node || name == "AuditEntry" {
            continue;
        }
        for time in ["createdAt", "updatedAt"] {
            let is_time = |found: &String| found.trim_end_matches('!') == "DateTime";
            if !fields.get(time).is_some_and(is_time) {
                wrong.push(format!("{name}.{time} is missing"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_record_without_an_id_has_other_times() {
    let schema = Schema::of_program().await;
    for (name, times, reason) in RECORDS_WITHOUT_ID {
        let has_id = schema.fields(name).iter().any(|field| field["name"] == "id");
        assert!(!has_id, "{name} has an id: it is no exception any more");
        for path in *times {
            let (of, time) = path.split_once('.').unwrap();
            let field = schema.fields(of).iter().find(|field| field["name"] == time);
            let is_time = field.is_some_and(|field| inner(&field["type"]) == "DateTime");
            assert!(is_time, "{name} ({reason}): {path} is no time");
        }
    }
    let page = include_str!("../../../../docs/api.md");
    let unknown: Vec<_> = RECORDS_WITHOUT_ID
        .iter()
        .filter(|(name, ..)| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(unknown.is_empty(), "docs/api.md does not say which times apply: {unknown:?}");
}

#[tokio::test]
async fn no_output_has_a_bare_id() {
    let schema = Schema::of_program().await;
    let bare = object_fields(&schema)
        .into_iter()
        .filter(|(_, field)| inner(&field["type"]) == "ID" && field["name"] != "id");
    let bare = bare.map(|(of, field)| format!("{of}.{}", text(field, "name"))).collect();
    // The removed objects are no more.
    let removed = ["MemberRemovePayload.memberId", "OrganisationRemovePayload.organisationId"];
    assert_listed(removed.into_iter(), &bare, "return the object");
}

#[tokio::test]
async fn lists_that_grow_are_connections() {
    let schema = Schema::of_program().await;
    let is_composite = |field: &Value| {
        let kind = text(schema.named(inner(&field["type"])), "kind");
        ["OBJECT", "INTERFACE", "UNION"].contains(&kind)
    };
    let of_pages = |name: &str| name.ends_with("Connection") || name.ends_with("Edge");
    let found = object_fields(&schema)
        .into_iter()
        .filter(|(of, _)| !of_pages(of))
        .filter(|(_, field)| written(&field["type"]).starts_with('[') && is_composite(field))
        .map(|(of, field)| format!("{of}.{}", text(field, "name")))
        .collect();
    let listed = SHORT_LISTS.iter().flat_map(|(_, lists)| lists.iter().copied());
    assert_listed(listed, &found, "make these connections, or say why they stay short");
}

#[tokio::test]
async fn lists_of_the_query_have_a_filter_and_an_order() {
    let schema = Schema::of_program().await;
    let lists: Vec<_> =
        schema.fields("Query").iter().filter(|field| is_connection(field)).collect();
    assert!(lists.len() > 20, "{} lists", lists.len());
    let without = |argument: &str| -> BTreeSet<String> {
        let has = |field: &Value| list(&field["args"]).iter().any(|own| own["name"] == argument);
        let without = lists.iter().filter(|field| !has(field));
        without.map(|field| text(field, "name").to_owned()).collect()
    };
    assert_eq!(without("filter"), BTreeSet::new());
    assert_listed(OWN_ORDERS.iter().map(|(name, _)| *name), &without("orderBy"), "add orderBy");
}

#[tokio::test]
async fn every_mutation_of_an_object_has_a_button() {
    let schema = Schema::of_program().await;
    let buttons = object_fields(&schema)
        .into_iter()
        .filter(|(_, field)| text(field, "name").starts_with("viewerCan"));
    let named: BTreeSet<String> = buttons
        .flat_map(|(_, field)| text(field, "description").split('`').map(str::to_owned))
        .collect();
    let mutations = schema.field_names("Mutation").into_iter().map(str::to_owned);
    let without = mutations.filter(|mutation| !named.contains(mutation)).collect();
    let listed = WITHOUT_BUTTON.iter().flat_map(|(_, names)| names.iter().copied());
    assert_listed(listed, &without, "name these in the description of a field viewerCan…");
}

#[tokio::test]
async fn descriptions_say_what_a_thing_is() {
    let schema = Schema::of_program().await;
    let mut wrong = Vec::new();
    let mut check = |path: String, thing: &Value| {
        let description = text(thing, "description");
        let opens = |opening: &&str| {
            let rest = description.strip_prefix(*opening);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        wrong.extend(OPENINGS.iter().find(|opening| opens(opening)).map(|_| path));
    };
    for (name, found) in schema.types() {
        check(name.to_owned(), found);
        for field in list(&found["fields"]) {
            let path = format!("{name}.{}", text(field, "name"));
            for argument in list(&field["args"]) {
                check(format!("{path}({})", text(argument, "name")), argument);
            }
            check(path, field);
        }
        for part in list(&found["enumValues"]).iter().chain(list(&found["inputFields"])) {
            check(format!("{name}.{}", text(part, "name")), part);
        }
    }
    assert!(wrong.is_empty(), "say what these are: {wrong:#?}");
}

#[test]
fn scalars_name_their_specifications() {
    let sdl = graphql::sdl(&graphql::schema(None));
    let scalars: Vec<_> = sdl.lines().filter(|line| line.starts_with("scalar ")).collect();
    assert!(scalars.len() >= 10, "{scalars:#?}");
    let without: Vec<_> =
        scalars.iter().filter(|line| !line.contains("@specifiedBy(url: \"https://")).collect();
    assert!(without.is_empty(), "{without:#?}");
}
