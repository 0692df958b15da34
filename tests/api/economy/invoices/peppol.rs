//! E-invoices: the validator of Peppol BIS Billing 3 in `tests/checkers` accepts each of them.

use std::{collections::BTreeMap, fs, path::Path};

use documents::{
    invoice::{Invoice, Line, Reference},
    peppol,
};
use entity::{
    date_range::DateRange,
    kind::{InvoiceKind, VatRate},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    document_fixtures::{HOSTILE, day, document, line, named},
    invoicing_fixtures::{
        NETWORK, activity, course, drafted, fill, issue, member, violations, with_network,
    },
    lifecycle_fixtures::{mutate, raw, sql_id, with},
    validators,
};

/// The number of random documents.
const MADE_UP: usize = 36;

/// Any invoice or credit note that could be issued.
fn any_invoice() -> impl Strategy<Value = Invoice> {
    use VatRate::{Exempt, OutsideScope, Reduced6, Reduced12, Standard25, Zero};
    let rates = prop_oneof![
        Just(vec![Standard25]),
        Just(vec![OutsideScope]),
        proptest::sample::subsequence(vec![Standard25, Reduced12, Reduced6, Zero, Exempt], 1..=5),
    ];
    let text = prop_oneof![3 => "[ -~åäöÅÄÖ–]{1,60}".boxed(), 1 => "\\PC{0,30}".boxed(), 1 => proptest::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned).boxed()];
    let one = (
        text.clone(),
        1_i64..5_000_000,
        -10_000_000_i64..10_000_000,
        0_usize..5,
        0_i64..700,
        0_i64..400,
        0_u8..4,
    );
    let kind = prop_oneof![Just(InvoiceKind::Invoice), Just(InvoiceKind::CreditNote)];
    (kind, rates, proptest::collection::vec(one, 1..9), any::<bool>(), text, 0_u8..8).prop_map(
        |(kind, rates, lines, whole_kronor, words, giros)| {
            let lines =
                lines.into_iter().map(|(text, quantity, price, rate, from, length, about)| {
                    let from = day("2025-01-01") + chrono::Days::new(from.unsigned_abs());
                    Line {
                        agreement: (about & 1 == 1).then(|| format!("2026-{about:04}")),
                        period: (about & 2 == 2).then(|| {
                            let to = from + chrono::Days::new(length.unsigned_abs());
                            DateRange::new(from, to)
                        }),
                        ..line(&text, quantity, price, rates[rate % rates.len()])
                    }
                });
            let mut invoice = document(kind, lines.collect(), whole_kronor);
            invoice.seller.bankgiro = invoice.seller.bankgiro.filter(|_| giros & 1 == 1);
            invoice.seller.plusgiro = (giros & 2 == 2).then(|| "28 65 43-4".to_owned());
            invoice.seller.f_tax = giros & 4 == 4;
            if kind == InvoiceKind::Invoice && giros == 7 {
                invoice.refers_to =
                    Some(Reference { number: words.clone(), issued_on: day("2026-11-01") });
            }
            Invoice { reason: Some(words), ..invoice }
        },
    )
}

/// Returns the validator's findings in each file of a folder, by name: rules that a document
/// breaks, warnings too.
fn validate(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let output =
        validators::judge("peppol/validate.py").arg("--json").args(files).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = |line: &str| {
        let report: Value = serde_json::from_str(line).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let words = findings.map(|finding| {
            format!("{} {} {}", finding["id"], finding["location"], finding["message"])
        });
        (report["file"].as_str().unwrap().to_owned(), words.collect())
    };
    text.lines().map(found).collect()
}

