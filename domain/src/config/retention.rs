//! Settings of how long personal data is stored: the table `[network.retention]`.

use super::environment::{Environment, number};

/// Retention times of personal data, by the network's own decision: the table
/// `[network.retention]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Months for which a person is retained after its last day in its role.
    pub contact_months: u16,
    /// Months for which the log of who read contacts is retained.
    pub read_log_months: u16,
    /// Calendar years after that of a bank payment for which the payer's name and message are
    /// retained.
    pub payer_years: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { contact_months: 24, read_log_months: 24, payer_years: 7 }
    }
}

impl Environment {
    pub(super) fn retention(&mut self) -> Retention {
        let defaults = Retention::default();
        let mut months = |name, default| self.take(name, default, |text| number(text, 1..=240));
        Retention {
            contact_months: months("network.retention.contact_months", defaults.contact_months),
            read_log_months: months("network.retention.read_log_months", defaults.read_log_months),
            // The law on bookkeeping (bokföringslagen) requires at least seven years.
            payer_years: self.take("network.retention.payer_years", defaults.payer_years, |text| {
                number(text, 7..=50)
            }),
        }
    }
}
