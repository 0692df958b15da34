//! The appearance of documents: words are whole for programs, nothing is printed over something
//! else, and no page has the footer alone.

use documents::{
    agreement::{self, Agreement, Party},
    invoice::{self, Invoice},
    peppol,
};
use entity::kind::{InvoiceKind, VatRate};

use crate::support::{
    document_fixtures::{day, document, line, named},
    validators,
};

fn set(invoice: &Invoice) -> Vec<u8> {
    invoice::rendered(invoice, peppol::xml(invoice).unwrap(), None).unwrap().bytes
}

fn of_lines(count: usize) -> Invoice {
    let lines = (1..=count).map(|position| {
        line(&format!("BIP-kurs, tillfälle {position}"), 1000, 45_000, VatRate::Standard25)
    });
    document(InvoiceKind::Invoice, lines.collect(), false)
}

/// A text whose compounds break at the ends of lines, wherever these are.
const PROSE: &str = "Kursintäkterna och kursintäkter redovisas av samordningsförbunden, och personuppgiftsbehandlingen följer \
    dataskyddsförordningen enligt personuppgiftsbiträdesavtalet med uppdragsgivarens verksamhetsansvariga.";

fn reads_well(words: &str) {
    for word in [
        "Kursintäkterna",
        "kursintäkter",
        "samordningsförbunden",
        "personuppgiftsbehandlingen",
        "personuppgiftsbiträdesavtalet",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(!words.contains(['\u{ad}', '\u{200b}', '\u{2010}']), "{words:?}");
}

#[test]
fn words_are_whole_in_the_text_of_a_pdf() {
    for blanks in 0..12 {
        let text = format!("{}{PROSE}", "ord ".repeat(blanks));
        let lines = vec![line(&text, 1000, 100, VatRate::Standard25)];
        reads_well(&validators::words(&set(&document(InvoiceKind::Invoice, lines, false))));
        let party = |role: &str| Party {
            role: role.into(),
            name: "Samordningsförbundet".into(),
            org_number: None,
            address: vec![],
        };
        let agreement = Agreement {
            title: "Avtal om personuppgiftsbehandling".into(),
            number: Some("2026-0001".into()),
            language: "sv".into(),
            parties: vec![party("Nätverket"), party("Medlemmen")],
            terms: vec![("Uppsägningstid".into(), "tre månader".into())],
            body: format!("## Personuppgiftsbehandling\n\n{text}\n\n- {text}\n"),
            dated: day("2026-12-01"),
        };
        let pdf = agreement::rendered(&agreement).unwrap().pdf;
        let words = validators::words(&pdf);
        reads_well(&words);
        assert!(
            words.contains("Avtal om personuppgiftsbehandling") && words.contains("Uppsägningstid"),
            "{words}"
        );
    }
}

#[test]
fn a_long_reference_stays_in_its_column() {
    for reference in [
        "W".repeat(70),
        "INKÖPSORDER-2026/ÖSTERGÖTLAND_SAMORDNING:4711-0001".to_owned(),
        "ordernummer".repeat(9),
    ] {
        for (name, invoice) in
            named().into_iter().filter(|(name, _)| matches!(*name, "ordinary" | "credit-whole"))
        {
            let pdf = set(&Invoice { order_reference: Some(reference.clone()), ..invoice });
            // The column ends 98 mm from the edge, and the next one begins at 108 mm.
            let over =
                validators::positions_of_words(&pdf).into_iter().filter(|(from, to, word)| {
                    let is_part =
                        word.chars().count() > 3 && reference.contains(word.trim_end_matches('-'));
                    is_part && *from < 277.0 && *to > 280.0
                });
            assert_eq!(over.collect::<Vec<_>>(), [], "{name} {reference}");
            // A program that joins words takes a hyphen at the end of a line for one of the
            // typesetter's.
            let plain = |text: &str| text.replace([' ', '-'], "");
            assert!(
                plain(&validators::words(&pdf)).contains(&plain(&reference)),
                "{name}: {}",
                validators::words(&pdf)
            );
        }
    }
}

#[test]
fn no_page_of_an_invoice_has_the_foot_alone() {
    for count in (14..30).chain(54..68) {
        let pages = validators::pages(&set(&of_lines(count)));
        let last = pages.last().unwrap();
        assert!(
            last.contains("Så betalar ni") && last.contains("Momsregistreringsnummer"),
            "{count} lines: {last}"
        );
        assert!(
            pages.iter().filter(|page| page.contains("Momsregistreringsnummer")).count() == 1,
            "{count} lines"
        );
    }
}

#[test]
fn each_page_of_an_invoice_carries_the_sum_of_the_lines_so_far() {
    for count in [40, 75, 110] {
        let pages = validators::pages(&set(&of_lines(count)));
        let plain: Vec<String> =
            pages.iter().map(|page| page.split_whitespace().collect()).collect();
        assert!(plain.len() > 1, "{count} lines");
        let mut lines = 0;
        for (position, page) in plain.iter().enumerate() {
            // Each line is 450 kr. Words and sums stand apart in the text of a page.
            let has = |words: &str, lines: usize| {
                page.contains(words) && page.contains(&format!("{},00kr", lines * 450))
            };
            assert_eq!(
                has("Transportfrånföregåendesida", lines),
                position > 0 && lines < count,
                "{count} lines, page {position}: {page}"
            );
            lines += page.matches("BIP-kurs").count();
            assert_eq!(
                has("Attföraövertillnästasida", lines),
                lines < count,
                "{count} lines, page {position}: {page}"
            );
        }
        assert_eq!(lines, count);
    }
}

#[test]
fn signature_lines_are_level_and_never_alone_on_a_page() {
    let party = |role: &str, name: &str| Party {
        role: role.into(),
        name: name.into(),
        org_number: None,
        address: vec![],
    };
    let long = "Samordningsförbundet för norra, södra, östra och västra Exempelbygden med omnejd";
    for paragraphs in 0..24 {
        let agreement = Agreement {
            title: "Avtal om deltagande".into(),
            number: Some("2026-0001".into()),
            language: "sv".into(),
            parties: vec![party("Nätverket", "Nätverket"), party("Medlemmen", long)],
            terms: vec![],
            body: "Parterna är överens om detta.\n\n".repeat(paragraphs + 1),
            dated: day("2026-12-01"),
        };
        let pdf = agreement::rendered(&agreement).unwrap().pdf;
        let last = validators::pages(&pdf).pop().unwrap();
        assert!(last.contains("Underskrifter") && last.contains("överens"), "{paragraphs}: {last}");
        let words = validators::heights_of_words(&pdf);
        for caption in ["Underskrift", "Namnförtydligande"] {
            let found: Vec<f64> =
                words.iter().filter(|(.., word)| word == caption).map(|(top, ..)| *top).collect();
            assert!(
                matches!(found[..], [one, other] if (one - other).abs() < 0.1),
                "{paragraphs}: {caption} at {found:?}"
            );
        }
    }
}
