//! Invoices and credit notes of every kind, as the data that their documents are made of.

use chrono::NaiveDate;
use documents::invoice::{Buyer, Invoice, Line, RateSum, Reference, Seller, Terms};
use domain::invoices::amounts::{self, Priced};
use entity::{
    date_range::DateRange,
    kind::{
        InvoiceKind,
        VatRate::{self, Exempt, OutsideScope, Reduced6, Reduced12, Standard25, Zero},
    },
    money::{Money, Quantity},
    number::ocr,
};

/// A day from its text.
pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A line: what for, how many thousandths, at what price in öre, at what rate.
pub fn line(description: &str, quantity: i64, unit_price: i64, vat_rate: VatRate) -> Line {
    let (quantity, unit_price) = (Quantity(quantity), Money(unit_price));
    Line {
        description: description.into(),
        activity: Some("BIP".into()),
        agreement: Some("2026-0042".into()),
        period: Some(DateRange::new(day("2026-01-01"), day("2026-12-31"))),
        quantity,
        unit: entity::kind::Unit::Piece,
        unit_price,
        vat_rate,
        exemption_reason: None,
        exemption_code: None,
        net: quantity.at(unit_price).unwrap_or_default(),
    }
}

/// A document with these lines, its sums calculated as the register does it.
pub fn document(kind: InvoiceKind, lines: Vec<Line>, whole_kronor: bool) -> Invoice {
    let priced: Vec<_> = lines
        .iter()
        .map(|line| Priced {
            quantity: line.quantity,
            unit_price: line.unit_price,
            rate: line.vat_rate,
        })
        .collect();
    let sums = |rounding| {
        amounts::totals(&priced, rounding).unwrap_or_else(|| panic!("sums beyond all bounds"))
    };
    let exact = sums(Money::ZERO);
    let sums = if whole_kronor { sums(amounts::rounding_to_krona(exact.total)) } else { exact };
    let is_credit = kind == InvoiceKind::CreditNote;
    Invoice {
        kind,
        number: if is_credit { "K-2026-0007" } else { "2026-0001" }.into(),
        ocr: if is_credit { None } else { ocr("20260001") },
        issued_on: day("2026-12-01"),
        due_on: (!is_credit).then(|| day("2026-12-31")),
        seller: seller(),
        buyer: buyer(),
        lines,
        rates: sums
            .rates
            .iter()
            .map(|sum| RateSum { rate: sum.rate, net: sum.net, vat: sum.vat })
            .collect(),
        net: sums.net,
        vat: sums.vat,
        rounding: sums.rounding,
        total: sums.total,
        refers_to: is_credit
            .then(|| Reference { number: "2026-0001".into(), issued_on: day("2026-11-01") }),
        order_reference: (!is_credit).then(|| "PO-4711".into()),
        is_interest: false,
        reason: is_credit
            .then(|| "Avgiften var för hög, eftersom deltagandet började i april.".into()),
        terms: Terms {
            interest_points: 8,
            interest_is_agreed: Some(true),
            reminder_fee: Some(Money(6000)),
            late_compensation: None,
            exemption_reason: "Undantag från moms enligt 10 kap. mervärdesskattelagen".into(),
            outside_scope_reason:
                "Avgiften är inte ersättning för en vara eller tjänst och omfattas inte av moms"
                    .into(),
        },
    }
}

/// An invoice with these lines.
fn invoice(lines: Vec<Line>) -> Invoice {
    document(InvoiceKind::Invoice, lines, false)
}

/// A credit note with these lines.
fn credit(lines: Vec<Line>) -> Invoice {
    document(InvoiceKind::CreditNote, lines, false)
}

fn seller() -> Seller {
    Seller {
        name: "Nationella nätverket för samordningsförbund".into(),
        org_number: number("802555-0008"),
        vat_number: Some("SE802555000801".into()),
        address_line: "Box 123".into(),
        postal_code: "702 10".into(),
        city: "Örebro".into(),
        email: Some("ekonomi@nns.example".into()),
        peppol_id: "0007:8025550008".into(),
        bankgiro: Some("5050-1055".into()),
        plusgiro: None,
        iban: None,
        bic: None,
        f_tax: true,
        reference: Some("Kajsa Ek".into()),
    }
}

fn buyer() -> Buyer {
    Buyer {
        name: "Samordningsförbundet Centrala Östergötland".into(),
        org_number: number("222000-1834"),
        reference: "ZZ1234 Åsa Öberg".into(),
        address_line: "Hospitalsgatan 3".into(),
        postal_code: "582 27".into(),
        city: "Linköping".into(),
        email: Some("faktura@centrala.example".into()),
        peppol_id: "0007:2220001834".into(),
    }
}

fn number(text: &str) -> entity::number::OrgNumber {
    text.parse().unwrap_or_else(|error| panic!("{text} {error}"))
}

