//! The names of the forms' fields, which never change.

use ::entity::{
    acknowledgement, adjustment, allocation, archived_document, bank_payment, bank_payment_part,
    books_closing, contact, contact_area, cost, decision, export_batch, grant, invoice,
    invoice_line, member_billing, organisation, payment, reference_rate, reminder, requisition,
    signature, tax_decision, template, template_version, token_revocation,
};

use super::{
    super::recorded::{Fields, to_value},
    Activity, Agreement, AgreementHtml, CostFile, DocumentFile, FeeCharge, FeeSchedule,
    InvoiceContent, InvoicePdf, InvoiceXml, Member, SignatureFile, StatusReport,
};

fn names(record: &impl Fields) -> Vec<String> {
    let value = to_value(record).unwrap_or_default();
    value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

/// Compares the field names of forms with the expected ones.
fn expect<const COUNT: usize>(forms: [(Vec<String>, &str); COUNT]) {
    for (found, expected) in forms {
        let mut expected: Vec<&str> = expected.split_whitespace().collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

// A column that is renamed retains its name here (`fields!` takes `column as "name"`). Renaming,
// moving or removing a field increases the version of its form and needs a step in `STEPS`; an
// added field is added here too.

#[test]
fn the_fields_of_accounting_rows_retain_their_names() {
    expect([
        (
            names(&adjustment::Model::default()),
            "id invoice_id kind dated_on amount reference bank_payment_id reverses_id reason booked_on",
        ),
        (names(&allocation::Model::default()), "id member_id year basis amount source"),
        (
            names(&bank_payment::Model::default()),
            "id bank_reference file_name file_sha256 imported_at account booked_on amount reference message payer_name \
             payer_org_number finding matched set_aside_on set_aside_reason entry_reference duplicate_of_id posted_on",
        ),
        (
            names(&cost::Model::default()),
            "id activity_id booked_on amount description occurrence vat member_id organisation_id reference agreement_id reverses_id reason",
        ),
        (
            names(&grant::Model::default()),
            "id activity_id booked_on amount funder occurrence agreement_id reverses_id reason",
        ),
        (
            names(&requisition::Model::default()),
            "id number agreement_id issued_on due_on amount period_from period_to description reference content \
             withdrawn_on withdrawal_reason",
        ),
        (
            names(&invoice_line::Model::default()),
            "id invoice_id position description activity_id agreement_id credits_line_id period_from period_to quantity unit unit_price \
             vat_rate exemption_reason exemption_code net vat account",
        ),
        (
            names(&payment::Model::default()),
            "id invoice_id received_on amount reference reverses_id reason booked_on",
        ),
        (
            names(&export_batch::Model::default()),
            "id number made_at through_on vouchers vouchers_sha256 file_sha256",
        ),
        (names(&books_closing::Model::default()), "id closed_through reason"),
        (
            names(&tax_decision::Model::default()),
            "id fee activity_id valid_from vat_rate exemption_reason exemption_code decided_on reference",
        ),
        (names(&reference_rate::Model::default()), "id valid_from hundredths source"),
        (names(&reminder::Model::default()), "id invoice_id sent_on fee"),
        (names(&bank_payment_part::Model::default()), "payment_id bank_payment_id"),
        (
            names(&invoice::Model::default()),
            "id import_key kind number number_key ocr member_id organisation_id credits_id corrects_id reason order_reference our_reference \
             buyer_reference due_in_days line_count issued_on due_on net vat rounding total paid credited written_off first_paid_on settled_on credited_on",
        ),
    ]);
}

#[test]
fn the_fields_of_other_rows_retain_their_names() {
    expect([
        (
            names(&acknowledgement::Model::default()),
            "id agreement_id acknowledged_by acknowledged_at until note",
        ),
        (
            names(&contact::Model::default()),
            "id import_key member_id organisation_id contact_area_id role name name_key email phone valid_from valid_to erased_at name_published_on",
        ),
        (names(&contact_area::Model::default()), "id name name_key"),
        (
            names(&archived_document::Model::default()),
            "id number kind title language dated_on registered_on versions agreement_id member_id organisation_id activity_id cost_id \
             erased_on erasure_reason",
        ),
        (names(&decision::Model::default()), "id body decided_on paragraph document"),
        (
            names(&member_billing::Model::default()),
            "member_id email peppol_id buyer_reference address_line postal_code city",
        ),
        (
            names(&organisation::Model::default()),
            "id import_key name name_key org_number billing_email peppol_id buyer_reference address_line postal_code city",
        ),
        (
            names(&signature::Model::default()),
            "id agreement_id party name title signed_on method document_sha256",
        ),
        (names(&template::Model::default()), "id slug title title_key kind activity_id"),
        (
            names(&token_revocation::Model::default()),
            "id subject_sha256 token_id revoked_at reason member_id",
        ),
        (
            names(&template_version::Model::default()),
            "id template_id version state language published_at",
        ),
    ]);
}

#[test]
fn the_fields_of_records_with_parts_retain_their_names() {
    expect([
        (names(&FeeCharge::default()), "line_id kind year round agreement_id member_id"),
        (
            names(&Activity::default()),
            "id import_key slug name name_key starts_on ends_on board_contact_id lead_contact_id decision_id purpose goal funding \
             decision",
        ),
        (
            names(&Agreement::default()),
            "id import_key number number_key kind direction activity_id member_id organisation_id template_version_id starts_on \
             ends_on notice_months renewal_months offered_at signed_on withdrawn_on notice_given_on termination_reason replaces_id \
             replaced_from deadline_on deadline_month fee_basis fee_amount fee_per_mille fee_cap fee_minimum \
             fee_allocation_basis vat_rate decision_id notice_end_decided_on \
             parameters decision document_sha256 signatures",
        ),
        (
            names(&FeeSchedule::default()),
            "id activity_id valid_from valid_to basis amount per_mille cap minimum allocation_basis vat_rate decision_id decision",
        ),
        (
            names(&Member::default()),
            "id import_key name name_key org_number county contact_area_id joined_on left_on leaving_reason successor_id \
             municipalities billing former_names",
        ),
        (
            names(&StatusReport::default()),
            "id activity_id period health reported_by reported_at summary deviations next_steps",
        ),
        (names(&AgreementHtml::default()), "agreement_id sha256"),
        (names(&InvoiceContent::default()), "invoice_id number sha256"),
        (names(&InvoicePdf::default()), "invoice_id number sha256"),
        (names(&InvoiceXml::default()), "invoice_id number sha256"),
        (names(&SignatureFile::default()), "id agreement_id signature_id sha256 size"),
        (names(&CostFile::default()), "id activity_id cost_id booked_on sha256 size"),
        (names(&DocumentFile::default()), "id document_id version sha256 size"),
    ]);
}
