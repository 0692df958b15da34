//! GraphQL types of members.

use ::entity::{allocation, contact, id::MemberId, member};
use async_graphql::{Context, Description, Enum, ID, Object};

use super::sums::{self, Balance, Receivables};
use crate::graphql::{
    agreements::{
        queries::{AgreementFilter, AgreementOrder, agreements_of},
        types::Agreement,
    },
    batch::{BatchRow, grouped, listed},
    caller,
    connection::{self, Column, Connection, ConnectionNode, DIRECT, and, every, selected_columns},
    contacts::types::{Contact, ContactArea, contact_area_of},
    cost::{cost, list_size, unversioned},
    database,
    fees::types::{FeeQuote, Quotes},
    invoices::{
        queries::{InvoiceFilter, InvoiceOrder, invoices_of},
        types::Invoice,
    },
    scalars::{Date, DateTime, EmailAddress, Money, OrgNumber, Parsed, node_id, take},
    times,
};

use domain::{
    agreements, contacts,
    error::{Result, ValidationErrors},
    fees, invoices,
    members::{self, allocations, billing::NewBilling, status::status},
    receivables::{self, balances},
};

/// Status of a membership.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "members::status::Status")]
pub enum MemberStatus {
    /// Decided, and not yet begun.
    Upcoming,
    /// Current member.
    Active,
    /// Former member.
    Left,
}

/// Scope of an allocation (tilldelning).
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::AllocationBasis")]
pub enum AllocationBasis {
    /// The funds of all four parties.
    AllParties,
    /// The state's half alone.
    StateShare,
}

/// A samordningsförbund that is, was or will be a member of the network.
#[derive(Clone, Description)]
pub struct Member(pub BatchRow<member::Model>);

#[Object(use_type_description)]
impl Member {
    /// Global id of the member, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Present name.
    pub async fn name(&self) -> &str {
        &self.0.name
    }

    /// Former names, the latest first.
    async fn former_names(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let names = self
            .0
            .load(ctx, "", || async {
                let names = members::former_names_of(database(ctx).read(), &ids(&self.0)).await?;
                Ok(grouped(names, |row| row.member_id))
            })
            .await?;
        Ok(names.get(&self.0.id).into_iter().flatten().map(|row| row.name.clone()).collect())
    }

    /// Organisation number (organisationsnummer); null when not known. Required before an invoice
    /// can be issued.
    pub async fn org_number(&self) -> Option<OrgNumber> {
        self.0.org_number.clone().map(OrgNumber)
    }

    /// Its county (län), as «Skåne län»; null when not known.
    async fn county(&self) -> Option<&str> {
        self.0.county.as_deref()
    }

    /// Its municipalities (kommuner), in Swedish order; empty when not known.
    async fn municipalities(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let names = self
            .0
            .load(ctx, "", || async {
                members::municipalities_of(database(ctx).read(), &ids(&self.0)).await
            })
            .await?;
        Ok(names.get(&self.0.id).cloned().unwrap_or_default())
    }

    /// Contact area (kontaktmannaskap), one of the areas that share board contacts; null when it
    /// has none.
    async fn contact_area(&self, ctx: &Context<'_>) -> Option<Result<ContactArea>> {
        contact_area_of(ctx, &self.0, |row| row.contact_area_id).await.transpose()
    }

    /// First day of membership.
    async fn joined_on(&self) -> Date {
        Date(self.0.joined_on)
    }

    /// Last day of membership; null for a current member without a planned end.
    async fn left_on(&self) -> Option<Date> {
        self.0.left_on.map(Date)
    }

    /// Reason of leaving; null when it has not left, or no reason is recorded.
    async fn leaving_reason(&self) -> Option<&str> {
        self.0.leaving_reason.as_deref()
    }

    /// Status of the membership as of today.
    async fn status(&self, ctx: &Context<'_>) -> MemberStatus {
        status(self.0.joined_on, self.0.left_on, caller(ctx).clock.today()).into()
    }