/// Texts that must come out as text, if at all.
pub const HOSTILE: [&str; 6] = [
    "<Invoice>&amp;]]><![CDATA[x]]>",
    "\" onmouseover='x' <!-- -->",
    "a\u{0}b\u{7}c\u{1b}[31m\u{fffe}\u{ffff}\u{85}\r\nd\te",
    "\u{202e}rk 0001\u{202c} \u{feff}\u{e001}",
    "😀 👩‍👩‍👧 🇸🇪 漢字 العربية",
    "#import \"/etc/passwd\" #eval(\"1\") $x^2$ @a <b> `c` _d_",
];

/// Every case that has a name.
pub fn named() -> Vec<(&'static str, Invoice)> {
    [of_rates(), of_sellers(), of_sums_and_credits(), of_lines()].concat()
}

/// Cases of each rate of VAT.
fn of_rates() -> Vec<(&'static str, Invoice)> {
    vec![
        ("ordinary", ordinary()),
        (
            "several-rates",
            invoice(
                [Standard25, Reduced12, Reduced6, Zero, Exempt]
                    .map(|rate| line("Kurs med lunch och material", 3000, 123_450, rate))
                    .into(),
            ),
        ),
        ("twelve", invoice(plain(Reduced12))),
        ("six", invoice(plain(Reduced6))),
        ("zero-rate", invoice(plain(Zero))),
        ("exempt", invoice(plain(Exempt))),
        (
            "exempt-with-code",
            invoice(vec![Line {
                exemption_reason: Some("Utbildning, 10 kap. 13 § mervärdesskattelagen".into()),
                exemption_code: Some("VATEX-EU-132-1I".into()),
                ..line("Kurs", 1000, 450_000, Exempt)
            }]),
        ),
        (
            "exempt-for-two-reasons",
            invoice(vec![
                Line {
                    exemption_reason: Some("Utbildning, 10 kap. 13 § mervärdesskattelagen".into()),
                    exemption_code: Some("VATEX-EU-132-1I".into()),
                    ..line("Kurs", 1000, 450_000, Exempt)
                },
                line("Kursbok", 1000, 20_000, Reduced6),
                line("Avgift", 1000, 10_000, Exempt),
                Line {
                    exemption_reason: Some("Utbildning, 10 kap. 13 § mervärdesskattelagen".into()),
                    exemption_code: Some("VATEX-EU-132-1I".into()),
                    ..line("Kurs igen", 1000, 450_000, Exempt)
                },
            ]),
        ),
    ]
}

/// Cases of what a seller lacks, and of how it is paid.
fn of_sellers() -> Vec<(&'static str, Invoice)> {
    vec![
        (
            "exempt-unregistered",
            with_seller(invoice(plain(Exempt)), |seller| seller.vat_number = None),
        ),
        ("outside-scope", invoice(membership())),
        (
            "outside-scope-unregistered",
            with_seller(invoice(membership()), |seller| {
                (seller.vat_number, seller.f_tax) = (None, false)
            }),
        ),
        (
            "plusgiro",
            with_seller(ordinary(), |seller| {
                (seller.bankgiro, seller.plusgiro) = (None, Some("28 65 43-4".into()))
            }),
        ),
        (
            "both-giros",
            with_seller(ordinary(), |seller| seller.plusgiro = Some("28 65 43-4".into())),
        ),
        (
            "hours",
            invoice(vec![Line {
                unit: entity::kind::Unit::Hour,
                ..line("Handledning", 2500, 95_000, Standard25)
            }]),
        ),
        (
            "iban",
            with_seller(ordinary(), |seller| {
                (seller.iban, seller.bic) =
                    (Some("SE45 5000 0000 0583 9825 7466".into()), Some("ESSESESS".into()));
            }),
        ),
        ("no-giro", with_seller(ordinary(), |seller| seller.bankgiro = None)),
        ("no-f-tax", with_seller(ordinary(), |seller| seller.f_tax = false)),
    ]
}

/// Rounded sums and credit notes.
fn of_sums_and_credits() -> Vec<(&'static str, Invoice)> {
    vec![
        (
            "rounded-up",
            document(
                InvoiceKind::Invoice,
                vec![line("Serviceavgift 2026", 1000, 864_850, Standard25)],
                true,
            ),
        ),
        (
            "rounded-down",
            document(
                InvoiceKind::Invoice,
                vec![line("Serviceavgift 2026", 1000, 864_833, Standard25)],
                true,
            ),
        ),
        ("credit-whole", credit(vec![fee()])),
        (
            "credit-part",
            credit(vec![line(
                "Särskild avgift för BIP, januari till mars 2026",
                250,
                2_680_000,
                Standard25,
            )]),
        ),
        (
            "credit-rounded",
            document(InvoiceKind::CreditNote, vec![line("Avgift", 333, 864_850, Standard25)], true),
        ),
        ("credit-outside-scope", credit(membership())),
        ("credit-exempt", credit(plain(Exempt))),
        (
            "credit-several-rates",
            credit([Standard25, Reduced6].map(|rate| line("Kurs", 1500, 99_999, rate)).into()),
        ),
    ]
}

