//! Payment terms of an agreement: days to pay, interest and reminders, from the parameters of its
//! text.
//!
//! A parameter is recognized by its name and type in any template: `payment_days` (INTEGER),
//! `interest_from_due_date` (BOOLEAN) and `reminder_fee` (INTEGER or MONEY, kronor). A parameter
//! without a value has the template's default, as in the signed text.

use ::entity::money::Money;
use serde_json::{Map, Value};

use crate::templates::{Parameter, datum::Datum, parameters::take};

/// Maximum time to pay in days; a public body may not have a longer one (räntelagen 2 a §).
pub const MAX_DAYS: u16 = 30;

/// Payment terms of an agreement; `None` where it states nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaymentTerms {
    /// Days from the invoice date to the due date, at most [`MAX_DAYS`].
    pub days: Option<u16>,
    /// `true` if late interest runs from the due date.
    pub interest_from_due_date: Option<bool>,
    /// Fee for a written reminder in öre; zero: none.
    pub reminder_fee: Option<Money>,
}

impl PaymentTerms {
    /// Reads the terms from the parameters that a template declares and the agreement's values for
    /// them.
    #[must_use]
    pub fn read(declared: &[Parameter], values: &Map<String, Value>) -> Self {
        let value = |name: &str| {
            let parameter = declared.iter().find(|parameter| parameter.name == name)?;
            let is_given = |value: &&Value| !value.is_null();
            let value = values
                .get(name)
                .filter(is_given)
                .or(parameter.default.as_ref().filter(is_given))?;
            take(parameter, value).ok()
        };
        Self {
            days: value("payment_days").and_then(|datum| match datum {
                Datum::Integer(days) => u16::try_from(days.min(MAX_DAYS.into())).ok(),
                _ => None,
            }),
            interest_from_due_date: value("interest_from_due_date").and_then(|datum| match datum {
                Datum::Boolean(is_agreed) => Some(is_agreed),
                _ => None,
            }),
            reminder_fee: value("reminder_fee").and_then(|datum| match datum {
                Datum::Integer(kronor) => kronor.checked_mul(100).map(Money),
                Datum::Money(fee) => Some(fee),
                _ => None,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::templates::{ParameterType, library};

    fn parameter(name: &str, kind: ParameterType, default: Value) -> Parameter {
        Parameter {
            name: name.into(),
            label: "Fråga".into(),
            kind,
            required: true,
            default: Some(default),
            minimum: None,
            maximum: None,
        }
    }

    fn read(declared: &[Parameter], values: &Value) -> PaymentTerms {
        PaymentTerms::read(declared, values.as_object().unwrap_or(&Map::new()))
    }

    #[test]
    fn a_value_overrides_the_default() {
        let declared = [
            parameter("payment_days", ParameterType::Integer, json!(30)),
            parameter("interest_from_due_date", ParameterType::Boolean, json!(true)),
            parameter("reminder_fee", ParameterType::Integer, json!(60)),
        ];
        let terms = |days, is_agreed, fee| PaymentTerms {
            days: Some(days),
            interest_from_due_date: Some(is_agreed),
            reminder_fee: Some(Money(fee)),
        };
        assert_eq!(read(&declared, &json!({})), terms(30, true, 6000));
        assert_eq!(
            read(&declared, &json!({ "payment_days": 14, "reminder_fee": null })),
            terms(14, true, 6000)
        );
        assert_eq!(
            read(
                &declared,
                &json!({ "payment_days": 45, "interest_from_due_date": false, "reminder_fee": 0 })
            ),
            terms(30, false, 0)
        );
        // A value of the wrong type is ignored, and so is a value for an undeclared parameter.
        assert_eq!(read(&declared, &json!({ "payment_days": "snart" })).days, None);
        assert_eq!(read(&[], &json!({ "payment_days": 14 })), PaymentTerms::default());
        let in_kronor = [parameter("reminder_fee", ParameterType::Money, json!("59.50"))];
        assert_eq!(read(&in_kronor, &json!({})).reminder_fee, Some(Money(5950)));
        let text = [parameter("payment_days", ParameterType::Text, json!("14"))];
        assert_eq!(read(&text, &json!({})), PaymentTerms::default());
    }

    #[test]
    fn every_bundled_text_states_interest_and_the_fee() {
        for template in library::bundled_templates().unwrap() {
            let terms = PaymentTerms::read(&template.parameters, &Map::new());
            let expected = PaymentTerms {
                days: Some(30),
                interest_from_due_date: Some(true),
                reminder_fee: Some(Money(6000)),
            };
            assert_eq!(terms, expected, "{}", template.slug);
            assert!(template.body.contains("från förfallodagen{% endif %}"), "{}", template.slug);
            assert!(
                template
                    .body
                    .contains("kr enligt lagen (1981:739) om ersättning för inkassokostnader m.m."),
                "{}",
                template.slug
            );
        }
    }
}
