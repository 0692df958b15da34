//! The coverage of an activity as the API tells of it.

use std::collections::HashMap;

use ::entity::activity;
use async_graphql::{Context, Description, Object};
use chrono::NaiveDate;

use super::{
    activities::ids,
    database,
    loaders::{Batch, Handle},
    members::Member,
    page::{DIRECT, asked},
    scalars::{Date, Given, take},
    viewer,
};
use crate::{
    activities::coverage,
    error::{Faults, Result},
};

/// How many members have joined an activity, as of a day: "40 of 70".
#[derive(Clone, Description)]
pub struct Coverage {
    activity: Handle<activity::Model>,
    on: NaiveDate,
    connected: i64,
    members: i64,
}

#[Object(use_type_description)]
impl Coverage {
    /// The day that it is reckoned on.
    async fn on(&self) -> Date {
        Date(self.on)
    }

    /// Members on that day with a participation agreement in force.
    async fn connected(&self) -> i64 {
        self.connected
    }

    /// Members on that day, connected or not.
    async fn members(&self) -> i64 {
        self.members
    }

    /// `connected` ⁄ `members`, 0 to 1; 0 when there are no members.
    async fn share(&self) -> f64 {
        coverage::share(self.connected, self.members)
    }

    /// Members on that day that lack such an agreement, in order of name. Empty for what volunteers alone carry: nobody needs one there.
    async fn not_connected(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let found = self
            .activity
            .load(ctx, "", async {
                let columns = asked::<Member>(ctx, DIRECT);
                let found = coverage::not_connected(database(ctx), viewer(ctx), &ids(&self.activity), self.on, &columns).await?;
                Ok((Batch::new(found.members), found.places))
            })
            .await?;
        let (batch, places) = &*found;
        Ok(places.get(&self.activity.id).into_iter().flatten().map(|place| Member(Handle::at(batch, *place))).collect())
    }
}

/// The coverage of each row of a batch; counted is only what is asked for.
pub(super) async fn coverage_of(ctx: &Context<'_>, row: &Handle<activity::Model>, on: Option<Given<Date>>) -> Result<Coverage> {
    let mut faults = Faults::default();
    let on = take(on, "on", &mut faults).map_or_else(|| database(ctx).clock.today(), |day| day.0);
    faults.finish()?;
    let asks = |field: &str| ctx.look_ahead().field(field).exists();
    let connected = row
        .load(ctx, "connected", async {
            if !asks("connected") && !asks("share") {
                return Ok(HashMap::new());
            }
            coverage::connected(database(ctx), viewer(ctx), &ids(row), on).await
        })
        .await?;
    let members = row
        .load(ctx, "members", async {
            if !asks("members") && !asks("share") {
                return Ok(0);
            }
            coverage::members(database(ctx), viewer(ctx), on).await
        })
        .await?;
    Ok(Coverage { activity: row.clone(), on, connected: connected.get(&row.id).copied().unwrap_or_default(), members: *members })
}
