//! Settings about the network itself: the seller on its invoices and a side of its agreements.

use std::{collections::BTreeMap, ops::RangeInclusive};

use ::entity::{
    money::Money,
    number::{OrgNumber, check_peppol_id, luhn_holds},
};
use chrono::NaiveDate;

use super::{
    ActivityBooks, Given, Payments, RevenueAccounts, VatBox, checked, iban, line, number, yes_or_no,
};

/// The tables that say who may sign for the network.
pub(super) const SIGNATORIES: &str = "network.signatories";

/// What the network itself is called: the seller on its invoices and a side of its agreements.
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
    /// Where questions about invoices go.
    pub email: Option<String>,
    /// Its Peppol participant, as `0007:8025550008`; null: `0007` and its organisation number.
    pub peppol_id: Option<String>,
    /// The accounts that bookkeeping files use.
    pub accounts: Accounts,
    /// Projects and accounts of activities, by slug.
    pub activities: BTreeMap<String, ActivityBooks>,
    /// The box of the VAT return that each account belongs to; empty: the defaults of
    /// [`Accounts::vat_boxes`].
    pub vat_boxes: BTreeMap<u16, VatBox>,
    /// How it invoices.
    pub invoicing: Invoicing,
    /// Settings for incoming payments.
    pub payments: Payments,
    /// For how long it keeps personal data.
    pub retention: Retention,
    /// Who may sign for it; empty: the register does not look at who does.
    pub signatories: Vec<Signatory>,
}

/// Somebody who may sign for the network (firmatecknare): a table `[[network.signatories]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatory {
    /// Who.
    pub name: String,
    /// As what.
    pub title: Option<String>,
    /// First day; null: since ever.
    pub from: Option<NaiveDate>,
    /// Last day; null: until further notice.
    pub to: Option<NaiveDate>,
}

/// Accounts of the BAS chart (baskontoplan), each of four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Kundfordringar.
    pub receivables: u16,
    /// Företagskonto.
    pub bank: u16,
    /// Utgående moms, 25 %.
    pub vat: u16,
    /// Utgående moms, 12 %.
    pub vat_12: u16,
    /// Utgående moms, 6 %.
    pub vat_6: u16,
    /// Försäljning av tjänster, 25 % moms.
    pub revenue: u16,
    /// Försäljning av tjänster, 12 % moms.
    pub revenue_12: u16,
    /// Försäljning av tjänster, 6 % moms.
    pub revenue_6: u16,
    /// Försäljning av tjänster without VAT: at the rate of nought, exempt, or outside the scope of
    /// VAT (momsfri).
    pub revenue_untaxed: u16,
    /// Revenue outside the scope of VAT, which belongs to no box of the VAT return; null:
    /// `revenue_untaxed`.
    pub revenue_outside_scope: Option<u16>,
    /// Försäljning av tjänster till annat EU-land.
    pub revenue_eu: u16,
    /// Försäljning av tjänster utanför Sverige.
    pub revenue_abroad: u16,
    /// Observation account: payments of the bank that are not matched.
    pub observation: u16,
    /// Öresavrundning.
    pub rounding: u16,
    /// Ränteintäkter från kundfordringar.
    pub interest: u16,
    /// Medlemsavgifter; null: the revenue account of the line's VAT treatment.
    pub membership_fee: Option<u16>,
    /// Serviceavgifter; null: the revenue account of the line's VAT treatment.
    pub service_fee: Option<u16>,
    /// Påminnelseavgifter.
    pub reminder_fees: u16,
}

