//! The network's own bank accounts: what came in on another account is not the network's to book.

use ::entity::money::Money;

use super::{Given, Network, network::giro};

/// Settings of incoming payments: the table `[network.payments]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Own bankgiro numbers beside `network.bankgiro`, as digits.
    pub bankgiros: Vec<String>,
    /// Own plusgiro numbers beside `network.plusgiro`, as digits.
    pub plusgiros: Vec<String>,
    /// Own accounts by IBAN beside `network.iban`, without blanks.
    pub ibans: Vec<String>,
    /// The largest difference, in öre, between an invoice and what was paid of it that is written
    /// off automatically; zero: none is.
    pub write_off_limit: Money,
}

/// Less than a krona: what rounding to whole kronor makes.
const WRITE_OFF_LIMIT: Money = Money(99);

impl Default for Payments {
    fn default() -> Self {
        Self {
            bankgiros: Vec::new(),
            plusgiros: Vec::new(),
            ibans: Vec::new(),
            write_off_limit: WRITE_OFF_LIMIT,
        }
    }
}

/// The network's own bank accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnAccounts {
    bankgiros: Vec<String>,
    plusgiros: Vec<String>,
    ibans: Vec<String>,
}

impl Network {
    /// Every account that the settings name as the network's own.
    #[must_use]
    pub fn own_accounts(&self) -> OwnAccounts {
        let all = |first: Option<&String>, more: &[String]| {
            first.into_iter().chain(more).map(|giro| digits(giro)).collect()
        };
        OwnAccounts {
            bankgiros: all(self.bankgiro.as_ref(), &self.payments.bankgiros),
            plusgiros: all(self.plusgiro.as_ref(), &self.payments.plusgiros),
            ibans: self
                .iban
                .iter()
                .map(|iban| iban.replace(' ', ""))
                .chain(self.payments.ibans.iter().cloned())
                .collect(),
        }
    }
}

impl OwnAccounts {
    /// `true` if this is an own bankgiro; zeros before it are ignored.
    #[must_use]
    pub fn has_bankgiro(&self, number: &str) -> bool {
        has(&self.bankgiros, number)
    }

    /// `true` if this is an own plusgiro; zeros before it are ignored.
    #[must_use]
    pub fn has_plusgiro(&self, number: &str) -> bool {
        has(&self.plusgiros, number)
    }

    /// `true` if an account is one of these as ISO 20022 names it: by IBAN, or by another number in
    /// a scheme such as `BGNR`. A number without a scheme may be a giro, or the account number that
    /// an own IBAN contains.
    #[must_use]
    pub fn has(&self, account: &str, scheme: Option<&str>) -> bool {
        let account: String = account
            .chars()
            .filter(|char| char.is_ascii_alphanumeric())
            .collect::<String>()
            .to_ascii_uppercase();
        match scheme {
            Some("BGNR") => self.has_bankgiro(&account),
            Some("PGNR") => self.has_plusgiro(&account),
            _ => {
                let within = |iban: &String| {
                    let [with_bank, without] =
                        [4, 7].map(|from| iban.get(from..).unwrap_or_default());
                    *iban == account || has(&[with_bank.to_owned(), without.to_owned()], &account)
                };
                self.has_bankgiro(&account)
                    || self.has_plusgiro(&account)
                    || self.ibans.iter().any(within)
            }
        }
    }

    /// The end of a message that says that an account is none of these.
    #[must_use]
    pub fn describe(&self) -> String {
        let all: Vec<&str> = [&self.bankgiros, &self.plusgiros, &self.ibans]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if all.is_empty() {
            "not of the network's own: the settings name none; set network.bankgiro, network.plusgiro or network.payments.iban".to_owned()
        } else {
            format!(
                "not of the network's own, {}; add it to [network.payments] if it is yours",
                all.join(", ")
            )
        }
    }
}

/// `true` if one of these numbers is the same number.
fn has(own: &[String], number: &str) -> bool {
    let number = number.trim_start_matches('0');
    !number.is_empty() && own.iter().any(|own| own.trim_start_matches('0') == number)
}

