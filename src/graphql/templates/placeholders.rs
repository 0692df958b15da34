//! GraphQL types of the placeholders and filters of template texts.

use async_graphql::{Description, Object};

use super::types::ParameterType;
use domain::templates::{facts::Facts, filters::Filter, placeholders::Placeholder, rendering};

/// A placeholder that every text may use without declaring it.
#[derive(Description)]
pub struct TemplatePlaceholder(pub(super) &'static Placeholder);

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
    async fn possible_values(&self) -> &[&str] {
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
pub struct TemplateTextFilter(pub(super) &'static Filter);

#[Object(use_type_description)]
impl TemplateTextFilter {
    /// Name in texts.
    async fn name(&self) -> &str {
        self.0.name
    }

    /// Types of values that it accepts.
    async fn input_types(&self) -> Vec<ParameterType> {
        self.0.input_types.iter().copied().map(Into::into).collect()
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
    async fn example_output(&self) -> &str {
        self.0.example_output
    }
}
