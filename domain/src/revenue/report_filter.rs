//! Which part of the ledger a report is about: what was asked for, within what the viewer sees.

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
    auth::viewer::{Resource, Viewer},
    database::{Database, among, among_words},
    error::{Result, ValidationErrors},
    members,
};

/// A part of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Lines, costs and grants of these activities; null: whatever they belong to.
    activities: Option<Vec<ActivityId>>,
    /// Invoices to these members; null: to whomever.
    members: Option<Vec<MemberId>>,
    /// What the viewer sees; null: everything.
    seen: Option<Seen>,
}

/// What a viewer sees who does not see everything: either of these.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// What this member was invoiced.
    member: Option<MemberId>,
    /// What belongs to these activities.
    activities: Vec<ActivityId>,
}

impl Scope {
    /// The scope of a question; what it names that is not there is noted.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn asked(
        db: &Database,
        viewer: &Viewer,
        activities: Option<&[String]>,
        members: Option<&[MemberId]>,
        errors: &mut ValidationErrors,
    ) -> Result<Self> {
        let visibility = viewer.visibility(Resource::Revenue);
        let mut slugs: Vec<&String> = activities.unwrap_or_default().iter().collect();
        slugs.extend(&visibility.activities);
        let known = by_slug(db, &slugs).await?;
        let id = |slug: &String| known.iter().find(|(known, _)| known == slug).map(|(_, id)| *id);
        let asked = activities.map(|slugs| {
            slugs
                .iter()
                .enumerate()
                .filter_map(|(position, slug)| {
                    let id = id(slug);
                    if id.is_none() {
                        let slug: String = slug.chars().take(100).collect();
                        errors.add(
                            format!("input.activities.{position}"),
                            format!("is not the slug of an activity: {slug:?}"),
                        );
                    }
                    id
                })
                .collect()
        });
        if let Some(ids) = members.filter(|ids| !ids.is_empty()) {
            let found = members::by_ids(db, viewer, ids, &[member::Column::Id]).await?;
            for (position, id) in ids.iter().enumerate() {
                errors.expect(
                    found.iter().any(|row| row.id == *id),
                    &format!("input.members.{position}"),
                    "is not the id of a member",
                );
            }
        }
        let seen = Seen {
            member: visibility.member,
            activities: visibility.activities.iter().filter_map(id).collect(),
        };
        Ok(Self {
            activities: asked,
            members: members.map(<[_]>::to_vec),
            seen: (!visibility.all).then_some(seen),
        })
    }

    /// What a viewer sees of these activities.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn of_activities(
        db: &Database,
        viewer: &Viewer,
        activities: &[ActivityId],
    ) -> Result<Self> {
        let scope = Self::asked(db, viewer, None, None, &mut ValidationErrors::default()).await?;
        Ok(Self { activities: Some(activities.to_vec()), ..scope })
    }

    /// Whether nothing can be in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let sees_nothing = self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.member.is_none() && seen.activities.is_empty());
        sees_nothing
            || self.activities.as_ref().is_some_and(Vec::is_empty)
            || self.members.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether it can't be told without knowing who was invoiced.
    #[must_use]
    pub fn is_by_member(&self) -> bool {
        self.members.is_some() || self.seen.as_ref().is_some_and(|seen| seen.member.is_some())
    }

    /// Whether it can't be told without knowing the activity of each line.
    #[must_use]
    pub fn is_by_activity(&self) -> bool {
        self.activities.is_some()
            || self.seen.as_ref().is_some_and(|seen| !seen.activities.is_empty())
    }

    /// Whether costs and grants can be in it: they belong to an activity and to no member.
    #[must_use]
    pub fn has_costs(&self) -> bool {
        self.members.is_none() && self.seen.as_ref().is_none_or(|seen| !seen.activities.is_empty())
    }

    /// Whether the costs and grants of an activity in it are.
    #[must_use]
    pub fn can_read_costs_of(&self, activity: ActivityId) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.activities.contains(&activity))
    }

    /// The condition on invoices joined with their lines; without the lines when it is not by
    /// activity, without the invoices when it is not by member.
    #[must_use]
    pub fn of_lines(&self, backend: DbBackend) -> Condition {
        // Days, or the member, lead the way: an activity's lines are too many, so its index is kept
        // out of this.
        let activity = Expr::cust("COALESCE(\"invoice_line\".\"activity_id\", NULL)");
        self.of(backend, Expr::col((invoice::Entity, invoice::Column::MemberId)), activity)
    }

    fn of(&self, backend: DbBackend, member: SimpleExpr, activity: SimpleExpr) -> Condition {
        let mut all = self.of_asked(backend, activity.clone());
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

    /// The condition on agreements.
    #[must_use]
    pub fn of_agreements(&self, backend: DbBackend) -> Condition {
        use ::entity::agreement::{Column, Entity};
        self.of(
            backend,
            Expr::col((Entity, Column::MemberId)),
            Expr::col((Entity, Column::ActivityId)),
        )
    }

    /// The condition on rows that belong to an activity alone.
    #[must_use]
    pub fn of_activity(&self, backend: DbBackend, activity: SimpleExpr) -> Condition {
        let all = self.of_asked(backend, activity.clone());
        match &self.seen {
            Some(seen) => all.add(among(backend, activity, seen.activities.iter().copied())),
            None => all,
        }
    }

    fn of_asked(&self, backend: DbBackend, activity: SimpleExpr) -> Condition {
        let asked = self
            .activities
            .as_ref()
            .map(|activities| among(backend, activity, activities.iter().copied()));
        Condition::all().add_option(asked)
    }
}

/// Those of these activities that there are, by slug. Every viewer may know that an activity is
/// there.
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