fn digits(giro: &str) -> String {
    giro.chars().filter(char::is_ascii_digit).collect()
}

impl Given {
    pub(super) fn payments(&mut self) -> Payments {
        Payments {
            bankgiros: self.take("network.payments.bankgiro", Vec::new(), |text| {
                list(text, |one| giro(one, 7..=8, "has a number that is no bankgiro, as 5050-1055"))
            }),
            plusgiros: self.take("network.payments.plusgiro", Vec::new(), |text| {
                list(text, |one| {
                    giro(one, 2..=8, "has a number that is no plusgiro, as 28 65 43-4")
                })
            }),
            ibans: self.take("network.payments.iban", Vec::new(), |text| list(text, iban)),
            write_off_limit: self.take(
                "network.payments.write_off_limit",
                WRITE_OFF_LIMIT,
                |text| {
                    let limit: Option<Money> = text
                        .parse()
                        .ok()
                        .filter(|limit| (Money::ZERO..=WRITE_OFF_LIMIT).contains(limit));
                    limit.ok_or_else(|| {
                        "must be kronor from 0 to 0.99: less than a krona".to_owned()
                    })
                },
            ),
        }
    }
}

/// Several values with commas between.
fn list(text: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(read).collect()
}

/// An IBAN (ISO 13616) without blanks.
fn iban(text: &str) -> Result<String, String> {
    let iban: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let is_shaped = (15..=34).contains(&iban.len())
        && iban.bytes().enumerate().all(|(at, byte)| match at {
            0 | 1 => byte.is_ascii_uppercase(),
            2 | 3 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        });
    let turned = iban.get(4..).unwrap_or_default().chars().chain(iban.chars().take(4));
    let rest = turned.filter_map(|char| char.to_digit(36)).fold(0, |rest, value| {
        let factor = if value > 9 { 100 } else { 10 };
        (rest * factor + value) % 97
    });
    if is_shaped && rest == 1 {
        Ok(iban)
    } else {
        Err("has an account that is no IBAN, as SE45 5000 0000 0583 9825 7466".to_owned())
    }
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
    fn own_accounts_are_all_that_the_settings_name() {
        let file = "[network]\nbankgiro = '5050-1055'\nplusgiro = '28 65 43-4'\n[network.payments]\nbankgiro = ['991-2346']\n\
            iban = 'SE45 5000 0000 0583 9825 7466, DE89370400440532013000'\nwrite_off_limit = '0.50'";
        let network = good(&[], file).network;
        assert_eq!(network.payments.write_off_limit, Money(50));
        let own = network.own_accounts();
        for (account, scheme) in [
            ("5050-1055", None),
            ("0050501055", Some("BGNR")),
            ("9912346", Some("BGNR")),
            ("2865434", Some("PGNR")),
            ("SE4550000000058398257466", None),
            ("58398257466", Some("BBAN")),
            ("50000000058398257466", None),
            ("DE89370400440532013000", None),
        ] {
            assert!(own.has(account, scheme), "{account}");
        }
        for (account, scheme) in [
            ("2865434", Some("BGNR")),
            ("5050-1056", None),
            ("SE3550000000054910000003", None),
            ("", None),
            ("0", None),
            ("466", None),
        ] {
            assert!(!own.has(account, scheme), "{account}");
        }
        assert!(!Network::default().own_accounts().has("50501055", None));
        assert!(own.has_plusgiro("0002865434") && !own.has_bankgiro("0000000000"));
    }

    #[test]
    fn a_bad_account_of_the_settings_is_named() {
        for (key, value) in [
            ("bankgiro", "'5050-1055, 1'"),
            ("plusgiro", "'1'"),
            ("iban", "'SE4550000000058398257467'"),
            ("write_off_limit", "'1.00'"),
        ] {
            let message = bad(&[], &format!("[network.payments]\n{key} = {value}"));
            assert!(message.starts_with(&format!("{FILE}: network.payments.{key} ")), "{message}");
        }
        assert_eq!(good(&[], "").network.payments, Payments::default());
    }
}
