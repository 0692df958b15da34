//! Checks the format of dates and times in a register on SQLite, which stores them as text: another
//! format is read as the same day, but sorts and compares as a different one.

use ::entity::{
    acknowledgement, activity, activity_funding, activity_text, adjustment, agreement,
    agreement_document, agreement_parameters, allocation, archived_document,
    archived_document_read, attribution, audit_entry, bank_payment, bank_payment_part,
    books_closing, contact, contact_area, contact_read, cost, decision, export_batch, fee_charge,
    fee_schedule, grant, idempotent_outcome, idempotent_request, invoice, invoice_content,
    invoice_file, invoice_line, member, member_billing, member_former_name, member_municipality,
    organisation, payment, person_key, reference_rate, reminder, requisition, revenue_member_year,
    revenue_month, sealed_entry, signature, status_report, status_report_text, stored_file,
    tax_decision, template, template_text, template_version, token_revocation, voucher,
};
use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Iterable,
    Statement,
};

use crate::error::Result;

/// A column of days or of instants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dated {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// `true` if it has instants, `false` if it has days.
    pub is_instant: bool,
}

/// Returns the columns of days and instants of all tables.
#[must_use]
pub fn dated_columns() -> Vec<Dated> {
    macro_rules! of {
        ($($module:ident),* $(,)?) => { [$(of_entity::<$module::Entity>()),*].concat() };
    }
    of![
        acknowledgement,
        activity,
        activity_funding,
        activity_text,
        adjustment,
        agreement,
        agreement_document,
        agreement_parameters,
        allocation,
        archived_document,
        archived_document_read,
        attribution,
        audit_entry,
        bank_payment,
        bank_payment_part,
        books_closing,
        contact,
        contact_area,
        contact_read,
        cost,
        decision,
        export_batch,
        fee_charge,
        fee_schedule,
        grant,
        idempotent_outcome,
        idempotent_request,
        invoice,
        invoice_content,
        invoice_file,
        invoice_line,
        member,
        member_billing,
        member_former_name,
        member_municipality,
        organisation,
        payment,
        person_key,
        reference_rate,
        reminder,
        requisition,
        revenue_member_year,
        revenue_month,
        sealed_entry,
        signature,
        status_report,
        status_report_text,
        stored_file,
        tax_decision,
        template,
        template_text,
        template_version,
        token_revocation,
        voucher,
    ]
}

fn of_entity<E: EntityTrait>() -> Vec<Dated> {
    let dated = |column: E::Column| {
        let is_instant = match column.def().get_column_type() {
            ColumnType::Date => false,
            ColumnType::DateTime | ColumnType::Timestamp | ColumnType::TimestampWithTimeZone => {
                true
            }
            _ => return None,
        };
        Some(Dated {
            table: E::default().table_name().to_owned(),
            column: column.as_str().to_owned(),
            is_instant,
        })
    };
    E::Column::iter().filter_map(dated).collect()
}

/// Finds days that are not written as `2026-02-26`, and instants that are not written as
/// `2026-02-26T09:00:00.123456+00:00`, with 0, 3, 6 or 9 digits of a second, as few as needed: a
/// sentence for each column.
pub(super) async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for dated in dated_columns() {
        let (Dated { table, column, .. }, misspelled) = (&dated, misspelled(&dated));
        let sql = format!(
            r#"SELECT COUNT(*), CAST(MIN("{column}") AS TEXT) FROM "{table}" WHERE "{column}" IS NOT NULL AND {misspelled}"#
        );
        let Some(row) = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?
        else {
            continue;
        };
        let (count, first): (i64, Option<String>) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if count > 0 {
            found.push(format!(
                "table {table}: {count} of {column} not written as this program writes it, as {:?}: it sorts and compares as another",
                first.unwrap_or_default()
            ));
        }
    }
    Ok(found)
}

/// Returns an SQL condition that the column's value is not in the format of this program.
fn misspelled(Dated { column, is_instant, .. }: &Dated) -> String {
    if !is_instant {
        return format!(r#"(typeof("{column}") <> 'text' OR date("{column}") IS NOT "{column}")"#);
    }
    format!(
        r#"NOT (typeof("{column}") = 'text' AND substr("{column}", -6) = '+00:00'
            AND strftime('%Y-%m-%dT%H:%M:%S', substr("{column}", 1, 19)) IS substr("{column}", 1, 19)
            AND (length("{column}") = 25 OR (length("{column}") IN (29, 32, 35) AND substr("{column}", 20, 1) = '.'
                AND substr("{column}", 21, length("{column}") - 26) NOT GLOB '*[^0-9]*' AND substr("{column}", -9, 3) <> '000')))"#
    )
}
