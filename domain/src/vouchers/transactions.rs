//! Transactions and texts of vouchers.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    adjustment,
    id::{MemberId, OrganisationId},
    invoice, invoice_line,
    kind::{AdjustmentKind, InvoiceKind, VatRate},
    money::Money,
};
use documents::sie::{MAX_TEXT, Transaction};
use uuid::Uuid;

use crate::{
    config::Accounts,
    error::{ConflictReason, Error, Result},
    invoices::amounts::by_rate,
};

/// Project and name of each activity.
pub(super) type Projects = HashMap<Uuid, (String, String)>;

/// Returns the transactions that move an amount from an account, in credit, to another, in debit.
pub(super) fn transfer(to: u16, from: u16, amount: Money) -> Vec<Transaction> {
    let booked =
        |account: u16, amount| Transaction { account: account.into(), project: None, amount };
    vec![booked(to, amount), booked(from, -amount)]
}

/// Returns the text of a voucher about a document. A text that is too long for some programs loses
/// the bank's reference before the document.
pub(super) fn text_of(noun: &str, reference: &str, document: &str) -> String {
    let text = Some(format!("{noun} {reference}: {document}"))
        .filter(|text| text.chars().count() <= MAX_TEXT);
    text.unwrap_or_else(|| format!("{noun} {document}"))
}

/// Returns the text of a sum that was not matched on its day, without its state if the text is too
/// long for some programs.
pub(super) fn observation_text(bank_reference: &str, amount: Money) -> String {
    let direction = if amount > Money::ZERO { "Inbetalning" } else { "Utbetalning" };
    let text = Some(format!("{direction} {bank_reference}, ej matchad"))
        .filter(|text| text.chars().count() <= MAX_TEXT);
    text.unwrap_or_else(|| format!("{direction} {bank_reference}"))
}

/// Returns the transactions of a refund or write-off; `account` is the one that its sum comes from.
/// A refund was never claimed; a written-off sum was.
pub(super) fn of_adjustment(
    own: &adjustment::Model,
    account: u16,
    accounts: &Accounts,
) -> Vec<Transaction> {
    let claim = if own.kind == AdjustmentKind::Refund { own.amount } else { -own.amount };
    transfer(accounts.receivables, account, claim)
}

/// Returns the transactions of an invoice or credit note: claims against revenue of each account
/// and project, VAT, and rounding. `name` is for the error.
///
/// # Errors
/// CONFLICT `NO_ACCOUNT` if a line's account is not an account number.
pub(super) fn of_document(
    document: &invoice::Model,
    lines: &[invoice_line::Model],
    name: &str,
    accounts: &Accounts,
    projects: &Projects,
) -> Result<Vec<Transaction>> {
    let mut revenue: BTreeMap<(u32, Option<&str>), Money> = BTreeMap::new();
    for line in lines {
        // Earlier versions imported accounts with more than four digits. Such a line must not
        // be booked on another account silently.
        let account = line.account.parse().map_err(|_| {
            Error::conflict(
                ConflictReason::NoAccount,
                format!(
                    "{name} has a line on the account {:?}, which is not an account number",
                    line.account
                ),
            )
        })?;
        let project = line
            .activity_id
            .and_then(|id| projects.get(&id.into()))
            .map(|(number, _)| number.as_str());
        *revenue.entry((account, project)).or_default() += line.net;
    }
    let vat = by_rate(lines).into_iter().filter_map(|sum| {
        let account = match sum.rate {
            VatRate::Standard25 => accounts.vat,
            VatRate::Reduced12 => accounts.vat_12,
            VatRate::Reduced6 => accounts.vat_6,
            VatRate::Zero | VatRate::Exempt | VatRate::OutsideScope => return None,
        };
        Some((u32::from(account), None, -sum.vat))
    });
    let claim = std::iter::once((u32::from(accounts.receivables), None, document.total));
    let revenue = revenue.into_iter().map(|((account, project), net)| (account, project, -net));
    let rounding = std::iter::once((u32::from(accounts.rounding), None, -document.rounding));
    let sign =
        |amount: Money| if document.kind == InvoiceKind::CreditNote { -amount } else { amount };
    let booked = claim
        .chain(revenue)
        .chain(vat)
        .chain(rounding)
        .filter(|(_, _, amount)| *amount != Money::ZERO);
    let transaction = |(account, project, amount): (_, Option<&str>, _)| Transaction {
        account,
        project: project.map(str::to_owned),
        amount: sign(amount),
    };
    Ok(booked.map(transaction).collect())
}

