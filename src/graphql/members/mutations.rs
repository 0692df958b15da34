//! GraphQL mutations of members.

use ::entity::id::MemberId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{
    payloads::{
        AllocationSetPayload, MemberAdmitPayload, MemberLeavePayload, MemberMergePayload,
        MemberReinstatePayload, MemberRemovePayload, MemberUpdatePayload,
    },
    types::{AllocationBasis, Member, node},
};
use crate::graphql::{
    agreements::types::Agreement,
    batch::BatchRow,
    caller,
    connection::every,
    mutation::mutation,
    scalars::{Date, EmailAddress, Money, OrgNumber, Parsed, change, plain_change, row_id, take},
};
use domain::{
    agreements,
    error::{Error, Result, ValidationErrors},
    members::{
        admit,
        allocations::{new_allocation::NewAllocation, set},
        billing::NewBilling,
        changes::MemberChanges,
        leave, merge,
        reinstate::{self, Reinstated},
        remove, update,
    },
    removal::Removed,
};

async fn changed(ctx: &Context<'_>, id: MemberId) -> Result<Member> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such member".into()))
}

/// Billing details. They replace all present ones.
#[derive(InputObject, Default)]
pub struct BillingDetailsInput {
    /// E-mail address for invoices.
    email: Option<EmailAddress>,
    /// Peppol participant id: `0007:` and an organisation number, as `0007:2220001834`; `0088:` and
    /// a GLN; or `0060:` and a D-U-N-S number.
    peppol_id: Option<String>,
    /// Buyer's reference (Er referens).
    buyer_reference: Option<String>,
    /// Street or post box.
    address_line: Option<String>,
    /// Postal code (postnummer).
    postal_code: Option<String>,
    /// City (postort).
    city: Option<String>,
}

impl From<BillingDetailsInput> for NewBilling {
    fn from(input: BillingDetailsInput) -> Self {
        Self {
            email: input.email.map(|email| email.0),
            peppol_id: input.peppol_id,
            buyer_reference: input.buyer_reference,
            address_line: input.address_line,
            postal_code: input.postal_code,
            city: input.city,
        }
    }
}

/// Input of `memberAdmit`.
#[derive(InputObject)]
pub struct MemberAdmitInput {
    /// Name.
    name: String,
    /// Organisation number (organisationsnummer); omit when not known.
    org_number: Option<Parsed<OrgNumber>>,
    /// County (län), as «Skåne län».
    county: Option<String>,
    /// Municipalities (kommuner).
    municipalities: Option<Vec<String>>,
    /// Name of the contact area, compared without regard to case. A new name makes a new area:
    /// take one of `contactAreas`, unless you mean to make one.
    contact_area_name: Option<String>,
    /// First day of membership.
    joined_on: Parsed<Date>,
    /// Billing details, as the address of invoices.
    billing: Option<BillingDetailsInput>,
}

/// Input of `memberUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct MemberUpdateInput {
    /// Id of the member.
    member_id: ID,
    /// New name; the present one is added to its former names.
    name: Option<String>,
    /// New organisation number; null removes it.
    org_number: MaybeUndefined<Parsed<OrgNumber>>,
    /// New county (län); null removes it.
    county: MaybeUndefined<String>,
    /// All municipalities; replaces the present ones.
    municipalities: Option<Vec<String>>,
    /// Name of the contact area, compared without regard to case; null removes it. A new name makes
    /// a new area: take one of `contactAreas`, unless you mean to make one.
    contact_area_name: MaybeUndefined<String>,
    /// First day of membership.
    joined_on: Option<Parsed<Date>>,
    /// All billing details; replaces the present ones.
    billing: Option<BillingDetailsInput>,
}

/// Input of `memberLeave`.
#[derive(InputObject)]
pub struct MemberLeaveInput {
    /// Id of the member.
    member_id: ID,
    /// Last day of membership.
    left_on: Parsed<Date>,
    /// Reason of leaving.
    reason: Option<String>,
    /// `true` to end agreements that are still in force with the membership. Otherwise leaving with
    /// such agreements is refused.
    #[graphql(default)]
    end_agreements: bool,
}

