//! Checks the register against its trail: every row equals its last entry, every row has an entry,
//! and every entry has its row.

pub mod baseline;
mod compare;
pub(super) mod continuity;
mod load;

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, Order, QueryFilter,
    QueryOrder, Statement,
    sea_query::{Expr, Query},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::compare::differences;
use crate::{
    audit::{self, Keyring, Opened, RecordHead, TextDigest, forms},
    database::{among, among_words},
    error::Result,
};

/// Records that are compared together, so that a register of any size needs little memory.
const CHUNK: usize = 500;
/// Maximum number of rows without an entry that are reported, for each table.
const MAX_REPORTED: u64 = 100;

/// The forms of records with their tables. The first table has one row for each record, identified
/// by the column.
pub const FORMS: &[(Form, &str, &[&str])] = &[
    (
        Form::Member,
        "id",
        &["member", "member_municipality", "member_billing", "member_former_name"],
    ),
    (Form::Allocation, "id", &["allocation"]),
    (Form::ContactArea, "id", &["contact_area"]),
    (Form::Contact, "id", &["contact"]),
    (Form::Organisation, "id", &["organisation"]),
    (Form::Activity, "id", &["activity", "activity_text", "activity_funding", "decision"]),
    (Form::Cost, "id", &["cost"]),
    (Form::Grant, "id", &["activity_grant"]),
    (Form::Requisition, "id", &["requisition"]),
    (Form::FeeSchedule, "id", &["fee_schedule", "decision"]),
    (Form::TaxDecision, "id", &["tax_decision"]),
    (Form::StatusReport, "id", &["status_report", "status_report_text"]),
    (Form::Template, "id", &["agreement_template"]),
    (Form::TemplateVersion, "id", &["agreement_template_version", "agreement_template_text"]),
    (
        Form::Agreement,
        "id",
        &[
            "agreement",
            "agreement_parameters",
            "agreement_document",
            "agreement_signature",
            "decision",
        ],
    ),
    (Form::AgreementHtml, "agreement_id", &["agreement_document"]),
    (Form::Acknowledgement, "id", &["deadline_acknowledgement"]),
    (Form::Invoice, "id", &["invoice", "invoice_line", "payment"]),
    (Form::FeeCharge, "line_id", &["fee_charge"]),
    (Form::Reminder, "id", &["reminder"]),
    (Form::Adjustment, "id", &["adjustment"]),
    (Form::InvoiceContent, "invoice_id", &["invoice_content"]),
    (Form::InvoicePdf, "invoice_id", &["invoice_file"]),
    (Form::InvoiceXml, "invoice_id", &["invoice_file"]),
    (Form::SignatureFile, "id", &["stored_file"]),
    (Form::CostFile, "id", &["stored_file"]),
    (Form::ArchivedDocument, "id", &["archived_document"]),
    (Form::DocumentFile, "id", &["stored_file"]),
    (Form::BankPayment, "id", &["bank_payment"]),
    (Form::BankPaymentPart, "payment_id", &["bank_payment_part"]),
    (Form::ExportBatch, "id", &["export_batch", "voucher"]),
    (Form::BooksClosing, "id", &["books_closing"]),
    (Form::ReferenceRate, "id", &["reference_rate"]),
    (Form::TokenRevocation, "id", &["token_revocation"]),
];

/// The last entry about a record.
struct Head {
    record: Uuid,
    form: Form,
    revision: i64,
}

/// A record as in the trail.
#[derive(Default)]
struct Recorded {
    is_former: bool,
    /// Reason why the entry can't be read; null: it can.
    unreadable: Option<String>,
    /// Text of the entry; null: the record was deleted.
    text: Option<Opened>,
}

/// The records to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Records with an id after the first and up to the second; null: from the beginning, to the
    /// end.
    Between(Option<Uuid>, Option<Uuid>),
    /// Records that an entry after this revision is about.
    Since(i64),
}