#[test]
fn the_validator_takes_every_invoice_and_credit_note() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::deterministic();
    let made_up = (0..MADE_UP).map(|position| {
        (format!("made-up-{position:02}"), any_invoice().new_tree(&mut runner).unwrap().current())
    });
    let documents: BTreeMap<String, Invoice> = named()
        .into_iter()
        .map(|(name, invoice)| (name.to_owned(), invoice))
        .chain(made_up)
        .collect();
    for (name, invoice) in &documents {
        fs::write(folder.path().join(name).with_extension("xml"), peppol::xml(invoice).unwrap())
            .unwrap();
    }
    // Spoiled ones, each for the rule that it breaks, show that the validator looks.
    let ordinary = String::from_utf8(peppol::xml(&documents["ordinary"]).unwrap()).unwrap();
    let outside = String::from_utf8(peppol::xml(&documents["outside-scope"]).unwrap()).unwrap();
    // Either the buyer's reference or that of its order must be there.
    let (before, order) = ordinary.split_once("<cac:OrderReference>").unwrap();
    let unordered = format!("{before}{}", order.split_once("</cac:OrderReference>").unwrap().1);
    let vat_id = "<cac:PartyTaxScheme><cbc:CompanyID>SE802555000801</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>";
    let spoiled = [
        (
            "BR-CO-15",
            ordinary
                .replace("33500.00</cbc:TaxInclusiveAmount>", "33500.01</cbc:TaxInclusiveAmount>"),
        ),
        (
            "PEPPOL-EN16931-R003",
            unordered.replace("<cbc:BuyerReference>ZZ1234 Åsa Öberg</cbc:BuyerReference>", ""),
        ),
        (
            "SE-R-013",
            ordinary.replace(
                "<cbc:CompanyID schemeID=\"0007\">8025550008<",
                "<cbc:CompanyID schemeID=\"0007\">8025550009<",
            ),
        ),
        (
            "XSD",
            ordinary
                .replace("cbc:IssueDate", "cbc:Moved")
                .replace("cbc:DueDate", "cbc:IssueDate")
                .replace("cbc:Moved", "cbc:DueDate"),
        ),
        (
            "BR-O-02",
            outside.replacen("<cac:PartyTaxScheme>", &format!("{vat_id}<cac:PartyTaxScheme>"), 1),
        ),
    ];
    for (rule, xml) in &spoiled {
        assert!(*xml != ordinary && *xml != outside, "{rule}");
        fs::write(folder.path().join(format!("spoiled {rule}.xml")), xml).unwrap();
    }

    let found = validate(folder.path());
    assert_eq!(found.len(), documents.len() + spoiled.len());
    let errors: Vec<_> = found
        .iter()
        .filter(|(name, findings)| !name.starts_with("spoiled") && !findings.is_empty())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (rule, _) in spoiled {
        let findings = &found[&format!("spoiled {rule}.xml")];
        assert!(
            findings.iter().any(|finding| finding.starts_with(&format!("\"{rule}\""))),
            "{rule}: {findings:?}"
        );
    }
}