impl Accounts {
    /// Returns the setting (a key of `[network.accounts]`) that uses an account for what is no
    /// revenue; `None` if no such setting does.
    #[must_use]
    pub fn reserved_for(&self, account: &str) -> Option<&'static str> {
        let reserved = [
            ("receivables", self.receivables),
            ("bank", self.bank),
            ("observation", self.observation),
            ("vat", self.vat),
            ("vat_12", self.vat_12),
            ("vat_6", self.vat_6),
            ("rounding", self.rounding),
        ];
        let account: u16 = account.parse().ok()?;
        reserved.into_iter().find(|(_, own)| *own == account).map(|(key, _)| key)
    }

    /// Returns the revenue accounts of what has none of its own.
    #[must_use]
    pub fn revenue_accounts(&self) -> RevenueAccounts {
        RevenueAccounts {
            at_25: self.revenue,
            at_12: self.revenue_12,
            at_6: self.revenue_6,
            untaxed: self.revenue_untaxed,
            outside_scope: self.revenue_outside_scope,
        }
    }

    /// Returns the boxes of the VAT return that these accounts and those of activities belong to.
    #[must_use]
    pub fn vat_boxes(&self, activities: &BTreeMap<String, ActivityBooks>) -> BTreeMap<u16, VatBox> {
        let general = self.revenue_accounts();
        let mut boxes = BTreeMap::new();
        for own in activities.values().map(|own| own.accounts(general)).chain([general]) {
            boxes.extend(
                [own.at_25, own.at_12, own.at_6].map(|account| (account, VatBox::TaxedSales)),
            );
            boxes.insert(own.untaxed, VatBox::OtherSales);
        }
        boxes.extend([
            (self.vat, VatBox::Vat25),
            (self.vat_12, VatBox::Vat12),
            (self.vat_6, VatBox::Vat6),
        ]);
        boxes.extend([
            (self.revenue_eu, VatBox::EuServices),
            (self.revenue_abroad, VatBox::ForeignServices),
        ]);
        boxes
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            receivables: 1510,
            bank: 1930,
            vat: 2611,
            vat_12: 2621,
            vat_6: 2631,
            revenue: 3041,
            revenue_12: 3042,
            revenue_6: 3043,
            revenue_untaxed: 3044,
            revenue_outside_scope: None,
            revenue_eu: 3308,
            revenue_abroad: 3305,
            observation: 2890,
            rounding: 3740,
            interest: 8313,
            membership_fee: None,
            service_fee: None,
            reminder_fees: 3990,
        }
    }
}

/// How the network invoices: the table `[network.invoicing]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoicing {
    /// Days from issue to the last day to pay, unless an invoice says otherwise. At most 30: a
    /// public body may not be given more (räntelagen 2 a §).
    pub due_days: u16,
    /// Whether totals are rounded to whole kronor (öresavrundning).
    pub whole_kronor: bool,
    /// Whether OCR references have a length digit, as the network has agreed with its bank.
    pub ocr_length_digit: bool,
    /// `true` if it says «Godkänd för F-skatt», which only who is approved may say.
    pub f_tax: bool,
    /// Percentage points of late interest above the reference rate (räntelagen 6 §).
    pub interest_points: u16,
    /// `true` if the statutes say that interest runs from the last day to pay (räntelagen 3 §). An
    /// agreement that says otherwise goes before.
    pub interest_from_due_date: bool,
    /// Fee of a reminder by the statutes, öre: at most 60 kr, and nothing that was not agreed (lag
    /// 1981:739). The statutes bind members; what an agreement says goes before. Invoices say what
    /// held when they were issued.
    pub reminder_fee: Money,
    /// `true` if 450 kr are claimed of who pays late (förseningsersättning, lag 1981:739 4 a §), in
    /// the place of a reminder fee; never for what is outside the scope of VAT, which is paid for
    /// neither goods nor services.
    pub late_compensation: bool,
    /// Why lines without VAT are exempt, in the words that such an invoice must have
    /// (mervärdesskattelag 17 kap. 24 §).
    pub exemption_reason: String,
    /// Why lines are outside the scope of VAT, in words.
    pub outside_scope_reason: String,
}

impl Default for Invoicing {
    fn default() -> Self {
        Self {
            due_days: 30,
            whole_kronor: false,
            ocr_length_digit: true,
            f_tax: false,
            interest_points: 8,
            interest_from_due_date: false,
            reminder_fee: Money::ZERO,
            late_compensation: false,
            exemption_reason: "Undantag från moms enligt 10 kap. mervärdesskattelagen".to_owned(),
            outside_scope_reason:
                "Avgiften är inte ersättning för en vara eller tjänst och omfattas inte av moms"
                    .to_owned(),
        }
    }
}

/// For how long the network keeps personal data, by its own decision: the table
/// `[network.retention]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Months that a person stays after its last day in its role.
    pub contact_months: u16,
    /// Months that the log of who read contacts stays.
    pub read_log_months: u16,
    /// Calendar years after that of a bank payment through which the payer's name and message stay.
    pub payer_years: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { contact_months: 24, read_log_months: 24, payer_years: 7 }
    }
}