/// Finds records that differ from their last entry, and records whose row is missing or should be:
/// a sentence each.
pub(super) async fn differing(db: &impl ConnectionTrait, scope: Scope) -> Result<Vec<String>> {
    let (mut found, mut last) = (Vec::new(), None);
    loop {
        let heads = heads(db, scope, last).await?;
        let Some(end) = heads.last() else { return Ok(found) };
        last = Some((end.record, end.form));
        let mut of_form: BTreeMap<&str, (Form, Vec<Head>)> = BTreeMap::new();
        for head in heads {
            of_form.entry(head.form.word()).or_insert_with(|| (head.form, Vec::new())).1.push(head);
        }
        for (form, heads) in of_form.into_values() {
            check(db, form, &heads, &mut found).await?;
        }
    }
}

/// Does the same for records whose last entries are known. A row is compared with its entry by
/// digests; the entry is read again only if these differ, as for an entry with sealed fields.
/// `invoices` are the digests of invoices that were read already.
pub(super) async fn differing_from(
    db: &impl ConnectionTrait,
    heads: &[RecordHead],
    invoices: &HashMap<Uuid, TextDigest>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for heads in heads.chunk_by(|one, other| one.form == other.form) {
        let Some(form) = heads
            .first()
            .map(|head| head.form)
            .filter(|form| FORMS.iter().any(|(known, ..)| known == form))
        else {
            continue;
        };
        let mut differing = Vec::new();
        for heads in heads.chunks(CHUNK) {
            if form == Form::Invoice {
                // A deleted invoice was not read, and neither was one that can't be read.
                differing.extend(heads.iter().filter(|head| {
                    !invoices.get(&head.record).is_some_and(|digest| head.says(Some(*digest)))
                }));
                continue;
            }
            let ids: Vec<Uuid> = heads.iter().map(|head| head.record).collect();
            match load::records(db, form, &ids).await {
                Ok(stored) => {
                    let digest =
                        |head: &RecordHead| stored.get(&head.record).map(TextDigest::of_value);
                    differing.extend(heads.iter().filter(|head| !head.says(digest(head))));
                }
                Err(error) if error.is_unreadable_value() => differing.extend(heads),
                Err(error) => return Err(error),
            }
        }
        for heads in differing.chunks(CHUNK) {
            let heads: Vec<_> = heads
                .iter()
                .map(|head| Head { record: head.record, form, revision: head.revision })
                .collect();
            check(db, form, &heads, &mut found).await?;
        }
    }
    Ok(found)
}

/// Returns the next records in the order of their ids, each with its last revision.
async fn heads(
    db: &impl ConnectionTrait,
    scope: Scope,
    after: Option<(Uuid, Form)>,
) -> Result<Vec<Head>> {
    let forms = FORMS.iter().map(|(form, ..)| form.word());
    let mut select = Query::select();
    select
        .column(Column::RecordId)
        .column(Column::Form)
        .expr(Expr::col(Column::Revision).max())
        .from(Entity)
        .and_where(among_words(db.get_database_backend(), Expr::col(Column::Form), forms));
    select.and_where(Column::RecordId.is_not_null());
    if db.get_database_backend() == DbBackend::Sqlite {
        // Any other value is no id; the check of the trail reports its entry.
        select.and_where(Expr::cust("length(record_id) = 16"));
    }
    match scope {
        Scope::Since(revision) => _ = select.and_where(Column::Revision.gt(revision)),
        Scope::Between(first, last) => {
            let id = Expr::col(Column::RecordId);
            select
                .and_where_option(first.map(|first| id.clone().gt(first)))
                .and_where_option(last.map(|last| id.lte(last)));
        }
    }
    if let Some((record, form)) = after {
        let position = Expr::tuple([Expr::col(Column::RecordId), Expr::col(Column::Form)]);
        select.and_where(position.gt(Expr::tuple([Expr::val(record), Expr::val(form.word())])));
    }
    select.group_by_columns([Column::RecordId, Column::Form]);
    select
        .order_by(Column::RecordId, Order::Asc)
        .order_by(Column::Form, Order::Asc)
        .limit(CHUNK as u64);
    let head = |row: &sea_orm::QueryResult| {
        Ok(Head {
            record: row.try_get_by_index(0)?,
            form: row.try_get_by_index(1)?,
            revision: row.try_get_by_index(2)?,
        })
    };
    db.query_all(&select).await?.iter().map(head).collect()
}

