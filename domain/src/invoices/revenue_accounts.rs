//! Revenue accounts of lines without one: by activity or fee, and by VAT treatment, since the VAT
//! return is derived from accounts.

use std::collections::HashMap;

use ::entity::{
    id::ActivityId,
    kind::{ChargeKind, VatRate},
};

use crate::config::{Accounts, RevenueAccounts};

/// The revenue accounts of a network.
#[derive(Clone, Debug)]
pub struct LineAccounts {
    pub(super) accounts: Accounts,
    pub(super) of_activities: HashMap<ActivityId, RevenueAccounts>,
}

impl LineAccounts {
    /// Returns the accounts of a network whose activities have none of their own.
    #[cfg(test)]
    pub(super) fn of_settings(accounts: Accounts) -> Self {
        Self { accounts, of_activities: HashMap::new() }
    }

    /// Returns the account of a line by its VAT treatment: that of its activity, or else that of
    /// all revenue.
    #[must_use]
    pub fn of_line(&self, activity: Option<ActivityId>, rate: VatRate) -> String {
        let own = activity.and_then(|activity| self.of_activities.get(&activity)).copied();
        own.unwrap_or_else(|| self.accounts.revenue_accounts()).at(rate).to_string()
    }

    /// Returns the account of a member's fee: from the settings, or else by its VAT treatment.
    #[must_use]
    pub fn of_fee(&self, kind: ChargeKind, rate: VatRate) -> String {
        let own = match kind {
            ChargeKind::ServiceFee => self.accounts.service_fee,
            ChargeKind::MembershipFee => self.accounts.membership_fee,
            ChargeKind::SpecialFee => None,
        };
        own.map_or_else(|| self.of_line(None, rate), |account| account.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_differ_by_activity_fee_and_rate() {
        let accounts = Accounts { revenue_6: 3999, service_fee: Some(3911), ..Accounts::default() };
        let bip = ActivityId::new();
        let own = RevenueAccounts { at_25: 3051, ..accounts.revenue_accounts() };
        let apart = Accounts { revenue_outside_scope: Some(3981), ..accounts };
        let apart = LineAccounts { accounts: apart, of_activities: HashMap::new() };
        assert_eq!(
            (
                apart.of_line(None, VatRate::OutsideScope).as_str(),
                apart.of_line(None, VatRate::Exempt).as_str()
            ),
            ("3981", "3044")
        );
        let known = LineAccounts { accounts, of_activities: HashMap::from([(bip, own)]) };
        for (rate, of_bip, of_others) in [
            (VatRate::Standard25, "3051", "3041"),
            (VatRate::Reduced12, "3042", "3042"),
            (VatRate::Reduced6, "3999", "3999"),
            (VatRate::Zero, "3044", "3044"),
            (VatRate::Exempt, "3044", "3044"),
            (VatRate::OutsideScope, "3044", "3044"),
        ] {
            assert_eq!(known.of_line(Some(bip), rate), of_bip, "{rate:?}");
            assert_eq!(
                (known.of_line(Some(ActivityId::new()), rate), known.of_line(None, rate)),
                (of_others.into(), of_others.into())
            );
            assert_eq!(known.of_fee(ChargeKind::ServiceFee, rate), "3911");
            assert_eq!(known.of_fee(ChargeKind::MembershipFee, rate), of_others);
        }
    }
}
