//! The bundled library: the templates that come with the program.

use std::sync::LazyLock;

use ::entity::kind::AgreementKind;
use serde::Deserialize;

use super::Parameter;
use crate::error::{Error, Result};

/// A template that comes with the program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledTemplate {
    /// Unique short name.
    pub slug: String,
    /// Title.
    pub title: String,
    /// The kind of agreement that it makes.
    pub kind: AgreementKind,
    /// The slug of its activity; null: any.
    pub activity: Option<String>,
    /// Declared parameters.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Markdown with placeholders.
    #[serde(skip)]
    pub body: String,
}

/// The bundled files. Each has a TOML header between two lines of `+++`, followed by the text.
const FILES: [&str; 6] = [
    include_str!("../../../assets/templates/deltagande-bip.md"),
    include_str!("../../../assets/templates/deltagande-indikatorer.md"),
    include_str!("../../../assets/templates/deltagande-stoppa-valdet.md"),
    include_str!("../../../assets/templates/uppdrag-projektledning.md"),
    include_str!("../../../assets/templates/uppdrag-konsult.md"),
    include_str!("../../../assets/templates/samarbetsavtal.md"),
];

/// Returns the bundled templates.
///
/// # Errors
/// INTERNAL when a bundled file is invalid; a test checks them.
pub fn bundled_templates() -> Result<&'static [BundledTemplate]> {
    static BUNDLED: LazyLock<Result<Vec<BundledTemplate>, String>> =
        LazyLock::new(|| FILES.iter().map(|file| unpack(file)).collect());
    BUNDLED.as_deref().map_err(|reason| Error::internal(std::io::Error::other(reason.clone())))
}

fn unpack(file: &str) -> Result<BundledTemplate, String> {
    let parts = file.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n"));
    let (heading, body) = parts.ok_or("a bundled template has no heading")?;
    let bundled: BundledTemplate = toml::from_str(heading)
        .map_err(|cause| format!("a bundled template is invalid: {cause}"))?;
    Ok(BundledTemplate { body: body.trim_start().to_owned(), ..bundled })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ValidationErrors, templates::rendering};

    #[test]
    fn every_bundled_text_can_be_published() {
        let bundled_templates = bundled_templates().unwrap();
        assert_eq!(bundled_templates.len(), FILES.len());
        for bundled in bundled_templates {
            let mut errors = ValidationErrors::default();
            rendering::check(&bundled.body, &bundled.parameters, &mut errors);
            assert_eq!(errors.into_inner(), [], "{}", bundled.slug);
        }
    }

    #[test]
    fn bundled_texts_state_how_an_agreement_ends() {
        let last = chrono::NaiveDate::from_ymd_opt(2027, 12, 31);
        for bundled in bundled_templates().unwrap() {
            let values = bundled
                .parameters
                .iter()
                .filter(|parameter| parameter.required && parameter.default.is_none());
            let values =
                values.map(|parameter| (parameter.name.clone(), example(parameter.kind))).collect();
            for (ends_on, notice_months, renewal_months, says) in [
                (
                    last,
                    0,
                    None,
                    "kan sägas upp skriftligen av endera parten med omedelbar verkan\\. Utan uppsägning upphör avtalet när avtalstiden är slut",
                ),
                (last, 3, None, "Uppsägningstiden är 3 månader\\. Utan uppsägning upphör avtalet"),
                (
                    last,
                    3,
                    Some(12),
                    "räknat från dagen efter avtalstidens sista dag, om ingen av parterna har sagt upp det skriftligen\\. Uppsägningstiden är 3 månader",
                ),
                (
                    last,
                    0,
                    Some(6),
                    "förlängs med 6 månader i taget, räknat från dagen efter avtalstidens sista dag",
                ),
                (None, 3, None, "Uppsägningstiden är 3 månader"),
                (None, 0, None, "sägas upp skriftligen av endera parten med omedelbar verkan"),
            ] {
                let mut facts = rendering::Facts::example();
                facts.agreement = rendering::Agreement {
                    ends_on,
                    notice_months,
                    renewal_months,
                    ..facts.agreement
                };
                let text = rendering::text(
                    &bundled.body,
                    &bundled.parameters,
                    &values,
                    &facts,
                    "parameters",
                )
                .unwrap();
                let text = text.replace('\u{a0}', " ").replace("\\.", ".");
                let says = says.replace("\\.", ".");
                assert!(
                    text.contains(&says),
                    "{} {ends_on:?} {notice_months} {renewal_months:?}: {text}",
                    bundled.slug
                );
            }
        }
    }

    fn example(kind: crate::templates::ParameterType) -> serde_json::Value {
        use crate::templates::ParameterType::{Boolean, Date, Integer, Money, Text};
        match kind {
            Text => "Exempel".into(),
            Date => "2027-01-01".into(),
            Money => "100.00".into(),
            Integer => 1.into(),
            Boolean => true.into(),
        }
    }
}
