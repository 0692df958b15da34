//! An invoice or credit note as an e-invoice: UBL 2.1 in the profile Peppol BIS Billing 3, which
//! public bodies require.

use std::io;

use chrono::NaiveDate;
use entity::{
    date_range::DateRange,
    kind::{InvoiceKind, VatRate},
    money::{Money, Quantity},
    number::OrgNumber,
};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesStart, BytesText, Event},
};

use crate::{
    error::{Error, Result},
    invoice::{Buyer, F_TAX, Invoice, Line, RateSum, Seller},
    typesetting,
};

/// Renders the document as XML in UTF-8; the same bytes for the same document.
///
/// Characters that XML or readers can't handle are left out of its texts, and a blank text has no
/// element, because Peppol allows no empty elements.
///
/// # Errors
/// [`Error::Internal`] if writing fails, which does not happen in memory.
pub fn xml(invoice: &Invoice) -> Result<Vec<u8>> {
    let out = Writer::new_with_indent(Vec::new(), b' ', 2);
    let mut ubl = Ubl { out, kind: invoice.kind, agreement: invoice.agreement() };
    ubl.document(invoice).map_err(Error::internal)?;
    let mut bytes = ubl.out.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

/// Identifiers of the rules that the document follows, and of its business process.
const CUSTOMIZATION: &str =
    "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0";
const PROFILE: &str = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";
/// The scheme of Swedish organisation numbers (ISO 6523).
const ORG_NUMBERS: &str = "0007";

/// Writer of a document.
struct Ubl<'i> {
    out: Writer<Vec<u8>>,
    kind: InvoiceKind,
    /// The agreement that the document as a whole is about.
    agreement: Option<&'i str>,
}

