//! Settings of the network's accounts: the table `[network.accounts]`.

use std::collections::BTreeMap;

use super::books::{ActivityBooks, RevenueAccounts, VatBox};

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
    /// Försäljning av tjänster without VAT: zero-rated, exempt, or outside the scope of VAT
    /// (momsfri).
    pub revenue_untaxed: u16,
    /// Revenue outside the scope of VAT, which belongs to no box of the VAT return; null:
    /// `revenue_untaxed`.
    pub revenue_outside_scope: Option<u16>,
    /// Försäljning av tjänster till annat EU-land.
    pub revenue_eu: u16,
    /// Försäljning av tjänster utanför Sverige.
    pub revenue_abroad: u16,
    /// Observation account: bank payments that are not matched.
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
    /// Returns the setting (a key of `[network.accounts]`) that uses an account for something other
    /// than revenue; `None` if no setting does.
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

    /// Returns the revenue accounts of activities without accounts of their own.
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