#[test]
fn an_e_invoice_says_what_the_invoice_says() {
    let invoices: BTreeMap<_, _> = named().into_iter().collect();
    // Line breaks and what stands before them are left out, so that parts within parts can be
    // found.
    let plain = |name: &str| -> String {
        let xml = String::from_utf8(peppol::xml(&invoices[name]).unwrap()).unwrap();
        xml.lines().map(str::trim).collect()
    };
    for (name, parts) in [
        (
            "ordinary",
            &[
                "<cbc:ID>2026-0001</cbc:ID><cbc:IssueDate>2026-12-01</cbc:IssueDate><cbc:DueDate>2026-12-31</cbc:DueDate><cbc:InvoiceTypeCode>380<",
                "<cbc:BuyerReference>ZZ1234 Åsa Öberg</cbc:BuyerReference>",
                "<cac:InvoicePeriod><cbc:StartDate>2026-01-01</cbc:StartDate><cbc:EndDate>2026-12-31</cbc:EndDate></cac:InvoicePeriod>",
                "<cac:ContractDocumentReference><cbc:ID>2026-0042</cbc:ID></cac:ContractDocumentReference>",
                "</cac:InvoicePeriod><cac:OrderReference><cbc:ID>PO-4711</cbc:ID></cac:OrderReference>",
                "<cac:Contact><cbc:Name>Kajsa Ek</cbc:Name><cbc:ElectronicMail>ekonomi@nns.example</cbc:ElectronicMail></cac:Contact>",
                "<cbc:EndpointID schemeID=\"0007\">2220001834</cbc:EndpointID>",
                "<cbc:CompanyID>SE802555000801</cbc:CompanyID>",
                "<cbc:CompanyID>Godkänd för F-skatt</cbc:CompanyID><cac:TaxScheme><cbc:ID>TAX</cbc:ID>",
                "<cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cbc:PaymentID>2026000105</cbc:PaymentID><cac:PayeeFinancialAccount><cbc:ID>50501055</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>SE:BANKGIRO<",
                "8 procentenheter över referensräntan. Avgiften för en påminnelse är 60,00 kr.</cbc:Note></cac:PaymentTerms>",
                "<cbc:PayableAmount currencyID=\"SEK\">33500.00</cbc:PayableAmount>",
            ][..],
        ),
        ("hours", &["<cbc:InvoicedQuantity unitCode=\"HUR\">2.5</cbc:InvoicedQuantity>"]),
        (
            "iban",
            &[
                "<cbc:ID>SE4550000000058398257466</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>ESSESESS<",
                "<cbc:ID>50501055</cbc:ID>",
            ],
        ),
        (
            "both-giros",
            &[
                "<cbc:ID>50501055</cbc:ID>",
                "<cbc:ID>2865434</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>SE:PLUSGIRO<",
            ],
        ),
        (
            "credit-part",
            &[
                "<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode><cbc:Note>Avgiften var för hög",
                "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>2026-0001</cbc:ID><cbc:IssueDate>2026-11-01<",
                "<cbc:CreditedQuantity unitCode=\"C62\">0.25</cbc:CreditedQuantity><cbc:LineExtensionAmount currencyID=\"SEK\">6700.00<",
            ],
        ),
        ("corrected-upwards", &["<cbc:InvoiceTypeCode>380<", "<cac:BillingReference>"]),
        (
            "deduction",
            &[
                "<cbc:InvoicedQuantity unitCode=\"C62\">-2</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID=\"SEK\">-2501.00<",
                ">1250.50</cbc:PriceAmount>",
            ],
        ),
        ("decimals", &[">2.125</cbc:InvoicedQuantity>", ">0.001</cbc:InvoicedQuantity>"]),
        (
            "rounded-up",
            &["<cbc:PayableRoundingAmount currencyID=\"SEK\">0.37</cbc:PayableRoundingAmount>"],
        ),
        (
            "exempt",
            &[
                "<cbc:ID>E</cbc:ID><cbc:Percent>0</cbc:Percent><cbc:TaxExemptionReason>Undantag från moms",
            ],
        ),
        (
            "exempt-with-code",
            &[
                "<cbc:Percent>0</cbc:Percent><cbc:TaxExemptionReasonCode>VATEX-EU-132-1I</cbc:TaxExemptionReasonCode><cbc:TaxExemptionReason>Utbildning, 10 kap. 13 § mervärdesskattelagen</cbc:TaxExemptionReason>",
            ],
        ),
        (
            "exempt-for-two-reasons",
            &[
                "<cbc:TaxExemptionReason>Rad 1, 4: Utbildning, 10 kap. 13 § mervärdesskattelagen; rad 3: Undantag från moms enligt 10 kap. mervärdesskattelagen</cbc:TaxExemptionReason>",
            ],
        ),
        ("zero-rate", &["<cbc:ID>Z</cbc:ID><cbc:Percent>0</cbc:Percent><cac:TaxScheme>"]),
        (
            "outside-scope",
            &[
                "<cbc:ID>O</cbc:ID><cbc:TaxExemptionReasonCode>VATEX-EU-O</cbc:TaxExemptionReasonCode><cbc:TaxExemptionReason>Avgiften är inte",
            ],
        ),
        (
            "several-agreements",
            &[
                "<cbc:Name>Avtal</cbc:Name><cbc:Value>2026-0042</cbc:Value>",
                "<cbc:Value>2026-0043</cbc:Value>",
            ],
        ),
        ("hostile", &["&lt;Invoice&gt;&amp;amp;]]&gt;", "<cbc:Name>Avgift</cbc:Name>"]),
    ] {
        let xml = plain(name);
        for part in parts {
            assert!(xml.contains(part), "{name}: {part} is not in {xml}");
        }
    }
    for (name, absent) in [
        ("outside-scope", "SE802555000801"),
        ("exempt-for-two-reasons", "TaxExemptionReasonCode"),
        ("credit-part", "cac:PaymentMeans"),
        ("several-agreements", "cac:ContractDocumentReference"),
        ("no-giro", "cac:PaymentMeans"),
        ("no-f-tax", "F-skatt"),
        ("ordinary", "PayableRoundingAmount"),
        ("hostile", "\u{202e}"),
    ] {
        assert!(!plain(name).contains(absent), "{name}: {absent}");
    }
}

