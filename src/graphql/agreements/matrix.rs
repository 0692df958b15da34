//! GraphQL types of the matrix of members and activities.

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

use super::types::Agreement;
use crate::graphql::{
    activities::{
        coverage::{Coverage, coverage_on},
        types::{Activity, ids},
    },
    batch::{BatchRow, take_rows},
    caller,
    connection::{
        self, Column, Connection, ConnectionNode, DIRECT, ListPage, ListRequest, and,
        selected_columns,
    },
    cost::{cost, list_size},
    database,
    members::types::Member,
    scalars::Date,
};
use domain::{
    activities::coverage,
    agreements::{matrix, matrix_columns::Columns},
    error::{Result, ValidationErrors},
    members,
};

/// Participation of members in activities as of a day: a row per member, a column per activity, an
/// agreement in each cell.
#[derive(Description)]
pub struct ActivityMatrix {
    as_of: NaiveDate,
    compared_to: Option<NaiveDate>,
    activities: Vec<BatchRow<activity::Model>>,
    by_volunteers: Vec<BatchRow<activity::Model>>,
}

impl ActivityMatrix {
    /// Returns the matrix of a day with these columns.
    pub(super) fn of(as_of: NaiveDate, compared_to: Option<NaiveDate>, columns: Columns) -> Self {
        Self {
            as_of,
            compared_to,
            activities: BatchRow::each(columns.activities),
            by_volunteers: BatchRow::each(columns.by_volunteers),
        }
    }
}

#[Object(use_type_description)]
impl ActivityMatrix {
    /// Day of the matrix.
    async fn as_of(&self) -> Date {
        Date(self.as_of)
    }

    /// Earlier day that it is compared to; null without a comparison.
    async fn compared_to(&self) -> Option<Date> {
        self.compared_to.map(Date)
    }

    /// Columns: activities that run on the day and need agreements, by name. An ACTIVITY_LEAD gets
    /// its own.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn activities(&self) -> Vec<MatrixActivity> {
        let column = |row: &BatchRow<activity::Model>| MatrixActivity {
            row: row.clone(),
            as_of: self.as_of,
            compared_to: self.compared_to,
        };
        self.activities.iter().map(column).collect()
    }

    /// Activities that run on the day and that volunteers alone carry: they need no agreements and
    /// have no column.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn by_volunteers(&self) -> Vec<Activity> {
        self.by_volunteers.iter().cloned().map(Activity).collect()
    }

    /// Rows: members on the day, by name. A MEMBER gets its own.
    async fn rows(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<MatrixRow>> {
        let request = ListRequest::<MatrixRow, _> {
            filter: self.as_of,
            order: members::order(database(ctx).backend(), members::Field::Name, false),
            args: connection::args(first, after, last, before),
            columns: |ctx| {
                let paths: [&[&str]; 2] = [&["edges", "node", "member"], &["nodes", "member"]];
                selected_columns::<Member>(ctx, &paths)
            },
            errors: ValidationErrors::default(),
        };
        let arguments = MatrixArguments {
            as_of: self.as_of,
            activities: self.activities.iter().map(|row| row.id).collect(),
        };
        connection::connection(
            ctx,
            request,
            |ctx, on, page| {
                Box::pin(async move {
                    let slice = matrix::members_on(caller(ctx), *on, page).await?;
                    Ok(ListPage::with_extra(slice, arguments))
                })
            },
            |ctx, on| Box::pin(matrix::count(caller(ctx), *on)),
        )
        .await
    }
}

/// A column of the matrix: an activity with its coverage.
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

    /// Number of members that take part on the day, and the members that do not. The numbers are
    /// the same for every viewer.
    #[graphql(directive = cost::apply("5".into()))]
    async fn coverage(&self, ctx: &Context<'_>) -> Result<Coverage> {
        coverage_on(ctx, &self.row, self.as_of).await
    }

    /// Changes since `comparedTo`; null without it.
    #[graphql(directive = cost::apply("30".into()))]
    async fn trend(&self, ctx: &Context<'_>) -> Option<Result<MatrixTrend>> {
        let from = self.compared_to?;
        let wants_members =
            ["joined", "left"].iter().any(|field| ctx.look_ahead().field(field).exists());
        let columns = selected_columns::<Member>(ctx, &[&["joined"], &["left"]]);
        let calculated = self.row.load(ctx, "", || async {
            let caller = caller(ctx);
            let activities = ids(&self.row);
            let known = coverage::known_on(caller, &activities, self.as_of).await?;
            let trend = coverage::trend(caller, &activities, from, self.as_of).await?;
            let (mut found, mut readable) = (Vec::new(), HashSet::new());
            if wants_members {
                readable = coverage::readable(caller, &activities).await?;
                let mut who: Vec<MemberId> = trend
                    .joined
                    .iter()
                    .chain(&trend.left)
                    .filter(|(activity, _)| readable.contains(*activity))
                    .flat_map(|(_, members)| members.iter().copied())
                    .collect();
                who.sort();
                who.dedup();
                found =
                    members::by_ids(caller, &who, &and(columns, member::Column::NameKey)).await?;
                found.sort_by(|one, other| {
                    (&one.name_key, one.id).cmp(&(&other.name_key, other.id))
                });
            }
            Ok(Calculated { trend, known, readable, members: BatchRow::each(found) })
        });
        let (row, earlier) = (self.row.clone(), from);
        Some(calculated.await.and_then(|calculated| match calculated.known.contains(&row.id) {
            true => Ok(MatrixTrend { row, earlier, calculated }),
            false => Err(coverage::too_late(caller(ctx), "as_of")),
        }))
    }
}