    /// Members that were merged into this one.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn predecessors(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let columns = and(selected_columns::<Member>(ctx, DIRECT), member::Column::SuccessorId);
        let found = self
            .0
            .load(ctx, "", || async {
                let rows = members::predecessors_of(caller(ctx), &ids(&self.0), &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.successor_id))
            })
            .await?;
        listed(ctx, found.get(&Some(self.0.id)), Member)
    }

    /// Member that this one was merged into; null when it was not merged.
    async fn successor(&self, ctx: &Context<'_>) -> Option<Result<Member>> {
        member_of(ctx, &self.0, |row| row.successor_id).await.transpose()
    }

    /// Yearly allocations (tilldelning), the base of per-mille fees, the latest year first; empty
    /// when none is known, or you may not see them.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn allocations(&self, ctx: &Context<'_>) -> Result<Vec<Allocation>> {
        let rows = self
            .0
            .load(ctx, "", || async {
                let rows = allocations::of_members(caller(ctx), &ids(&self.0), None).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.member_id))
            })
            .await?;
        listed(ctx, rows.get(&self.0.id), Allocation)
    }

    /// Allocation of one year; null when not known. With two bases, ALL_PARTIES.
    async fn allocation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Option<Result<Allocation>> {
        let rows = self
            .0
            .load(ctx, "", || async {
                let rows = allocations::of_members(caller(ctx), &ids(&self.0), Some(year)).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.member_id))
            })
            .await;
        match rows {
            Ok(rows) => {
                rows.get(&self.0.id).and_then(|rows| rows.first()).cloned().map(Allocation).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Current contacts; empty when there are none, or you may not see them. Personal data: see the
    /// GDPR rules.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn contacts(&self, ctx: &Context<'_>) -> Result<Vec<Contact>> {
        let columns = and(selected_columns::<Contact>(ctx, DIRECT), contact::Column::MemberId);
        let rows = self
            .0
            .load(ctx, "", || async {
                let rows = contacts::of_members(caller(ctx), &ids(&self.0), &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.member_id))
            })
            .await?;
        listed(ctx, rows.get(&Some(self.0.id)), Contact)
    }

    /// Billing details, as the address of invoices.
    pub async fn billing(&self, ctx: &Context<'_>) -> Result<BillingDetails> {
        let rows = self
            .0
            .load(ctx, "", || async { members::billing_of(caller(ctx), &ids(&self.0)).await })
            .await?;
        Ok(BillingDetails(rows.get(&self.0.id).cloned().unwrap_or_default().into()))
    }

    /// Agreements with the network that you may see.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AgreementFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<AgreementOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        agreements_of(
            ctx,
            &self.0,
            agreements::Parent::Member,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// Invoices and credit notes issued to the member that you may see.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<InvoiceFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<InvoiceOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Invoice>> {
        invoices_of(
            ctx,
            &self.0,
            invoices::Parent::Member,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// Service fee (serviceavgift) of a year by the rule in force, with its calculation. Null
    /// without a rule, without an allocation of the rule's `allocationBasis` for the year, and when
    /// it is not a member on any day of the year.
    async fn service_fee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Option<Result<FeeQuote>> {
        let quotes = self.0.load(ctx, "", || async {
            let quotes = fees::service_fees(caller(ctx), self.0.batch_rows(), year).await?;
            Ok(Quotes::from(quotes))
        });
        quotes.await.map(|quotes| quotes.of(self.0.id)).transpose()
    }

    /// Outstanding and overpaid sums of all its invoices, as of now or, by the day in the books
    /// (`Payment.bookedOn`), as of a day; null when you may not see its invoices.
    async fn balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "End of this day in the books; now when omitted.")] as_of: Option<
            Parsed<Date>,
        >,
    ) -> Option<Result<Balance>> {
        let found = async {
            let day = sums::day_in_books(as_of)?;
            self.0
                .load(ctx, "", || async {
                    balances::of_members(caller(ctx), &ids(&self.0), day).await
                })
                .await
        };
        found.await.map(|found| found.get(&self.0.id).copied().map(Balance)).transpose()
    }

    /// Outstanding and overpaid sums of its predecessors that have left, whose debts it has taken
    /// over, as of now or of a day in the books; null when there are none whose invoices you may
    /// see. Not part of `balance`.
    async fn predecessor_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "End of this day in the books; now when omitted.")] as_of: Option<
            Parsed<Date>,
        >,
    ) -> Option<Result<Balance>> {
        let found = async {
            let day = sums::day_in_books(as_of)?;
            self.0
                .load(ctx, "", || async {
                    balances::of_predecessors(caller(ctx), &ids(&self.0), day).await
                })
                .await
        };
        found.await.map(|found| found.get(&self.0.id).copied().map(Balance)).transpose()
    }

    /// Receivables by age, as of a day in the books; null when you may not see its invoices.
    async fn receivables(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the calculation; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Option<Result<Receivables>> {
        let found = async {
            let mut errors = ValidationErrors::default();
            let as_of = take(as_of, "as_of", &mut errors)
                .map_or_else(|| caller(ctx).clock.today(), |day| day.0);
            errors.finish()?;
            self.0
                .load(ctx, "", || async {
                    receivables::of_members(caller(ctx), &ids(&self.0), as_of).await
                })
                .await
        };
        found.await.map(|found| found.get(&self.0.id).copied().map(Receivables)).transpose()
    }

    /// Membership fee (medlemsavgift) of a year by the rule in force: the same for all members, and
    /// not prorated when a member joins or leaves during the year. Null without a rule, and when it
    /// is not a member on any day of the year.
    async fn membership_fee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Option<Result<FeeQuote>> {
        let quotes = self.0.load(ctx, "", || async {
            let quotes = fees::membership_fees(caller(ctx), self.0.batch_rows(), year).await?;
            Ok(Quotes::from(quotes))
        });
        quotes.await.map(|quotes| quotes.of(self.0.id)).transpose()
    }

    /// `true` if you may change the member (`memberUpdate`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        members::update::can_update(caller(ctx))
    }

    /// `true` if you may end the membership (`memberLeave`): it has no last day yet. Agreements in
    /// force may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_leave(&self, ctx: &Context<'_>) -> bool {
        members::leave::can_leave(caller(ctx), &self.0)
    }

    /// `true` if you may reinstate the member (`memberReinstate`): it has a last day of membership.
    /// Its agreements may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_reinstate(&self, ctx: &Context<'_>) -> bool {
        members::reinstate::can_reinstate(caller(ctx), &self.0)
    }

    /// `true` if you may remove the member (`memberRemove`): nothing refers to it.
    #[graphql(directive = cost::apply("5".into()), directive = unversioned::apply())]
    async fn viewer_can_remove(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || async {
            members::remove::removable(caller(ctx), &ids(&self.0)).await
        });
        Ok(found.await?.contains(&self.0.id))
    }
}

