//! The coverage of an activity as the API tells of it.

use std::{collections::HashMap, sync::Arc};

use ::entity::{activity, id::ActivityId, member};
use async_graphql::{Context, Description, Object};
use chrono::NaiveDate;

use super::{
    activities::ids,
    batch::{Batch, Handle, take_rows},
    connection::asked,
    cost::list_size,
    database,
    members::Member,
    scalars::{Date, Given, take},
    viewer,
};
use domain::{
    activities::coverage,
    error::{Faults, Result},
};

/// How many members have joined an activity, as of a day: "40 of 70".
#[derive(Clone, Description)]
pub struct Coverage {
    activity: ActivityId,
    on: NaiveDate,
    reckoned: Arc<Reckoned>,
}

/// What was reckoned for a batch of activities; only what somebody asks for.
#[derive(Default)]
struct Reckoned {
    counts: coverage::Counts,
    members: Option<Arc<Batch<member::Model>>>,
    missing: HashMap<ActivityId, Vec<usize>>,
}

impl Coverage {
    fn count(&self) -> i64 {
        self.reckoned.counts.connected.get(&self.activity).copied().unwrap_or_default()
    }
}

#[Object(use_type_description)]
impl Coverage {
    /// The day that it is reckoned on.
    async fn on(&self) -> Date {
        Date(self.on)
    }

    /// Members on that day with a participation agreement in force.
    async fn connected(&self) -> i64 {
        self.count()
    }

    /// Members on that day, connected or not.
    async fn members(&self) -> i64 {
        self.reckoned.counts.members
    }

    /// `connected` ⁄ `members`, 0 to 1; 0 when there are no members.
    async fn share(&self) -> f64 {
        coverage::share(self.count(), self.reckoned.counts.members)
    }

    /// Members on that day that lack such an agreement, in order of name. Empty for what volunteers
    /// alone carry: nobody needs one there.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn not_connected(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let places =
            self.reckoned.missing.get(&self.activity).map(Vec::as_slice).unwrap_or_default();
        take_rows(ctx, places.len())?;
        let rows = places
            .iter()
            .filter_map(|place| Some(Handle::at(self.reckoned.members.as_ref()?, *place)));
        Ok(rows.map(Member).collect())
    }
}

/// The coverage of each row of a batch.
pub(super) async fn coverage_of(
    ctx: &Context<'_>,
    row: &Handle<activity::Model>,
    on: Option<Given<Date>>,
) -> Result<Coverage> {
    let mut faults = Faults::default();
    let on = take(on, "on", &mut faults).map_or_else(|| database(ctx).clock.today(), |day| day.0);
    faults.finish()?;
    coverage_on(ctx, row, on).await
}

/// The coverage of each row of a batch on a day.
pub(super) async fn coverage_on(
    ctx: &Context<'_>,
    row: &Handle<activity::Model>,
    on: NaiveDate,
) -> Result<Coverage> {
    let reckoned = row.load(ctx, "", reckon(ctx, row, on)).await?;
    Ok(Coverage { activity: row.id, on, reckoned })
}

async fn reckon(
    ctx: &Context<'_>,
    row: &Handle<activity::Model>,
    on: NaiveDate,
) -> Result<Reckoned> {
    let asks = |field: &str| ctx.look_ahead().field(field).exists();
    if asks("notConnected") {
        // The counts follow from the lists.
        let columns = asked::<Member>(ctx, &[&["notConnected"]]);
        let found = coverage::missing(database(ctx), viewer(ctx), &ids(row), on, &columns).await?;
        let counts = coverage::Counts {
            members: i64::try_from(found.members.len()).unwrap_or(i64::MAX),
            connected: found.connected,
        };
        return Ok(Reckoned {
            counts,
            members: Some(Batch::new(found.members)),
            missing: found.places,
        });
    }
    if asks("connected") || asks("members") || asks("share") {
        let counts = coverage::counts(database(ctx), viewer(ctx), &ids(row), on).await?;
        return Ok(Reckoned { counts, ..Reckoned::default() });
    }
    Ok(Reckoned::default())
}