/// Returns the name of a document and of its buyer, as the text of a voucher.
pub(super) fn document_text(document: &invoice::Model, names: &HashMap<Uuid, String>) -> String {
    let noun = match document.kind {
        InvoiceKind::Invoice => "Faktura",
        InvoiceKind::CreditNote => "Kreditfaktura",
    };
    let buyer = document
        .member_id
        .map(MemberId::into)
        .or(document.organisation_id.map(OrganisationId::into));
    let buyer = buyer.and_then(|id: Uuid| names.get(&id)).map_or("", String::as_str);
    format!("{noun} {} {buyer}", document.number.as_deref().unwrap_or_default())
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use ::entity::id::ActivityId;

    use super::*;

    fn sums(transactions: &[Transaction]) -> Vec<(u32, Option<&str>, i64)> {
        transactions.iter().map(|own| (own.account, own.project.as_deref(), own.amount.0)).collect()
    }

    fn line(account: &str, rate: VatRate, net: i64, vat: i64) -> invoice_line::Model {
        invoice_line::Model {
            account: account.into(),
            vat_rate: rate,
            net: Money(net),
            vat: Money(vat),
            ..invoice_line::Model::default()
        }
    }

    #[test]
    fn an_invoice_is_a_claim_against_revenue_vat_and_rounding() {
        let (accounts, activity) = (Accounts::default(), ActivityId::new());
        let projects = Projects::from([(activity.into(), ("101".into(), "Kurs".into()))]);
        let own = invoice_line::Model {
            activity_id: Some(activity),
            ..line("3041", VatRate::Standard25, 5_050, 1_263)
        };
        let lines = [
            own,
            line("3041", VatRate::Standard25, 5_000, 1_250),
            line("3044", VatRate::Exempt, 1_000, 0),
        ];
        let mut document = invoice::Model {
            total: Money(13_600),
            rounding: Money(37),
            ..invoice::Model::default()
        };
        let of = |document: &invoice::Model| {
            of_document(document, &lines, "Faktura 1", &accounts, &projects).unwrap()
        };
        let booked = of(&document);
        let expected = [
            (u32::from(accounts.receivables), None, 13_600),
            (3041, None, -5_000),
            (3041, Some("101"), -5_050),
            (3044, None, -1_000),
            (u32::from(accounts.vat), None, -2_513),
            (u32::from(accounts.rounding), None, -37),
        ];
        assert_eq!(sums(&booked), expected);
        assert_eq!(booked.iter().map(|own| own.amount).sum::<Money>(), Money::ZERO);
        document.kind = InvoiceKind::CreditNote;
        let reversed = of(&document);
        assert!(booked.iter().zip(&reversed).all(|(one, other)| one.amount == -other.amount));
    }

    #[test]
    fn a_line_is_never_booked_on_another_account() {
        let lines = [line("3041-1", VatRate::Exempt, 100, 0)];
        let found = of_document(
            &invoice::Model::default(),
            &lines,
            "Faktura 1",
            &Accounts::default(),
            &Projects::default(),
        );
        let words = found.unwrap_err().to_string();
        assert!(words.starts_with("Faktura 1 has a line on the account \"3041-1\""), "{words}");
    }

    #[test]
    fn a_refund_raises_the_claim_and_a_write_off_ends_it() {
        let accounts = Accounts::default();
        let of = |kind, ore| {
            let own = adjustment::Model { kind, amount: Money(ore), ..Default::default() };
            let found = of_adjustment(&own, 1940, &accounts);
            found.into_iter().map(|own| own.amount.0).collect::<Vec<_>>()
        };
        assert_eq!(of(AdjustmentKind::Refund, 7_500), [7_500, -7_500]);
        assert_eq!(of(AdjustmentKind::WriteOff, 56), [-56, 56]);
        assert_eq!(of(AdjustmentKind::WriteOff, -44), [44, -44]);
    }

    #[test]
    fn a_long_text_loses_the_banks_reference_first() {
        let long = "9".repeat(MAX_TEXT);
        assert_eq!(text_of("Inbetalning", "BG 1", "Faktura 1"), "Inbetalning BG 1: Faktura 1");
        assert_eq!(text_of("Inbetalning", &long, "Faktura 1"), "Inbetalning Faktura 1");
        assert_eq!(observation_text("BG 1", Money(1)), "Inbetalning BG 1, ej matchad");
        assert_eq!(observation_text("BG 1", Money(-1)), "Utbetalning BG 1, ej matchad");
        assert_eq!(observation_text(&long, Money(1)), format!("Inbetalning {long}"));
    }

    #[test]
    fn a_document_is_named_with_its_buyer() {
        let member = MemberId::new();
        let names = HashMap::from([(member.into(), "Samordningsförbundet Ånge".to_owned())]);
        let mut document = invoice::Model {
            number: Some("20260001".into()),
            member_id: Some(member),
            ..invoice::Model::default()
        };
        let text = document_text(&document, &names);
        assert_eq!(text, "Faktura 20260001 Samordningsförbundet Ånge");
        document.kind = InvoiceKind::CreditNote;
        document.member_id = None;
        assert_eq!(document_text(&document, &names), "Kreditfaktura 20260001");
    }
}
