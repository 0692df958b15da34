//! Files of the bank and builders of them, and functions that import them and read their payments.

use std::fs;

use domain::{
    auth::viewer::Viewer,
    config::{Network, Payments},
    error::Error,
    interchange::bank::{self, Report},
};
use serde_json::Value;

use crate::support::app::App;

pub const BGMAX: &[u8] = include_bytes!("../../fixtures/bank/bgmax.txt");
pub const CAMT_02: &str = include_str!("../../fixtures/bank/camt054_02.xml");
pub const CAMT_08: &str = include_str!("../../fixtures/bank/camt054_08.xml");

/// The settings of the network whose accounts are in the samples.
pub fn own_network() -> Network {
    let payments =
        Payments { ibans: vec!["SE4550000000058398257466".into()], ..Payments::default() };
    Network { bankgiro: Some("5050-1055".into()), payments, ..Network::default() }
}

/// The same as a file of settings.
pub const OWN: &str = "[network]\nbankgiro = '5050-1055'\n[network.payments]\niban = 'SE45 5000 0000 0583 9825 7466'\n";

pub async fn try_import(app: &App, name: &str, bytes: impl AsRef<[u8]>) -> Result<Report, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, bytes).unwrap();
    bank::import(
        app.context(&Viewer::operator("payments import")),
        &own_network(),
        &file,
        false,
        &mut |_, _| {},
    )
    .await
}

/// Imports a file; returns the result of each payment in its order: fate, finding, sum and
/// invoices.
pub async fn import(app: &App, name: &str, bytes: impl AsRef<[u8]>) -> Vec<String> {
    let report = try_import(app, name, bytes).await.unwrap();
    let of = |outcome: &domain::payments::bank::import::ImportedPayment| {
        let invoices: Vec<_> = outcome
            .booked
            .iter()
            .map(|booked| format!(" {}:{}", booked.number, booked.amount))
            .collect();
        format!(
            "{}{} {}{}",
            if outcome.was_known { "again " } else { "" },
            outcome.row.finding,
            outcome.row.amount,
            invoices.concat()
        )
    };
    report.outcomes.iter().map(of).collect()
}

/// The lines of the error that a file is refused with.
pub async fn errors(app: &App, name: &str, bytes: impl AsRef<[u8]>) -> Vec<String> {
    match try_import(app, name, bytes).await {
        Err(Error::Invalid(errors)) => {
            errors.into_iter().map(|error| format!("{} {}", error.path, error.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The bank payments that a filter lets through, the latest first.
pub async fn bank_payments(app: &App, filter: &str) -> Vec<Value> {
    let document = format!(
        "{{ bankPayments(filter: {{ {filter} }}, first: 200) {{ totalCount nodes {{ id bankReference account receivedOn amount reference message payerName payerOrgNumber
            finding status matched remaining excludedOn exclusionReason fileName matches {{ payment {{ amount receivedOn reference }} invoice {{ number }} }} }} }} }}"
    );
    let answer = app.finance().query(&document).await;
    let nodes = answer["bankPayments"]["nodes"].as_array().unwrap().clone();
    assert_eq!(answer["bankPayments"]["totalCount"], nodes.len());
    nodes
}

pub async fn waiting(app: &App) -> Vec<Value> {
    bank_payments(app, "status: PENDING").await
}

pub fn find<'v>(payments: &'v [Value], amount: &str) -> &'v Value {
    payments
        .iter()
        .find(|payment| payment["amount"] == amount)
        .unwrap_or_else(|| panic!("{payments:?}"))
}

/// The sample as text, and a text as the bank writes it.
pub fn text() -> String {
    BGMAX.iter().map(|byte| char::from(*byte)).collect()
}

pub fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()
}

/// A payment (20) or a deduction (21) of a BgMax file.
#[derive(Clone, Debug)]
pub struct Post {
    code: u8,
    sender: u64,
    reference: String,
    ore: i64,
    more: Vec<String>,
}

/// A payment of a payer without a bankgiro, with lines that follow it.
pub fn payment<const N: usize>(reference: &str, ore: i64, more: [String; N]) -> Post {
    Post { code: 20, sender: 0, reference: reference.into(), ore, more: more.into() }
}

/// A deduction.
pub fn deduction(sender: u64, reference: &str, ore: i64) -> Post {
    Post { code: 21, sender, reference: reference.into(), ore, more: Vec::new() }
}

impl Post {
    /// The same of a payer with this bankgiro.
    pub fn of(self, sender: u64) -> Self {
        Self { sender, ..self }
    }
}

/// A further reference (22, 23) of a payment.
pub fn extra(code: &str, reference: &str, ore: i64) -> String {
    format!("{code}{{sender}}{reference:>25}{ore:018}21{{serial}}0")
}

/// The serial number of a file's first payment.
pub const SERIAL: usize = 490_630_170_000;

/// A BgMax file of one deposit with these payments.
pub fn bgmax(posts: &[Post]) -> Vec<u8> {
    let mut lines = vec![
        "01BGMAX               0120261120173035010331P".to_owned(),
        "050050501055          SEK".to_owned(),
    ];
    let (mut sum, mut references) = (0, 0);
    for (nth, Post { code, sender, reference, ore, more }) in posts.iter().enumerate() {
        let (sender, serial) = (format!("{sender:010}"), format!("{:012}", SERIAL + nth));
        lines.push(format!("{code}{sender}{reference:<25}{ore:018}41{serial}0"));
        references +=
            more.iter().filter(|line| line.starts_with("22") || line.starts_with("23")).count();
        lines.extend(
            more.iter().map(|line| line.replace("{sender}", &sender).replace("{serial}", &serial)),
        );
        sum += if *code == 20 { *ore } else { -*ore };
    }
    let deductions = posts.iter().filter(|post| post.code == 21).count();
    lines.push(format!("15{:035}2026112000001{sum:018}SEK{:08}", 5_841_000, posts.len()));
    lines.push(format!("70{:08}{deductions:08}{references:08}{:08}", posts.len() - deductions, 1));
    latin(&(lines.join("\n") + "\n"))
}

/// A camt.054 with these entries in a notification of this name.
pub fn camt(notification: &str, entries: &str) -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.054.001.08\"><BkToCstmrDbtCdtNtfctn><Ntfctn>{notification}\
         <Acct><Id><IBAN>SE4550000000058398257466</IBAN></Id></Acct>{entries}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )
}

/// An entry of a camt.054 that was booked on 18 November: CRDT or DBIT, its sum, and what follows
/// these.
pub fn entry(direction: &str, sum: &str, rest: &str) -> String {
    let day =
        if rest.contains("<BookgDt>") { "" } else { "<BookgDt><Dt>2026-11-18</Dt></BookgDt>" };
    format!(
        "<Ntry><Amt Ccy=\"SEK\">{sum}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>{day}{rest}</Ntry>"
    )
}
