//! GraphQL type of the coverage of an activity.

use std::{collections::HashMap, sync::Arc};

use ::entity::{activity, id::ActivityId, member};
use async_graphql::{Context, Description, Object};
use chrono::NaiveDate;

use super::{
    activities::ids,
    batch::{Batch, BatchRow, take_rows},
    connection::selected_columns,
    cost::list_size,
    database,
    members::Member,
    scalars::{Date, Parsed, take},
    viewer,
};
use domain::{
    activities::coverage,
    error::{Result, ValidationErrors},
};

/// Number of members that take part in an activity as of a day, of all members: "40 of 70".
#[derive(Clone, Description)]
pub struct Coverage {
    activity: ActivityId,
    on: NaiveDate,
    calculated: Arc<Calculated>,
}

/// Coverage of a batch of activities; only the selected parts are calculated.
#[derive(Default)]
struct Calculated {
    counts: coverage::Counts,
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
    async fn on(&self) -> Date {
        Date(self.on)
    }

    /// Number of members on that day with a participation agreement in force.
    async fn connected(&self) -> i64 {
        self.count()
    }

    /// Number of members on that day.
    async fn members(&self) -> i64 {
        self.calculated.counts.members
    }

    /// `connected` ⁄ `members`, 0 to 1; 0 when there are no members.
    async fn share(&self) -> f64 {
        coverage::share(self.count(), self.calculated.counts.members)
    }

    /// Members on that day without such an agreement, in order of name. Empty for an activity that
    /// volunteers alone carry, since it needs no agreements.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn not_connected(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let positions =
            self.calculated.missing.get(&self.activity).map(Vec::as_slice).unwrap_or_default();
        take_rows(ctx, positions.len())?;
        let rows = positions.iter().filter_map(|position| {
            Some(BatchRow::at(self.calculated.members.as_ref()?, *position))
        });
        Ok(rows.map(Member).collect())
    }
}

/// Returns the coverage of a row; loads its batch. `on` defaults to today.
pub(super) async fn coverage_of(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    on: Option<Parsed<Date>>,
) -> Result<Coverage> {
    let mut errors = ValidationErrors::default();
    let on = take(on, "on", &mut errors).map_or_else(|| database(ctx).clock.today(), |day| day.0);
    errors.finish()?;
    coverage_on(ctx, row, on).await
}

/// Returns the coverage of a row on a day; loads its batch.
pub(super) async fn coverage_on(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    on: NaiveDate,
) -> Result<Coverage> {
    let calculated = row.load(ctx, "", || async { calculate(ctx, row, on).await }).await?;
    Ok(Coverage { activity: row.id, on, calculated })
}

async fn calculate(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    on: NaiveDate,
) -> Result<Calculated> {
    let is_selected = |field: &str| ctx.look_ahead().field(field).exists();
    if is_selected("notConnected") {
        // The counts follow from the lists.
        let columns = selected_columns::<Member>(ctx, &[&["notConnected"]]);
        let found = coverage::missing(database(ctx), viewer(ctx), &ids(row), on, &columns).await?;
        let counts = coverage::Counts {
            members: i64::try_from(found.members.len()).unwrap_or(i64::MAX),
            connected: found.connected,
        };
        return Ok(Calculated {
            counts,
            members: Some(Batch::new(found.members)),
            missing: found.positions,
        });
    }
    if is_selected("connected") || is_selected("members") || is_selected("share") {
        let counts = coverage::counts(database(ctx), viewer(ctx), &ids(row), on).await?;
        return Ok(Calculated { counts, ..Calculated::default() });
    }
    Ok(Calculated::default())
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut super::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Coverage {
        activity: ActivityId::default(),
        on: NaiveDate::default(),
        calculated: Arc::default(),
    });
}
