//! The source of an agreement's document: its template's text with the facts about the agreement,
//! the parties and the terms.

use ::entity::{agreement::Model, kind::TemplateState, template, template_text, template_version};
use chrono::NaiveDate;
use documents::agreement as document;
use serde_json::{Map, Value};

use crate::{
    config::Network,
    error::{ConflictReason, Error, Result},
    templates::{
        self,
        layout::{self, Heading},
        rendering,
    },
};

/// All data that an agreement's document is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// The agreement.
    pub row: Model,
    /// Its template.
    pub template: template::Model,
    /// The version of the template.
    pub version: template_version::Model,
    /// The text of the version.
    pub text: template_text::Model,
    /// Its counterparty.
    pub counterparty: rendering::Party,
    /// Its activity.
    pub activity: Option<rendering::Activity>,
    /// The values of its parameters.
    pub parameters: Map<String, Value>,
}

impl Source {
    /// Returns the facts that a template can show.
    fn facts(&self, network: &Network, number: Option<&str>) -> rendering::Facts {
        let row = &self.row;
        let fee = row.fee_basis.zip(row.vat_rate).map(|(basis, vat_rate)| rendering::Fee {
            basis,
            amount: row.fee_amount,
            per_mille: row.fee_per_mille,
            cap: row.fee_cap,
            minimum: row.fee_minimum,
            allocation_basis: row.fee_allocation_basis.unwrap_or_default(),
            vat_rate,
        });
        rendering::Facts {
            network: rendering::Party::network(network),
            counterparty: self.counterparty.clone(),
            is_member: row.member_id.is_some(),
            activity: self.activity.clone(),
            agreement: rendering::Agreement {
                number: number.map(str::to_owned),
                starts_on: row.starts_on,
                ends_on: row.ends_on,
                notice_months: row.notice_months,
                renewal_months: row.renewal_months,
            },
            fee,
        }
    }

    /// Renders the template's text; `number` is null for a draft.
    ///
    /// # Errors
    /// INVALID naming every missing, unknown and ill-typed parameter as `<path>.<name>`.
    pub fn body(&self, network: &Network, number: Option<&str>, path: &str) -> Result<String> {
        let declared = templates::parameters(&self.text.parameters)?;
        rendering::text(
            &self.text.body,
            &declared,
            &self.parameters,
            &self.facts(network, number),
            path,
        )
    }

    /// Returns the document; `number` is null for a draft.
    ///
    /// # Errors
    /// As [`Source::body`].
    pub fn document(
        &self,
        network: &Network,
        number: Option<&str>,
        dated: NaiveDate,
        path: &str,
    ) -> Result<document::Agreement> {
        let heading = Heading {
            title: self.template.title.clone(),
            kind: self.row.kind,
            direction: self.row.direction,
            language: self.version.language.clone(),
        };
        let body = self.body(network, number, path)?;
        Ok(layout::document(
            heading,
            number.map(str::to_owned),
            &self.facts(network, number),
            body,
            dated,
        ))
    }

    /// Fails unless its version can be used for a new agreement.
    ///
    /// # Errors
    /// CONFLICT `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`.
    pub fn require_published(&self) -> Result<()> {
        require_published(&self.template, &self.version)
    }
}

/// Fails unless a version can be used for a new agreement.
///
/// # Errors
/// CONFLICT `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`.
pub(super) fn require_published(
    template: &template::Model,
    version: &template_version::Model,
) -> Result<()> {
    let (reason, words) = match version.state {
        TemplateState::Published => return Ok(()),
        TemplateState::Draft => {
            (ConflictReason::TemplateNotPublished, "is a draft; publish it first")
        }
        TemplateState::Retired => {
            (ConflictReason::TemplateRetired, "is retired; use the template's current version")
        }
    };
    Err(Error::conflict(
        reason,
        format!("version {} of {} {words}", version.version, template.slug),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_published_version_makes_an_agreement() {
        let template = template::Model { slug: "avtal".into(), ..template::Model::default() };
        let message = |state| {
            let version = template_version::Model { version: 2, state, ..Default::default() };
            require_published(&template, &version).map_err(|error| error.to_string())
        };
        assert_eq!(message(TemplateState::Published), Ok(()));
        let draft = "version 2 of avtal is a draft; publish it first";
        assert_eq!(message(TemplateState::Draft), Err(draft.to_owned()));
        let retired = "version 2 of avtal is retired; use the template's current version";
        assert_eq!(message(TemplateState::Retired), Err(retired.to_owned()));
    }

    #[test]
    fn a_text_shows_the_facts_of_the_agreement() {
        let text = template_text::Model {
            body: "{{ counterparty.name }} {{ agreement.starts_on }} {{ days }}".into(),
            parameters:
                r#"[{ "name": "days", "label": "Dagar", "type": "INTEGER", "required": true }]"#
                    .into(),
            ..template_text::Model::default()
        };
        let mut source = Source {
            row: Model { starts_on: "2026-01-01".parse().unwrap(), ..Model::default() },
            template: template::Model::default(),
            version: template_version::Model::default(),
            text,
            counterparty: rendering::Party { name: "Bolaget".into(), ..Default::default() },
            activity: None,
            parameters: Map::new(),
        };
        let body = |source: &Source| source.body(&Network::default(), None, "parameters");
        assert!(matches!(body(&source), Err(Error::Invalid(_))));
        source.parameters.insert("days".to_owned(), 14.into());
        assert_eq!(body(&source).unwrap().replace('\\', ""), "Bolaget 2026-01-01 14");
    }
}
