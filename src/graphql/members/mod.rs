//! Members as the API tells of them.

pub mod mutations;
mod reversals;
mod sums;

pub use self::{
    reversals::ReversalMutation,
    sums::{Balance, Receivables},
};

use std::sync::Arc;

use ::entity::{allocation, contact, id::MemberId, member};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, OneofObject};

use super::{
    agreements::{Agreement, AgreementFilter, AgreementOrder, agreements_of},
    batch::{BatchRow, distinct, grouped, listed},
    connection::{
        self, CONNECTION, Column, Connection, ConnectionNode, DIRECT, and, every, selected_columns,
    },
    contacts::{Contact, ContactArea, contact_area_of},
    cost::{cost, list_size},
    database,
    fees::{FeeQuote, Quotes},
    invoices::{Invoice, InvoiceFilter, InvoiceOrder, invoices_of},
    scalars::{Date, Money, OrgNumber, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    agreements,
    error::{LINE, Result, ValidationErrors},
    fees, invoices,
    members::{self, admit::NewBilling, allocations, contacts},
    receivables::{self, balances},
};

/// Where a membership is in its life.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "members::Status")]
pub enum MemberStatus {
    /// Decided, not yet begun.
    Upcoming,
    /// A member.
    Active,
    /// No longer a member.
    Left,
}

/// What an allocation (tilldelning) counts.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::AllocationBasis")]
pub enum AllocationBasis {
    /// The money of all four parties.
    AllParties,
    /// The state's half alone.
    StateShare,
}

/// A samordningsförbund that is, was or will be a member of the network.
#[derive(Clone, Description)]
pub struct Member(pub BatchRow<member::Model>);

#[Object(use_type_description)]
impl Member {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("member", self.0.id)
    }

    /// Its name today.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Names that it had before, the latest first.
    async fn former_names(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let names = self
            .0
            .load(ctx, "", async {
                let names = members::former_names_of(database(ctx).read(), &ids(&self.0)).await?;
                Ok(grouped(names, |row| row.member_id))
            })
            .await?;
        Ok(names.get(&self.0.id).into_iter().flatten().map(|row| row.name.clone()).collect())
    }

    /// Null when not known; needed before an invoice can be issued.
    async fn org_number(&self) -> Option<OrgNumber> {
        self.0.org_number.clone().map(OrgNumber)
    }

    /// Its county (län); null when not known.
    async fn county(&self) -> Option<&str> {
        self.0.county.as_deref()
    }

    /// Its municipalities (kommuner), in Swedish order; empty when not known.
    async fn municipalities(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let names = self
            .0
            .load(ctx, "", members::municipalities_of(database(ctx).read(), &ids(&self.0)))
            .await?;
        Ok(names.get(&self.0.id).cloned().unwrap_or_default())
    }

    /// One of the geographic areas that share board contacts (kontaktmannaskap); null when it has
    /// none.
    async fn contact_area(&self, ctx: &Context<'_>) -> Option<Result<ContactArea>> {
        contact_area_of(ctx, &self.0, |row| row.contact_area_id).await.transpose()
    }

    /// First day of membership.
    async fn joined_on(&self) -> Date {
        Date(self.0.joined_on)
    }

    /// Last day of membership; null while it goes on.
    async fn left_on(&self) -> Option<Date> {
        self.0.left_on.map(Date)
    }

    /// Why it left; null when it has not, or nobody said.
    async fn leaving_reason(&self) -> Option<&str> {
        self.0.leaving_reason.as_deref()
    }

    /// Where the membership is in its life, as of today.
    async fn status(&self, ctx: &Context<'_>) -> MemberStatus {
        members::status(self.0.joined_on, self.0.left_on, database(ctx).clock.today()).into()
    }

    /// The members that were merged into this one.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn predecessors(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let columns = and(selected_columns::<Member>(ctx, DIRECT), member::Column::SuccessorId);
        let found = self
            .0
            .load(ctx, "", async {
                let rows =
                    members::predecessors_of(database(ctx), viewer(ctx), &ids(&self.0), &columns)
                        .await?;
                Ok(grouped(BatchRow::each(rows), |row| row.successor_id))
            })
            .await?;
        listed(ctx, found.get(&Some(self.0.id)), Member)
    }

    /// The member that this one was merged into; null when it was not.
    async fn successor(&self, ctx: &Context<'_>) -> Option<Result<Member>> {
        member_of(ctx, &self.0, |row| row.successor_id).await.transpose()
    }

    /// The yearly allocations (tilldelning) that per-mille fees are reckoned on, the latest year
    /// first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn allocations(&self, ctx: &Context<'_>) -> Result<Vec<Allocation>> {
        let rows = self
            .0
            .load(ctx, "", async {
                let rows = allocations::of_members(database(ctx), viewer(ctx), &ids(&self.0), None)
                    .await?;
                Ok(grouped(rows, |row| row.member_id))
            })
            .await?;
        listed(ctx, rows.get(&self.0.id), Allocation)
    }

    /// The allocation of one year; null when it is not known. Of two bases, that of all parties.
    async fn allocation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year")] year: i32,
    ) -> Option<Result<Allocation>> {
        let rows = self
            .0
            .load(ctx, "", async {
                let rows =
                    allocations::of_members(database(ctx), viewer(ctx), &ids(&self.0), Some(year))
                        .await?;
                Ok(grouped(rows, |row| row.member_id))
            })
            .await;
        match rows {
            Ok(rows) => {
                rows.get(&self.0.id).and_then(|rows| rows.first()).cloned().map(Allocation).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Its present contacts. Personal data: see the GDPR rules.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn contacts(&self, ctx: &Context<'_>) -> Result<Vec<Contact>> {
        let columns = and(selected_columns::<Contact>(ctx, DIRECT), contact::Column::MemberId);
        let rows = self
            .0
            .load(ctx, "", async {
                let rows =
                    contacts::of_members(database(ctx), viewer(ctx), &ids(&self.0), &columns)
                        .await?;
                Ok(grouped(BatchRow::each(rows), |row| row.member_id))
            })
            .await?;
        listed(ctx, rows.get(&Some(self.0.id)), Contact)
    }

    /// Where its invoices go.
    async fn billing(&self, ctx: &Context<'_>) -> Result<BillingDetails> {
        let rows = self
            .0
            .load(ctx, "", members::billing_of(database(ctx), viewer(ctx), &ids(&self.0)))
            .await?;
        Ok(BillingDetails(rows.get(&self.0.id).cloned().unwrap_or_default().into()))
    }

    /// Its agreements with the network.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<AgreementFilter>,
        #[graphql(desc = "In which order; see the list's default")] order_by: Option<
            AgreementOrder,
        >,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        agreements_of(
            ctx,
            &self.0,
            agreements::Of::Member,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// The invoices that it has got.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<InvoiceFilter>,
        #[graphql(desc = "In which order; see the list's default")] order_by: Option<InvoiceOrder>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Invoice>> {
        invoices_of(
            ctx,
            &self.0,
            invoices::Of::Member,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// The service fee (serviceavgift) of a year under the rule in force, and how it came about;
    /// null when there is no rule or no allocation of the rule's `allocationBasis` for that year,
    /// or it is a member on no day of it.
    async fn service_fee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year")] year: i32,
    ) -> Option<Result<FeeQuote>> {
        let quotes = self.0.load(ctx, "", async {
            let quotes =
                fees::service_fees(database(ctx), viewer(ctx), self.0.batch_rows(), year).await?;
            Ok(Quotes::from(quotes))
        });
        quotes.await.map(|quotes| quotes.of(self.0.id)).transpose()
    }

    /// Sums that it owes and has paid too much over all its invoices, as of now or, by the day in
    /// the books (`Payment.bookedOn`), as of a day; null when you may not see its invoices.
    async fn balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At the end of this day in the books; as of now when left out.")]
        as_of: Option<Parsed<Date>>,
    ) -> Option<Result<Balance>> {
        let found = async {
            let day = sums::day_in_books(as_of)?;
            self.0
                .load(ctx, "", balances::of_members(database(ctx), viewer(ctx), &ids(&self.0), day))
                .await
        };
        found.await.map(|found| found.get(&self.0.id).copied().map(Balance)).transpose()
    }

    /// Sums that the members that were merged into it and have left still owe and have paid too
    /// much, as of now or of a day in the books, which it has taken over; null when there are none
    /// whose invoices you may see. It is not part of `balance`.
    async fn predecessor_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At the end of this day in the books; as of now when left out.")]
        as_of: Option<Parsed<Date>>,
    ) -> Option<Result<Balance>> {
        let found = async {
            let day = sums::day_in_books(as_of)?;
            self.0
                .load(
                    ctx,
                    "",
                    balances::of_predecessors(database(ctx), viewer(ctx), &ids(&self.0), day),
                )
                .await
        };
        found.await.map(|found| found.get(&self.0.id).copied().map(Balance)).transpose()
    }

    /// Its receivables by age, as of a day in the books; null when you may not see its invoices.
    async fn receivables(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of this day; today when left out.")] as_of: Option<Parsed<Date>>,
    ) -> Option<Result<Receivables>> {
        let found = async {
            let mut errors = ValidationErrors::default();
            let as_of = take(as_of, "asOf", &mut errors)
                .map_or_else(|| database(ctx).clock.today(), |day| day.0);
            errors.finish()?;
            self.0
                .load(
                    ctx,
                    "",
                    receivables::of_members(database(ctx), viewer(ctx), &ids(&self.0), as_of),
                )
                .await
        };
        found.await.map(|found| found.get(&self.0.id).copied().map(Receivables)).transpose()
    }

    /// The membership fee (medlemsavgift) of a year under the rule in force, the same for all and
    /// whole whenever in the year a member joined or left; null when there is no rule, or it is a
    /// member on no day of the year.
    async fn membership_fee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year")] year: i32,
    ) -> Option<Result<FeeQuote>> {
        let quotes = self.0.load(ctx, "", async {
            let quotes = fees::membership_fees(database(ctx), self.0.batch_rows(), year).await?;
            Ok(Quotes::from(quotes))
        });
        quotes.await.map(|quotes| quotes.of(self.0.id)).transpose()
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

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use member::Column as C;
        match field {
            "name" => &[C::Name],
            "orgNumber" => &[C::OrgNumber],
            "county" => &[C::County],
            "contactArea" => &[C::ContactAreaId],
            "joinedOn" => &[C::JoinedOn],
            "leftOn" => &[C::LeftOn],
            "leavingReason" => &[C::LeavingReason],
            "status" | "membershipFee" | "serviceFee" => &[C::JoinedOn, C::LeftOn],
            "successor" => &[C::SuccessorId],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[member::Column::Id]
    }
}

/// The member that each row of a batch names, if the viewer sees it.
pub async fn member_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<MemberId>,
) -> Result<Option<Member>> {
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, "member", async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let rows = members::by_ids(
                database(ctx),
                viewer(ctx),
                &ids,
                &selected_columns::<Member>(ctx, DIRECT),
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(Member))
}

