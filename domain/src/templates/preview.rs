//! Preview: a version's document as an agreement would have it, with example values for facts that
//! an agreement would supply.

use ::entity::kind::{AgreementKind, Direction};
use chrono::NaiveDate;
use documents::agreement as document;
use serde_json::Value;

use super::{
    Parameter, analysis,
    facts::{Activity, Facts, Party},
    layout::{self, Heading},
    rendering,
};
use crate::{
    config::Network,
    error::{Error, FieldErrorCode, Result},
};

/// The data for previews of a version.
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) heading: Heading,
    pub(super) activity: Option<Activity>,
    pub(super) body: String,
    pub(super) declared: Vec<Parameter>,
}

/// Returns the direction that previews of templates for a kind of agreement have.
pub(super) fn direction(kind: AgreementKind) -> Direction {
    match kind {
        AgreementKind::Participation => Direction::Income,
        AgreementKind::Assignment => Direction::Cost,
        AgreementKind::Cooperation => Direction::None,
    }
}

impl Source {
    /// Returns the facts for a preview: known values of the network and the activity, and examples
    /// for the rest.
    fn facts(&self, network: &Network) -> Facts {
        let example = Facts::example();
        // If the text shows no fee, the preview has none, as when a grant pays for everything.
        let has_fee = self.heading.direction != Direction::None
            && analysis::read(&self.body, &self.declared).groups.contains("fee");
        Facts {
            network: if network.name.is_none() { example.network } else { Party::network(network) },
            activity: self.activity.clone().or(example.activity),
            fee: example.fee.filter(|_| has_fee),
            ..example
        }
    }

    /// Returns the document with these parameters, marked as a draft.
    ///
    /// # Errors
    /// INVALID naming every missing, unknown and ill-typed parameter, as `parameters.<name>`;
    /// CONFLICT as in [`rendering::text`].
    pub(super) fn document(
        &self,
        today: NaiveDate,
        network: &Network,
        values: &Value,
    ) -> Result<document::Agreement> {
        let Value::Object(values) = values else {
            return Err(Error::invalid(
                "parameters",
                FieldErrorCode::WrongType.problem(
                    "must be an object with a value for each parameter, as {\"days\": 14}",
                ),
            ));
        };
        let facts = self.facts(network);
        let body = rendering::text(&self.body, &self.declared, values, &facts, "parameters")?;
        Ok(layout::document(self.heading.clone(), None, &facts, body, today))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(body: &str, kind: AgreementKind) -> Source {
        let heading = Heading {
            title: "Avtal".into(),
            kind,
            direction: direction(kind),
            language: "sv".into(),
        };
        Source { heading, activity: None, body: body.into(), declared: Vec::new() }
    }

    #[test]
    fn a_fee_is_shown_by_texts_that_name_it() {
        let network = Network::default();
        for (body, kind, has_fee) in [
            ("{{ fee.summary }}", AgreementKind::Participation, true),
            ("{{ fee.summary }}", AgreementKind::Assignment, true),
            ("{{ fee.summary }}", AgreementKind::Cooperation, false),
            ("{{ member.name }}", AgreementKind::Participation, false),
        ] {
            let facts = source(body, kind).facts(&network);
            assert_eq!(facts.fee.is_some(), has_fee, "{body} {kind:?}");
        }
    }

    #[test]
    fn parameters_are_an_object() {
        let source = source("Text", AgreementKind::Cooperation);
        let document =
            |values: &Value| source.document(NaiveDate::default(), &Network::default(), values);
        assert!(document(&json!({})).is_ok());
        for values in [json!({ "days": 14 }), json!([]), json!("days"), json!(null)] {
            assert!(matches!(document(&values), Err(Error::Invalid(_))), "{values}");
        }
    }
}
