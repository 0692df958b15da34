//! The matrix of members and activities as the API tells of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ::entity::{
    activity, agreement,
    id::{ActivityId, MemberId},
    member,
};
use async_graphql::{Context, Description, Object};
use chrono::NaiveDate;

use super::{
    activities::{Activity, ids},
    agreements::Agreement,
    batch::{BatchRow, take_rows},
    connection::{self, Column, Connection, ConnectionNode, DIRECT, and, selected_columns},
    cost::{cost, list_size},
    coverage::{Coverage, coverage_on},
    database,
    members::Member,
    scalars::{Date, Parsed, take},
    viewer,
};
use domain::{
    activities::coverage,
    agreements::matrix,
    error::{LINE, Result, ValidationErrors},
    members,
};

/// Which members take part in which activities, as of a day: members down, activities across, an
/// agreement in each cell.
#[derive(Description)]
pub struct ActivityMatrix {
    as_of: NaiveDate,
    compared_to: Option<NaiveDate>,
    activities: Vec<BatchRow<activity::Model>>,
    by_volunteers: Vec<BatchRow<activity::Model>>,
}

#[Object(use_type_description)]
impl ActivityMatrix {
    /// The day that it is reckoned on.
    async fn as_of(&self) -> Date {
        Date(self.as_of)
    }

    /// The earlier day that it is compared to; null when to none.
    async fn compared_to(&self) -> Option<Date> {
        self.compared_to.map(Date)
    }

    /// The columns: the activities that run on the day and need agreements, by name. As an
    /// ACTIVITY_LEAD you get your own.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn activities(&self) -> Vec<MatrixActivity> {
        let column = |row: &BatchRow<activity::Model>| MatrixActivity {
            row: row.clone(),
            as_of: self.as_of,
            compared_to: self.compared_to,
        };
        self.activities.iter().map(column).collect()
    }

    /// The activities that run on the day and that volunteers alone carry: they need no agreements
    /// and have no column.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn by_volunteers(&self) -> Vec<Activity> {
        self.by_volunteers.iter().cloned().map(Activity).collect()
    }

    /// The rows: the members on the day, by name. As a MEMBER you get your own.
    async fn rows(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<MatrixRow>> {
        let columns =
            selected_columns::<Member>(ctx, &[&["edges", "node", "member"], &["nodes", "member"]]);
        let (on, args) = (self.as_of, connection::args(first, after, last, before));
        let slice = matrix::members_on(database(ctx), viewer(ctx), on, &args, &columns).await?;
        let count: connection::Count = Arc::new(move |ctx| {
            Box::pin(async move { matrix::count(database(ctx), viewer(ctx), on).await })
        });
        let asked_with =
            AskedWith { as_of: on, activities: self.activities.iter().map(|row| row.id).collect() };
        Ok(Connection::with_extra(slice, asked_with, count))
    }
}

/// An activity of the matrix, with how many take part.
#[derive(Description)]
pub struct MatrixActivity {
    row: BatchRow<activity::Model>,
    as_of: NaiveDate,
    compared_to: Option<NaiveDate>,
}

#[Object(use_type_description)]
impl MatrixActivity {
    /// The activity.
    async fn activity(&self) -> Activity {
        Activity(self.row.clone())
    }

    /// How many members take part on the day, and which do not.
    #[graphql(directive = cost::apply("5".into()))]
    async fn coverage(&self, ctx: &Context<'_>) -> Result<Coverage> {
        coverage_on(ctx, &self.row, self.as_of).await
    }

    /// Who has come and gone since `comparedTo`; null unless it is given.
    #[graphql(directive = cost::apply("30".into()))]
    async fn trend(&self, ctx: &Context<'_>) -> Option<Result<MatrixTrend>> {
        let from = self.compared_to?;
        let wants_members =
            ["joined", "left"].iter().any(|field| ctx.look_ahead().field(field).exists());
        let columns = selected_columns::<Member>(ctx, &[&["joined"], &["left"]]);
        let calculated = self.row.load(ctx, "", async {
            let (db, viewer) = (database(ctx), viewer(ctx));
            let trend = coverage::trend(db, viewer, &ids(&self.row), from, self.as_of).await?;
            let mut found = Vec::new();
            if wants_members {
                let mut who: Vec<MemberId> =
                    trend.joined.values().chain(trend.left.values()).flatten().copied().collect();
                who.sort();
                who.dedup();
                found = members::by_ids(db, viewer, &who, &and(columns, member::Column::NameKey))
                    .await?;
                found.sort_by(|one, other| {
                    (&one.name_key, one.id).cmp(&(&other.name_key, other.id))
                });
            }
            Ok(Calculated { trend, members: BatchRow::each(found) })
        });
        let (row, earlier) = (self.row.clone(), from);
        Some(calculated.await.map(|calculated| MatrixTrend { row, earlier, calculated }))
    }
}

/// Who has come and gone in each activity of a matrix, and the rows of whoever it is.
struct Calculated {
    trend: coverage::Trend,
    members: Vec<BatchRow<member::Model>>,
}

/// Who has come and gone in an activity between two days.
#[derive(Description)]
pub struct MatrixTrend {
    row: BatchRow<activity::Model>,
    earlier: NaiveDate,
    calculated: Arc<Calculated>,
}