/// Checks these records together. If a value of one can't be read, checks each separately, so that
/// one does not hide the others.
async fn check(
    db: &impl ConnectionTrait,
    form: Form,
    heads: &[Head],
    found: &mut Vec<String>,
) -> Result<()> {
    match check_together(db, form, heads).await {
        Ok(violations) => {
            found.extend(violations);
            return Ok(());
        }
        Err(error) if error.is_unreadable_value() => {}
        Err(error) => return Err(error),
    }
    for head in heads {
        match check_together(db, form, std::slice::from_ref(head)).await {
            Ok(violations) => found.extend(violations),
            Err(error) if error.is_unreadable_value() => found.push(format!(
                "{}, last recorded by revision {} of the audit trail, can't be read: {}",
                name(form, head.record, None),
                head.revision,
                error.cause()
            )),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn check_together(
    db: &impl ConnectionTrait,
    form: Form,
    heads: &[Head],
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let recorded = recorded(db, form, heads).await?;
    let stored =
        load::records(db, form, &heads.iter().map(|head| head.record).collect::<Vec<_>>()).await?;
    for head in heads {
        let (Some(recorded), stored) = (recorded.get(&head.record), stored.get(&head.record))
        else {
            continue;
        };
        let text = recorded.text.as_ref().map(|text| &text.value);
        let name = name(form, head.record, text.or(stored));
        if let Some(cause) = &recorded.unreadable {
            found.push(format!(
                "{name}: what revision {} of the audit trail says can't be read: {cause}",
                head.revision
            ));
            continue;
        }
        let is_gone = recorded.text.is_some() && stored.is_none();
        let is_replaced = is_gone
            && recorded.is_former
            && form == Form::Acknowledgement
            && was_replaced(db, head.record).await?;
        match (&recorded.text, stored) {
            (None, None) => {}
            (Some(_), None) if is_replaced => {}
            (Some(_), None) => found.push(format!(
                "{name} is gone, but revision {} of the audit trail says that it is there",
                head.revision
            )),
            (None, Some(_)) => found.push(format!(
                "{name} is there, but revision {} of the audit trail says that it is gone",
                head.revision
            )),
            (Some(text), Some(stored)) => {
                let fields = differences(&text.value, stored, &text.erased, recorded.is_former);
                if !fields.is_empty() {
                    found.push(format!(
                        "{name} is not what revision {} of the audit trail says: {}",
                        head.revision,
                        fields.join(", ")
                    ));
                }
            }
        }
    }
    Ok(found)
}

/// Returns `true` if an entry from before forms were introduced says that another acknowledgement
/// replaced this one: it was one entry about both.
async fn was_replaced(db: &impl ConnectionTrait, acknowledgement: Uuid) -> Result<bool> {
    let entries = Entity::find()
        .filter(Column::Form.eq(Form::Acknowledgement))
        .filter(Column::FormVersion.eq(forms::FORMER));
    let with = entries.filter(Column::Before.contains(acknowledgement.hyphenated().to_string()));
    Ok(with.one(db).await?.is_some())
}

/// Reads these records from the trail. Entries from before forms were introduced have only some
/// fields each, so all entries of such a record count.
async fn recorded(
    db: &impl ConnectionTrait,
    form: Form,
    heads: &[Head],
) -> Result<HashMap<Uuid, Recorded>> {
    let last =
        audit::readable(db, &heads.iter().map(|head| head.revision).collect::<Vec<_>>()).await?;
    let (former, newer): (Vec<_>, Vec<_>) = last
        .into_iter()
        .partition(|entry| entry.form_version == forms::FORMER && entry.after.is_some());
    let mut entries = newer;
    if !former.is_empty() {
        let theirs = among(
            db.get_database_backend(),
            Expr::col(Column::RecordId),
            former.iter().filter_map(|entry| entry.record_id),
        );
        entries.extend(
            Entity::find()
                .filter(theirs)
                .filter(Column::Form.eq(form))
                .order_by_asc(Column::Revision)
                .all(db)
                .await?,
        );
    }
    let keyring = Keyring::of(db, &entries).await?;
    let mut recorded: HashMap<Uuid, Recorded> = HashMap::new();
    for entry in &entries {
        let Some(record) = entry.record_id else { continue };
        let record_so_far = recorded.entry(record).or_default();
        if let Err(cause) =
            opened(&keyring, entry).and_then(|text| record_so_far.add(form, entry, text))
        {
            record_so_far.unreadable = Some(cause.to_string());
        }
    }
    Ok(recorded)
}

fn opened(keyring: &Keyring, entry: &Model) -> serde_json::Result<Option<Opened>> {
    entry.after.as_deref().map(|text| keyring.open(entry.revision, text)).transpose()
}

impl Recorded {
    /// Adds the content of a later entry.
    fn add(&mut self, form: Form, entry: &Model, text: Option<Opened>) -> serde_json::Result<()> {
        self.is_former = entry.form_version == forms::FORMER;
        let Some(mut text) = text else {
            self.text = None;
            return Ok(());
        };
        text.value = load::current(form, entry.form_version, text.value)?;
        match (&mut self.text, self.is_former) {
            (Some(before), true) => before.add(text),
            (before, _) => *before = Some(text),
        }
        Ok(())
    }
}

/// Merges entries from before forms were introduced.
trait Add {
    fn add(&mut self, later: Self);
}

impl Add for Opened {
    fn add(&mut self, later: Self) {
        if let (Value::Object(fields), Value::Object(new)) = (&mut self.value, later.value) {
            drop_changed_fields(fields, &new);
            fields.extend(new);
        }
        self.erased.extend(later.erased);
    }
}

/// Drops fields of a renamed member: its former name is in a table that entries did not cover then.
fn drop_changed_fields(fields: &mut Map<String, Value>, new: &Map<String, Value>) {
    if fields.get("name") != new.get("name") {
        fields.remove("former_names");
    }
}

/// Returns the name of a record for people.
fn name(form: Form, record: Uuid, text: Option<&Value>) -> String {
    let noun = form.word().to_lowercase().replace('_', " ");
    let number = text.and_then(|text| text.get("number")).and_then(Value::as_str);
    match number {
        Some(number) => format!("{noun} {number}"),
        None => format!("{noun} {}", record.simple()),
    }
}

/// Finds rows without an entry in the trail: a sentence each, the first hundred of each form.
pub(super) async fn without_entry(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (form, key, tables) in FORMS {
        let (table, rows) = (tables[0], rows_of(*form));
        let sql = format!(
            "SELECT t.{key} FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.record_id = t.{key} AND e.form = '{form}')
                {rows} ORDER BY t.{key} LIMIT {MAX_REPORTED}"
        );
        for id in ids(db, &sql).await? {
            found.push(format!("{} has no entry in the audit trail", name(*form, id, None)));
        }
    }
    Ok(found)
}

/// Returns the condition that selects the rows of the form in a table that forms share.
fn rows_of(form: Form) -> &'static str {
    match form {
        Form::InvoicePdf => "AND t.format = 'PDF'",
        Form::InvoiceXml => "AND t.format = 'XML'",
        Form::SignatureFile => "AND t.signature_id IS NOT NULL",
        Form::CostFile => "AND t.cost_id IS NOT NULL",
        Form::DocumentFile => "AND t.archived_document_id IS NOT NULL",
        _ => "",
    }
}

async fn ids(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<Uuid>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