/// Issues an invoice with order reference, units, references of both sides and IBAN, an interest
/// invoice on it, and credit notes of both; and an invoice in whole kronor that is credited in
/// parts.
async fn claimed_interest(app: &App) {
    let abroad = "iban = 'SE45 5000 0000 0583 9825 7466'\nbic = 'ESSESESS'\n";
    let settings = format!(
        "{NETWORK}{abroad}[network.invoicing]\ninterest_from_due_date = true\nreminder_fee = '60.00'\n"
    );
    let (app, _folder) = with_network(app, &settings);
    let line = json!({ "description": "Handledning", "quantity": "2.5", "unit": "HOUR", "unitPrice": "14600", "vatRate": "EXEMPT" });
    let input = json!({ "buyerId": member(&app, 1).await, "dueInDays": 0, "lines": [line], "orderReference": "PO-4711",
        "ourReference": "Kajsa <Ek>", "buyerReference": "KST & 4711" });
    let id = drafted(&app.finance(), input).await;
    mutate(
        &app.finance(),
        "invoiceIssue",
        json!({ "invoiceId": id, "issuedOn": "2026-11-19" }),
        "id",
    )
    .await
    .data();
    let interest = mutate(
        &app.finance(),
        "interestInvoiceIssue",
        json!({ "invoiceId": id }),
        "invoice { id }",
    )
    .await;
    let interest = interest["interestInvoiceIssue"]["invoice"]["id"].clone();
    for invoice in [json!(id), interest] {
        mutate(
            &app.finance(),
            "invoiceCredit",
            json!({ "invoiceId": invoice, "reason": "Fel" }),
            "id",
        )
        .await
        .data();
    }
}

/// The e-invoices of a register, by their numbers as files.
async fn served_files(app: &App) -> BTreeMap<String, Vec<u8>> {
    let found =
        app.finance().query("{ invoices(first: 200) { nodes { number peppolUrl } } }").await;
    let mut files = BTreeMap::new();
    for invoice in found["invoices"]["nodes"].as_array().unwrap() {
        let (Some(number), Some(url)) = (invoice["number"].as_str(), invoice["peppolUrl"].as_str())
        else {
            continue;
        };
        let served = app.finance().get(url).await;
        assert_eq!(served.status, 200, "{number}: {}", served.text());
        files.insert(format!("{number}.xml"), served.bytes.to_vec());
    }
    files
}