fn ids(row: &BatchRow<member::Model>) -> Vec<MemberId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

impl ConnectionNode for Member {
    type Row = member::Model;
    const NAME: &'static str = "Member";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use member::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "name" => &[C::Name],
            "orgNumber" => &[C::OrgNumber],
            "county" => &[C::County],
            "contactArea" => &[C::ContactAreaId],
            "joinedOn" => &[C::JoinedOn],
            "leftOn" => &[C::LeftOn],
            "leavingReason" => &[C::LeavingReason],
            "status" | "membershipFee" | "serviceFee" => &[C::JoinedOn, C::LeftOn],
            "successor" => &[C::SuccessorId],
            "viewerCanLeave" | "viewerCanReinstate" => &[C::LeftOn],
            "id" | "createdAt" | "updatedAt" | "formerNames" | "municipalities"
            | "predecessors" | "allocations" | "allocation" | "contacts" | "billing"
            | "agreements" | "invoices" | "balance" | "predecessorBalance" | "receivables"
            | "viewerCanUpdate" | "viewerCanRemove" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[member::Column::Id]
    }
}

/// Returns the member that each row of a batch refers to, if the viewer may see it.
pub async fn member_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<MemberId>,
) -> Result<Option<Member>> {
    connection::referenced::<Member, _, _>(
        ctx,
        row,
        id,
        |row| row.id,
        |ctx, ids, columns| Box::pin(members::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// Yearly allocation (tilldelning) of a member.
#[derive(Clone, Description)]
pub struct Allocation(pub BatchRow<allocation::Model>);

#[Object(use_type_description)]
impl Allocation {
    /// Global id of the allocation, opaque. Pass it to `node`.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Calendar year.
    async fn year(&self) -> i32 {
        self.0.year
    }

    /// Amount in kronor for the whole year.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Scope of the amount.
    async fn basis(&self) -> AllocationBasis {
        self.0.basis.into()
    }

    /// Source of the figure; null when not recorded.
    async fn source(&self) -> Option<&str> {
        self.0.source.as_deref()
    }
}

/// Billing details of a member or organisation. An e-mail address may be personal data.
#[derive(Clone, Description)]
pub struct BillingDetails(pub NewBilling);

#[Object(use_type_description)]
impl BillingDetails {
    /// E-mail address for invoices; null when not known.
    async fn email(&self) -> Option<EmailAddress> {
        self.0.email.as_deref().map(EmailAddress::new)
    }

    /// Peppol participant id, `0007:2220001834`; null when not known: e-invoices then use the
    /// organisation number.
    async fn peppol_id(&self) -> Option<&str> {
        self.0.peppol_id.as_deref()
    }

    /// Buyer's reference (Er referens), which public bodies require on an invoice; null when not
    /// known.
    async fn buyer_reference(&self) -> Option<&str> {
        self.0.buyer_reference.as_deref()
    }

    /// Street or post box; null when not known.
    async fn address_line(&self) -> Option<&str> {
        self.0.address_line.as_deref()
    }

    /// Postal code (postnummer); null when not known.
    async fn postal_code(&self) -> Option<&str> {
        self.0.postal_code.as_deref()
    }

    /// City (postort); null when not known.
    async fn city(&self) -> Option<&str> {
        self.0.city.as_deref()
    }
}

/// Returns the member with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: MemberId) -> Result<Option<Member>> {
    let found = members::by_ids(caller(ctx), &[id], &every::<Member>()).await?;
    Ok(found.into_iter().next().map(|row| Member(BatchRow::single(row))))
}

/// Measures the futures of the types of this folder whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Allocation(crate::graphql::future_sizes::row()));
    sizes.add(&BillingDetails(NewBilling::default()));
    sizes.add(&Balance(receivables::open_items::Balance::default()));
    sizes.add(&Receivables(receivables::AgedBalance::default()));
}