impl MatrixTrend {
    fn members(
        &self,
        ctx: &Context<'_>,
        of: &HashMap<ActivityId, Vec<MemberId>>,
    ) -> Result<Vec<Member>> {
        let ids: HashSet<_> = of.get(&self.row.id).into_iter().flatten().collect();
        take_rows(ctx, ids.len())?;
        Ok(self
            .calculated
            .members
            .iter()
            .filter(|member| ids.contains(&member.id))
            .cloned()
            .map(Member)
            .collect())
    }
}

fn many(of: &HashMap<ActivityId, Vec<MemberId>>, activity: ActivityId) -> i64 {
    of.get(&activity).map_or(0, |members| i64::try_from(members.len()).unwrap_or(i64::MAX))
}

#[Object(use_type_description)]
impl MatrixTrend {
    /// How many took part on the earlier day, and which did not.
    async fn before(&self, ctx: &Context<'_>) -> Result<Coverage> {
        coverage_on(ctx, &self.row, self.earlier).await
    }

    /// How many take part now and did not then: `before.connected` + `joinedCount` − `leftCount`
    /// take part now.
    async fn joined_count(&self) -> i64 {
        many(&self.calculated.trend.joined, self.row.id)
    }

    /// How many took part then and do not now, members that left the network among them.
    async fn left_count(&self) -> i64 {
        many(&self.calculated.trend.left, self.row.id)
    }

    /// The members that take part now and did not then, by name.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn joined(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        self.members(ctx, &self.calculated.trend.joined)
    }

    /// The members that took part then and do not now, by name.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn left(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        self.members(ctx, &self.calculated.trend.left)
    }
}

/// A member of the matrix, with its agreements.
#[derive(Description)]
pub struct MatrixRow(BatchRow<member::Model>);

/// What the rows of a matrix were asked with.
struct AskedWith {
    as_of: NaiveDate,
    activities: Vec<ActivityId>,
}

#[Object(use_type_description)]
impl MatrixRow {
    /// The member.
    async fn member(&self) -> Member {
        Member(self.0.clone())
    }

    /// The cells: for each of the matrix's `activities`, in their order, the participation
    /// agreement in force on the day; null when there is none.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn cells(&self, ctx: &Context<'_>) -> Result<Vec<Option<Agreement>>> {
        let Some(asked_with) = self.0.extra::<AskedWith>() else { return Ok(Vec::new()) };
        let columns = and(
            and(selected_columns::<Agreement>(ctx, DIRECT), agreement::Column::MemberId),
            agreement::Column::ActivityId,
        );
        let found = self
            .0
            .load(ctx, "", async {
                let members: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
                let among = (members.as_slice(), asked_with.activities.as_slice());
                let rows =
                    matrix::cells(database(ctx), viewer(ctx), among, asked_with.as_of, &columns)
                        .await?;
                let mut cells = HashMap::new();
                for row in BatchRow::each(rows) {
                    cells.entry((row.member_id, row.activity_id)).or_insert(row);
                }
                Ok(cells)
            })
            .await?;
        take_rows(ctx, asked_with.activities.len())?;
        let cell = |activity: &ActivityId| {
            found.get(&(Some(self.0.id), Some(*activity))).cloned().map(Agreement)
        };
        Ok(asked_with.activities.iter().map(cell).collect())
    }
}

impl ConnectionNode for MatrixRow {
    type Row = member::Model;
    const NAME: &'static str = "MatrixRow";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(_: &str) -> &'static [Column<Self::Row>] {
        &[]
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[member::Column::Id]
    }
}

/// Questions about who takes part in what.
#[derive(Default)]
pub struct MatrixQuery;

#[Object]
impl MatrixQuery {
    /// Which members take part in which activities, as of a day, and who has come and gone since an
    /// earlier one.
    #[graphql(directive = cost::apply("100".into()))]
    async fn activity_matrix(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The day; today when left out")] as_of: Option<Parsed<Date>>,
        #[graphql(desc = "An earlier day to compare to; none when left out")] compared_to: Option<
            Parsed<Date>,
        >,
        #[graphql(desc = "Slugs: only these activities; all when left out or empty")]
        activity: Option<Vec<String>>,
    ) -> Result<ActivityMatrix> {
        let mut errors = ValidationErrors::default();
        let as_of = take(as_of, "asOf", &mut errors)
            .map_or_else(|| database(ctx).clock.today(), |day| day.0);
        let compared_to = take(compared_to, "comparedTo", &mut errors).map(|day| day.0);
        matrix::check(compared_to, as_of, &mut errors);
        let slugs = activity.unwrap_or_default();
        let slugs: Vec<_> = slugs
            .iter()
            .enumerate()
            .map(|(position, slug)| errors.text(&format!("activity.{position}"), slug, LINE))
            .collect();
        errors.finish()?;
        let columns = and(
            selected_columns::<Activity>(ctx, &[&["activities", "activity"], &["byVolunteers"]]),
            activity::Column::Slug,
        );
        let found = matrix::columns(database(ctx), viewer(ctx), as_of, &slugs, &columns).await?;
        Ok(ActivityMatrix {
            as_of,
            compared_to,
            activities: BatchRow::each(found.activities),
            by_volunteers: BatchRow::each(found.by_volunteers),
        })
    }
}