/// E-invoices that the register issues for what finance does, of every kind, by their numbers as
/// files.
async fn issued(app: &App) -> BTreeMap<String, Vec<u8>> {
    let (plain, _plain) = fill(app, 12).await;
    let (whole_kronor, _whole) = with_network(
        app,
        &format!("{NETWORK}plusgiro = '28 65 43-4'\n[network.invoicing]\nwhole_kronor = true\n"),
    );
    let plusgiro = NETWORK
        .replace("bankgiro = '5050-1055'", "plusgiro = '28 65 43-4'")
        .replace("vat_number", "#");
    let (unregistered, _unregistered) = with_network(app, &plusgiro);
    // The earliest ones first: numbers follow days.
    claimed_interest(app).await;
    let (bip, buyer) = (activity(&plain, "bip").await, member(&plain, 1).await);
    let agreement = plain
        .office()
        .query("{ agreement(by: { number: \"2024-0001\" }) { id } }")
        .await["agreement"]["id"]
        .clone();
    // A buyer with a location number for its e-invoices.
    let billing = json!({ "peppolId": "0088:7300010000001", "buyerReference": "R <&> 9", "addressLine": "Gatan 9", "postalCode": "999 99", "city": "Åre" });
    let gln = json!({ "name": "Bolaget & Co", "orgNumber": "556016-0680", "billing": billing });
    let gln = mutate(&plain.office(), "organisationAdd", gln, "id").await["organisationAdd"]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let price = |rate: &str, price: &str| {
        json!({ "description": format!("Kurs {rate}"), "activityId": bip, "quantity": "1.5", "unitPrice": price, "vatRate": rate,
        "periodFrom": "2026-11-20", "periodTo": "2026-11-20" })
    };
    let every_rate = json!({ "buyerId": buyer, "reason": "Tack för i höst", "lines": [
        with(price("STANDARD_25", "4500.33"), json!({ "agreementId": agreement, "activityId": null, "periodFrom": "2026-01-01", "periodTo": "2026-06-30" })),
        price("REDUCED_12", "333.33"), price("REDUCED_6", "99.95"), price("EXEMPT", "10"), price("EXEMPT", "7.77"),
        with(price("STANDARD_25", "-50"), json!({ "description": "Rabatt", "quantity": "2" })),
    ] });
    let rounded = json!({ "buyerId": buyer, "lines": [price("STANDARD_25", "1000.41"), price("REDUCED_6", "0.07")] });
    let outside = json!({ "buyerId": buyer, "lines": [with(price("OUTSIDE_SCOPE", "5000"), json!({ "activityId": null }))] });
    let exempt = json!({ "buyerId": gln, "lines": [price("EXEMPT", "1234.50")] });
    for (app, input, rate) in [
        (&plain, every_rate, "REDUCED_12"),
        (&whole_kronor, rounded, "STANDARD_25"),
        (&unregistered, outside, "OUTSIDE_SCOPE"),
        (&plain, exempt.clone(), "EXEMPT"),
        (&whole_kronor, exempt, "EXEMPT"),
    ] {
        let id = drafted(&app.finance(), input.clone()).await;
        issue(&app.finance(), &id, "id").await.data();
        // A part of its first line, then all that is left; and what was too little is corrected.
        let found = app
            .finance()
            .ask(
                "query($id: ID!) { invoice(by: { id: $id }) { lines { id net } } }",
                json!({ "id": id }),
            )
            .await;
        let part = json!([{ "lineId": found["invoice"]["lines"][0]["id"], "amount": "33.37" }]);
        for lines in [part, Value::Null] {
            mutate(
                &app.finance(),
                "invoiceCredit",
                json!({ "invoiceId": id, "reason": "En plats mindre", "lines": lines }),
                "id",
            )
            .await
            .data();
        }
        let more = json!({ "buyerId": input["buyerId"], "correctsId": id, "reason": "Två kom till", "lines": [price(rate, "100.10")] });
        let more = drafted(&app.finance(), more).await;
        issue(&app.finance(), &more, "id").await.data();
    }
    let fees = json!({ "activityId": activity(&plain, "indikatorer").await, "year": 2026, "skipProblems": true });
    let network = json!({ "serviceFee": true, "year": 2026, "skipProblems": true });
    for (app, input) in [(&plain, fees), (&whole_kronor, network)] {
        mutate(&app.finance(), "invoiceRun", input, "invoiceCount").await.data();
    }
    assert_eq!(violations(app).await, [""; 0]);

    served_files(&plain).await
}

/// The validator is slow to start, so that one run of it judges what both databases hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_validator_takes_what_the_register_issues() {
    let (sqlite, postgres) = (App::sqlite().await, App::postgres().await);
    let (sqlite, postgres) = tokio::join!(issued(&sqlite), issued(&postgres));
    let folder = tempfile::tempdir().unwrap();
    for (name, xml) in &sqlite {
        fs::write(folder.path().join(name), xml).unwrap();
        let other = postgres.get(name).unwrap_or_else(|| panic!("PostgreSQL lacks {name}"));
        assert_eq!(
            String::from_utf8_lossy(xml),
            String::from_utf8_lossy(other),
            "{name} is another one on PostgreSQL"
        );
    }
    assert_eq!(sqlite.len(), postgres.len());
    let found = validate(folder.path());
    assert_eq!(found.len(), sqlite.len());
    let errors: Vec<_> = found.iter().filter(|(_, findings)| !findings.is_empty()).collect();
    assert!(errors.is_empty(), "{errors:#?}");

    // All that was to be judged is there.
    let all: String = sqlite.values().map(|xml| String::from_utf8_lossy(xml)).collect();
    for part in [
        "<cbc:ID>S</cbc:ID>",
        "<cbc:ID>E</cbc:ID>",
        "<cbc:ID>O</cbc:ID>",
        "<cbc:Percent>12</cbc:Percent>",
        "<cbc:Percent>6</cbc:Percent>",
        "<cbc:CreditNoteTypeCode>381<",
        "<cbc:InvoiceTypeCode>380<",
        "<cbc:PayableRoundingAmount",
        "SE:PLUSGIRO",
        "schemeID=\"0088\">7300010000001<",
        "<cac:ContractDocumentReference>",
        "Serviceavgift",
        "Två kom till",
        "Dröjsmålsränta på faktura",
        "Ingen dröjsmålsränta tas ut på räntan.",
        "<cbc:BuyerReference>KST &amp; 4711</cbc:BuyerReference>",
        "<cbc:Name>Kajsa &lt;Ek&gt;</cbc:Name>",
        "unitCode=\"HUR\"",
        "SE4550000000058398257466",
        "<cbc:ID>PO-4711</cbc:ID>",
    ] {
        assert!(all.contains(part), "{part}");
    }
}

