//! Queries of members.

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};
use domain::{
    activities::coverage,
    error::{FieldErrorCode, LINE, Origin, Result, ValidationErrors},
    members,
};

use super::types::{Member, MemberStatus};
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{self, Connection, DIRECT, ListRequest, selected_columns},
    cost::cost,
    database,
    order::{self, order_input},
    scalars::{Date, OrgNumber, Parsed, row_id, take},
    slug_list::slugs,
};

/// Names a member by exactly one of its keys.
#[derive(OneofObject)]
pub enum MemberBy {
    /// Global id.
    Id(ID),
    /// Organisation number (organisationsnummer), as `202100-2114`.
    OrgNumber(Parsed<OrgNumber>),
}

/// Filter of members. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct MemberFilter {
    /// Has one of these statuses on `asOf`.
    status: Option<Vec<MemberStatus>>,
    /// Day of the status and of participation; defaults to today.
    as_of: Option<Parsed<Date>>,
    /// Id of the contact area that it is in.
    contact_area_id: Option<ID>,
    /// Is in this county (län), spelled as `Member.county`, in upper and lower case too.
    county: Option<String>,
    /// All of these words occur in its present and former names, its organisation number or its
    /// municipalities. A word may be the beginning of a longer one. Case and accents are ignored,
    /// but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
    /// Id of the member that it was merged into.
    successor_id: Option<ID>,
    /// Slugs: has a participation agreement in force in each of these activities, among the
    /// agreements that you may see. Each activity must exist.
    in_activity_slugs: Option<Vec<String>>,
    /// Slugs: has no participation agreement in force in any of these activities, among the
    /// agreements that you may see. Each activity must exist.
    not_in_activity_slugs: Option<Vec<String>>,
}

impl MemberFilter {
    fn check(self, errors: &mut ValidationErrors) -> members::Filter {
        members::Filter {
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            contact_area: self
                .contact_area_id
                .map(|id| row_id(&id, "filter.contactAreaId", errors)),
            county: errors.optional_text("filter.county", self.county.as_deref(), LINE),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
            successor: self.successor_id.map(|id| row_id(&id, "filter.successorId", errors)),
            in_activity: few_slugs(self.in_activity_slugs, "in_activity_slugs", errors),
            not_in_activity: few_slugs(self.not_in_activity_slugs, "not_in_activity_slugs", errors),
        }
    }
}

/// Maximum number of activities in a filter.
const MAX_SLUGS: usize = 20;

/// Returns the slugs of a filter whose values add a condition to the statement each.
fn few_slugs(
    parsed: Option<Vec<String>>,
    name: &str,
    errors: &mut ValidationErrors,
) -> Vec<String> {
    let former = errors.set_origin(Origin::Filter);
    errors.expect(
        parsed.as_ref().is_none_or(|slugs| slugs.len() <= MAX_SLUGS),
        name,
        FieldErrorCode::TooMany
            .problem(format!("must have at most {MAX_SLUGS} items"))
            .with("max", MAX_SLUGS),
    );
    errors.set_origin(former);
    slugs(parsed, name, errors)
}

/// Order of members.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "members::Field")]
pub enum MemberOrderField {
    /// By name, in Swedish alphabetical order.
    Name,
    /// By first day of membership.
    JoinedOn,
    /// By last day of membership; present members last.
    LeftOn,
    /// By organisation number; members without one first.
    OrgNumber,
    /// By county (län), in byte order; members without one first.
    County,
}

order_input! {
    /// Order of members. Ties are ordered by id.
    MemberOrder by MemberOrderField
}

/// Queries of members.
#[derive(Default)]
pub struct MemberQuery;

#[Object]
impl MemberQuery {
    /// Number of members of the network on a day, the same for every viewer.
    async fn member_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Day of the count; defaults to today. A later day is INVALID unless you may see every member."
        )]
        as_of: Option<Parsed<Date>>,
    ) -> Result<i64> {
        let mut errors = ValidationErrors::default();
        let on = take(as_of, "as_of", &mut errors)
            .map_or_else(|| caller(ctx).clock.today(), |day| day.0);
        errors.finish()?;
        Box::pin(coverage::member_count(caller(ctx), on)).await
    }

    /// Members that you may see, by name unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<MemberFilter>>,
        #[graphql(desc = "Order; by name when omitted.")] order_by: Option<MemberOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Member>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (members::Field::Name, false));
        let order = members::order(database(ctx).backend(), field, descending);
        let args = connection::args(first, after, last, before);
        connection::large_connection(
            ctx,
            ListRequest::<Member, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(members::list(caller(ctx), filter, page)),
            |ctx, filter, at_most| Box::pin(members::count(caller(ctx), filter, at_most)),
        )
        .await
    }

    /// A member by its id or organisation number; null when there is none, or you may not see it.
    async fn member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id or organisation number.")] by: MemberBy,
    ) -> Option<Result<Member>> {
        Box::pin(find(ctx, by)).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: MemberBy) -> Result<Option<Member>> {
    let columns = selected_columns::<Member>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        MemberBy::Id(id) => {
            let id = row_id(&id, "by.id", &mut errors);
            errors.finish()?;
            members::by_ids(caller(ctx), &[id], &columns).await?.into_iter().next()
        }
        MemberBy::OrgNumber(number) => {
            let number = number.take("by.orgNumber", &mut errors);
            errors.finish()?;
            members::by_org_number(caller(ctx), &number.0, &columns).await?
        }
    };
    Ok(found.map(|row| Member(BatchRow::single(row))))
}