/// Cases of numbers, texts and amounts of lines.
fn of_lines() -> Vec<(&'static str, Invoice)> {
    vec![
        (
            "corrected-upwards",
            Invoice {
                refers_to: Some(Reference {
                    number: "2026-0001".into(),
                    issued_on: day("2026-11-01"),
                }),
                reason: Some("Fakturan 2026-0001 gällde åtta deltagare, men tio kom.".into()),
                ..invoice(vec![line("BIP-kurs, två deltagare till", 2000, 450_000, Standard25)])
            },
        ),
        (
            "deduction",
            invoice(vec![
                fee(),
                line("Avdrag för uteblivet tillfälle", 2000, -125_050, Standard25),
            ]),
        ),
        (
            "decimals",
            invoice(vec![
                line("Handledning, timmar", 2125, 95_033, Standard25),
                line("Rest", 1, 100, Standard25),
                line("Många", 1_234_567, 3, Standard25),
            ]),
        ),
        ("nothing-to-pay", invoice(vec![fee(), line("Avdrag", 1000, -2_680_000, Standard25)])),
        ("free", invoice(vec![line("Provdeltagande", 1000, 0, Standard25)])),
        ("below-nought", invoice(vec![line("Avdrag", 1000, -100_050, Standard25)])),
        (
            "several-agreements",
            invoice(vec![
                fee(),
                Line {
                    agreement: Some("2026-0043".into()),
                    activity: Some("Indikatorer".into()),
                    period: Some(DateRange::new(day("2026-04-01"), day("2027-03-31"))),
                    ..line("Indikatorer", 1000, 1_800_000, Standard25)
                },
                alone(line("Resa", 1000, 50_000, Standard25)),
            ]),
        ),
        (
            "bare",
            Invoice {
                buyer: Buyer { email: None, ..buyer() },
                seller: Seller { email: None, ..seller() },
                terms: Terms { reminder_fee: None, ..Terms::default() },
                ..invoice(vec![alone(fee())])
            },
        ),
        ("hostile", hostile()),
        ("enormous", invoice(vec![line("Allt", 1000, 700_000_000_000, Standard25)])),
        (
            "long",
            invoice(
                (1..=120)
                    .map(|position| {
                        line(
                            &format!("BIP-kurs, tillfälle {position}"),
                            1000 * position,
                            45_000,
                            Standard25,
                        )
                    })
                    .collect(),
            ),
        ),
    ]
}

fn fee() -> Line {
    line("Särskild avgift för deltagande i BIP 2026", 1000, 2_680_000, Standard25)
}

fn plain(rate: VatRate) -> Vec<Line> {
    vec![line("Avgift 2026", 1000, 1_234_567, rate)]
}

fn ordinary() -> Invoice {
    invoice(vec![fee()])
}

/// The lines of a membership, which are about no activity.
fn membership() -> Vec<Line> {
    let mut lines = vec![
        line("Medlemsavgift 2026", 1000, 500_000, OutsideScope),
        line("Serviceavgift 2026: 2 ‰ av 13 400 000 kr", 1000, 2_680_000, OutsideScope),
    ];
    for line in &mut lines {
        (line.activity, line.agreement) = (None, None);
    }
    lines
}

/// An invoice of a seller that differs in something.
fn with_seller(mut invoice: Invoice, change: fn(&mut Seller)) -> Invoice {
    change(&mut invoice.seller);
    invoice
}

/// A line about no activity, agreement or period.
fn alone(mut line: Line) -> Line {
    (line.activity, line.agreement, line.period) = (None, None, None);
    line
}

/// An invoice whose texts are [`HOSTILE`].
fn hostile() -> Invoice {
    let lines = HOSTILE.iter().map(|text| Line {
        activity: Some((*text).into()),
        agreement: Some((*text).into()),
        ..line(text, 1000, 10_000, Standard25)
    });
    let invoice = invoice(lines.chain([line(" \t\u{7}", 1000, 100, Standard25)]).collect());
    let text = HOSTILE.concat();
    Invoice {
        number: HOSTILE[0].into(),
        reason: Some(text.clone()),
        refers_to: Some(Reference { number: HOSTILE[1].into(), issued_on: day("2026-11-01") }),
        seller: Seller {
            name: text.clone(),
            address_line: text.clone(),
            city: text.clone(),
            email: Some(text.clone()),
            ..seller()
        },
        buyer: Buyer {
            name: text.clone(),
            reference: text.clone(),
            city: text,
            email: Some("\u{7}".into()),
            ..buyer()
        },
        ..invoice
    }
}
