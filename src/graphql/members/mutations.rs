//! Deeds on members.

use ::entity::id::MemberId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{AllocationBasis, Member, node};
use crate::graphql::{
    mutation::mutation,
    scalars::{Date, Money, OrgNumber, Parsed, change, plain_change, row_id, take},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    members::{admit, allocations, leave},
};

async fn changed(ctx: &Context<'_>, id: MemberId) -> Result<Member> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such member".into()))
}

/// Where invoices go.
#[derive(InputObject, Default)]
pub struct BillingDetailsInput {
    /// For invoices by e-mail.
    email: Option<String>,
    /// Peppol participant: `0007:` and an organisation number, as `0007:2220001834`; `0088:` and a
    /// GLN; or `0060:` and a D-U-N-S number.
    peppol_id: Option<String>,
    /// The buyer's reference (Er referens).
    buyer_reference: Option<String>,
    /// Street or box.
    address_line: Option<String>,
    /// Postal code (postnummer).
    postal_code: Option<String>,
    /// City (postort).
    city: Option<String>,
}

impl From<BillingDetailsInput> for admit::NewBilling {
    fn from(input: BillingDetailsInput) -> Self {
        Self {
            email: input.email,
            peppol_id: input.peppol_id,
            buyer_reference: input.buyer_reference,
            address_line: input.address_line,
            postal_code: input.postal_code,
            city: input.city,
        }
    }
}

/// A member to be admitted.
#[derive(InputObject)]
pub struct MemberAdmitInput {
    /// Its name.
    name: String,
    /// Its organisation number (organisationsnummer); leave out when not known.
    org_number: Option<Parsed<OrgNumber>>,
    /// Its county (län).
    county: Option<String>,
    /// Its municipalities (kommuner).
    municipalities: Option<Vec<String>>,
    /// The contact area's name; a new one is made.
    contact_area: Option<String>,
    /// First day of membership.
    joined_on: Parsed<Date>,
    /// Where its invoices go.
    billing: Option<BillingDetailsInput>,
}

/// What changes about a member; what is left out stays as it is.
#[derive(InputObject)]
pub struct MemberUpdateInput {
    /// Which.
    member: ID,
    /// A new name; the old one is kept among its former names.
    name: Option<String>,
    /// Null: no longer known.
    org_number: MaybeUndefined<Parsed<OrgNumber>>,
    /// Null: no longer known.
    county: MaybeUndefined<String>,
    /// All of its municipalities.
    municipalities: Option<Vec<String>>,
    /// The contact area's name; null: none.
    contact_area: MaybeUndefined<String>,
    /// First day of membership.
    joined_on: Option<Parsed<Date>>,
    /// All of its billing details.
    billing: Option<BillingDetailsInput>,
}

/// How a member leaves.
#[derive(InputObject)]
pub struct MemberLeaveInput {
    /// Which.
    member: ID,
    /// Last day of membership.
    left_on: Parsed<Date>,
    /// Why.
    reason: Option<String>,
    /// Whether agreements that are still in force end with the membership; unless they do, leaving
    /// with any is refused.
    #[graphql(default)]
    end_agreements: bool,
}

/// Which members become part of which.
#[derive(InputObject)]
pub struct MemberMergeInput {
    /// The member that goes on; admit it first when it is a new one.
    into: ID,
    /// The members that leave into it.
    from: Vec<ID>,
    /// Their last day of membership.
    left_on: Parsed<Date>,
    /// Why.
    reason: Option<String>,
    /// Whether their agreements that are still in force end with the membership; unless they do,
    /// merging with any is refused.
    #[graphql(default)]
    end_agreements: bool,
}

/// A member's allocation of a year.
#[derive(InputObject)]
pub struct AllocationSetInput {
    /// Whose.
    member: ID,
    /// Calendar year.
    year: i32,
    /// The money, for the whole year.
    amount: Parsed<Money>,
    /// What it counts.
    #[graphql(default_with = "AllocationBasis::AllParties")]
    basis: AllocationBasis,
    /// Where the figure is from.
    source: Option<String>,
}

/// Deeds on members.
#[derive(Default)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Admits a member.
    async fn member_admit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: MemberAdmitInput,
    ) -> Result<Member> {
        let mut errors = ValidationErrors::default();
        let new = admit::NewMember {
            name: input.name,
            org_number: take(input.org_number, "input.orgNumber", &mut errors)
                .map(|number| number.0),
            county: input.county,
            municipalities: input.municipalities.unwrap_or_default(),
            contact_area: input.contact_area,
            joined_on: input.joined_on.take("input.joinedOn", &mut errors).0,
            billing: input.billing.unwrap_or_default().into(),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(admit::admit(mutation.db(), viewer(ctx), new, errors), |id| changed(ctx, id))
            .await
    }

    /// Changes what is known of a member.
    async fn member_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: MemberUpdateInput,
    ) -> Result<Member> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.member, "member", "input.member", &mut errors);
        let changes = admit::MemberChanges {
            name: input.name,
            org_number: change(input.org_number, "input.orgNumber", &mut errors)
                .map(|number| number.map(|number| number.0)),
            county: plain_change(input.county),
            municipalities: input.municipalities,
            contact_area: plain_change(input.contact_area),
            joined_on: take(input.joined_on, "input.joinedOn", &mut errors).map(|day| day.0),
            billing: input.billing.map(Into::into),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(admit::update(mutation.db(), viewer(ctx), id, changes, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Ends a membership. Refused while it has agreements in force (CONFLICT, reason
    /// AGREEMENTS_IN_FORCE, with their numbers) unless they end too.
    async fn member_leave(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: MemberLeaveInput,
    ) -> Result<Member> {
        let mut errors = ValidationErrors::default();
        let departure = leave::Departure {
            member: row_id(&input.member, "member", "input.member", &mut errors),
            left_on: input.left_on.take("input.leftOn", &mut errors).0,
            reason: input.reason,
            end_agreements: input.end_agreements,
        };
        let id = departure.member;
        let mutation = mutation(ctx);
        mutation
            .perform(leave::leave(mutation.db(), viewer(ctx), departure, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Two members become one, or one takes over another: the old ones leave, the one that goes on
    /// has them as predecessors.
    async fn member_merge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: MemberMergeInput,
    ) -> Result<Member> {
        let mut errors = ValidationErrors::default();
        let merger = leave::Merger {
            into: row_id(&input.into, "member", "input.into", &mut errors),
            from: input
                .from
                .iter()
                .enumerate()
                .map(|(position, id)| {
                    row_id(id, "member", &format!("input.from.{position}"), &mut errors)
                })
                .collect(),
            left_on: input.left_on.take("input.leftOn", &mut errors).0,
            reason: input.reason,
            end_agreements: input.end_agreements,
        };
        let id = merger.into;
        let mutation = mutation(ctx);
        mutation
            .perform(leave::merge(mutation.db(), viewer(ctx), merger, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Sets a member's allocation of a year, in the place of one with the same basis.
    async fn allocation_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AllocationSetInput,
    ) -> Result<Member> {
        let mut errors = ValidationErrors::default();
        let new = allocations::NewAllocation {
            member: row_id(&input.member, "member", "input.member", &mut errors),
            year: input.year,
            amount: input.amount.take("input.amount", &mut errors).0,
            basis: input.basis.into(),
            source: input.source,
        };
        let id = new.member;
        let mutation = mutation(ctx);
        mutation
            .perform(allocations::set(mutation.db(), viewer(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }
}
