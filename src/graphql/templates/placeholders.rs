//! What the texts of templates may show and how, as the API documents it for whoever writes them.

use async_graphql::{Description, Object};

use super::ParameterType;
use crate::graphql::cost::list_size;
use domain::templates::{
    facts::Facts,
    filters::{self, Filter},
    placeholders::{self, Placeholder},
    rendering,
};

/// A placeholder that every text may show without declaring it.
#[derive(Description)]
pub struct TemplatePlaceholder(&'static Placeholder);

#[Object(use_type_description)]
impl TemplatePlaceholder {
    /// How it is written: `member.org_number`, in a text `{{ member.org_number }}`.
    async fn name(&self) -> String {
        self.0.name()
    }

    /// What it shows.
    #[graphql(name = "type")]
    async fn kind(&self) -> ParameterType {
        self.0.kind.into()
    }

    /// Whether it may be unknown. An agreement whose text shows it nevertheless is refused
    /// (CONFLICT, reason FACTS_MISSING), so that a text should ask first: `{% if member.org_number
    /// %}`.
    async fn optional(&self) -> bool {
        self.0.optional
    }

    /// The only words that it may be, for conditions; empty: any text.
    async fn words(&self) -> &[&str] {
        self.0.words
    }

    /// What it is, in Swedish.
    async fn label(&self) -> &str {
        &self.0.label
    }

    /// What it is, in English.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// What it shows in a preview; null when nothing.
    async fn example(&self) -> Option<String> {
        self.0.of(&Facts::example()).map(|datum| rendering::shown(&datum))
    }
}

/// A filter: how a text writes a value.
#[derive(Description)]
pub struct TemplateTextFilter(&'static Filter);

#[Object(use_type_description)]
impl TemplateTextFilter {
    /// Its name in texts.
    async fn name(&self) -> &str {
        self.0.name
    }

    /// What it takes.
    async fn takes(&self) -> Vec<ParameterType> {
        self.0.takes.iter().copied().map(Into::into).collect()
    }

    /// The words of which one may stand in parentheses after it.
    async fn options(&self) -> &[&str] {
        self.0.options
    }

    /// What it does, in Swedish.
    async fn label(&self) -> &str {
        self.0.label
    }

    /// What it does, in English.
    async fn description(&self) -> &str {
        self.0.description
    }

    /// How it is written.
    async fn example(&self) -> &str {
        self.0.example
    }

    /// What the example shows.
    async fn shows(&self) -> &str {
        self.0.shows
    }
}

/// Questions about what texts may show.
#[derive(Default)]
pub struct PlaceholderQuery;

#[Object]
impl PlaceholderQuery {
    /// The placeholders that every text may show without declaring them.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn template_placeholders(&self) -> Vec<TemplatePlaceholder> {
        placeholders::all().iter().map(TemplatePlaceholder).collect()
    }

    /// The filters that write values in texts.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn template_filters(&self) -> Vec<TemplateTextFilter> {
        filters::ALL.iter().map(TemplateTextFilter).collect()
    }
}
