//! The forms of rows that are recorded without other parts, and of the parts of larger records.

use ::entity::{
    acknowledgement, activity, activity_text, adjustment, agreement, allocation, archived_document,
    bank_payment, books_closing, contact, contact_area, cost, decision, export_batch, fee_schedule,
    grant, invoice, invoice_line,
    kind::{Form, SubjectKind},
    member, member_billing, organisation, payment, reference_rate, reminder, requisition,
    signature, status_report, status_report_text, tax_decision, template, template_version,
    token_revocation,
};
use uuid::Uuid;

use super::{
    super::recorded::{Person, Personal, Recorded, fields},
    pseudonym::{ERASED, is_pseudonym},
};

/// Implements [`Recorded`] for a row: its form, the object whose history it belongs to, and the
/// fields that name a person.
macro_rules! recorded {
    ($row:ty as $form:ident, of $kind:ident |$own:ident| $subject:expr $(, personal $personal:expr)?) => {
        impl Recorded for $row {
            const FORM: Form = Form::$form;

            fn subject(&self) -> (SubjectKind, Uuid) {
                let $own = self;
                (SubjectKind::$kind, $subject)
            }

            fn record_id(&self) -> Uuid {
                self.id.0
            }

            $(fn personal(&self) -> Vec<Personal> {
                let $own = self;
                $personal
            })?
        }
    };
}

recorded!(allocation::Model as Allocation, of Member |row| row.member_id.0);
recorded!(contact_area::Model as ContactArea, of ContactArea |row| row.id.0);
recorded!(contact::Model as Contact, of Contact |row| row.id.0, personal contact_fields(row));
recorded!(organisation::Model as Organisation, of Organisation |row| row.id.0, personal vec![
    Personal::of(Person::buyer(row.id), &["/billing_email", "/buyer_reference"]),
]);
recorded!(cost::Model as Cost, of Activity |row| row.activity_id.0);
recorded!(grant::Model as Grant, of Activity |row| row.activity_id.0);
recorded!(requisition::Model as Requisition, of Agreement |row| row.agreement_id.0);
recorded!(archived_document::Model as ArchivedDocument, of ArchivedDocument |row| row.id.0);
recorded!(template::Model as Template, of Template |row| row.id.0);
recorded!(acknowledgement::Model as Acknowledgement, of Agreement |row| row.agreement_id.0, personal acknowledgement_fields(row));
recorded!(adjustment::Model as Adjustment, of Invoice |row| row.invoice_id.0);
recorded!(reminder::Model as Reminder, of Invoice |row| row.invoice_id.0);
recorded!(bank_payment::Model as BankPayment, of BankPayment |row| row.id.0, personal payer_fields(row));
recorded!(export_batch::Model as ExportBatch, of Books |row| row.id.0);
recorded!(books_closing::Model as BooksClosing, of Books |row| row.id.0);
recorded!(tax_decision::Model as TaxDecision, of Books |row| row.id.0);
recorded!(reference_rate::Model as ReferenceRate, of ReferenceRate |row| row.id.0);
recorded!(token_revocation::Model as TokenRevocation, of Token |row| row.id.0, personal revocation_fields(row));

/// An erased contact has a pseudonym, which identifies no one.
fn contact_fields(row: &contact::Model) -> Vec<Personal> {
    let own = Personal::of(Person::contact(row.id), &["/name", "/name_key", "/email", "/phone"]);
    if row.erased_at.is_some() { Vec::new() } else { vec![own] }
}

/// An erased subject has a pseudonym, and no note.
fn acknowledgement_fields(row: &acknowledgement::Model) -> Vec<Personal> {
    let own =
        || Personal::of(Person::subject(&row.acknowledged_by), &["/acknowledged_by", "/note"]);
    if is_pseudonym(&row.acknowledged_by, row.id) { Vec::new() } else { vec![own()] }
}

/// The reason of an erased payer is a fixed word, which identifies no one.
fn payer_fields(row: &bank_payment::Model) -> Vec<Personal> {
    let reported = ["/reference", "/message", "/payer_name", "/payer_org_number"];
    let is_erased = row.set_aside_reason.as_deref() == Some(ERASED);
    let reason = (!is_erased).then_some("/set_aside_reason");
    vec![Personal::of(
        Person::payer(row.id),
        &reported.into_iter().chain(reason).collect::<Vec<_>>(),
    )]
}

/// The row has the subject of revoked tokens as a digest, which is the person's id.
fn revocation_fields(row: &token_revocation::Model) -> Vec<Personal> {
    let id =
        row.subject_sha256.as_deref().and_then(|digest| Uuid::try_parse(digest.get(..32)?).ok());
    let person = Person { kind: ::entity::kind::PersonKind::Subject, id: id.unwrap_or(row.id.0) };
    vec![Personal::of(person, &["/subject_sha256", "/token_id", "/reason"])]
}

