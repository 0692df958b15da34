//! Form and record of an entry from before the trail's migration, read from its text.

use ::entity::kind::{FileFormat, Form, PersonKind, SubjectKind};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::recorded::{Person, Personal};

type Fields = Map<String, Value>;

/// Returns the form, the record's id and the fields that name a person, of an entry without them:
/// by its object and the fields of its texts. The record's id is `None` if no text has one.
#[must_use]
pub fn of_before(
    subject: (SubjectKind, Uuid),
    text: &Fields,
) -> (Form, Option<Uuid>, Vec<Personal>) {
    let form = form_of(subject.0, text);
    let own = || id(text, "id");
    let record = match form {
        Form::InvoiceContent
        | Form::InvoicePdf
        | Form::InvoiceXml
        | Form::Contact
        | Form::Merger => Some(subject.1),
        Form::ContactReadsRemoval => Some(Uuid::nil()),
        _ => own(),
    };
    (form, record, personal(form, record.unwrap_or(subject.1), text))
}

fn id(text: &Fields, name: &str) -> Option<Uuid> {
    text.get(name).and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok())
}

fn form_of(kind: SubjectKind, text: &Fields) -> Form {
    let has = |name: &str| text.contains_key(name);
    match kind {
        SubjectKind::Member if has("basis") => Form::Allocation,
        SubjectKind::Member => Form::Member,
        SubjectKind::ContactArea => Form::ContactArea,
        SubjectKind::Contact => Form::Contact,
        SubjectKind::Organisation => Form::Organisation,
        SubjectKind::Activity if has("funder") => Form::Grant,
        SubjectKind::Activity if has("booked_on") => Form::Cost,
        SubjectKind::Activity if has("valid_from") => Form::FeeSchedule,
        SubjectKind::Activity => Form::Activity,
        SubjectKind::StatusReport => Form::StatusReport,
        SubjectKind::FeeSchedule => Form::FeeSchedule,
        SubjectKind::Template if has("template_id") => Form::TemplateVersion,
        SubjectKind::Template => Form::Template,
        SubjectKind::Agreement if has("acknowledged_by") => Form::Acknowledgement,
        SubjectKind::Agreement => Form::Agreement,
        SubjectKind::Invoice if has("format") => document(text),
        SubjectKind::Invoice if has("sent_on") => Form::Reminder,
        SubjectKind::Invoice => Form::Invoice,
        SubjectKind::BankPayment => Form::BankPayment,
        SubjectKind::ReferenceRate => Form::ReferenceRate,
        SubjectKind::Books => Form::BooksClosing,
        SubjectKind::ArchivedDocument => Form::ArchivedDocument,
        SubjectKind::Token => Form::TokenRevocation,
        SubjectKind::ContactReads => Form::ContactReadsRemoval,
        SubjectKind::AuditTrail => Form::TrailMigration,
        SubjectKind::Clock => Form::ClockAcceptance,
    }
}

fn document(text: &Fields) -> Form {
    match text.get("format").and_then(Value::as_str) {
        Some(format) if format == FileFormat::Pdf.word() => Form::InvoicePdf,
        Some(format) if format == FileFormat::Xml.word() => Form::InvoiceXml,
        _ => Form::InvoiceContent,
    }
}

/// Returns the fields of a text in clear that name a person, as the present form seals them.
pub fn personal(form: Form, record: Uuid, text: &Fields) -> Vec<Personal> {
    let word = |name: &str| text.get(name).and_then(Value::as_str);
    let person = |kind| Person { kind, id: record };
    let decision = || {
        let id =
            text.get("decision").and_then(Value::as_object).and_then(|decision| id(decision, "id"));
        id.map(|id| {
            Personal::of(
                Person { kind: PersonKind::Decision, id },
                &["/decision/paragraph", "/decision/document"],
            )
        })
    };
    match form {
        // An erased contact has a pseudonym.
        Form::Contact if text.get("erased_at").is_some_and(|at| !at.is_null()) => Vec::new(),
        Form::Contact => vec![Personal::of(
            person(PersonKind::Contact),
            &["/name", "/name_key", "/email", "/phone"],
        )],
        Form::Member => vec![Personal::of(
            person(PersonKind::Buyer),
            &["/billing/email", "/billing/buyer_reference"],
        )],
        Form::Organisation => {
            vec![Personal::of(person(PersonKind::Buyer), &["/billing_email", "/buyer_reference"])]
        }
        Form::Invoice => {
            vec![Personal::of(person(PersonKind::Buyer), &["/our_reference", "/buyer_reference"])]
        }
        Form::BankPayment => vec![Personal::of(
            person(PersonKind::Payer),
            &["/reference", "/message", "/payer_name", "/payer_org_number", "/set_aside_reason"],
        )],
        Form::Acknowledgement => word("acknowledged_by")
            .map(|by| Personal::of(Person::subject(by), &["/acknowledged_by", "/note"]))
            .into_iter()
            .collect(),
        Form::StatusReport => word("reported_by")
            .map(|by| Personal::of(Person::subject(by), &["/reported_by"]))
            .into_iter()
            .collect(),
        Form::TokenRevocation | Form::TokenMinting => {
            let digest =
                word("subject_sha256").and_then(|digest| Uuid::try_parse(digest.get(..32)?).ok());
            let person = Person { kind: PersonKind::Subject, id: digest.unwrap_or(record) };
            vec![Personal::of(person, &["/subject_sha256", "/token_id", "/reason"])]
        }
        Form::Activity | Form::FeeSchedule => decision().into_iter().collect(),
        Form::Agreement => signatories(text).chain(decision()).collect(),
        _ => Vec::new(),
    }
}

fn signatories(text: &Fields) -> impl Iterator<Item = Personal> {
    let signatures =
        text.get("signatures").and_then(Value::as_array).into_iter().flatten().enumerate();
    signatures.filter_map(|(index, signature)| {
        let person = Person { kind: PersonKind::Signatory, id: id(signature.as_object()?, "id")? };
        Some(Personal::within(person, &format!("/signatures/{index}"), &["/name", "/title"]))
    })
}
