//! GraphQL queries of templates, and of the placeholders and filters of their texts.

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};

use super::{
    placeholders::{TemplatePlaceholder, TemplateTextFilter},
    types::AgreementTemplate,
};
use crate::graphql::{
    agreements::types::AgreementKind,
    batch::BatchRow,
    caller,
    connection::{self, Connection, DIRECT, ListRequest, selected_columns},
    cost::{cost, list_size},
    order::{self, order_input},
    scalars::row_id,
    slug_list::slugs,
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    templates::{self, filters, placeholders},
};

/// Names a template by exactly one of its keys.
#[derive(OneofObject)]
pub enum TemplateBy {
    /// Global id.
    Id(ID),
    /// Slug, as `deltagande-bip`.
    Slug(String),
}

/// Filter of templates. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct TemplateFilter {
    /// Makes agreements of one of these kinds.
    kind: Option<Vec<AgreementKind>>,
    /// Made for one of these activities, by slug; each must exist.
    activity_slugs: Option<Vec<String>>,
    /// All of these words occur in the title, the slug or the activity's name. A word may be the
    /// beginning of a longer one. Case and accents are ignored, but å, ä and ö are letters of their
    /// own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl TemplateFilter {
    fn check(self, errors: &mut ValidationErrors) -> templates::Filter {
        templates::Filter {
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            activities: slugs(self.activity_slugs, "activity_slugs", errors),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that templates are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "templates::Field")]
pub enum TemplateOrderField {
    /// By title, in Swedish alphabetical order.
    Title,
    /// By slug.
    Slug,
}

order_input! {
    /// Order of templates. Ties are ordered by id.
    TemplateOrder by TemplateOrderField
}

/// Queries of templates.
#[derive(Default)]
pub struct TemplateQuery;

#[Object]
impl TemplateQuery {
    /// Template library, by title unless `orderBy` says otherwise; templates without a published
    /// version only for users who may read unpublished templates.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn templates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<TemplateFilter>>,
        #[graphql(desc = "Order; by title when omitted.")] order_by: Option<TemplateOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<AgreementTemplate>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (templates::Field::Title, false));
        let order = templates::order(field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<AgreementTemplate, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(templates::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(templates::count(caller(ctx), filter)),
        )
        .await
    }

    /// A template by its id or slug; null when there is none, or you may not see it.
    async fn template(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id or slug.")] by: TemplateBy,
    ) -> Option<Result<AgreementTemplate>> {
        Box::pin(find(ctx, by)).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: TemplateBy) -> Result<Option<AgreementTemplate>> {
    let columns = selected_columns::<AgreementTemplate>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        TemplateBy::Id(id) => {
            let id = row_id(&id, "by.id", &mut errors);
            errors.finish()?;
            templates::by_ids(caller(ctx), &[id], &columns).await?.pop()
        }
        TemplateBy::Slug(slug) => {
            let slug = errors.text("by.slug", &slug, LINE);
            errors.finish()?;
            templates::by_slug(caller(ctx), &slug, &columns).await?
        }
    };
    Ok(found.map(|row| AgreementTemplate(BatchRow::single(row))))
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