impl Ubl<'_> {
    fn document(&mut self, invoice: &Invoice) -> io::Result<()> {
        self.out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let (root, namespace) = match self.kind {
            InvoiceKind::Invoice => {
                ("Invoice", "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2")
            }
            InvoiceKind::CreditNote => {
                ("CreditNote", "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2")
            }
        };
        let namespaces = [
            ("xmlns", namespace),
            (
                "xmlns:cac",
                "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
            ),
            ("xmlns:cbc", "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"),
        ];
        self.within(root, &namespaces, |ubl| {
            ubl.head(invoice)?;
            ubl.group("cac:AccountingSupplierParty", |ubl| ubl.seller(invoice))?;
            ubl.group("cac:AccountingCustomerParty", |ubl| ubl.buyer(&invoice.buyer))?;
            if ubl.kind == InvoiceKind::Invoice {
                ubl.payment(invoice)?;
            }
            ubl.sums(invoice)?;
            (1..).zip(&invoice.lines).try_for_each(|(position, line)| ubl.line(position, line))
        })
    }

    fn head(&mut self, invoice: &Invoice) -> io::Result<()> {
        self.text("cbc:CustomizationID", CUSTOMIZATION)?;
        self.text("cbc:ProfileID", PROFILE)?;
        self.text("cbc:ID", &invoice.number)?;
        self.day("cbc:IssueDate", invoice.issued_on)?;
        match self.kind {
            InvoiceKind::Invoice => {
                invoice.due_on.map_or(Ok(()), |day| self.day("cbc:DueDate", day))?;
                // An invoice that corrects upwards is an invoice too: the code for corrections
                // (384) is for Germany only.
                self.text("cbc:InvoiceTypeCode", "380")?;
            }
            InvoiceKind::CreditNote => self.text("cbc:CreditNoteTypeCode", "381")?,
        }
        self.optional("cbc:Note", invoice.reason.as_deref())?;
        self.text("cbc:DocumentCurrencyCode", "SEK")?;
        self.text("cbc:BuyerReference", &invoice.buyer.reference)?;
        // The document's period must include those of its lines.
        self.period(invoice.period())?;
        if let Some(order) =
            invoice.order_reference.as_deref().filter(|order| !clean(order).is_empty())
        {
            self.group("cac:OrderReference", |ubl| ubl.text("cbc:ID", order))?;
        }
        if let Some(reference) = &invoice.refers_to {
            self.group("cac:BillingReference", |ubl| {
                ubl.group("cac:InvoiceDocumentReference", |ubl| {
                    ubl.text("cbc:ID", &reference.number)?;
                    ubl.day("cbc:IssueDate", reference.issued_on)
                })
            })?;
        }
        if let Some(agreement) = self.agreement {
            self.group("cac:ContractDocumentReference", |ubl| ubl.text("cbc:ID", agreement))?;
        }
        Ok(())
    }

    fn seller(&mut self, invoice: &Invoice) -> io::Result<()> {
        let Seller {
            name,
            org_number,
            address_line,
            postal_code,
            city,
            email,
            peppol_id,
            f_tax,
            reference,
            ..
        } = &invoice.seller;
        // The seller of supplies outside the scope of VAT has no VAT number in the document
        // (BR-O-02).
        let schemes = [("VAT", invoice.vat_number()), ("TAX", f_tax.then_some(F_TAX))];
        let contact = [reference.as_deref(), email.as_deref()];
        self.party(
            peppol_id,
            name,
            org_number,
            [address_line, city, postal_code],
            &schemes,
            contact,
        )
    }

    fn buyer(&mut self, buyer: &Buyer) -> io::Result<()> {
        let Buyer {
            name,
            org_number,
            reference: _,
            address_line,
            postal_code,
            city,
            email,
            peppol_id,
        } = buyer;
        self.party(
            peppol_id,
            name,
            org_number,
            [address_line, city, postal_code],
            &[],
            [None, email.as_deref()],
        )
    }

    /// Writes a party with street, town and postal code, its tax schemes, and the name and e-mail
    /// address of a contact (BG-6).
    fn party(
        &mut self,
        peppol_id: &str,
        name: &str,
        org_number: &OrgNumber,
        [street, city, postal_code]: [&str; 3],
        schemes: &[(&str, Option<&str>)],
        contact: [Option<&str>; 2],
    ) -> io::Result<()> {
        self.group("cac:Party", |ubl| {
            let (scheme, endpoint) = peppol_id.split_once(':').unwrap_or((ORG_NUMBERS, peppol_id));
            ubl.attributed("cbc:EndpointID", ("schemeID", scheme), endpoint)?;
            ubl.group("cac:PartyName", |ubl| ubl.text("cbc:Name", name))?;
            ubl.group("cac:PostalAddress", |ubl| {
                ubl.text("cbc:StreetName", street)?;
                ubl.text("cbc:CityName", city)?;
                ubl.text("cbc:PostalZone", postal_code)?;
                ubl.group("cac:Country", |ubl| ubl.text("cbc:IdentificationCode", "SE"))
            })?;
            for (scheme, id) in schemes {
                if let Some(id) = id {
                    ubl.group("cac:PartyTaxScheme", |ubl| {
                        ubl.text("cbc:CompanyID", id)?;
                        ubl.tax_scheme(scheme)
                    })?;
                }
            }
            ubl.group("cac:PartyLegalEntity", |ubl| {
                ubl.text("cbc:RegistrationName", name)?;
                ubl.attributed(
                    "cbc:CompanyID",
                    ("schemeID", ORG_NUMBERS),
                    &digits(org_number.as_str()),
                )
            })?;
            let [name, email] = contact.map(|text| text.filter(|text| !clean(text).is_empty()));
            if name.is_none() && email.is_none() {
                return Ok(());
            }
            ubl.group("cac:Contact", |ubl| {
                ubl.optional("cbc:Name", name)?;
                ubl.optional("cbc:ElectronicMail", email)
            })
        })
    }

    /// Writes the means of payment: one for each giro and one for the account abroad, all with the
    /// same reference.
    fn payment(&mut self, invoice: &Invoice) -> io::Result<()> {
        let giros =
            [("SE:BANKGIRO", &invoice.seller.bankgiro), ("SE:PLUSGIRO", &invoice.seller.plusgiro)];
        for (branch, account) in giros {
            let Some(account) = account else { continue };
            self.group("cac:PaymentMeans", |ubl| {
                ubl.text("cbc:PaymentMeansCode", "30")?;
                ubl.optional("cbc:PaymentID", invoice.ocr.as_deref())?;
                ubl.group("cac:PayeeFinancialAccount", |ubl| {
                    ubl.text("cbc:ID", &digits(account))?;
                    ubl.group("cac:FinancialInstitutionBranch", |ubl| ubl.text("cbc:ID", branch))
                })
            })?;
        }
        if let Some(iban) = &invoice.seller.iban {
            self.group("cac:PaymentMeans", |ubl| {
                ubl.text("cbc:PaymentMeansCode", "30")?;
                ubl.optional("cbc:PaymentID", invoice.ocr.as_deref())?;
                ubl.group("cac:PayeeFinancialAccount", |ubl| {
                    ubl.text("cbc:ID", &iban.replace(' ', ""))?;
                    match &invoice.seller.bic {
                        Some(bic) => ubl
                            .group("cac:FinancialInstitutionBranch", |ubl| ubl.text("cbc:ID", bic)),
                        None => Ok(()),
                    }
                })
            })?;
        }
        self.group("cac:PaymentTerms", |ubl| ubl.text("cbc:Note", &invoice.payment_terms()))
    }

    fn sums(&mut self, invoice: &Invoice) -> io::Result<()> {
        self.group("cac:TaxTotal", |ubl| {
            ubl.amount("cbc:TaxAmount", invoice.vat)?;
            invoice.rates.iter().try_for_each(|RateSum { rate, net, vat }| {
                ubl.group("cac:TaxSubtotal", |ubl| {
                    ubl.amount("cbc:TaxableAmount", *net)?;
                    ubl.amount("cbc:TaxAmount", *vat)?;
                    let (code, reason) =
                        (invoice.code_without_vat(*rate), invoice.reason_without_vat(*rate));
                    ubl.category("cac:TaxCategory", *rate, (code, reason.as_deref()))
                })
            })
        })?;
        self.group("cac:LegalMonetaryTotal", |ubl| {
            ubl.amount("cbc:LineExtensionAmount", invoice.net)?;
            ubl.amount("cbc:TaxExclusiveAmount", invoice.net)?;
            ubl.amount("cbc:TaxInclusiveAmount", invoice.net + invoice.vat)?;
            if invoice.rounding != Money::ZERO {
                ubl.amount("cbc:PayableRoundingAmount", invoice.rounding)?;
            }
            ubl.amount("cbc:PayableAmount", invoice.total)
        })
    }

    fn line(&mut self, position: usize, line: &Line) -> io::Result<()> {
        let (element, quantity) = match self.kind {
            InvoiceKind::Invoice => ("cac:InvoiceLine", "cbc:InvoicedQuantity"),
            InvoiceKind::CreditNote => ("cac:CreditNoteLine", "cbc:CreditedQuantity"),
        };
        self.group(element, |ubl| {
            ubl.text("cbc:ID", &position.to_string())?;
            ubl.attributed(quantity, ("unitCode", line.unit.code()), &signed(line))?;
            ubl.amount("cbc:LineExtensionAmount", line.net)?;
            ubl.period(line.period)?;
            ubl.group("cac:Item", |ubl| {
                let name = clean(&line.description);
                ubl.text("cbc:Name", if name.is_empty() { "Avgift" } else { &name })?;
                ubl.category("cac:ClassifiedTaxCategory", line.vat_rate, (None, None))?;
                let agreement = line.agreement.as_deref().filter(|_| ubl.agreement.is_none());
                ubl.property("Verksamhet", line.activity.as_deref())?;
                ubl.property("Avtal", agreement)
            })?;
            // A price is never negative (BR-27); the quantity has the sign.
            ubl.group("cac:Price", |ubl| {
                ubl.amount("cbc:PriceAmount", Money(line.unit_price.0.saturating_abs()))
            })
        })
    }

    fn property(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        match value.filter(|value| !clean(value).is_empty()) {
            Some(value) => self.group("cac:AdditionalItemProperty", |ubl| {
                ubl.text("cbc:Name", name)?;
                ubl.text("cbc:Value", value)
            }),
            None => Ok(()),
        }
    }

    /// Writes a VAT category, with the code and the text of the reason why there is no VAT.
    fn category(
        &mut self,
        element: &str,
        rate: VatRate,
        (code_of_reason, reason): (Option<&str>, Option<&str>),
    ) -> io::Result<()> {
        let code = match rate {
            VatRate::Standard25 | VatRate::Reduced12 | VatRate::Reduced6 => "S",
            VatRate::Zero => "Z",
            VatRate::Exempt => "E",
            VatRate::OutsideScope => "O",
        };
        self.group(element, |ubl| {
            ubl.text("cbc:ID", code)?;
            if rate != VatRate::OutsideScope {
                ubl.text("cbc:Percent", &rate.percent().to_string())?;
            }
            ubl.optional("cbc:TaxExemptionReasonCode", code_of_reason)?;
            ubl.optional("cbc:TaxExemptionReason", reason)?;
            ubl.tax_scheme("VAT")
        })
    }

    fn tax_scheme(&mut self, id: &str) -> io::Result<()> {
        self.group("cac:TaxScheme", |ubl| ubl.text("cbc:ID", id))
    }

    fn period(&mut self, period: Option<DateRange>) -> io::Result<()> {
        period.map_or(Ok(()), |DateRange { from, to }| {
            self.group("cac:InvoicePeriod", |ubl| {
                ubl.day("cbc:StartDate", from)?;
                ubl.day("cbc:EndDate", to)
            })
        })
    }

    fn amount(&mut self, element: &str, amount: Money) -> io::Result<()> {
        self.attributed(element, ("currencyID", "SEK"), &amount.to_string())
    }

    fn day(&mut self, element: &str, day: NaiveDate) -> io::Result<()> {
        self.text(element, &day.to_string())
    }

    fn optional(&mut self, element: &str, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.text(element, text))
    }

    /// Writes an element with a text; none if the text is blank.
    fn text(&mut self, element: &str, text: &str) -> io::Result<()> {
        let text = clean(text);
        if text.is_empty() {
            return Ok(());
        }
        self.out.create_element(element).write_text_content(BytesText::new(&text)).map(drop)
    }

    fn attributed(&mut self, element: &str, attribute: (&str, &str), text: &str) -> io::Result<()> {
        self.out
            .create_element(element)
            .with_attribute(attribute)
            .write_text_content(BytesText::new(&clean(text)))
            .map(drop)
    }

    fn group(
        &mut self,
        element: &str,
        inner: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.within(element, &[], inner)
    }

    fn within(
        &mut self,
        element: &str,
        attributes: &[(&str, &str)],
        inner: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = BytesStart::new(element).with_attributes(attributes.iter().copied());
        let end = start.to_end().into_owned();
        self.out.write_event(Event::Start(start))?;
        inner(self)?;
        self.out.write_event(Event::End(end))
    }
}

/// Returns the quantity, with the sign of quantity × price.
fn signed(line: &Line) -> String {
    let is_negative =
        (line.quantity.0 < 0) != (line.unit_price.0 < 0) && line.unit_price != Money::ZERO;
    let quantity = Quantity(line.quantity.0.saturating_abs());
    if is_negative { format!("-{quantity}") } else { quantity.to_string() }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Returns a text as one line, without characters that XML does not allow, hidden characters, and
/// characters that change the direction of others.
fn clean(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|char| char.is_whitespace() || !typesetting::is_hidden(*char))
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}
