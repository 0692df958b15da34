//! GraphQL types and queries of the placeholders and filters of template texts.

use async_graphql::{Description, Object};

use super::ParameterType;
use crate::graphql::cost::list_size;
use domain::templates::{
    facts::Facts,
    filters::{self, Filter},
    placeholders::{self, Placeholder},
    rendering,
};

/// A placeholder that every text may use without declaring it.
#[derive(Description)]
pub struct TemplatePlaceholder(&'static Placeholder);

#[Object(use_type_description)]
impl TemplatePlaceholder {
    /// Name, as `member.org_number`; in a text `{{ member.org_number }}`.
    async fn name(&self) -> String {
        self.0.name()
    }

    /// Type of the value.
    #[graphql(name = "type")]
    async fn kind(&self) -> ParameterType {
        self.0.kind.into()
    }

    /// `true` if the value may be unknown. Offering an agreement whose text shows an unknown value
    /// is refused (CONFLICT with reason FACTS_MISSING). The text should test for it: `{% if
    /// member.org_number %}`.
    async fn optional(&self) -> bool {
        self.0.optional
    }

    /// Possible values, for conditions; empty: any text.
    async fn words(&self) -> &[&str] {
        self.0.words
    }

    /// Description in Swedish.
    async fn label(&self) -> &str {
        &self.0.label
    }

    /// Description in English.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Example value in a preview; null when there is none.
    async fn example(&self) -> Option<String> {
        self.0.of(&Facts::example()).map(|datum| rendering::shown(&datum))
    }
}

/// A filter, which formats a value in a text.
#[derive(Description)]
pub struct TemplateTextFilter(&'static Filter);

#[Object(use_type_description)]
impl TemplateTextFilter {
    /// Name in texts.
    async fn name(&self) -> &str {
        self.0.name
    }

    /// Types of values that it accepts.
    async fn takes(&self) -> Vec<ParameterType> {
        self.0.takes.iter().copied().map(Into::into).collect()
    }

    /// Possible options, one of which may follow in parentheses.
    async fn options(&self) -> &[&str] {
        self.0.options
    }

    /// Description in Swedish.
    async fn label(&self) -> &str {
        self.0.label
    }

    /// Description in English.
    async fn description(&self) -> &str {
        self.0.description
    }

    /// Example of its use.
    async fn example(&self) -> &str {
        self.0.example
    }

    /// Output of the example.
    async fn shows(&self) -> &str {
        self.0.shows
    }
}

/// Queries of placeholders and filters.
#[derive(Default)]
pub struct PlaceholderQuery;

#[Object]
impl PlaceholderQuery {
    /// Placeholders that every text may use without declaring them.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn template_placeholders(&self) -> Vec<TemplatePlaceholder> {
        placeholders::all().iter().map(TemplatePlaceholder).collect()
    }

    /// Filters that format values in texts.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn template_filters(&self) -> Vec<TemplateTextFilter> {
        filters::ALL.iter().map(TemplateTextFilter).collect()
    }
}
