//! Invoices as documents: PDFs for the archive and with the e-invoice embedded, whatever their
//! text.

use documents::{
    invoice::{self, Invoice, Terms},
    peppol,
};
use entity::{
    kind::{InvoiceKind, VatRate},
    money::Money,
};

use crate::support::{
    app::runs,
    document_fixtures::{document, line, named},
    validators,
};

fn has(pdf: &[u8], text: &str) -> bool {
    pdf.windows(text.len()).any(|window| window == text.as_bytes())
}

fn set(invoice: &Invoice) -> Vec<u8> {
    invoice::rendered(invoice, peppol::xml(invoice).unwrap(), None).unwrap().bytes
}

#[test]
fn every_invoice_and_credit_note_can_be_set() {
    for (name, invoice) in named() {
        let pdf = set(&invoice);
        for mark in [
            "<pdfaid:part>3<",
            "<pdfaid:conformance>A<",
            "<pdfuaid:part>1<",
            "/AFRelationship/Alternative",
            "application#2Fxml",
            "<rdf:li>sv<",
        ] {
            assert!(has(&pdf, mark), "{name}: {mark}");
        }
    }
}

#[test]
fn validators_accept_every_invoice() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, invoice) in named() {
        let file = folder.path().join(name).with_extension("pdf");
        let xml = peppol::xml(&invoice).unwrap();
        std::fs::write(&file, invoice::rendered(&invoice, xml.clone(), None).unwrap().bytes)
            .unwrap();
        // The e-invoice within is the one that was issued, byte for byte.
        let attached = format!(
            "{}.xml",
            invoice.number.replace(|char: char| !char.is_ascii_alphanumeric() && char != '-', "_")
        );
        assert!(
            validators::attachment(&file, &attached) == xml,
            "{name}: {attached} is not what was issued"
        );
        let pages: usize = validators::pdfinfo(&file)["Pages"].parse().unwrap();
        assert_eq!(pages == 1, !matches!(name, "long" | "hostile"), "{name} has {pages} pages");
        files.push(file);
    }
    validators::are_sound(&files);
    // A title of two hundred characters and lines that are all alike are no error of the layout,
    // yet they are remarked on.
    files.retain(|file| !file.ends_with("hostile.pdf") && !file.ends_with("long.pdf"));
    validators::are_heard(&files);
}

#[test]
fn the_same_invoice_gives_the_same_bytes() {
    let (_, invoice) = named().remove(0);
    let xml = peppol::xml(&invoice).unwrap();
    assert_eq!(xml, peppol::xml(&invoice).unwrap());
    let [first, second] = [(); 2].map(|()| invoice::rendered(&invoice, xml.clone(), None).unwrap());
    assert_eq!((first.sha256.len(), &first), (64, &second));
    assert!(has(&first.bytes, "2026-0001.xml"));
    let other = Invoice { total: invoice.total + Money(1), ..invoice.clone() };
    assert_ne!(first.sha256, invoice::rendered(&other, xml, None).unwrap().sha256);
}

/// Of ten thousand lines in the long form.
#[test]
fn an_invoice_of_thousands_of_lines_is_a_document_too() {
    let count = runs(1_500, 10_000);
    let lines = (1..=count).map(|position| {
        line(&format!("BIP-kurs, deltagare {position}"), 1000, 45_000, VatRate::Standard25)
    });
    let invoice = document(InvoiceKind::Invoice, lines.collect(), false);
    let xml = peppol::xml(&invoice).unwrap();
    assert_eq!(String::from_utf8_lossy(&xml).matches("<cac:InvoiceLine>").count(), count);
    assert!(set(&invoice).starts_with(b"%PDF-1.7"));
}

#[test]
fn an_invoice_says_since_when_interest_runs_and_what_a_delay_costs() {
    let lines = vec![line("Kurs", 1000, 100_000, VatRate::Standard25)];
    let says = |due_in_days: u64, change: &dyn Fn(&mut Terms)| {
        let mut invoice = document(InvoiceKind::Invoice, lines.clone(), false);
        invoice.due_on = invoice.issued_on.checked_add_days(chrono::Days::new(due_in_days));
        change(&mut invoice.terms);
        invoice.payment_terms().replace('\u{a0}', " ")
    };
    let agreed = says(14, &|_| ());
    assert!(
        agreed.starts_with(
            "Betalas senast 2026-12-15. Efter förfallodagen tas dröjsmålsränta ut enligt räntelagen"
        ),
        "{agreed}"
    );
    assert!(agreed.ends_with(" Avgiften för en påminnelse är 60,00 kr."), "{agreed}");
    let silent =
        says(14, &|terms| (terms.interest_is_agreed, terms.reminder_fee) = (Some(false), None));
    let thirtieth = "Betalas senast 2026-12-15. Efter den 2026-12-31, den trettionde dagen efter fakturans datum, tas dröjsmålsränta ut";
    assert!(silent.starts_with(thirtieth) && !silent.contains("påminnelse"), "{silent}");
    // The thirtieth day is the last day to pay.
    let usual = says(30, &|terms| terms.interest_is_agreed = Some(false));
    assert!(usual.starts_with("Betalas senast 2026-12-31. Efter förfallodagen tas"), "{usual}");
    // What was issued before the register knew says what it said.
    let old = says(14, &|terms| terms.interest_is_agreed = None);
    assert_eq!(old, agreed);
    let compensated = says(14, &|terms| {
        (terms.reminder_fee, terms.late_compensation) = (None, Some(Money(45_000)))
    });
    assert!(
        compensated.contains("förseningsersättning ut med 450,00 kr enligt lagen (1981:739)"),
        "{compensated}"
    );
    assert!(!compensated.contains("påminnelse"), "{compensated}");
}
