//! Settings of the network itself: the seller on its invoices and a party to its agreements.

use std::collections::BTreeMap;

use ::entity::number::{OrgNumber, ParseOrgNumberError, check_peppol_id, luhn_holds};

use super::{
    accounts::Accounts,
    books::{ActivityBooks, VatBox},
    environment::{Environment, checked, line, number},
    iban::{self, giro},
    invoicing::Invoicing,
    payments::Payments,
    retention::Retention,
    signatories::Signatory,
};

/// Details of the network itself: the seller on its invoices and a party to its agreements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: Option<String>,
    /// Organisationsnummer.
    pub org_number: Option<OrgNumber>,
    /// Momsregistreringsnummer: `SE`, ten digits and `01`.
    pub vat_number: Option<String>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postal code, as `123 45`.
    pub postal_code: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// Bankgiro, as `5050-1055`.
    pub bankgiro: Option<String>,
    /// Plusgiro, as `28 65 43-4`.
    pub plusgiro: Option<String>,
    /// Account for payments from abroad (IBAN), as `SE45 5000 0000 0583 9825 7466`.
    pub iban: Option<String>,
    /// The bank of that account (BIC), as `ESSESESS`.
    pub bic: Option<String>,
    /// E-mail address for questions about invoices.
    pub email: Option<String>,
    /// Its Peppol participant, as `0007:8025550008`; null: `0007` and its organisation number.
    pub peppol_id: Option<String>,
    /// Accounts of bookkeeping files.
    pub accounts: Accounts,
    /// Projects and accounts of activities, by slug.
    pub activities: BTreeMap<String, ActivityBooks>,
    /// The box of the VAT return that each account belongs to; empty: the defaults of
    /// [`Accounts::vat_boxes`].
    pub vat_boxes: BTreeMap<u16, VatBox>,
    /// Settings of invoices.
    pub invoicing: Invoicing,
    /// Settings of incoming payments.
    pub payments: Payments,
    /// Retention times of personal data.
    pub retention: Retention,
    /// Persons who may sign for the network; empty: signatories are not checked.
    pub signatories: Vec<Signatory>,
    /// Number of counterparties that must stand behind a public sum; null: the default.
    pub min_counterparties: Option<usize>,
}

impl Network {
    /// Returns the number of counterparties, other than the viewer, that must stand behind a sum
    /// of an activity which is shown to viewers who may not see its rows.
    #[must_use]
    pub fn counterparties_required(&self) -> usize {
        self.min_counterparties.unwrap_or(3)
    }
}

impl Environment {
    pub(super) fn network(&mut self) -> Network {
        let defaults = Accounts::default();
        let position = self.position_of(["network.accounts.observation", "network.accounts.bank"]);
        let mut account =
            |name, default| self.take(name, default, |text| number(text, 1000..=9999));
        let accounts = Accounts {
            receivables: account("network.accounts.receivables", defaults.receivables),
            bank: account("network.accounts.bank", defaults.bank),
            vat: account("network.accounts.vat", defaults.vat),
            vat_12: account("network.accounts.vat_12", defaults.vat_12),
            vat_6: account("network.accounts.vat_6", defaults.vat_6),
            revenue: account("network.accounts.revenue", defaults.revenue),
            revenue_12: account("network.accounts.revenue_12", defaults.revenue_12),
            revenue_6: account("network.accounts.revenue_6", defaults.revenue_6),
            revenue_untaxed: account("network.accounts.revenue_untaxed", defaults.revenue_untaxed),
            revenue_eu: account("network.accounts.revenue_eu", defaults.revenue_eu),
            revenue_abroad: account("network.accounts.revenue_abroad", defaults.revenue_abroad),
            observation: account("network.accounts.observation", defaults.observation),
            rounding: account("network.accounts.rounding", defaults.rounding),
            interest: account("network.accounts.interest", defaults.interest),
            reminder_fees: account("network.accounts.reminder_fees", defaults.reminder_fees),
            revenue_outside_scope: self
                .optional("network.accounts.revenue_outside_scope", |text| {
                    number(text, 1000..=9999)
                }),
            membership_fee: self
                .optional("network.accounts.membership_fee", |text| number(text, 1000..=9999)),
            service_fee: self
                .optional("network.accounts.service_fee", |text| number(text, 1000..=9999)),
        };
        if accounts.observation == accounts.bank {
            let message = format!(
                "must not be {}, the account of both bank and observation: unmatched payments need an account of their own",
                accounts.bank
            );
            self.errors.add(position, message);
        }
        let activities = self.activity_books();
        let vat_boxes = self.vat_boxes(accounts.vat_boxes(&activities));
        Network {
            name: self.optional("network.name", line),
            org_number: self.optional("network.org_number", |text| {
                text.parse().map_err(|reason: ParseOrgNumberError| reason.to_string())
            }),
            vat_number: self.optional("network.vat_number", vat_number),
            address_line: self.optional("network.address_line", line),
            postal_code: self.optional("network.postal_code", postal_code),
            city: self.optional("network.city", line),
            bankgiro: self.optional("network.bankgiro", |text| {
                giro(text, 7..=8, "is not a bankgiro, as 5050-1055")
            }),
            plusgiro: self.optional("network.plusgiro", |text| {
                giro(text, 2..=8, "is not a plusgiro, as 28 65 43-4")
            }),
            iban: self.optional("network.iban", iban::iban),
            bic: self.optional("network.bic", iban::bic),
            email: self.optional("network.email", line),
            peppol_id: self.optional("network.peppol_id", |text| {
                check_peppol_id(text).map(|()| text.to_owned()).map_err(str::to_owned)
            }),
            accounts,
            activities,
            vat_boxes,
            invoicing: self.invoicing(),
            payments: self.payments(),
            retention: self.retention(),
            signatories: self.signatories(),
            min_counterparties: self
                .optional("SAMREGISTER_MIN_COUNTERPARTIES", |text| number(text, 1..=100)),
        }
    }
}