/// Input of `memberMerge`.
#[derive(InputObject)]
pub struct MemberMergeInput {
    /// Id of the member that continues. Admit a new one first.
    into_id: ID,
    /// Ids of the members that leave and become its predecessors.
    from_ids: Vec<ID>,
    /// Last day of their membership.
    left_on: Parsed<Date>,
    /// Reason of the merger.
    reason: Option<String>,
    /// `true` to end their agreements that are still in force with the membership. Otherwise a
    /// merger with such agreements is refused.
    #[graphql(default)]
    end_agreements: bool,
}

/// Input of `allocationSet`.
#[derive(InputObject)]
pub struct AllocationSetInput {
    /// Id of the member.
    member_id: ID,
    /// Calendar year.
    year: i32,
    /// Amount in kronor for the whole year.
    amount: Parsed<Money>,
    /// Scope of the amount.
    #[graphql(default_with = "AllocationBasis::AllParties")]
    basis: AllocationBasis,
    /// Source of the figure.
    source: Option<String>,
}

impl AllocationSetInput {
    /// Converts the input; adds an error for each bad field.
    pub(super) fn check(self, errors: &mut ValidationErrors) -> NewAllocation {
        NewAllocation {
            member: row_id(&self.member_id, "member_id", errors),
            year: self.year,
            amount: self.amount.take("amount", errors).0,
            basis: self.basis.into(),
            source: self.source,
        }
    }
}

