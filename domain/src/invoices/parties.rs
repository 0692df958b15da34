//! Seller and buyer of invoices, as they are called on the day of issue, and what of it the
//! register lacks.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    id::{MemberId, OrganisationId},
    invoice, member, member_billing,
    number::{OrgNumber, check_peppol_id},
    organisation,
};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{Buyer, claim_terms::ClaimTerms};
use crate::{
    config::Network,
    database::{Database, among},
    documents::{invoice as document, requisition},
    error::{Result, ValidationErrors, undisplayable},
};

/// The buyer of an invoice; null of a row that has none.
#[must_use]
pub fn buyer_of(row: &invoice::Model) -> Option<Buyer> {
    row.member_id.map(Buyer::Member).or(row.organisation_id.map(Buyer::Organisation))
}

/// What the register knows of some buyers.
#[derive(Debug, Default)]
pub(super) struct Buyers(HashMap<Buyer, Known>);

/// What is known of one.
#[derive(Clone, Debug, Default)]
struct Known {
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
    /// Those of these, by four statements at most.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
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
                let known = Known {
                    name: row.name,
                    org_number: row.org_number,
                    reference: billing.buyer_reference,
                    address_line: billing.address_line,
                    postal_code: billing.postal_code,
                    city: billing.city,
                    email: billing.email,
                    peppol_id: billing.peppol_id,
                };
                found.insert(Buyer::Member(row.id), known);
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
                let known = Known {
                    name: row.name,
                    org_number: row.org_number,
                    reference: row.buyer_reference,
                    address_line: row.address_line,
                    postal_code: row.postal_code,
                    city: row.city,
                    email: row.billing_email,
                    peppol_id: row.peppol_id,
                };
                found.insert(Buyer::Organisation(row.id), known);
            }
        }
        Ok(Self(found))
    }

    /// Whether there is such a buyer.
    pub(super) fn has(&self, buyer: Buyer) -> bool {
        self.0.contains_key(&buyer)
    }

    /// One of them as an invoice has it, with what is lacking noted: an invoice must name the buyer
    /// and its address (mervärdesskattelag 2023:200, 17 kap. 24 §), and a public body receives it
    /// by its organisation number and reference (Peppol BIS Billing 3).
    ///
    /// The references of the invoice `row` go before those of the billing details. Peppol takes a
    /// buyer's reference or an order reference.
    pub(super) fn buyer(
        &self,
        buyer: Buyer,
        row: &invoice::Model,
        lacks: &mut ValidationErrors,
    ) -> document::Buyer {
        let known = self.0.get(&buyer).cloned().unwrap_or_default();
        let change = match buyer {
            Buyer::Member(_) => "memberUpdate",
            Buyer::Organisation(_) => "organisationUpdate",
        };
        let mut need = |value: Option<String>, path: &str, what: &str| {
            value.unwrap_or_else(|| {
                lacks.add(path, format!("is not known: {} needs {what} before it can be invoiced; set it with {change}", known.name));
                String::new()
            })
        };
        // One abroad has none. Its invoices would need reverse charge or what is outside the scope
        // of VAT, and the register issues neither to it.
        let what = "an organisation number (a Swedish one: a buyer abroad can't be invoiced from the register, but in the bookkeeping program)";
        let number =
            need(known.org_number.as_ref().map(ToString::to_string), "buyer.orgNumber", what);
        let own_reference = row.buyer_reference.clone().or_else(|| known.reference.clone());
        let reference =
            own_reference.or_else(|| row.order_reference.as_ref().map(|_| String::new()));
        let reference =
            need(reference, "buyer.billing.buyerReference", "a buyer's reference (Er referens)");
        let address_line =
            need(known.address_line.clone(), "buyer.billing.addressLine", "an address");
        let postal_code =
            need(known.postal_code.clone(), "buyer.billing.postalCode", "a postal code");
        let city = need(known.city.clone(), "buyer.billing.city", "a city");
        // What the invoice itself says is checked with its other texts.
        let no_text = String::new();
        for (path, text) in [
            ("buyer.name", &known.name),
            (
                "buyer.billing.buyerReference",
                if row.buyer_reference.is_some() { &no_text } else { &reference },
            ),
            ("buyer.billing.addressLine", &address_line),
            ("buyer.billing.city", &city),
        ] {
            if let Some(problem) = undisplayable(text) {
                lacks.add(path, format!("{problem}; correct it with {change}"));
            }
        }
        // The register has taken others in its time, and what is issued stands for ever.
        if let Some(Err(error)) = known.peppol_id.as_deref().map(check_peppol_id) {
            lacks.add(
                "buyer.billing.peppolId",
                format!("{error}; correct that of {} with {change}", known.name),
            );
        }
        document::Buyer {
            peppol_id: known.peppol_id.clone().unwrap_or_else(|| participant(&number)),
            org_number: known.org_number.clone().unwrap_or_default(),
            name: known.name.clone(),
            reference,
            address_line,
            postal_code,
            city,
            email: known.email.clone(),
        }
    }

    /// One of them as a requisition is addressed to it, as far as the register knows it.
    pub(super) fn recipient(&self, buyer: Buyer) -> requisition::Recipient {
        let known = self.0.get(&buyer).cloned().unwrap_or_default();
        requisition::Recipient {
            name: known.name,
            org_number: known.org_number,
            address_line: known.address_line,
            postal_code: known.postal_code,
            city: known.city,
        }
    }
}

/// What these buyers are called.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn names(
    db: &Database,
    buyers: impl IntoIterator<Item = Buyer>,
) -> Result<HashMap<Buyer, String>> {
    let found = Buyers::load(db.read(), buyers).await?;
    Ok(found.0.into_iter().map(|(buyer, known)| (buyer, known.name)).collect())
}

/// A Swedish organisation's participant in Peppol.
fn participant(org_number: &str) -> String {
    format!("0007:{}", org_number.replace('-', ""))
}

/// The network as the seller, with what its settings lack noted. `is_taxed` says that the invoice
/// has lines within the scope of VAT, which takes a seller that is registered for it.
pub(super) fn seller(
    network: &Network,
    is_taxed: bool,
    lacks: &mut ValidationErrors,
) -> document::Seller {
    let mut need = |value: Option<&String>, name: &str| {
        value.cloned().unwrap_or_else(|| {
            lacks.add(
                format!("network.{name}"),
                "is not set, and must be before invoices can be issued; set it in samregister.toml",
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

/// The terms of payment as they are today, with what was agreed with the buyer.
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
