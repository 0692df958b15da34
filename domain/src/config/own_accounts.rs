//! The network's own bank accounts. A payment to another account is not the network's to book.

use super::network::Network;

/// The network's own bank accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnAccounts {
    bankgiros: Vec<String>,
    plusgiros: Vec<String>,
    ibans: Vec<String>,
}

impl Network {
    /// Returns every account that the settings name as the network's own.
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
    /// Returns `true` if this is an own bankgiro; leading zeros are ignored.
    #[must_use]
    pub fn has_bankgiro(&self, number: &str) -> bool {
        has(&self.bankgiros, number)
    }

    /// Returns `true` if this is an own plusgiro; leading zeros are ignored.
    #[must_use]
    pub fn has_plusgiro(&self, number: &str) -> bool {
        has(&self.plusgiros, number)
    }

    /// Returns `true` if an account in ISO 20022 form is one of these: an IBAN, or another number
    /// in a scheme such as `BGNR`. A number without a scheme may be a giro, or the account number
    /// within an own IBAN.
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

    /// Returns the end of an error message about an account that is none of these.
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

/// Returns `true` if one of these numbers is the same number.
fn has(own: &[String], number: &str) -> bool {
    let number = number.trim_start_matches('0');
    !number.is_empty() && own.iter().any(|own| own.trim_start_matches('0') == number)
}

fn digits(giro: &str) -> String {
    giro.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use ::entity::money::Money;

    use super::{
        super::{
            payments::Payments,
            settings::FILE,
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
