//! The scope of a report: the requested part of the ledger, within what the viewer can read.

use ::entity::{
    activity,
    id::{ActivityId, MemberId},
    invoice, member,
};
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::{
    auth::viewer::Resource,
    context::Context,
    database::{Database, among, among_words},
    error::{FieldErrorCode, Result, ValidationErrors},
    members,
};

/// A part of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Activities of lines, costs and grants; null: any.
    activities: Option<Vec<ActivityId>>,
    /// Members that were invoiced; null: any buyer.
    members: Option<Vec<MemberId>>,
    /// The restriction to what the viewer can read; null: none.
    seen: Option<Seen>,
}

/// The restriction for a viewer who cannot read everything. A row must match one of its parts.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Invoices to this member.
    member: Option<MemberId>,
    /// Rows of these activities.
    activities: Vec<ActivityId>,
}

impl Scope {
    /// Returns the scope of a request. Adds an error for each unknown activity or member.
    pub async fn requested(
        ctx: Context<'_>,
        activities: Option<&[String]>,
        members: Option<&[MemberId]>,
        errors: &mut ValidationErrors,
    ) -> Result<Self> {
        let visibility = ctx.viewer.visibility(Resource::Revenue);
        let mut slugs: Vec<&String> = activities.unwrap_or_default().iter().collect();
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
                        let slug: String = slug.chars().take(100).collect();
                        errors.add(
                            format!("activity_slugs[{position}]"),
                            FieldErrorCode::Unknown
                                .problem(format!("is not the slug of an activity: {slug:?}")),
                        );
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

    /// Returns all rows of these activities. Only for totals that may be public.
    #[must_use]
    pub fn every_row_of(activities: &[ActivityId]) -> Self {
        Self { activities: Some(activities.to_vec()), members: None, seen: None }
    }

    /// Returns the part of the scope that belongs to these of its activities.
    #[must_use]
    pub fn restricted_to(&self, activities: &[ActivityId]) -> Self {
        Self { activities: Some(activities.to_vec()), ..self.clone() }
    }

    /// `true` if the viewer can read no revenue at all.
    #[must_use]
    pub fn reads_nothing(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.member.is_none() && seen.activities.is_empty())
    }

    /// Returns the requested activities of which the viewer can read nothing. A viewer with an own
    /// association can read what any activity invoiced to it.
    #[must_use]
    pub fn unreadable(&self) -> Vec<ActivityId> {
        let requested = self.activities.iter().flatten().copied();
        match &self.seen {
            Some(seen) if seen.member.is_none() => {
                requested.filter(|activity| !seen.activities.contains(activity)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// `true` if the viewer can read all costs and grants that belong in a row: those of an
    /// activity, or of all in the scope.
    #[must_use]
    pub fn can_read_costs_in_row_of(&self, activity: Option<ActivityId>) -> bool {
        self.seen.as_ref().is_none_or(|seen| {
            seen.member.is_none() || activity.is_some_and(|id| seen.activities.contains(&id))
        })
    }

    /// `true` if the scope cannot contain anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reads_nothing()
            || self.activities.as_ref().is_some_and(Vec::is_empty)
            || self.members.as_ref().is_some_and(Vec::is_empty)
    }

    /// `true` if the sums need the member of each invoice.
    #[must_use]
    pub fn is_by_member(&self) -> bool {
        self.members.is_some() || self.seen.as_ref().is_some_and(|seen| seen.member.is_some())
    }

    /// `true` if the sums need the activity of each line.
    #[must_use]
    pub fn is_by_activity(&self) -> bool {
        self.activities.is_some()
            || self.seen.as_ref().is_some_and(|seen| !seen.activities.is_empty())
    }

    /// `true` if the scope can contain costs and grants, which belong to an activity and to no
    /// member.
    #[must_use]
    pub fn has_costs(&self) -> bool {
        self.members.is_none() && self.seen.as_ref().is_none_or(|seen| !seen.activities.is_empty())
    }

    /// `true` if the viewer can read the costs and grants of an activity in the scope.
    #[must_use]
    pub fn can_read_costs_of(&self, activity: ActivityId) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.activities.contains(&activity))
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
