//! What expires, told for people and calendars: each agreement with its parties and why it is on
//! the list.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity,
    agreement::{self, Column, Model},
    audit_entry,
    id::AgreementId,
    kind::{AgreementKind, DeadlineKind},
    member, organisation,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{CaseStatement, Expr, Query, SimpleExpr},
};
use uuid::Uuid;

use super::{Reason, Window, expiring, is_no_acknowledgement};
use crate::agreements::{Filter, column, deadlines, visible};
use crate::{
    activities,
    auth::viewer::Viewer,
    database::{Database, among},
    documents::calendar,
    error::{Result, ValidationErrors},
    members, organisations, page, term_sql,
};

/// An agreement with its deadline, in words.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// Identifier.
    pub id: AgreementId,
    /// `2026-0042`.
    pub number: String,
    /// The counterparty's name; empty when the viewer may not see it.
    pub counterparty: String,
    /// Slug and name; null: about none.
    pub activity: Option<(String, String)>,
    /// What it is for.
    pub kind: AgreementKind,
    /// What falls due.
    pub deadline: DeadlineKind,
    /// The rows that it names: its counterparty and its activity.
    named: Vec<Uuid>,
    /// Why it is on the list.
    pub reason: Reason,
    /// The day of the deadline.
    pub on: NaiveDate,
    /// Days until then, from the window's first.
    pub days_left: i64,
    /// How many times its term has been prolonged when the deadline comes.
    rounds: i32,
}

impl Expiring {
    /// Its id as the API writes it.
    #[must_use]
    pub fn api_id(&self) -> String {
        format!("agreement_{}", self.id.0.simple())
    }
}

/// Every agreement that the viewer sees, whose deadline falls in the window, as [`deadlines::list`]
/// lists them.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn all(
    db: &Database,
    viewer: &Viewer,
    window: Window,
    filter: &Filter,
) -> Result<Vec<Expiring>> {
    let mut columns = term_sql::COLUMNS.to_vec();
    columns.extend([
        Column::Id,
        Column::Number,
        Column::Kind,
        Column::ActivityId,
        Column::MemberId,
        Column::OrganisationId,
    ]);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let args = page::Args {
            first: i64::try_from(page::MAX_PAGE).ok(),
            after,
            ..page::Args::default()
        };
        let page = deadlines::list(
            db,
            viewer,
            window,
            filter,
            &args,
            &columns,
            ValidationErrors::default(),
        )
        .await?;
        after = page.rows.last().map(|(position, _)| position.encode());
        found.extend(page.rows.into_iter().map(|(_, row)| row));
        if !page.has_next {
            break;
        }
    }
    name(db, viewer, window, found).await
}

/// Gives each agreement the names of its parties and its activity.
async fn name(
    db: &Database,
    viewer: &Viewer,
    window: Window,
    found: Vec<Model>,
) -> Result<Vec<Expiring>> {
    let ids: Vec<_> = found.iter().filter_map(|row| row.member_id).collect();
    let members =
        members::by_ids(db, viewer, &ids, &[member::Column::Id, member::Column::Name]).await?;
    let ids: Vec<_> = found.iter().filter_map(|row| row.organisation_id).collect();
    let organisations = organisations::by_ids(
        db,
        viewer,
        &ids,
        &[organisation::Column::Id, organisation::Column::Name],
    )
    .await?;
    let mut parties: HashMap<Uuid, String> =
        members.into_iter().map(|member| (member.id.into(), member.name)).collect();
    parties.extend(
        organisations.into_iter().map(|organisation| (organisation.id.into(), organisation.name)),
    );
    let ids: Vec<_> = found.iter().filter_map(|row| row.activity_id).collect();
    let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
    let named = activities::by_ids(db, viewer, &ids, &columns).await?;
    let activities: HashMap<_, _> =
        named.into_iter().map(|activity| (activity.id, (activity.slug, activity.name))).collect();

    let row = |row: Model| {
        let term = term_sql::of(&row);
        let deadline = term.next_deadline(window.from)?;
        let party = row.member_id.map(Uuid::from).or(row.organisation_id.map(Uuid::from));
        Some(Expiring {
            id: row.id,
            number: row.number.unwrap_or_default(),
            counterparty: party.and_then(|id| parties.get(&id).cloned()).unwrap_or_default(),
            activity: row.activity_id.and_then(|id| activities.get(&id).cloned()),
            kind: row.kind,
            deadline: deadline.kind,
            named: [party, row.activity_id.map(Uuid::from)].into_iter().flatten().collect(),
            reason: Reason::of(&term, window.from)?,
            on: deadline.on,
            days_left: (deadline.on - window.from).num_days(),
            rounds: term.rounds_before(deadline.on),
        })
    };
    Ok(found.into_iter().filter_map(row).collect())
}