impl Given {
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
            org_number: self
                .optional("network.org_number", |text| text.parse().map_err(str::to_owned)),
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
        }
    }

    fn invoicing(&mut self) -> Invoicing {
        let defaults = Invoicing::default();
        Invoicing {
            due_days: self
                .take("network.invoicing.due_days", defaults.due_days, |text| number(text, 0..=30)),
            whole_kronor: self.take(
                "network.invoicing.whole_kronor",
                defaults.whole_kronor,
                yes_or_no,
            ),
            ocr_length_digit: self.take(
                "network.invoicing.ocr_length_digit",
                defaults.ocr_length_digit,
                yes_or_no,
            ),
            f_tax: self.take("network.invoicing.f_tax", defaults.f_tax, yes_or_no),
            interest_points: self.take(
                "network.invoicing.interest_points",
                defaults.interest_points,
                |text| number(text, 0..=100),
            ),
            interest_from_due_date: self.take(
                "network.invoicing.interest_from_due_date",
                defaults.interest_from_due_date,
                yes_or_no,
            ),
            reminder_fee: self.take(
                "network.invoicing.reminder_fee",
                defaults.reminder_fee,
                |text| {
                    let fee: Option<Money> =
                        text.parse().ok().filter(|fee| (Money::ZERO..=Money(6000)).contains(fee));
                    fee.ok_or_else(|| {
                        "must be kronor from 0 to 60, the most that the law allows".to_owned()
                    })
                },
            ),
            late_compensation: self.take(
                "network.invoicing.late_compensation",
                defaults.late_compensation,
                yes_or_no,
            ),
            exemption_reason: self.take(
                "network.invoicing.exemption_reason",
                defaults.exemption_reason,
                line,
            ),
            outside_scope_reason: self.take(
                "network.invoicing.outside_scope_reason",
                defaults.outside_scope_reason,
                line,
            ),
        }
    }

    fn retention(&mut self) -> Retention {
        let defaults = Retention::default();
        let mut months = |name, default| self.take(name, default, |text| number(text, 1..=240));
        Retention {
            contact_months: months("network.retention.contact_months", defaults.contact_months),
            read_log_months: months("network.retention.read_log_months", defaults.read_log_months),
            // What the law on bookkeeping keeps can't go sooner.
            payer_years: self.take("network.retention.payer_years", defaults.payer_years, |text| {
                number(text, 7..=50)
            }),
        }
    }

    fn signatories(&mut self) -> Vec<Signatory> {
        self.known.push(SIGNATORIES);
        if let Some((position, _)) = self.values.remove(SIGNATORIES) {
            self.errors
                .add(position, format!("must be tables, each under a line [[{SIGNATORIES}]]"));
        }
        let mut signatories = Vec::new();
        for number in 0..self.signatories {
            let name = |key: &str| format!("{SIGNATORIES}.{number}.{key}");
            let position = |given: &Self, key: &str| {
                given
                    .values
                    .get(&name(key))
                    .map_or_else(|| name(key), |(position, _)| position.clone())
            };
            let (of_name, of_end) = (position(self, "name"), position(self, "to"));
            let some = |text: &str| line(text).map(Some);
            let day = |text: &str| {
                text.parse().map(Some).map_err(|_| "is not a day, as 2026-11-21".to_owned())
            };
            let signatory = Signatory {
                name: self.value(&name("name"), String::new(), line),
                title: self.value(&name("title"), None, some),
                from: self.value(&name("from"), None, day),
                to: self.value(&name("to"), None, day),
            };
            self.errors.expect(!signatory.name.is_empty(), &of_name, "must be set: who may sign");
            let in_order = signatory.from.zip(signatory.to).is_none_or(|(from, to)| from <= to);
            self.errors.expect(in_order, &of_end, "must not be before from");
            signatories.push(signatory);
        }
        signatories
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

pub(super) fn giro(
    text: &str,
    lengths: RangeInclusive<usize>,
    error: &str,
) -> Result<String, String> {
    let digits = text.replace([' ', '-'], "");
    checked(text, lengths.contains(&digits.len()) && luhn_holds(&digits), error)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            FILE,
            tests::{bad, good},
        },
        *,
    };

    #[test]
    fn those_who_may_sign_have_days() {
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
    fn for_how_long_the_network_keeps_personal_data_is_read_from_its_table() {
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
    fn how_the_network_invoices_is_read_from_its_table() {
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
