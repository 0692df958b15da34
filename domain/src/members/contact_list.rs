//! The list of contacts: filters, orders and pages. Their data is personal data, so that reads are
//! logged.

use ::entity::{
    contact::{Column, Entity, Model},
    id::{ContactAreaId, MemberId, OrganisationId},
    kind::ContactRole,
};
use chrono::NaiveDate;
use sea_orm::{
    ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{
    contacts::{current, identifies},
    of_visible_member,
};
use crate::{
    audit::reads,
    auth::viewer::Resource,
    context::Context,
    database::among_words,
    error::{Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
    search::{self, EntityType},
};

/// Filter of contacts; a contact must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Roles, one of which the contact must have; empty: any.
    pub roles: Vec<ContactRole>,
    /// The member that the contact works for.
    pub member: Option<MemberId>,
    /// The organisation that the contact works for.
    pub organisation: Option<OrganisationId>,
    /// The contact area that the contact represents on the board.
    pub contact_area: Option<ContactAreaId>,
    /// A day on which the contact is in its role, as far as is known.
    pub valid_on: Option<NaiveDate>,
    /// Words, or beginnings of words, that must all occur in the name and the e-mail address: see
    /// [`search`].
    pub search: Option<String>,
}

/// A field that contacts can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name, in Swedish order.
    Name,
    /// The word of the role, then the name.
    Role,
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns an order of contacts. Its cursors contain names.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key) = match field {
        Field::Name => ("NAME", column(Column::NameKey)),
        // As in the index.
        Field::Role => {
            ("ROLE", Expr::cust("(\"contact\".\"role\" || ' ' || \"contact\".\"name_key\")"))
        }
    };
    Order { name, key, key_type: KeyType::Text, id: column(Column::Id), descending }
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select()
        .from(Entity)
        .cond_where(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            column(Column::MemberId),
        ))
        .take();
    if !filter.roles.is_empty() {
        let roles = filter.roles.iter().map(|role| role.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Role), roles));
    }
    if let Some(member) = filter.member {
        select.and_where(column(Column::MemberId).eq(member));
    }
    if let Some(organisation) = filter.organisation {
        select.and_where(column(Column::OrganisationId).eq(organisation));
    }
    if let Some(area) = filter.contact_area {
        select.and_where(column(Column::ContactAreaId).eq(area));
    }
    if let Some(day) = filter.valid_on {
        select.cond_where(current(day));
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let noun = EntityType::Contact;
        select.and_where(search::found(ctx.db.backend(), noun, column(Column::Id), text));
    }
    select
}

/// Returns a page of the contacts that the viewer can read and that match the filter. Records in
/// the read log that the viewer read them if the columns identify a person; a caller that shows
/// cursors must select the name too. `errors` are those already found in the arguments; errors of
/// the page are added.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    let select = matching(ctx, filter);
    let found: Slice<Model> =
        page::select_rows(ctx.db.read(), select, columns, order, args, errors).await?;
    if identifies(columns) {
        reads::note(ctx, found.rows.iter().map(|(_, row)| row.id))?;
    }
    Ok(found)
}

/// Counts the contacts that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
