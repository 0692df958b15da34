//! Settings of incoming payments: the table `[network.payments]`.

use ::entity::money::Money;

use super::{environment::Environment, iban::giro};

/// Settings of incoming payments: the table `[network.payments]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Own bankgiro numbers in addition to `network.bankgiro`, as digits.
    pub bankgiros: Vec<String>,
    /// Own plusgiro numbers in addition to `network.plusgiro`, as digits.
    pub plusgiros: Vec<String>,
    /// Own accounts by IBAN in addition to `network.iban`, without blanks.
    pub ibans: Vec<String>,
    /// Largest difference between an invoice and its payment that is written off automatically,
    /// öre; zero: none.
    pub write_off_limit: Money,
}

/// Less than a krona, which rounding to whole kronor causes.
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

impl Environment {
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

/// Parses several values, separated by commas.
fn list(text: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(read).collect()
}

/// Parses an IBAN (ISO 13616), and returns it without blanks.
fn iban(text: &str) -> Result<String, String> {
    let iban: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let is_shaped = (15..=34).contains(&iban.len())
        && iban.bytes().enumerate().all(|(at, byte)| match at {
            0 | 1 => byte.is_ascii_uppercase(),
            2 | 3 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        });
    let rotated = iban.get(4..).unwrap_or_default().chars().chain(iban.chars().take(4));
    let rest = rotated.filter_map(|char| char.to_digit(36)).fold(0, |rest, value| {
        let factor = if value > 9 { 100 } else { 10 };
        (rest * factor + value) % 97
    });
    if is_shaped && rest == 1 {
        Ok(iban)
    } else {
        Err("has an account that is no IBAN, as SE45 5000 0000 0583 9825 7466".to_owned())
    }
}