/// A member's yearly allocation (tilldelning).
#[derive(Clone, Description)]
pub struct Allocation(allocation::Model);

#[Object(use_type_description)]
impl Allocation {
    /// Calendar year.
    async fn year(&self) -> i32 {
        self.0.year
    }

    /// The money, for the whole year.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// What it counts.
    async fn basis(&self) -> AllocationBasis {
        self.0.basis.into()
    }

    /// Where the figure is from; null when nobody said.
    async fn source(&self) -> Option<&str> {
        self.0.source.as_deref()
    }
}

/// Where somebody's invoices go. Personal data may stand in an e-mail address.
#[derive(Clone, Description)]
pub struct BillingDetails(pub NewBilling);

#[Object(use_type_description)]
impl BillingDetails {
    /// For invoices by e-mail; null when not known.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Peppol participant, `0007:2220001834`; null when not known: invoices then go by the
    /// organisation number.
    async fn peppol_id(&self) -> Option<&str> {
        self.0.peppol_id.as_deref()
    }

    /// The buyer's reference (Er referens), which public bodies require on an invoice; null when
    /// not known.
    async fn buyer_reference(&self) -> Option<&str> {
        self.0.buyer_reference.as_deref()
    }

    /// Street or box; null when not known.
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

/// Names a member in one of two ways.
#[derive(OneofObject)]
pub enum MemberBy {
    /// By its id.
    Id(ID),
    /// By its organisation number (organisationsnummer).
    OrgNumber(Parsed<OrgNumber>),
}

/// Which members; every part narrows the others.
#[derive(InputObject, Default)]
pub struct MemberFilter {
    /// With this status on `asOf`.
    status: Option<MemberStatus>,
    /// The day that status and participation are reckoned on; today when left out.
    as_of: Option<Parsed<Date>>,
    /// In the contact area of this name.
    contact_area: Option<String>,
    /// In this county (län).
    county: Option<String>,
    /// With all of these words in its names (now or before), its organisation number and its
    /// municipalities. A word may be the beginning of one; capitals and accents don't count, but å,
    /// ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
    /// Slugs: members with a participation agreement in force in each of these, among the
    /// agreements that you may see.
    in_activity: Option<Vec<String>>,
    /// Slugs: members without a participation agreement in force in each of these, among the
    /// agreements that you may see.
    not_in_activity: Option<Vec<String>>,
}

impl MemberFilter {
    fn check(self, errors: &mut ValidationErrors) -> members::Filter {
        members::Filter {
            status: self.status.map(Into::into),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            contact_area: errors.optional_text(
                "filter.contactArea",
                self.contact_area.as_deref(),
                LINE,
            ),
            county: errors.optional_text("filter.county", self.county.as_deref(), LINE),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
            in_activity: slugs(self.in_activity, "filter.inActivity", errors),
            not_in_activity: slugs(self.not_in_activity, "filter.notInActivity", errors),
        }
    }
}

fn slugs(parsed: Option<Vec<String>>, path: &str, errors: &mut ValidationErrors) -> Vec<String> {
    let parsed = parsed.unwrap_or_default();
    // Each is a condition of its own in the statement.
    errors.expect(parsed.len() <= 20, path, "must be at most 20");
    parsed
        .iter()
        .enumerate()
        .map(|(position, slug)| errors.text(&format!("{path}.{position}"), slug, LINE))
        .collect()
}

/// What members can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "members::Field")]
pub enum MemberOrderField {
    /// Name, in Swedish order.
    Name,
    /// First day of membership.
    JoinedOn,
}

/// An order of members; the id breaks ties.
#[derive(InputObject)]
pub struct MemberOrder {
    /// What to order by.
    field: MemberOrderField,
    /// Which way.
    #[graphql(default_with = "super::OrderDirection::Asc")]
    direction: super::OrderDirection,
}

/// Questions about members.
#[derive(Default)]
pub struct MemberQuery;

#[Object]
impl MemberQuery {
    /// The members that you may see; by name unless you say otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<MemberFilter>,
        #[graphql(desc = "In which order; see the list's default")] order_by: Option<MemberOrder>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Member>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let order = order_by.map_or_else(
            || members::order(members::Field::Name, false),
            |order| members::order(order.field.into(), order.direction.is_descending()),
        );
        let args = connection::args(first, after, last, before);
        domain::page::Page::check(&args, &order, &mut errors);
        errors.finish()?;
        let slice = members::list(
            database(ctx),
            viewer(ctx),
            &filter,
            &order,
            &args,
            &selected_columns::<Member>(ctx, CONNECTION),
        )
        .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { members::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }

    /// One member; null when there is none, or none that you may see.
    async fn member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; exactly one of the ways")] by: MemberBy,
    ) -> Option<Result<Member>> {
        find(ctx, by).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: MemberBy) -> Result<Option<Member>> {
    let columns = selected_columns::<Member>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        MemberBy::Id(id) => {
            let id = row_id(&id, "member", "by.id", &mut errors);
            errors.finish()?;
            members::by_ids(database(ctx), viewer(ctx), &[id], &columns).await?.into_iter().next()
        }
        MemberBy::OrgNumber(number) => {
            let number = number.take("by.orgNumber", &mut errors);
            errors.finish()?;
            members::by_org_number(database(ctx), viewer(ctx), &number.0, &columns).await?
        }
    };
    Ok(found.map(|row| Member(BatchRow::single(row))))
}

/// The member with this id, if you may see it.
pub async fn node(ctx: &Context<'_>, id: MemberId) -> Result<Option<Member>> {
    let found = members::by_ids(database(ctx), viewer(ctx), &[id], &every::<Member>()).await?;
    Ok(found.into_iter().next().map(|row| Member(BatchRow::single(row))))
}
