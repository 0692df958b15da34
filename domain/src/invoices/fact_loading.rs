//! Loading of the facts that invoices are made of: buyers, agreed terms and revenue accounts.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity,
    id::{AgreementId, MemberId, OrganisationId},
    invoice_line, member, member_billing, organisation,
};
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait, QueryResult,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::{
    Buyer,
    claim_terms::Agreed,
    parties::{BuyerFacts, Buyers},
    revenue_accounts::LineAccounts,
};
use crate::{
    agreements::parameters,
    config::Network,
    context::Context,
    database::{among, among_words, rows},
    error::Result,
};

impl Buyers {
    /// Loads these buyers with at most two statements.
    pub(crate) async fn load(
        db: &impl ConnectionTrait,
        buyers: impl IntoIterator<Item = Buyer>,
    ) -> Result<Self> {
        let (mut members, mut organisations): (BTreeSet<MemberId>, BTreeSet<OrganisationId>) =
            Default::default();
        for buyer in buyers {
            match buyer {
                Buyer::Member(id) => drop(members.insert(id)),
                Buyer::Organisation(id) => drop(organisations.insert(id)),
            }
        }
        let (backend, mut found) = (db.get_database_backend(), HashMap::new());
        if !members.is_empty() {
            use member_billing::Column::MemberId as BillingOf;
            let id = (member::Entity, member::Column::Id);
            let select = Query::select()
                .column(id)
                .exprs(member_facts())
                .from(member::Entity)
                .left_join(
                    member_billing::Entity,
                    Expr::col((member_billing::Entity, BillingOf)).equals(id),
                )
                .and_where(among(backend, Expr::col(id), members))
                .take();
            for row in &db.query_all(&select).await? {
                found.insert(Buyer::Member(row.try_get_by_index(0)?), BuyerFacts::read(row, 1)?);
            }
        }
        if !organisations.is_empty() {
            let id = (organisation::Entity, organisation::Column::Id);
            let select = Query::select()
                .column(id)
                .exprs(organisation_facts())
                .from(organisation::Entity)
                .and_where(among(backend, Expr::col(id), organisations))
                .take();
            for row in &db.query_all(&select).await? {
                let id = Buyer::Organisation(row.try_get_by_index(0)?);
                found.insert(id, BuyerFacts::read(row, 1)?);
            }
        }
        Ok(Self(found))
    }
}

/// Former names of a member, with a blank between.
const FORMER_NAMES: &str = "(SELECT string_agg(former.name, ' ') FROM member_former_name AS former \
    WHERE former.member_id = member.id)";

/// Returns the facts about a member with its billing details, in the order of
/// [`BuyerFacts::read`].
pub(super) fn member_facts() -> [SimpleExpr; 9] {
    use member::Column as M;
    use member_billing::Column as B;
    let billing = |column: B| -> SimpleExpr { Expr::col((member_billing::Entity, column)) };
    [
        Expr::col((member::Entity, M::Name)),
        Expr::col((member::Entity, M::OrgNumber)),
        billing(B::BuyerReference),
        billing(B::AddressLine),
        billing(B::PostalCode),
        billing(B::City),
        billing(B::Email),
        billing(B::PeppolId),
        Expr::cust(FORMER_NAMES),
    ]
}

/// Returns the same facts about an organisation.
pub(super) fn organisation_facts() -> [SimpleExpr; 9] {
    use organisation::Column as O;
    let of = |column: O| -> SimpleExpr { Expr::col((organisation::Entity, column)) };
    [
        of(O::Name),
        of(O::OrgNumber),
        of(O::BuyerReference),
        of(O::AddressLine),
        of(O::PostalCode),
        of(O::City),
        of(O::BillingEmail),
        of(O::PeppolId),
        Expr::cust("CAST(NULL AS text)"),
    ]
}

impl BuyerFacts {
    /// Reads the facts from these columns of a row on.
    pub(super) fn read(row: &QueryResult, first: usize) -> std::result::Result<Self, DbErr> {
        Ok(Self {
            name: row.try_get_by_index(first)?,
            org_number: row.try_get_by_index(first + 1)?,
            reference: row.try_get_by_index(first + 2)?,
            address_line: row.try_get_by_index(first + 3)?,
            postal_code: row.try_get_by_index(first + 4)?,
            city: row.try_get_by_index(first + 5)?,
            email: row.try_get_by_index(first + 6)?,
            peppol_id: row.try_get_by_index(first + 7)?,
            former_names: row.try_get_by_index(first + 8)?,
        })
    }
}

/// Returns the names of these buyers.
pub async fn names(
    ctx: Context<'_>,
    buyers: impl IntoIterator<Item = Buyer>,
) -> Result<HashMap<Buyer, String>> {
    let found = Buyers::load(ctx.db.read(), buyers).await?;
    Ok(found.0.into_iter().map(|(buyer, facts)| (buyer, facts.name)).collect())
}

impl Agreed {
    /// Loads the agreements that these lines name, with at most three statements.
    pub(super) async fn load<'l>(
        db: &impl ConnectionTrait,
        lines: impl IntoIterator<Item = &'l invoice_line::Model>,
    ) -> Result<Self> {
        let agreements: BTreeSet<AgreementId> =
            lines.into_iter().filter_map(|line| line.agreement_id).collect();
        Ok(Self(parameters::payment_terms_of(db, agreements).await?))
    }
}

impl LineAccounts {
    /// Loads the accounts: one statement if activities have accounts of their own in the settings,
    /// else none.
    pub async fn load(db: &impl ConnectionTrait, network: &Network) -> Result<Self> {
        let mut of_activities = HashMap::new();
        if !network.activities.is_empty() {
            use activity::Column as A;
            let slug = Expr::col((activity::Entity, A::Slug));
            let select = Query::select()
                .columns([A::Id, A::Slug])
                .from(activity::Entity)
                .and_where(among_words(db.get_database_backend(), slug, network.activities.keys()))
                .take();
            let general = network.accounts.revenue_accounts();
            for row in rows::<activity::Model>(db, &select, &[A::Id, A::Slug]).await? {
                if let Some(own) = network.activities.get(&row.slug) {
                    of_activities.insert(row.id, own.accounts(general));
                }
            }
        }
        Ok(Self { accounts: network.accounts, of_activities })
    }
}