/// Changes of participation in the activities of a matrix, and the rows of the members concerned.
struct Calculated {
    trend: coverage::calculation::Trend,
    /// Activities whose coverage the viewer may know on the later day.
    known: HashSet<ActivityId>,
    /// Activities whose participants the viewer may know by name.
    readable: HashSet<ActivityId>,
    members: Vec<BatchRow<member::Model>>,
}

/// Changes of participation in an activity between two days.
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
    ) -> Result<Option<Vec<Member>>> {
        if !self.calculated.readable.contains(&self.row.id) {
            return Ok(None);
        }
        let ids: HashSet<_> = of.get(&self.row.id).into_iter().flatten().collect();
        take_rows(ctx, ids.len())?;
        let members = self.calculated.members.iter().filter(|member| ids.contains(&member.id));
        Ok(Some(members.cloned().map(Member).collect()))
    }
}

fn count_of(of: &HashMap<ActivityId, Vec<MemberId>>, activity: ActivityId) -> i64 {
    of.get(&activity).map_or(0, |members| i64::try_from(members.len()).unwrap_or(i64::MAX))
}

#[Object(use_type_description)]
impl MatrixTrend {
    /// Coverage on the earlier day.
    async fn before(&self, ctx: &Context<'_>) -> Result<Coverage> {
        coverage_on(ctx, &self.row, self.earlier).await
    }

    /// Number of members that take part on the day and did not on the earlier one.
    /// `before.connectedCount` + `joinedCount` − `leftCount` take part on the day.
    async fn joined_count(&self) -> i64 {
        count_of(&self.calculated.trend.joined, self.row.id)
    }

    /// Number of members that took part on the earlier day and no longer do, including members that
    /// left the network.
    async fn left_count(&self) -> i64 {
        count_of(&self.calculated.trend.left, self.row.id)
    }

    /// Members that take part on the day and did not on the earlier one, by name. Null when you may
    /// not see every agreement about the activity and every member.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn joined(&self, ctx: &Context<'_>) -> Option<Result<Vec<Member>>> {
        self.members(ctx, &self.calculated.trend.joined).transpose()
    }

    /// Members that took part on the earlier day and no longer do, by name. Null when you may not
    /// see every agreement about the activity and every member.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn left(&self, ctx: &Context<'_>) -> Option<Result<Vec<Member>>> {
        self.members(ctx, &self.calculated.trend.left).transpose()
    }
}

/// A row of the matrix: a member with its agreements.
#[derive(Description)]
pub struct MatrixRow(BatchRow<member::Model>);

/// Arguments of the matrix, for its rows.
struct MatrixArguments {
    as_of: NaiveDate,
    activities: Vec<ActivityId>,
}

#[Object(use_type_description)]
impl MatrixRow {
    /// Member of the row.
    async fn member(&self) -> Member {
        Member(self.0.clone())
    }

    /// Cells: for each of the matrix's `activities`, in their order, the participation agreement in
    /// force on the day; null when there is none.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn cells(&self, ctx: &Context<'_>) -> Result<Vec<Option<Agreement>>> {
        let Some(arguments) = self.0.extra::<MatrixArguments>() else { return Ok(Vec::new()) };
        let columns = and(
            and(selected_columns::<Agreement>(ctx, DIRECT), agreement::Column::MemberId),
            agreement::Column::ActivityId,
        );
        let found = self
            .0
            .load(ctx, "", || async {
                let members: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
                let MatrixArguments { as_of, activities } = arguments;
                let rows =
                    matrix::cells(caller(ctx), &members, activities, *as_of, &columns).await?;
                let mut cells = HashMap::new();
                for row in BatchRow::each(rows) {
                    cells.entry((row.member_id, row.activity_id)).or_insert(row);
                }
                Ok(cells)
            })
            .await?;
        take_rows(ctx, arguments.activities.len())?;
        let cell = |activity: &ActivityId| {
            found.get(&(Some(self.0.id), Some(*activity))).cloned().map(Agreement)
        };
        Ok(arguments.activities.iter().map(cell).collect())
    }
}

impl ConnectionNode for MatrixRow {
    type Row = member::Model;
    const NAME: &'static str = "MatrixRow";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(_: &str) -> Option<&'static [Column<Self::Row>]> {
        Some(&[])
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[member::Column::Id]
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    use crate::graphql::future_sizes::row;
    let day = NaiveDate::default();
    sizes.add(&ActivityMatrix {
        as_of: day,
        compared_to: None,
        activities: Vec::new(),
        by_volunteers: Vec::new(),
    });
    sizes.add(&MatrixActivity { row: row(), as_of: day, compared_to: None });
    let calculated = Calculated {
        trend: coverage::calculation::Trend::default(),
        known: HashSet::new(),
        readable: HashSet::new(),
        members: Vec::new(),
    };
    sizes.add(&MatrixTrend { row: row(), earlier: day, calculated: Arc::new(calculated) });
}
