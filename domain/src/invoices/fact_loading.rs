//! Loading of the facts that invoices are made of: buyers, agreed terms and revenue accounts.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity,
    id::{AgreementId, MemberId, OrganisationId},
    invoice_line, member, member_billing, organisation,
};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
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
    database::{Database, among, among_words, rows},
    error::Result,
};

impl Buyers {
    /// Loads these buyers with at most four statements.
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
            let rows = member::Entity::find()
                .filter(among(backend, Expr::col(member::Column::Id), members.iter().copied()))
                .all(db)
                .await?;
            let theirs = among(backend, Expr::col(member_billing::Column::MemberId), members);
            let billing = member_billing::Entity::find().filter(theirs).all(db).await?;
            let mut billing: HashMap<_, _> =
                billing.into_iter().map(|row| (row.member_id, row)).collect();
            for row in rows {
                let billing = billing.remove(&row.id).unwrap_or_default();
                let facts = BuyerFacts {
                    name: row.name,
                    org_number: row.org_number,
                    reference: billing.buyer_reference,
                    address_line: billing.address_line,
                    postal_code: billing.postal_code,
                    city: billing.city,
                    email: billing.email,
                    peppol_id: billing.peppol_id,
                };
                found.insert(Buyer::Member(row.id), facts);
            }
        }
        if !organisations.is_empty() {
            let rows = organisation::Entity::find()
                .filter(among(
                    backend,
                    Expr::col(organisation::Column::Id),
                    organisations.iter().copied(),
                ))
                .all(db)
                .await?;
            for row in rows {
                let facts = BuyerFacts {
                    name: row.name,
                    org_number: row.org_number,
                    reference: row.buyer_reference,
                    address_line: row.address_line,
                    postal_code: row.postal_code,
                    city: row.city,
                    email: row.billing_email,
                    peppol_id: row.peppol_id,
                };
                found.insert(Buyer::Organisation(row.id), facts);
            }
        }
        Ok(Self(found))
    }
}

/// Returns the names of these buyers.
pub async fn names(
    db: &Database,
    buyers: impl IntoIterator<Item = Buyer>,
) -> Result<HashMap<Buyer, String>> {
    let found = Buyers::load(db.read(), buyers).await?;
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