on_both!(no_e_invoice_names_a_participant_that_is_none, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let (buyer, before) = (member(&app, 1).await, app.revision().await);
    let office = app.office();
    for (bad, error) in [
        (
            "0007:2220001835",
            "must have a valid organisation number of ten digits after 0007, as 0007:2220001834",
        ),
        (
            "0007:222000-1834",
            "must have a valid organisation number of ten digits after 0007, as 0007:2220001834",
        ),
        (
            "0088:7300010000002",
            "must have a GLN of thirteen digits with a right check digit after 0088, as 0088:7300010000001",
        ),
        ("0060:1", "must have a D-U-N-S number of nine digits after 0060"),
        (
            "9955:SE222000183401",
            "has a scheme that Swedish organisations don't use in Peppol; it must be 0007, 0088 or 0060",
        ),
        ("2220001834", "is not a Peppol participant; write scheme and number as 0007:2220001834"),
    ] {
        let billing = json!({ "peppolId": bad });
        let field = json!([{ "path": "input.billing.peppolId", "code": "NOT_A_PEPPOL_ID", "message": error }]);
        for (name, input) in [
            ("memberUpdate", json!({ "memberId": buyer, "billing": billing })),
            ("memberAdmit", json!({ "name": "Ny", "joinedOn": "2026-01-01", "billing": billing })),
            ("organisationAdd", json!({ "name": "Ny", "billing": billing })),
        ] {
            assert_eq!(
                mutate(&office, name, input, "id").await.error()["extensions"]["fields"],
                field,
                "{name} {bad}"
            );
        }
        let columns = "billing_email,peppol_id,buyer_reference,address_line,postal_code,city";
        for (file, text) in [
            (
                "members.csv",
                format!(
                    "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,{columns}\nny,Ny,,,,,2020-01-01,,,{bad},,,,\n"
                ),
            ),
            ("organisations.csv", format!("key,name,org_number,{columns}\nny,Ny,,,{bad},,,,\n")),
        ] {
            let reported = format!("{:?}", app.try_import(&[(file, text.as_str())]).await);
            assert!(
                reported.contains("peppol_id") && reported.contains(error),
                "{bad} in {file}: {reported}"
            );
        }
    }
    assert_eq!(app.revision().await, before);

    // One that came in when others were taken is named together with all else that is lacking, and
    // nothing is issued.
    let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
    let spoil = format!(
        "UPDATE member_billing SET peppol_id = '0007:2220001835', city = NULL WHERE member_id = {}",
        sql_id(&app, &buyer)
    );
    assert_eq!(raw(&app, &spoil).await.unwrap(), 1);
    let refused = issue(&app.finance(), &id, "id").await;
    assert_eq!(refused.bad_fields(), ["buyer.billing.city", "buyer.billing.peppolId"]);
    let mend = json!({ "memberId": buyer, "billing": { "peppolId": "0088:7300010000001", "buyerReference": "R", "addressLine": "G 1", "postalCode": "111 11", "city": "S" } });
    mutate(&office, "memberUpdate", mend, "id").await.data();
    assert_eq!(issue(&app.finance(), &id, "number").await["invoiceIssue"]["number"], "20260001");
});