fn vat_number(text: &str) -> Result<String, String> {
    let digits =
        text.strip_prefix("SE").and_then(|rest| rest.strip_suffix("01")).unwrap_or_default();
    checked(
        text,
        digits.len() == 10 && luhn_holds(digits),
        "is not a VAT number, as SE802555000801",
    )
}

fn postal_code(text: &str) -> Result<String, String> {
    let holds = text.len() == 6
        && text
            .char_indices()
            .all(|(at, char)| if at == 3 { char == ' ' } else { char.is_ascii_digit() });
    checked(text, holds, "is not a postal code, as 123 45")
}

#[cfg(test)]
mod tests {
    use crate::config::settings::FILE;
    use ::entity::money::Money;

    use super::{
        super::tests::{bad, good},
        *,
    };

    #[test]
    fn three_counterparties_are_required_unless_set_otherwise() {
        let name = "SAMREGISTER_MIN_COUNTERPARTIES";
        assert_eq!(good(&[], "").network.counterparties_required(), 3);
        assert_eq!(good(&[(name, "5")], "").network.counterparties_required(), 5);
        for value in ["0", "101", "x"] {
            assert!(bad(&[(name, value)], "").starts_with(name), "{value}");
        }
    }

    #[test]
    fn signatories_have_days() {
        let file = "[network]\nname = 'NNS'\n[[network.signatories]]\nname = 'Ada'\ntitle = 'Ordförande'\nfrom = 2026-01-01\nto = '2026-12-31'\n[[network.signatories]]\nname = 'Bo'";
        let day = |text: &str| text.parse().ok();
        let ada = Signatory {
            name: "Ada".into(),
            title: Some("Ordförande".into()),
            from: day("2026-01-01"),
            to: day("2026-12-31"),
        };
        assert_eq!(
            good(&[], file).network.signatories,
            [ada, Signatory { name: "Bo".into(), ..Signatory::default() }]
        );
        let message = bad(
            &[],
            "[[network.signatories]]\ntitle = 'x'\nfrom = 'snart'\n[[network.signatories]]\nname = 'Bo'\nfrom = 2026-02-01\nto = 2026-01-01\nuntil = 1",
        );
        for part in [
            "network.signatories.0.name must be set: who may sign; ",
            "samregister.toml: network.signatories.0.from is not a day, as 2026-11-21; ",
            "samregister.toml: network.signatories.1.to must not be before from; ",
            "samregister.toml: network.signatories.1.until is not a setting; a table [[network.signatories]] has name, title, from and to",
        ] {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
        assert!(bad(&[], "[network]\nsignatories = 'Ada'").contains(
            "network.signatories must be tables, each under a line [[network.signatories]]"
        ));
    }

    #[test]
    fn the_network_is_read_from_its_table() {
        let file = "[network]\nname = 'NNS'\norg_number = '802555-0008'\nvat_number = 'SE802555000801'\npostal_code = '123 45'\n\
            bankgiro = '5050-1055'\nplusgiro = '28 65 43-4'\n[network.accounts]\nbank = 1940\nservice_fee = '3902'\nrevenue_untaxed = 3004";
        let network = good(&[], file).network;
        assert_eq!((network.name.as_deref(), network.city), (Some("NNS"), None));
        assert_eq!(network.org_number.as_ref().map(OrgNumber::as_str), Some("802555-0008"));
        assert_eq!(
            (network.vat_number.as_deref(), network.postal_code.as_deref()),
            (Some("SE802555000801"), Some("123 45"))
        );
        assert_eq!(
            (network.bankgiro.as_deref(), network.plusgiro.as_deref()),
            (Some("5050-1055"), Some("28 65 43-4"))
        );
        assert_eq!(
            network.accounts,
            Accounts {
                bank: 1940,
                service_fee: Some(3902),
                revenue_untaxed: 3004,
                ..Accounts::default()
            }
        );
        for entry in [
            "bankgiro = '5050-1056'",
            "plusgiro = 1",
            "vat_number = 'SE1'",
            "vat_number = 'SE802555000901'",
            "peppol_id = '0007:8025550009'",
            "org_number = 1",
            "postal_code = 1",
            "iban = 'SE4550000000058398257467'",
            "bic = 'ESSE'",
            "name = '-\t-'",
        ] {
            let name = entry.split(' ').next().unwrap_or_default();
            assert!(
                bad(&[], &format!("[network]\n{entry}"))
                    .starts_with(&format!("{FILE}: network.{name} ")),
                "{entry}"
            );
        }
    }

    #[test]
    fn the_bank_and_observation_have_accounts_of_their_own() {
        for (entry, name) in [
            ("observation = 1930", "observation"),
            ("bank = 2890", "bank"),
            ("bank = 1940\nobservation = 1940", "observation"),
        ] {
            let message = bad(&[], &format!("[network.accounts]\n{entry}"));
            assert!(
                message.starts_with(&format!("{FILE}: network.accounts.{name} must not be ")),
                "{message}"
            );
        }
        let swapped =
            good(&[], "[network.accounts]\nbank = 2890\nobservation = 1930").network.accounts;
        assert_eq!((swapped.bank, swapped.observation), (2890, 1930));
    }

    #[test]
    fn accounts_of_what_is_no_revenue_are_reserved() {
        let accounts = Accounts { bank: 1940, ..Accounts::default() };
        for (account, key) in [
            ("1510", Some("receivables")),
            ("1940", Some("bank")),
            ("1930", None),
            ("2890", Some("observation")),
            ("2611", Some("vat")),
            ("2621", Some("vat_12")),
            ("2631", Some("vat_6")),
            ("3740", Some("rounding")),
            ("3041", None),
            ("8313", None),
            ("31", None),
        ] {
            assert_eq!(accounts.reserved_for(account), key, "{account}");
        }
    }

    #[test]
    fn retention_times_are_read_from_their_table() {
        assert_eq!(
            good(&[], "").network.retention,
            Retention { contact_months: 24, read_log_months: 24, payer_years: 7 }
        );
        let decided = good(
            &[],
            "[network.retention]\ncontact_months = 12\nread_log_months = 240\npayer_years = 10",
        )
        .network
        .retention;
        assert_eq!(
            decided,
            Retention { contact_months: 12, read_log_months: 240, payer_years: 10 }
        );
        assert!(
            bad(&[], "[network.retention]\npayer_years = 6")
                .ends_with(" must be a whole number from 7 to 50")
        );
        for entry in ["contact_months = 0", "read_log_months = 241"] {
            let message = bad(&[], &format!("[network.retention]\n{entry}"));
            assert!(message.ends_with(" must be a whole number from 1 to 240"), "{message}");
        }
    }

    #[test]
    fn invoicing_settings_are_read_from_their_table() {
        let file = "[network.invoicing]\ndue_days = 20\nwhole_kronor = true\nocr_length_digit = false\nreminder_fee = '59.50'\nlate_compensation = true\ninterest_from_due_date = true";
        let invoicing = good(&[], file).network.invoicing;
        let expected = Invoicing {
            due_days: 20,
            whole_kronor: true,
            ocr_length_digit: false,
            reminder_fee: Money(5950),
            late_compensation: true,
            interest_from_due_date: true,
            ..Invoicing::default()
        };
        assert_eq!(invoicing, expected);
        for entry in [
            "due_days = 31",
            "whole_kronor = 'ja'",
            "reminder_fee = '60.01'",
            "interest_points = -1",
            "f_tax = 1",
        ] {
            let name = entry.split(' ').next().unwrap_or_default();
            let message = bad(&[], &format!("[network.invoicing]\n{entry}"));
            assert!(
                message.starts_with(&format!("{FILE}: network.invoicing.{name} must be ")),
                "{message}"
            );
        }
    }
}
