//! Columns that the fields of rows declare, compared with the schema.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{
    OutputType,
    registry::{MetaType, Registry},
};

use super::{
    Query,
    activities::types::Activity,
    agreements::{matrix::MatrixRow, template_drift::TemplateDeviation, types::Agreement},
    archived_documents::{reads::ArchivedDocumentRead, types::ArchivedDocument},
    audit::types::AuditEntry,
    connection::ConnectionNode,
    contacts::types::{Contact, ContactArea, ContactRead},
    decisions::types::DecisionUse,
    diary::types::DiaryEntry,
    document_list::types::Document,
    fees::types::FeeSchedule,
    invoices::types::{Invoice, lines::InvoiceLine},
    ledger::types::{Cost, Grant},
    members::types::Member,
    organisations::types::Organisation,
    payments::{
        bank::types::BankPayment,
        types::{Payment, Refund, WriteOff},
    },
    receivables::types::Reminder,
    requisitions::types::Requisition,
    status_reports::types::StatusReport,
    templates::types::{AgreementTemplate, AgreementTemplateVersion},
};

/// Tells if a type declares the columns of a field.
type Declares = fn(&str) -> bool;

fn declares<N: ConnectionNode>(field: &str) -> bool {
    N::columns(field).is_some()
}

macro_rules! declarations {
    ($($node:ty),* $(,)?) => {
        BTreeMap::from([$((<$node as ConnectionNode>::NAME, declares::<$node> as Declares)),*])
    };
}

/// Returns the types of rows by name. Those whose rows are calculated read all of them whatever is
/// selected: they declare every field.
fn declarations() -> BTreeMap<&'static str, Declares> {
    declarations![
        Activity,
        Agreement,
        AgreementTemplate,
        AgreementTemplateVersion,
        ArchivedDocument,
        ArchivedDocumentRead,
        AuditEntry,
        BankPayment,
        Contact,
        ContactArea,
        ContactRead,
        Cost,
        DecisionUse,
        DiaryEntry,
        Document,
        FeeSchedule,
        Grant,
        Invoice,
        InvoiceLine,
        MatrixRow,
        Member,
        Organisation,
        Payment,
        Refund,
        Reminder,
        Requisition,
        StatusReport,
        TemplateDeviation,
        WriteOff,
    ]
}

#[test]
fn every_field_of_a_row_declares_its_columns() {
    let mut registry = Registry::default();
    Query::create_type_info(&mut registry);
    let declarations = declarations();
    let mut missing = Vec::new();
    for (name, declares) in &declarations {
        let fields = match registry.types.get(*name) {
            Some(MetaType::Object { fields, .. }) => fields,
            _ => panic!("{name} is no object of the schema"),
        };
        let undeclared = fields.keys().filter(|field| !declares(field));
        missing.extend(undeclared.map(|field| format!("{name}.{field}")));
    }
    assert!(missing.is_empty(), "state in `columns` what these fields need: {missing:?}");
    let nodes = registry.types.keys().filter_map(|name| name.strip_suffix("Edge"));
    let unknown: BTreeSet<_> = nodes.filter(|name| !declarations.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "add {unknown:?} to the types of rows");
}