/// Mutations of members.
#[derive(Default)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Admits a member. CONFLICT with reason ORG_NUMBER_TAKEN when another member has the
    /// organisation number.
    ///
    /// Requires the role OFFICE.
    async fn member_admit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member to admit.")] input: Box<MemberAdmitInput>,
    ) -> Option<Result<MemberAdmitPayload>> {
        let mut errors = ValidationErrors::default();
        let new = admit::NewMember {
            name: input.name,
            org_number: take(input.org_number, "org_number", &mut errors).map(|number| number.0),
            county: input.county,
            municipalities: input.municipalities.unwrap_or_default(),
            contact_area_name: input.contact_area_name,
            joined_on: input.joined_on.take("joined_on", &mut errors).0,
            billing: input.billing.unwrap_or_default().into(),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(admit::admit(mutation.context(), new, errors), async |id| {
                    Ok(MemberAdmitPayload { member: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Changes a member. CONFLICT with reason ORG_NUMBER_TAKEN, or AGREEMENTS_IN_FORCE when the
    /// membership would begin after agreements of the member.
    ///
    /// Requires the role OFFICE.
    async fn member_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<MemberUpdateInput>,
    ) -> Option<Result<MemberUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.member_id, "member_id", &mut errors);
        let changes = MemberChanges {
            name: input.name,
            org_number: change(input.org_number, "org_number", &mut errors)
                .map(|number| number.map(|number| number.0)),
            county: plain_change(input.county),
            municipalities: input.municipalities,
            contact_area_name: plain_change(input.contact_area_name),
            joined_on: take(input.joined_on, "joined_on", &mut errors).map(|day| day.0),
            billing: input.billing.map(Into::into),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(update::update(mutation.context(), id, changes, errors), async |()| {
                    Ok(MemberUpdatePayload { member: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Ends a membership. CONFLICT with reason AGREEMENTS_IN_FORCE and their numbers while it has
    /// agreements in force, unless `endAgreements` is set; ALREADY_LEFT; LEAVING when its last day
    /// lies ahead; HAS_PREDECESSORS when members are merged into it on that day or later.
    ///
    /// Requires the role OFFICE.
    async fn member_leave(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member and its last day.")] input: Box<MemberLeaveInput>,
    ) -> Option<Result<MemberLeavePayload>> {
        let mut errors = ValidationErrors::default();
        let departure = leave::Departure {
            member: row_id(&input.member_id, "member_id", &mut errors),
            left_on: input.left_on.take("left_on", &mut errors).0,
            reason: input.reason,
            end_agreements: input.end_agreements,
        };
        let id = departure.member;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(leave::leave(mutation.context(), departure, errors), async |()| {
                    Ok(MemberLeavePayload { member: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Merges members: those in `fromIds` leave, and the one in `intoId` continues with them as
    /// predecessors. CONFLICT with the reasons of `memberLeave`; ALREADY_LEFT also when the
    /// membership of `intoId` does not continue.
    ///
    /// Requires the role OFFICE.
    async fn member_merge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The members to merge.")] input: Box<MemberMergeInput>,
    ) -> Option<Result<MemberMergePayload>> {
        let mut errors = ValidationErrors::default();
        let merger = merge::Merger {
            into: row_id(&input.into_id, "into_id", &mut errors),
            from: input
                .from_ids
                .iter()
                .enumerate()
                .map(|(position, id)| row_id(id, &format!("from_ids[{position}]"), &mut errors))
                .collect(),
            left_on: input.left_on.take("left_on", &mut errors).0,
            reason: input.reason,
            end_agreements: input.end_agreements,
        };
        let id = merger.into;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(merge::merge(mutation.context(), merger, errors), async |()| {
                    Ok(MemberMergePayload { member: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Sets a member's allocation of a year; replaces one with the same basis.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn allocation_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The allocation.")] input: Box<AllocationSetInput>,
    ) -> Option<Result<AllocationSetPayload>> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let id = new.member;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(set::set(mutation.context(), new, errors), async |()| {
                    Ok(AllocationSetPayload { member: changed(ctx, id).await? })
                })
                .await,
        )
    }
}

/// Input of `memberReinstate`.
#[derive(InputObject)]
pub struct MemberReinstateInput {
    /// Id of the member that left or is to leave.
    member_id: ID,
}

/// Input of `memberRemove`.
#[derive(InputObject)]
pub struct MemberRemoveInput {
    /// Id of the member.
    member_id: ID,
}

/// Mutations of members that reverse mistakes. They are apart from the others so that they have
/// their position among the mutations of the schema.
#[derive(Default)]
pub struct MemberReversalMutation;

#[Object]
impl MemberReversalMutation {
    /// Reverses a departure or merger that lies ahead or was entered by mistake: the member has no
    /// last day, and the agreements that ended with its membership are restored. CONFLICT with
    /// reason NOT_LEFT, AGREEMENT_CHANGED when one of these was changed since, ACTIVITY_ENDED when
    /// one would outlive its activity, or OVERLAPS when one would be in force at the same time as
    /// another.
    ///
    /// Requires the role OFFICE.
    async fn member_reinstate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The departure to reverse.")] input: Box<MemberReinstateInput>,
    ) -> Option<Result<MemberReinstatePayload>> {
        Some(Box::pin(reinstate(ctx, *input)).await)
    }

    /// Removes a member that was admitted by mistake, while nothing refers to it; the audit trail
    /// retains it. CONFLICT with reason IN_USE lists the references: end the membership with
    /// `memberLeave` instead.
    ///
    /// Requires the role OFFICE.
    async fn member_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member to remove.")] input: Box<MemberRemoveInput>,
    ) -> Option<Result<MemberRemovePayload>> {
        Some(Box::pin(remove(ctx, *input)).await)
    }
}

async fn reinstate(
    ctx: &Context<'_>,
    input: MemberReinstateInput,
) -> Result<MemberReinstatePayload> {
    let mut errors = ValidationErrors::default();
    let id: MemberId = row_id(&input.member_id, "member_id", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |done: Reinstated| {
        let member = node(ctx, done.member)
            .await?
            .ok_or_else(|| Error::NotFound("there is no such member".into()))?;
        let rows = agreements::by_ids(caller(ctx), &done.agreements, &every::<Agreement>()).await?;
        Ok(MemberReinstatePayload {
            member,
            agreements: BatchRow::each(rows).into_iter().map(Agreement).collect(),
        })
    };
    mutation.perform(reinstate::reinstate(mutation.context(), id, errors), payload).await
}

async fn remove(ctx: &Context<'_>, input: MemberRemoveInput) -> Result<MemberRemovePayload> {
    let mut errors = ValidationErrors::default();
    let id: MemberId = row_id(&input.member_id, "member_id", &mut errors);
    let mutation = mutation(ctx);
    let payload =
        async |removed: Removed| Ok(MemberRemovePayload { member_id: ID(removed.api_id) });
    mutation.perform(remove::remove(mutation.context(), id, errors), payload).await
}
