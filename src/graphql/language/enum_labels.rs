//! Labels of enum values in Swedish and English, from `assets/messages/enum-labels.txt`.

use std::sync::LazyLock;

use async_graphql::{Object, SimpleObject};

use super::Language;
use crate::graphql::cost::list_size;

/// The table: a line with the name of an enum, followed by a line for each value with its Swedish
/// and its English label.
const TABLE: &str = include_str!("../../../assets/messages/enum-labels.txt");

static ENUMS: LazyLock<Vec<LabeledEnum>> = LazyLock::new(read);

struct LabeledEnum {
    name: &'static str,
    values: Vec<LabeledValue>,
}

struct LabeledValue {
    value: &'static str,
    swedish: &'static str,
    english: &'static str,
}

fn read() -> Vec<LabeledEnum> {
    let mut enums: Vec<LabeledEnum> = Vec::new();
    let lines = TABLE.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut cells = line.split('|').map(str::trim);
        let first = cells.next().unwrap_or_default();
        match (cells.next(), cells.next(), enums.last_mut()) {
            (Some(swedish), Some(english), Some(last)) => {
                last.values.push(LabeledValue { value: first, swedish, english });
            }
            _ => enums.push(LabeledEnum { name: first, values: Vec::new() }),
        }
    }
    enums
}

/// Returns the Swedish label of a value of an enum; the value itself if it has no label.
#[must_use]
pub fn swedish<'v>(name: &str, value: &'v str) -> &'v str {
    let of = ENUMS.iter().find(|of| of.name == name);
    let labeled = of.and_then(|of| of.values.iter().find(|labeled| labeled.value == value));
    labeled.map_or(value, |labeled| labeled.swedish)
}

/// Labels of the values of an enum.
#[derive(SimpleObject)]
pub struct EnumLabels {
    /// Name of the enum, as `AgreementStatus`.
    name: &'static str,
    /// Its values, each with a label, in the order of the office.
    #[graphql(directive = list_size::apply(Some(4), None))]
    values: Vec<EnumLabel>,
}

/// Label of a value of an enum.
#[derive(SimpleObject)]
pub struct EnumLabel {
    /// The value, as `NOTICE_GIVEN`.
    value: &'static str,
    /// Its label for people, as `Uppsagt`.
    label: &'static str,
}

/// Queries of labels.
#[derive(Default)]
pub struct EnumLabelQuery;

#[Object]
impl EnumLabelQuery {
    /// Labels for people of the values of all enums, for tables and menus. They change with a new
    /// version of the program only.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn enum_labels(
        &self,
        #[graphql(desc = "Language of the labels.", default_with = "Language::Sv")]
        language: Language,
    ) -> Vec<EnumLabels> {
        let label = |value: &LabeledValue| EnumLabel {
            value: value.value,
            label: match language {
                Language::Sv => value.swedish,
                Language::En => value.english,
            },
        };
        let labels = |of: &LabeledEnum| EnumLabels {
            name: of.name,
            values: of.values.iter().map(label).collect(),
        };
        ENUMS.iter().map(labels).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use async_graphql::{
        OutputType, SubscriptionType,
        registry::{MetaType, Registry},
    };

    use super::*;
    use crate::graphql::{Mutation, Query, error_codes::ErrorCodes, subscription::Subscription};

    fn in_schema() -> BTreeMap<String, Vec<String>> {
        let mut registry = Registry::default();
        Query::create_type_info(&mut registry);
        Mutation::create_type_info(&mut registry);
        Subscription::create_type_info(&mut registry);
        ErrorCodes::create_type_info(&mut registry);
        let enums = registry.types.iter().filter_map(|(name, found)| match found {
            MetaType::Enum { enum_values, .. } if !name.starts_with("__") => {
                let mut values: Vec<_> = enum_values.keys().cloned().collect();
                values.sort_unstable();
                Some((name.clone(), values))
            }
            _ => None,
        });
        enums.collect()
    }

    #[test]
    fn a_value_without_a_label_is_shown_as_it_is() {
        assert_eq!(swedish("AgreementStatus", "ACTIVE"), "Gällande");
        assert_eq!(swedish("AgreementStatus", "NONE"), "NONE");
        assert_eq!(swedish("Nothing", "ACTIVE"), "ACTIVE");
    }

    #[test]
    fn every_enum_value_has_a_label_in_both_languages() {
        let labeled: BTreeMap<String, Vec<String>> = ENUMS
            .iter()
            .map(|of| {
                let mut values: Vec<_> =
                    of.values.iter().map(|value| value.value.to_owned()).collect();
                values.sort_unstable();
                (of.name.to_owned(), values)
            })
            .collect();
        let in_schema = in_schema();
        for (name, values) in &in_schema {
            assert_eq!(labeled.get(name), Some(values), "label the values of {name}");
        }
        let gone: Vec<_> = labeled.keys().filter(|name| !in_schema.contains_key(*name)).collect();
        assert!(gone.is_empty(), "the schema has no {gone:?}");
        assert_eq!(ENUMS.len(), in_schema.len(), "an enum occurs twice");
        for value in ENUMS.iter().flat_map(|of| &of.values) {
            assert!(!value.swedish.is_empty() && !value.english.is_empty(), "{}", value.value);
            assert_ne!(value.swedish, value.value);
            assert_ne!(value.english, value.value);
        }
    }
}