fields!(acknowledgement::Model { id, agreement_id, acknowledged_by, acknowledged_at, until, note });
fields!(adjustment::Model {
    id,
    invoice_id,
    kind,
    dated_on,
    amount,
    reference,
    bank_payment_id,
    reverses_id,
    reason,
    booked_on
});
fields!(activity::Model {
    id,
    import_key,
    slug,
    name,
    name_key,
    starts_on,
    ends_on,
    board_contact_id,
    lead_contact_id,
    decision_id
});
fields!(activity_text::Model { purpose, goal } skip { activity_id });
fields!(agreement::Model {
    id,
    import_key,
    number,
    number_key,
    kind,
    direction,
    activity_id,
    member_id,
    organisation_id,
    template_version_id,
    starts_on,
    ends_on,
    notice_months,
    renewal_months,
    offered_at,
    signed_on,
    withdrawn_on,
    notice_given_on,
    termination_reason,
    replaces_id,
    replaced_from,
    deadline_on,
    deadline_month,
    fee_basis,
    fee_amount,
    fee_per_mille,
    fee_cap,
    fee_minimum,
    fee_allocation_basis,
    vat_rate,
    decision_id,
    notice_end_decided_on,
});
fields!(allocation::Model { id, member_id, year, basis, amount, source });
fields!(bank_payment::Model {
    id,
    bank_reference,
    file_name,
    file_sha256,
    imported_at,
    account,
    booked_on,
    amount,
    reference,
    message,
    payer_name,
    payer_org_number,
    finding,
    matched,
    set_aside_on,
    set_aside_reason,
    entry_reference,
    duplicate_of_id,
    posted_on,
});
fields!(contact::Model {
    id,
    import_key,
    member_id,
    organisation_id,
    contact_area_id,
    role,
    name,
    name_key,
    email,
    phone,
    valid_from,
    valid_to,
    erased_at,
    name_published_on,
});
fields!(contact_area::Model { id, name, name_key });
fields!(cost::Model {
    id,
    activity_id,
    booked_on,
    amount,
    description,
    occurrence,
    vat,
    member_id,
    organisation_id,
    reference,
    agreement_id,
    reverses_id,
    reason,
});
fields!(decision::Model { id, body, decided_on, paragraph, document });
fields!(fee_schedule::Model {
    id,
    activity_id,
    valid_from,
    valid_to,
    basis,
    amount,
    per_mille,
    cap,
    minimum,
    allocation_basis,
    vat_rate,
    decision_id
});
fields!(grant::Model {
    id,
    activity_id,
    booked_on,
    amount,
    funder,
    occurrence,
    agreement_id,
    reverses_id,
    reason
});
fields!(invoice::Model {
    id,
    import_key,
    kind,
    number,
    number_key,
    ocr,
    member_id,
    organisation_id,
    credits_id,
    corrects_id,
    reason,
    order_reference,
    our_reference,
    buyer_reference,
    due_in_days,
    line_count,
    issued_on,
    due_on,
    net,
    vat,
    rounding,
    total,
    paid,
    credited,
    written_off,
    first_paid_on,
    settled_on,
    credited_on,
});
fields!(invoice_line::Model {
    id,
    invoice_id,
    position,
    description,
    activity_id,
    agreement_id,
    credits_line_id,
    period_from,
    period_to,
    quantity,
    unit,
    unit_price,
    vat_rate,
    exemption_reason,
    exemption_code,
    net,
    vat,
    account,
});
fields!(member::Model {
    id,
    import_key,
    name,
    name_key,
    org_number,
    county,
    contact_area_id,
    joined_on,
    left_on,
    leaving_reason,
    successor_id,
});
fields!(member_billing::Model {
    member_id,
    email,
    peppol_id,
    buyer_reference,
    address_line,
    postal_code,
    city
});
fields!(organisation::Model {
    id,
    import_key,
    name,
    name_key,
    org_number,
    billing_email,
    peppol_id,
    buyer_reference,
    address_line,
    postal_code,
    city,
});
fields!(payment::Model {
    id,
    invoice_id,
    received_on,
    amount,
    reference,
    reverses_id,
    reason,
    booked_on
});
fields!(archived_document::Model {
    id,
    number,
    kind,
    title,
    language,
    dated_on,
    registered_on,
    versions,
    agreement_id,
    member_id,
    organisation_id,
    activity_id,
    cost_id,
    erased_on,
    erasure_reason,
});
fields!(export_batch::Model { id, number, made_at, through_on, vouchers, vouchers_sha256, file_sha256 } skip { content });
fields!(books_closing::Model { id, closed_through, reason });
fields!(reference_rate::Model { id, valid_from, hundredths, source });
fields!(reminder::Model { id, invoice_id, sent_on, fee });
fields!(requisition::Model {
    id,
    number,
    agreement_id,
    issued_on,
    due_on,
    amount,
    period_from,
    period_to,
    description,
    reference,
    content,
    withdrawn_on,
    withdrawal_reason,
});
fields!(signature::Model {
    id,
    agreement_id,
    party,
    name,
    title,
    signed_on,
    method,
    document_sha256
});
fields!(status_report::Model { id, activity_id, period, health, reported_by, reported_at });
fields!(status_report_text::Model { summary, deviations, next_steps } skip { status_report_id });
fields!(tax_decision::Model {
    id,
    fee,
    activity_id,
    valid_from,
    vat_rate,
    exemption_reason,
    exemption_code,
    decided_on,
    reference
});
fields!(template::Model { id, slug, title, title_key, kind, activity_id });
fields!(template_version::Model { id, template_id, version, state, language, published_at });
fields!(token_revocation::Model { id, subject_sha256, token_id, revoked_at, reason, member_id });
