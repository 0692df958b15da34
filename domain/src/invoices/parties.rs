//! Seller and buyer of invoices on the day of issue, with errors for missing facts.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    id::{MemberId, OrganisationId},
    invoice, member, member_billing,
    number::{OrgNumber, check_peppol_id},
    organisation,
};
use documents::{invoice as document, requisition};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{Buyer, claim_terms::ClaimTerms};
use crate::{
    config::Network,
    database::{Database, among},
    error::{FieldErrorCode, Result, ValidationErrors, undisplayable},
};

/// Returns the buyer of an invoice; `None` for a row without one.
#[must_use]
pub fn buyer_of(row: &invoice::Model) -> Option<Buyer> {
    row.member_id.map(Buyer::Member).or(row.organisation_id.map(Buyer::Organisation))
}

/// Stored facts about some buyers.
#[derive(Debug, Default)]
pub(crate) struct Buyers(HashMap<Buyer, BuyerFacts>);

/// Stored facts about one buyer.
#[derive(Clone, Debug, Default)]
struct BuyerFacts {
    name: String,
    org_number: Option<OrgNumber>,
    reference: Option<String>,
    address_line: Option<String>,
    postal_code: Option<String>,
    city: Option<String>,
    email: Option<String>,
    peppol_id: Option<String>,
}

impl Buyers {
    /// Loads these buyers with at most four statements.
    pub(super) async fn load(
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

    /// `true` if the buyer exists.
    pub(super) fn has(&self, buyer: Buyer) -> bool {
        self.0.contains_key(&buyer)
    }

    /// Returns a buyer as an invoice shows it, and adds an error for each missing fact. An invoice
    /// must name the buyer and its address (mervärdesskattelag 2023:200, 17 kap. 24 §), and a
    /// public body receives it by its organisation number and reference (Peppol BIS Billing 3).
    ///
    /// References of the invoice `row` take precedence over the billing details. Peppol accepts a
    /// buyer's reference or an order reference.
    pub(super) fn buyer(
        &self,
        buyer: Buyer,
        row: &invoice::Model,
        missing: &mut ValidationErrors,
    ) -> document::Buyer {
        let facts = self.0.get(&buyer).cloned().unwrap_or_default();
        let mut need = |value: Option<String>, path: &str, what: &str| {
            value.unwrap_or_else(|| {
                missing.add(
                    path,
                    FieldErrorCode::Required.problem(format!(
                        "is missing: {} needs {what} before it can be invoiced; set it first",
                        facts.name
                    )),
                );
                String::new()
            })
        };
        // A buyer abroad has no organisation number. Its invoices would need reverse charge or be
        // outside the scope of VAT, and neither is supported.
        let what = "an organisation number (Swedish; invoice a buyer abroad in the bookkeeping program instead)";
        let number =
            need(facts.org_number.as_ref().map(ToString::to_string), "buyer.org_number", what);
        let own_reference = row.buyer_reference.clone().or_else(|| facts.reference.clone());
        let reference =
            own_reference.or_else(|| row.order_reference.as_ref().map(|_| String::new()));
        let reference =
            need(reference, "buyer.billing.buyer_reference", "a buyer's reference (Er referens)");
        let address_line =
            need(facts.address_line.clone(), "buyer.billing.address_line", "an address");
        let postal_code =
            need(facts.postal_code.clone(), "buyer.billing.postal_code", "a postal code");
        let city = need(facts.city.clone(), "buyer.billing.city", "a city");
        // References of the invoice itself are checked with its other texts.
        let no_text = String::new();
        for (path, text) in [
            ("buyer.name", &facts.name),
            (
                "buyer.billing.buyer_reference",
                if row.buyer_reference.is_some() { &no_text } else { &reference },
            ),
            ("buyer.billing.address_line", &address_line),
            ("buyer.billing.city", &city),
        ] {
            if let Some(problem) = undisplayable(text) {
                let message = format!("{problem}; correct it first");
                missing.add(path, problem.with_message(message));
            }
        }
        // Earlier versions accepted other ids, and issued documents are permanent.
        if let Some(Err(error)) = facts.peppol_id.as_deref().map(check_peppol_id) {
            missing.add(
                "buyer.billing.peppol_id",
                FieldErrorCode::NotAPeppolId
                    .problem(format!("{error}; correct the id of {} first", facts.name)),
            );
        }
        document::Buyer {
            peppol_id: facts.peppol_id.clone().unwrap_or_else(|| participant(&number)),
            org_number: facts.org_number.clone().unwrap_or_default(),
            name: facts.name.clone(),
            reference,
            address_line,
            postal_code,
            city,
            email: facts.email.clone(),
        }
    }

    /// Returns the recipient of a requisition, with the facts that are stored.
    pub(super) fn recipient(&self, buyer: Buyer) -> requisition::Recipient {
        let facts = self.0.get(&buyer).cloned().unwrap_or_default();
        requisition::Recipient {
            name: facts.name,
            org_number: facts.org_number,
            address_line: facts.address_line,
            postal_code: facts.postal_code,
            city: facts.city,
        }
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

/// Returns the Peppol participant id of a Swedish organisation.
fn participant(org_number: &str) -> String {
    format!("0007:{}", org_number.replace('-', ""))
}

/// Returns the network as the seller, and adds an error for each missing setting. `is_taxed` says
/// that the invoice has lines within the scope of VAT, which requires a seller that is registered
/// for VAT.
pub(super) fn seller(
    network: &Network,
    is_taxed: bool,
    missing: &mut ValidationErrors,
) -> document::Seller {
    let mut need = |value: Option<&String>, name: &str| {
        value.cloned().unwrap_or_else(|| {
            missing.add_setting(
                &format!("network.{name}"),
                FieldErrorCode::Required
                    .problem("is required to issue invoices; set it in samregister.toml"),
            );
            String::new()
        })
    };
    let number = network.org_number.as_ref().map(ToString::to_string);
    let org_number = need(number.as_ref(), "org_number");
    let name = need(network.name.as_ref(), "name");
    let address_line = need(network.address_line.as_ref(), "address_line");
    let postal_code = need(network.postal_code.as_ref(), "postal_code");
    let city = need(network.city.as_ref(), "city");
    need(network.bankgiro.as_ref().or(network.plusgiro.as_ref()), "bankgiro");
    if is_taxed {
        need(network.vat_number.as_ref(), "vat_number");
    }
    document::Seller {
        name,
        org_number: network.org_number.clone().unwrap_or_default(),
        vat_number: network.vat_number.clone(),
        address_line,
        postal_code,
        city,
        email: network.email.clone(),
        peppol_id: network.peppol_id.clone().unwrap_or_else(|| participant(&org_number)),
        bankgiro: network.bankgiro.clone(),
        plusgiro: network.plusgiro.clone(),
        iban: network.iban.clone(),
        bic: network.bic.clone(),
        f_tax: network.invoicing.f_tax,
        reference: None,
    }
}

/// Returns the current terms of payment, with those agreed with the buyer.
pub(super) fn terms(network: &Network, agreed: ClaimTerms) -> document::Terms {
    let invoicing = &network.invoicing;
    document::Terms {
        interest_points: invoicing.interest_points,
        interest_is_agreed: Some(agreed.interest_is_agreed),
        reminder_fee: Some(agreed.reminder_fee).filter(|fee| fee.0 > 0),
        late_compensation: Some(agreed.late_compensation).filter(|sum| sum.0 > 0),
        exemption_reason: invoicing.exemption_reason.clone(),
        outside_scope_reason: invoicing.outside_scope_reason.clone(),
    }
}
