//! The forms of entries, and the conversion of texts in older versions.

mod activity;
mod agreement;
mod events;
mod former;
mod member;
#[cfg(test)]
mod names;
mod parts;
mod pseudonym;
mod rows;

use ::entity::kind::Form;
use serde_json::{Map, Value};

pub use self::{
    activity::{Activity, FeeSchedule, StatusReport, activities, fee_schedules, status_reports},
    agreement::{Agreement, AgreementHtml, agreement, agreements},
    events::{
        ContactReadsRemoval, CostFile, DocumentFile, Erasure, InvoiceContent, InvoicePdf,
        InvoiceXml, Merger, SignatureFile, TrailKey, TrailMigration, VoucherImport,
    },
    former::{of_before, personal},
    member::{Member, members},
    parts::FeeCharge,
    pseudonym::{ERASED, is_pseudonym, pseudonym},
};
use super::recorded::{Recorded, to_value};

/// The version of entries from before the trail's migration: rows as they were then, sometimes
/// without their parts. A field that such a text lacks is unknown.
pub const FORMER: i32 = 0;

/// A conversion of the fields of a form from one version to the next.
struct Step {
    form: Form,
    from: i32,
    /// `true` if texts from before there were forms are converted as well. Then `convert` must
    /// leave a text alone that lacks the fields.
    of_former: bool,
    convert: fn(&mut Map<String, Value>),
}

/// Every change of a form since its first version. An added field needs no step: it has its
/// default.
const STEPS: &[Step] = &[Step {
    form: Form::Agreement,
    from: 1,
    of_former: true,
    convert: agreement::with_month_end_deadline,
}];

/// Converts the text of an entry to the newest version of its form. An added field has its default.
///
/// # Errors
/// A default that JSON can't hold.
pub fn current<R: Recorded + Default>(version: i32, text: Value) -> serde_json::Result<Value> {
    let text = convert(STEPS, R::FORM, version, text);
    if version == FORMER { Ok(text) } else { Ok(with_defaults(text, to_value(&R::default())?)) }
}

fn convert(steps: &[Step], form: Form, version: i32, mut text: Value) -> Value {
    let due = |step: &&Step| {
        step.form == form && step.from >= version && (version != FORMER || step.of_former)
    };
    if let Value::Object(fields) = &mut text {
        steps.iter().filter(due).for_each(|step| (step.convert)(fields));
    }
    text
}

/// Adds the fields that a text lacks.
pub(crate) fn with_defaults(mut text: Value, defaults: Value) -> Value {
    if let (Value::Object(fields), Value::Object(defaults)) = (&mut text, defaults) {
        for (name, default) in defaults {
            fields.entry(name).or_insert(default);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use ::entity::allocation;
    use serde_json::json;

    use super::*;

    /// As if the second version had renamed `note` to `source`, and the third had `amount` in öre
    /// instead of kronor.
    const LATER: &[Step] = &[
        Step {
            form: Form::Allocation,
            from: 1,
            of_former: false,
            convert: |fields| {
                let note = fields.remove("note").unwrap_or_default();
                fields.insert("source".into(), note);
            },
        },
        Step {
            form: Form::Allocation,
            from: 2,
            of_former: false,
            convert: |fields| {
                if let Some(kronor) = fields.get("amount").and_then(Value::as_i64) {
                    fields.insert("amount".into(), (kronor * 100).into());
                }
            },
        },
        Step { form: Form::Cost, from: 1, of_former: false, convert: Map::clear },
    ];

    #[test]
    fn each_version_is_read_by_the_steps_after_it() {
        for (version, text) in [
            (1, json!({ "note": "Beslut", "amount": 10 })),
            (2, json!({ "source": "Beslut", "amount": 10 })),
            (3, json!({ "source": "Beslut", "amount": 1000 })),
        ] {
            let read = convert(LATER, Form::Allocation, version, text);
            assert_eq!(read, json!({ "source": "Beslut", "amount": 1000 }), "{version}");
        }
        // A text from before there were forms is not converted.
        let former = json!({ "note": "Beslut" });
        assert_eq!(convert(LATER, Form::Allocation, FORMER, former.clone()), former);
    }

    #[test]
    fn a_field_that_was_added_counts_as_its_default() {
        let old = json!({ "id": "00000000-0000-0000-0000-000000000000", "year": 2026 });
        let read = current::<allocation::Model>(1, old.clone()).unwrap_or_default();
        assert_eq!(
            (&read["year"], &read["amount"], &read["source"]),
            (&json!(2026), &json!(0), &Value::Null)
        );
        assert_eq!(current::<allocation::Model>(FORMER, old.clone()).unwrap_or_default(), old);
    }
}