/// A calendar (iCalendar) of these deadlines, in the office's own language since calendars are for
/// people. Read again later, its days move and none is doubled: each keeps its name, and counts up
/// with every change of the agreement, with every new name of its counterparty and of its activity,
/// and with every prolongation.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn calendar(db: &Database, viewer: &Viewer, found: &[Expiring]) -> Result<String> {
    let mut changes = changes_of(db, viewer, found).await?;
    changes
        .extend(names_given(db, found.iter().flat_map(|row| &row.named).copied().collect()).await?);
    let day = |row: &Expiring| {
        let what = match row.deadline {
            DeadlineKind::Notice => ": sista dag för uppsägning",
            DeadlineKind::End => " upphör",
        };
        let activity =
            row.activity.as_ref().map(|(_, name)| format!(", {name}")).unwrap_or_default();
        let consequence = match row.reason {
            Reason::Renews { months } => {
                format!("Avtalet förlängs med {months} mån. om det inte sägs upp senast denna dag.")
            }
            Reason::Ends => "Avtalets sista dag; det förlängs inte av sig självt.".to_owned(),
            Reason::NoticeGiven { on } => format!("Avtalets sista dag; det sades upp den {on}."),
        };
        let told_of = row.named.iter().copied().chain([row.id.into()]);
        let changed: Vec<_> = told_of.filter_map(|id| changes.get(&id)).collect();
        calendar::Day {
            // One for each agreement, so that notice moves its day and leaves none behind.
            uid: format!("{}@samregister", row.api_id()),
            on: row.on,
            summary: format!("Avtal {} med {}{what}", row.number, row.counterparty),
            description: format!("{}{activity}\n{consequence}", row.counterparty),
            sequence: changed.iter().map(|(count, _)| count).sum::<i64>() + i64::from(row.rounds),
            changed_at: changed.iter().map(|(_, at)| *at).max(),
        }
    };
    Ok(calendar::render(
        "Avtal som löper ut",
        &found.iter().map(day).collect::<Vec<_>>(),
        db.clock.now(),
    ))
}

/// How often each of these agreements was changed, and when last. Acknowledgements count for those
/// who may see them.
async fn changes_of(
    db: &Database,
    viewer: &Viewer,
    found: &[Expiring],
) -> Result<HashMap<Uuid, (i64, DateTime<Utc>)>> {
    use audit_entry::{Column, Entity};
    let subject = Expr::col((Entity, Column::SubjectId));
    let readable = visible(db.backend(), &deadlines::without_member(viewer));
    let acknowledgements = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(readable)
        .take();
    let counts = Condition::any()
        .add(is_no_acknowledgement(db.backend()))
        .add(subject.clone().in_subquery(acknowledgements));
    let select = Query::select()
        .from(Entity)
        .expr(subject.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::col((Entity, Column::At)).max())
        .and_where(among(db.backend(), subject.clone(), found.iter().map(|row| row.id)))
        .and_where(Expr::col((Entity, Column::Action)).ne(crate::audit::TRAIL_MIGRATE))
        .cond_where(counts)
        .add_group_by([subject])
        .take();
    let found = db.read().query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}

/// How often each of these was given a name, and when last. What else the trail has about them, as
/// allocations, billing details and costs, is not for everybody who reads a calendar, not even how
/// often it changed.
async fn names_given(
    db: &Database,
    things: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, (i64, DateTime<Utc>)>> {
    use audit_entry::{Column, Entity};
    let is_new = if db.backend() == DbBackend::Postgres {
        r#"CAST("before" AS json) ->> 'name' IS DISTINCT FROM CAST("after" AS json) ->> 'name'"#
    } else {
        r#"json_extract("before", '$.name') IS NOT json_extract("after", '$.name')"#
    };
    let subject = Expr::col((Entity, Column::SubjectId));
    let select = Query::select()
        .from(Entity)
        .expr(subject.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::col((Entity, Column::At)).max())
        .and_where(among(db.backend(), subject.clone(), things))
        .and_where(Expr::col((Entity, Column::Action)).ne(crate::audit::TRAIL_MIGRATE))
        .and_where(Expr::cust(is_new))
        .add_group_by([subject])
        .take();
    let found = db.read().query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}

/// How many agreements of a kind, about an activity, expire within each of some numbers of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The activity's slug; null: about none.
    pub activity: Option<String>,
    /// What they are for.
    pub kind: AgreementKind,
    /// How many, in the order of the numbers of days.
    pub counts: Vec<i64>,
}

/// How many agreements expire within these numbers of days from today, as [`deadlines::list`] lists
/// them, by activity and kind: by one statement. What has none is left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn tally(db: &Database, viewer: &Viewer, within: &[i64]) -> Result<Vec<Tally>> {
    let mut errors = ValidationErrors::default();
    let mut windows = within
        .iter()
        .map(|days| Window::check(db, *days, None, "within", &mut errors))
        .collect::<Vec<_>>();
    windows.sort_by_key(|window| window.to);
    errors.finish()?;
    let Some(widest) = windows.last().copied() else { return Ok(Vec::new()) };
    let (slug, kind) =
        (Expr::col((activity::Entity, activity::Column::Slug)), column(Column::Kind));
    let mut select = expiring(db, viewer, widest, &Filter::default());
    let about = Expr::col((activity::Entity, activity::Column::Id))
        .equals((::entity::agreement::Entity, Column::ActivityId));
    select.left_join(activity::Entity, about).expr(slug.clone()).expr(kind.clone());
    for window in &windows {
        let falls_within = term_sql::next_deadline(db.backend(), window.from).lte(window.to);
        let one: SimpleExpr = CaseStatement::new().case(falls_within, 1).into();
        select.expr(one.count());
    }
    select.add_group_by([slug, kind]);
    let found = db.read().query_all(&select).await?;
    let row = |row: &sea_orm::QueryResult| -> Result<_> {
        let counts = (0..windows.len())
            .map(|position| row.try_get_by_index(position + 2))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Tally { activity: row.try_get_by_index(0)?, kind: row.try_get_by_index(1)?, counts })
    };
    found.iter().map(row).collect()
}
