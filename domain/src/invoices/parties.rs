//! Seller and buyer of invoices on the day of issue, with errors for missing facts.

use std::collections::HashMap;

use ::entity::{
    invoice,
    kind::VatRate,
    number::{OrgNumber, check_peppol_id},
};
use documents::{invoice as document, requisition};

use super::{Buyer, aggregate::InvoiceAggregate, claim_terms::ClaimTerms};
use crate::{
    config::Network,
    error::{FieldErrorCode, ValidationErrors, undisplayable},
    search::{self, EntityType},
};

/// Returns the buyer of an invoice; `None` for a row without one.
#[must_use]
pub fn buyer_of(row: &invoice::Model) -> Option<Buyer> {
    Buyer::of(row.member_id, row.organisation_id)
}

/// Stored facts about some buyers.
#[derive(Debug, Default)]
pub(crate) struct Buyers(pub(super) HashMap<Buyer, BuyerFacts>);

/// Stored facts about one buyer.
#[derive(Clone, Debug, Default)]
pub(super) struct BuyerFacts {
    pub(super) name: String,
    pub(super) org_number: Option<OrgNumber>,
    pub(super) reference: Option<String>,
    pub(super) address_line: Option<String>,
    pub(super) postal_code: Option<String>,
    pub(super) city: Option<String>,
    pub(super) email: Option<String>,
    pub(super) peppol_id: Option<String>,
    /// Former names of a member, with a blank between: its invoices are found by them.
    pub(super) former_names: Option<String>,
}

impl Buyers {
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

    /// Returns the words by which an invoice is found, as the search index stores them; `None` if
    /// they must be read from its rows.
    pub(super) fn search_words(&self, aggregate: &InvoiceAggregate) -> Option<String> {
        let row = &aggregate.row;
        let facts = self.0.get(&buyer_of(row)?)?;
        let mut texts = vec![facts.name.as_str()];
        texts.extend(
            [
                &facts.former_names,
                &row.number,
                &row.ocr,
                &row.order_reference,
                &row.our_reference,
                &row.buyer_reference,
            ]
            .into_iter()
            .filter_map(|text| text.as_deref()),
        );
        texts.extend(aggregate.lines.iter().map(|line| line.description.as_str()));
        search::words_of(EntityType::Invoice, &texts)
    }

    /// Returns the recipient of a requisition, with the facts that are stored.
    pub(crate) fn recipient(&self, buyer: Buyer) -> requisition::Recipient {
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

/// Returns the Peppol participant id of a Swedish organisation.
fn participant(org_number: &str) -> String {
    format!("0007:{}", org_number.replace('-', ""))
}

/// Returns the network as the seller, and adds an error for each missing setting. `is_taxed` says
/// that the invoice has lines within the scope of VAT, which requires a seller that is registered
/// for VAT.
pub(crate) fn seller(
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

/// Returns the names of the settings that an invoice needs and the network lacks. `is_taxed` as for
/// the seller of an invoice.
#[must_use]
pub fn missing_settings(network: &Network, is_taxed: bool) -> Vec<String> {
    let mut missing = ValidationErrors::default();
    seller(network, is_taxed, &mut missing);
    missing.into_inner().into_iter().map(|error| error.path).collect()
}

/// Returns the seller and the buyer of an invoice, and adds an error for each required fact that is
/// missing.
pub(crate) fn parties_of(
    network: &Network,
    buyers: &Buyers,
    aggregate: &InvoiceAggregate,
    missing: &mut ValidationErrors,
) -> (document::Seller, document::Buyer) {
    // Lines outside the scope of VAT are never mixed with others, so one line decides for all.
    let is_taxed = aggregate.lines.iter().any(|line| line.vat_rate != VatRate::OutsideScope);
    let seller = document::Seller {
        reference: aggregate.row.our_reference.clone(),
        ..seller(network, is_taxed, missing)
    };
    let buyer = buyer_of(&aggregate.row)
        .map(|buyer| buyers.buyer(buyer, &aggregate.row, missing))
        .unwrap_or_default();
    (seller, buyer)
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

#[cfg(test)]
mod tests {
    use ::entity::id::MemberId;

    use super::*;

    fn facts() -> BuyerFacts {
        BuyerFacts {
            name: "Samordningsförbundet Alfa".into(),
            org_number: "222000-1834".parse().ok(),
            reference: Some("Anna".into()),
            address_line: Some("Storgatan 1".into()),
            postal_code: Some("111 11".into()),
            city: Some("Alfaby".into()),
            ..BuyerFacts::default()
        }
    }

    fn shown(facts: BuyerFacts, row: &invoice::Model) -> (document::Buyer, Vec<String>) {
        let buyer = Buyer::Member(MemberId::new());
        let mut missing = ValidationErrors::default();
        let shown = Buyers(HashMap::from([(buyer, facts)])).buyer(buyer, row, &mut missing);
        (shown, missing.into_inner().into_iter().map(|error| error.path).collect())
    }

    #[test]
    fn a_buyer_has_every_fact_that_an_invoice_needs() {
        let row = invoice::Model::default();
        let (buyer, missing) = shown(facts(), &row);
        assert_eq!(missing, [""; 0]);
        assert_eq!((buyer.reference.as_str(), buyer.city.as_str()), ("Anna", "Alfaby"));
        assert!(buyer.peppol_id.starts_with("0007:"), "{}", buyer.peppol_id);
        assert_eq!(
            shown(BuyerFacts { name: "Alfa".into(), ..BuyerFacts::default() }, &row).1,
            [
                "buyer.org_number",
                "buyer.billing.buyer_reference",
                "buyer.billing.address_line",
                "buyer.billing.postal_code",
                "buyer.billing.city"
            ]
        );
    }

    #[test]
    fn references_of_the_invoice_take_precedence() {
        let none = BuyerFacts { reference: None, ..facts() };
        let own = invoice::Model { buyer_reference: Some("Bo".into()), ..Default::default() };
        assert_eq!(shown(facts(), &own).0.reference, "Bo");
        assert_eq!(shown(none.clone(), &own).1, [""; 0]);
        // Peppol accepts an order reference instead.
        let ordered = invoice::Model { order_reference: Some("PO-1".into()), ..Default::default() };
        let (buyer, missing) = shown(none, &ordered);
        assert_eq!((buyer.reference.as_str(), missing.len()), ("", 0));
    }

    #[test]
    fn a_seller_of_taxed_lines_is_registered_for_vat() {
        let missing = |is_taxed: bool| {
            let mut missing = ValidationErrors::default();
            seller(&Network::default(), is_taxed, &mut missing);
            missing.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        assert!(!missing(false).contains(&"network.vat_number".to_owned()));
        assert!(missing(true).contains(&"network.vat_number".to_owned()));
        assert!(missing(false).contains(&"network.bankgiro".to_owned()));
    }
}
