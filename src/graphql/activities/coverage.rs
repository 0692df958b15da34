//! GraphQL type of the coverage of an activity.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ::entity::{activity, id::ActivityId, member};
use async_graphql::{Context, Description, Object};
use chrono::NaiveDate;

use crate::graphql::{
    activities::types::ids,
    batch::{Batch, BatchRow, take_rows},
    caller,
    connection::selected_columns,
    cost::list_size,
    members::types::Member,
    scalars::{Date, Decimal, Parsed, take},
};
use domain::{
    activities::coverage::{
        self,
        calculation::{Counts, share},
    },
    error::{Result, ValidationErrors},
};

/// Number of members that take part in an activity as of a day, of all members: "40 of 70". The
/// numbers are the same for every viewer.
#[derive(Clone, Description)]
pub struct Coverage {
    activity: ActivityId,
    on: NaiveDate,
    calculated: Arc<Calculated>,
}

/// Coverage of a batch of activities; only the selected parts are calculated.
#[derive(Default)]
struct Calculated {
    counts: Counts,
    /// Activities whose coverage the viewer may know on the day.
    known: HashSet<ActivityId>,
    members: Option<Arc<Batch<member::Model>>>,
    missing: HashMap<ActivityId, Vec<usize>>,
}

impl Coverage {
    fn count(&self) -> i64 {
        self.calculated.counts.connected.get(&self.activity).copied().unwrap_or_default()
    }
}

#[Object(use_type_description)]
impl Coverage {
    /// Day of the coverage.
    async fn as_of(&self) -> Date {
        Date(self.on)
    }

    /// Number of members on that day with a participation agreement in force.
    async fn connected_count(&self) -> i64 {
        self.count()
    }

    /// Number of members on that day.
    async fn member_count(&self) -> i64 {
        self.calculated.counts.members
    }

    /// `connectedCount` ⁄ `memberCount`, 0 to 1, rounded to four decimals; 0 when there are no
    /// members.
    async fn share(&self) -> Decimal {
        Decimal::new(format!("{:.4}", share(self.count(), self.calculated.counts.members)))
    }

    /// All members on that day without such an agreement, in order of name. Empty for an activity
    /// that volunteers alone carry, since it needs no agreements. Null when you may not see every
    /// agreement about the activity and every member.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn not_connected(&self, ctx: &Context<'_>) -> Option<Result<Vec<Member>>> {
        let positions = self.calculated.missing.get(&self.activity)?;
        if let Err(error) = take_rows(ctx, positions.len()) {
            return Some(Err(error));
        }
        let rows = positions.iter().filter_map(|position| {
            Some(BatchRow::at(self.calculated.members.as_ref()?, *position))
        });
        Some(Ok(rows.map(Member).collect()))
    }
}

/// Returns the coverage of a row; loads its batch. `asOf` defaults to today.
pub(in crate::graphql) async fn coverage_of(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    as_of: Option<Parsed<Date>>,
) -> Result<Coverage> {
    let mut errors = ValidationErrors::default();
    let on =
        take(as_of, "as_of", &mut errors).map_or_else(|| caller(ctx).clock.today(), |day| day.0);
    errors.finish()?;
    coverage_on(ctx, row, on).await
}

/// Returns the coverage of a row on a day; loads its batch.
///
/// # Errors
/// INVALID for a day after today unless the viewer may see every agreement about the activity and
/// every member.
pub(in crate::graphql) async fn coverage_on(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    on: NaiveDate,
) -> Result<Coverage> {
    let calculated = row.load(ctx, "", || async { calculate(ctx, row, on).await }).await?;
    if !calculated.known.contains(&row.id) {
        return Err(coverage::too_late(caller(ctx), "as_of"));
    }
    Ok(Coverage { activity: row.id, on, calculated })
}

async fn calculate(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    on: NaiveDate,
) -> Result<Calculated> {
    let is_selected = |field: &str| ctx.look_ahead().field(field).exists();
    let activities = ids(row);
    let known = coverage::known_on(caller(ctx), &activities, on).await?;
    let readable = if is_selected("notConnected") {
        coverage::readable(caller(ctx), &activities).await?
    } else {
        HashSet::new()
    };
    if !readable.is_empty() {
        // The counts follow from the lists.
        let columns = selected_columns::<Member>(ctx, &[&["notConnected"]]);
        let of = (activities.as_slice(), &readable);
        let found = coverage::missing(caller(ctx), of, on, &columns).await?;
        let counts = Counts {
            members: i64::try_from(found.members.len()).unwrap_or(i64::MAX),
            connected: found.connected,
        };
        return Ok(Calculated {
            counts,
            known,
            members: Some(Batch::new(found.members)),
            missing: found.positions,
        });
    }
    if ["connectedCount", "memberCount", "share"].into_iter().any(is_selected) {
        let counts = coverage::counts(caller(ctx), &activities, on).await?;
        return Ok(Calculated { counts, known, ..Calculated::default() });
    }
    Ok(Calculated { known, ..Calculated::default() })
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Coverage {
        activity: ActivityId::default(),
        on: NaiveDate::default(),
        calculated: Arc::default(),
    });
}
