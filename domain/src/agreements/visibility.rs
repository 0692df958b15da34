//! The agreements that a viewer may see, as SQL conditions.

use ::entity::agreement::Column;
use sea_orm::{Condition, DbBackend, ExprTrait, sea_query::SimpleExpr};

use crate::{
    activities,
    auth::viewer::{Resource, Viewer},
    context::Context,
    members::succession,
    query::{self, column},
    term_sql,
};

/// Selects the agreements that the viewer can read: all, or those of its own member from the day of
/// the offer on, and those about its own activities.
#[must_use]
pub fn visible(ctx: Context<'_>) -> Condition {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    if visibility.all {
        return Condition::all();
    }
    let mut seen = Condition::any();
    if let Some(own) = visibility.member {
        seen = seen.add(
            Condition::all()
                .add(succession::is_own(&visibility, own, column(Column::MemberId)))
                .add(column(Column::OfferedAt).is_not_null()),
        );
    }
    if !visibility.activities.is_empty() {
        seen = seen.add(about(ctx.db.backend(), &visibility.activities));
    }
    if seen.is_empty() { seen.add(query::nothing()) } else { seen }
}

/// SQL predicate: the agreement is about one of the activities with these slugs.
pub(super) fn about(backend: DbBackend, slugs: &[String]) -> SimpleExpr {
    match slugs {
        [slug] => column(Column::ActivityId).eq(term_sql::activity_named(slug)),
        _ => column(Column::ActivityId).in_subquery(activities::with_slugs(backend, slugs)),
    }
}

/// Returns the viewer without its membership. A viewer who can read an agreement only as its member
/// cannot read acknowledgements of it.
pub(super) fn without_member(ctx: Context<'_>) -> Viewer {
    Viewer { member: None, ..ctx.viewer.clone() }
}
