//! Loads the scope of a report, and its conditions in SQL.

use ::entity::{
    activity,
    id::{ActivityId, MemberId},
    invoice, member,
};
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::report_filter::{Scope, Seen};
use crate::{
    activity_slugs,
    auth::viewer::Resource,
    context::Context,
    database::{Database, among, among_words},
    error::{FieldErrorCode, Result, ValidationErrors},
    members,
};

impl Scope {
    /// Returns the scope of a request. Adds an error for each unknown activity or member; those
    /// that have an error already are not looked up.
    pub async fn requested(
        ctx: Context<'_>,
        activities: Option<&[String]>,
        members: Option<&[MemberId]>,
        errors: &mut ValidationErrors,
    ) -> Result<Self> {
        let visibility = ctx.viewer.visibility(Resource::Revenue);
        let path = |position: usize| format!("activity_slugs[{position}]");
        let requested = activities.unwrap_or_default().iter().enumerate();
        let valid = requested.filter(|(position, _)| !errors.has(&path(*position)));
        let mut slugs: Vec<&String> = valid.map(|(_, slug)| slug).collect();
        slugs.extend(&visibility.activities);
        let known = by_slug(ctx.db, &slugs).await?;
        let id = |slug: &String| known.iter().find(|(known, _)| known == slug).map(|(_, id)| *id);
        let requested = activities.map(|slugs| {
            slugs
                .iter()
                .enumerate()
                .filter_map(|(position, slug)| {
                    let id = id(slug);
                    if id.is_none() {
                        errors.add(path(position), activity_slugs::unknown(slug));
                    }
                    id
                })
                .collect()
        });
        if let Some(ids) = members.filter(|ids| !ids.is_empty()) {
            let found = members::by_ids(ctx, ids, &[member::Column::Id]).await?;
            for (position, id) in ids.iter().enumerate() {
                errors.expect(
                    found.iter().any(|row| row.id == *id),
                    &format!("member_ids[{position}]"),
                    FieldErrorCode::Unknown.problem("is not the id of a member"),
                );
            }
        }
        let seen = Seen {
            member: visibility.member,
            activities: visibility.activities.iter().filter_map(id).collect(),
        };
        Ok(Self {
            activities: requested,
            members: members.map(<[_]>::to_vec),
            seen: (!visibility.all).then_some(seen),
        })
    }

    /// Returns the part of these activities that the viewer can read.
    pub async fn of_activities(ctx: Context<'_>, activities: &[ActivityId]) -> Result<Self> {
        let scope = Self::requested(ctx, None, None, &mut ValidationErrors::default()).await?;
        Ok(Self { activities: Some(activities.to_vec()), ..scope })
    }

    /// Returns the condition on invoices joined with their lines. It needs no lines unless
    /// [`Self::is_by_activity`], and no invoices unless [`Self::is_by_member`].
    #[must_use]
    pub fn of_lines(&self, backend: DbBackend) -> Condition {
        // An expression instead of the column, so that the planner uses the index on days or on the
        // member: an activity has too many lines.
        let activity = Expr::cust("COALESCE(\"invoice_line\".\"activity_id\", NULL)");
        self.of(backend, Expr::col((invoice::Entity, invoice::Column::MemberId)), activity)
    }

    fn of(&self, backend: DbBackend, member: SimpleExpr, activity: SimpleExpr) -> Condition {
        let mut all = self.of_requested(backend, activity.clone());
        if let Some(members) = &self.members {
            all = all.add(among(backend, member.clone(), members.iter().copied()));
        }
        if let Some(seen) = &self.seen {
            let mut any = Condition::any();
            if let Some(own) = seen.member {
                any = any.add(member.eq(own));
            }
            if !seen.activities.is_empty() {
                any = any.add(among(backend, activity, seen.activities.iter().copied()));
            }
            all = all.add(any);
        }
        all
    }

    /// Returns the condition on agreements.
    #[must_use]
    pub fn of_agreements(&self, backend: DbBackend) -> Condition {
        use ::entity::agreement::{Column, Entity};
        self.of(
            backend,
            Expr::col((Entity, Column::MemberId)),
            Expr::col((Entity, Column::ActivityId)),
        )
    }

    /// Returns the condition on rows that belong only to an activity.
    #[must_use]
    pub fn of_activity(&self, backend: DbBackend, activity: SimpleExpr) -> Condition {
        let all = self.of_requested(backend, activity.clone());
        match &self.seen {
            Some(seen) => all.add(among(backend, activity, seen.activities.iter().copied())),
            None => all,
        }
    }

    fn of_requested(&self, backend: DbBackend, activity: SimpleExpr) -> Condition {
        let requested = self
            .activities
            .as_ref()
            .map(|activities| among(backend, activity, activities.iter().copied()));
        Condition::all().add_option(requested)
    }
}

/// Returns those of these activities that exist, by slug. Every viewer may know that an activity
/// exists.
async fn by_slug(db: &Database, slugs: &[&String]) -> Result<Vec<(String, ActivityId)>> {
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    let select = Query::select()
        .columns([activity::Column::Slug, activity::Column::Id])
        .from(activity::Entity)
        .and_where(among_words(
            db.backend(),
            Expr::col(activity::Column::Slug),
            slugs.iter().copied(),
        ))
        .take();
    let found = db.read().query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
