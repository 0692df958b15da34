//! The archive: documents (handlingar) that the network received or made, each with a registry
//! number (diarienummer), its versions, and what it is attached to. A viewer may read a document if
//! it may read what the document is attached to.

pub mod attachment;
pub mod erase;
pub mod intake;
pub(crate) mod integrity;
mod loading;
mod numbers;
pub mod register;
pub mod replace;
mod retention;

use ::entity::{
    agreement,
    archived_document::{Column, Entity, Model},
    cost,
    id::ArchivedDocumentId,
    kind::ArchivedDocumentKind,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Query, SelectStatement},
};

use self::attachment::Attachment;
use crate::{
    activities::of_visible_activity,
    activity_slugs::ListFilter,
    agreements,
    auth::viewer::Resource,
    context::Context,
    database::{among_words, fixed_day},
    error::Result,
    members::of_visible_member,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// A field that documents can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day of the registration.
    RegisteredOn,
    /// Day on which a document was received, made or signed.
    DatedOn,
}

/// Returns an order of documents.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key) = match field {
        Field::RegisteredOn => ("REGISTERED_ON", Column::RegisteredOn),
        Field::DatedOn => ("DATED_ON", Column::DatedOn),
    };
    Order { name, key: column(key), key_type: KeyType::Day, id: column(Column::Id), descending }
}

/// Filter of documents; a document must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds, one of which it has; empty: any.
    pub kinds: Vec<ArchivedDocumentKind>,
    /// The object that it is attached to.
    pub attached_to: Option<Attachment>,
    /// Registered on this day or later.
    pub registered_from: Option<NaiveDate>,
    /// Registered on this day or earlier.
    pub registered_to: Option<NaiveDate>,
    /// Received, made or signed on this day or later.
    pub dated_from: Option<NaiveDate>,
    /// Received, made or signed on this day or earlier.
    pub dated_to: Option<NaiveDate>,
    /// `true`: its files are erased; `false`: they are stored.
    pub is_erased: Option<bool>,
    /// Words, or beginnings of words, that must all occur in the number or the title: see
    /// [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// Selects the documents that the viewer can read: those that are attached to what it can read. A
/// document of a member is for the member itself and those who read all members' affairs; one of an
/// activity or a cost for those who read the activity's accounts; one of an organisation or of the
/// network itself for those who read the whole register.
pub(crate) fn visible(ctx: Context<'_>) -> Condition {
    let backend = ctx.db.backend();
    let affairs = ctx.viewer.visibility(Resource::MemberAffairs);
    let revenue = ctx.viewer.visibility(Resource::Revenue);
    let is_reader = ctx.viewer.visibility(Resource::Archive).all;
    let is_visible_agreement = agreements::visible(ctx);
    if is_reader && affairs.all && revenue.all && is_visible_agreement.is_empty() {
        return Condition::all();
    }
    let agreements = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(is_visible_agreement)
        .take();
    let of_costs = of_visible_activity(backend, &revenue, column(cost::Column::ActivityId));
    let costs = Query::select()
        .column((cost::Entity, cost::Column::Id))
        .from(cost::Entity)
        .cond_where(of_costs)
        .take();
    let own = |key: Column| column(key).is_not_null();
    let of_member = Condition::all()
        .add(own(Column::MemberId))
        .add(of_visible_member(&affairs, column(Column::MemberId)));
    let of_activity = Condition::all().add(own(Column::ActivityId)).add(of_visible_activity(
        backend,
        &revenue,
        column(Column::ActivityId),
    ));
    let attached = Condition::any()
        .add(column(Column::AgreementId).in_subquery(agreements))
        .add(of_member)
        .add(of_activity)
        .add(column(Column::CostId).in_subquery(costs));
    if is_reader {
        attached.add(own(Column::OrganisationId)).add(is_unattached())
    } else {
        attached
    }
}

/// Selects the documents of the network itself, which are attached to nothing.
fn is_unattached() -> Condition {
    let columns = [
        Column::AgreementId,
        Column::MemberId,
        Column::OrganisationId,
        Column::ActivityId,
        Column::CostId,
    ];
    columns.into_iter().fold(Condition::all(), |all, key| all.add(column(key).is_null()))
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

/// Returns those of these documents that the viewer can read, in no particular order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[ArchivedDocumentId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx);
    if !filter.kinds.is_empty() {
        let kinds = filter.kinds.iter().map(|kind| kind.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Kind), kinds));
    }
    if let Some(attached_to) = filter.attached_to {
        let (key, id) = attached_to.column();
        select.and_where(column(key).eq(id));
    }
    let (registered_on, dated_on) = (|| column(Column::RegisteredOn), || column(Column::DatedOn));
    select
        .and_where_option(filter.registered_from.map(|from| registered_on().gte(fixed_day(from))))
        .and_where_option(filter.registered_to.map(|to| registered_on().lte(fixed_day(to))))
        .and_where_option(filter.dated_from.map(|from| dated_on().gte(fixed_day(from))))
        .and_where_option(filter.dated_to.map(|to| dated_on().lte(fixed_day(to))));
    if let Some(is_erased) = filter.is_erased {
        let erased_on = column(Column::ErasedOn);
        select.and_where(if is_erased { erased_on.is_not_null() } else { erased_on.is_null() });
    }
    let text = filter.search.as_deref();
    let id = column(Column::Id);
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::ArchivedDocument,
        id,
        text,
    ));
    select
}

/// Returns a page of the documents that the viewer can read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the documents that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
