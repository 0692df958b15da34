//! Settings of the books: accounts of the BAS chart, projects and accounts of activities, and the
//! boxes of the VAT return.

use std::collections::BTreeMap;

use ::entity::kind::VatRate;
use strum::{Display, IntoStaticStr, VariantArray, VariantNames};

use super::{
    environment::{Environment, number},
    names::{ACTIVITIES, VAT_BOXES},
};

/// Revenue accounts by VAT treatment. The VAT return (momsdeklaration) is derived from them, so
/// each treatment has its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevenueAccounts {
    /// 25 % VAT.
    pub at_25: u16,
    /// 12 % VAT.
    pub at_12: u16,
    /// 6 % VAT.
    pub at_6: u16,
    /// Without VAT: zero-rated, exempt, or outside the scope of VAT (momsfri).
    pub untaxed: u16,
    /// Outside the scope of VAT; null: the account `untaxed`.
    pub outside_scope: Option<u16>,
}

impl RevenueAccounts {
    /// Returns the account of a VAT treatment.
    #[must_use]
    pub fn at(&self, rate: VatRate) -> u16 {
        match rate {
            VatRate::Standard25 => self.at_25,
            VatRate::Reduced12 => self.at_12,
            VatRate::Reduced6 => self.at_6,
            VatRate::Zero | VatRate::Exempt => self.untaxed,
            VatRate::OutsideScope => self.outside_scope.unwrap_or(self.untaxed),
        }
    }
}

/// Project and accounts of an activity in the books: a table `[network.activities.SLUG]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityBooks {
    /// Number of its project, of digits; null: its slug.
    pub project: Option<String>,
    /// Its revenue account at 25 % VAT; null: the network's.
    pub revenue: Option<u16>,
    /// Its revenue account at 12 % VAT; null: the network's.
    pub revenue_12: Option<u16>,
    /// Its revenue account at 6 % VAT; null: the network's.
    pub revenue_6: Option<u16>,
    /// Its revenue account without VAT; null: the network's.
    pub revenue_untaxed: Option<u16>,
}

impl ActivityBooks {
    /// Returns its revenue accounts; an account that is not set is that of `general`.
    #[must_use]
    pub fn accounts(&self, general: RevenueAccounts) -> RevenueAccounts {
        RevenueAccounts {
            at_25: self.revenue.unwrap_or(general.at_25),
            at_12: self.revenue_12.unwrap_or(general.at_12),
            at_6: self.revenue_6.unwrap_or(general.at_6),
            untaxed: self.revenue_untaxed.unwrap_or(general.untaxed),
            outside_scope: general.outside_scope,
        }
    }
}

/// A box (ruta) of the VAT return that sales belong to.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
pub enum VatBox {
    /// Ruta 05: sales with VAT, without the VAT.
    #[strum(serialize = "05")]
    TaxedSales,
    /// Ruta 10: output VAT at 25 %.
    #[strum(serialize = "10")]
    Vat25,
    /// Ruta 11: output VAT at 12 %.
    #[strum(serialize = "11")]
    Vat12,
    /// Ruta 12: output VAT at 6 %.
    #[strum(serialize = "12")]
    Vat6,
    /// Ruta 39: services to a business in another country of the EU.
    #[strum(serialize = "39")]
    EuServices,
    /// Ruta 40: other services supplied abroad.
    #[strum(serialize = "40")]
    ForeignServices,
    /// Ruta 42: other sales without VAT.
    #[strum(serialize = "42")]
    OtherSales,
}

impl VatBox {
    /// Every box, in order.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Returns the number of the box, as `05`.
    #[must_use]
    pub fn number(self) -> &'static str {
        self.into()
    }
}

impl Environment {
    /// Returns the source of the first of these settings that is set, as errors name it; the first
    /// name if none is set.
    pub(super) fn position_of<const N: usize>(&self, names: [&str; N]) -> String {
        let set = names.iter().find_map(|name| self.values.get(*name));
        set.map(|(position, _)| position.clone())
            .or_else(|| names.first().map(|name| (*name).to_owned()))
            .unwrap_or_default()
    }

    /// Reads `[network.activities.SLUG]`.
    pub(super) fn activity_books(&mut self) -> BTreeMap<String, ActivityBooks> {
        self.known.push("network.activities.SLUG");
        let prefix = format!("{ACTIVITIES}.");
        let names: Vec<String> =
            self.values.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let mut books: BTreeMap<String, ActivityBooks> = BTreeMap::new();
        let mut projects: BTreeMap<String, String> = BTreeMap::new();
        for name in names {
            let Some((slug, key)) = name[prefix.len()..].rsplit_once('.') else { continue };
            let position = self
                .values
                .get(&name)
                .map_or_else(|| name.clone(), |(position, _)| position.clone());
            let mut own = books.remove(slug).unwrap_or_default();
            let account = |text: &str| number(text, 1000..=9999).map(Some);
            match key {
                "project" => own.project = self.value(&name, None, |text| project(text).map(Some)),
                "revenue" => own.revenue = self.value(&name, None, account),
                "revenue_12" => own.revenue_12 = self.value(&name, None, account),
                "revenue_6" => own.revenue_6 = self.value(&name, None, account),
                "revenue_untaxed" => own.revenue_untaxed = self.value(&name, None, account),
                // It remains among the unknown settings, which are reported.
                _ => {}
            }
            if key == "project"
                && let Some(number) = &own.project
                && let Some(other) = projects.insert(number.clone(), slug.to_owned())
            {
                self.errors.add(position, format!("is the project of {other} too"));
            }
            books.insert(slug.to_owned(), own);
        }
        books
    }

    /// Reads `[network.vat_boxes]`: the box of each account, overriding `defaults`.
    pub(super) fn vat_boxes(&mut self, defaults: BTreeMap<u16, VatBox>) -> BTreeMap<u16, VatBox> {
        self.known.push("network.vat_boxes.ACCOUNT");
        let prefix = format!("{VAT_BOXES}.");
        let names: Vec<String> =
            self.values.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let mut boxes = defaults;
        for name in names {
            // A name that is no account remains among the unknown settings, which are reported.
            let Ok(account) = number(&name[prefix.len()..], 1000..=9999_u16) else { continue };
            match self.value(&name, None, |text| vat_box(text).map(Some)) {
                Some(Some(known)) => _ = boxes.insert(account, known),
                Some(None) => _ = boxes.remove(&account),
                None => {}
            }
        }
        boxes
    }
}

fn project(text: &str) -> Result<String, String> {
    let holds = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    super::environment::checked(text, holds, "must be a project's number, of 1 to 10 digits")
}

/// Parses the number of a box; `none` for an account that belongs to no box.
fn vat_box(text: &str) -> Result<Option<VatBox>, String> {
    let padded = format!("{text:0>2}");
    let found = VatBox::ALL.iter().copied().find(|known| known.number() == padded);
    match found {
        None if text != "none" => {
            Err(format!("must be none or one of {}", <VatBox as VariantNames>::VARIANTS.join(", ")))
        }
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{bad, good},
        *,
    };

    #[test]
    fn activities_have_projects_and_accounts_of_their_own() {
        let file = "[network.activities.bip]\nproject = 101\nrevenue = 3051\n[network.activities.stoppa-valdet]\nproject = '007'\nrevenue_untaxed = 3985\n";
        let network = good(&[], file).network;
        let bip = ActivityBooks {
            project: Some("101".into()),
            revenue: Some(3051),
            ..ActivityBooks::default()
        };
        assert_eq!(network.activities["bip"], bip);
        assert_eq!(network.activities["stoppa-valdet"].project.as_deref(), Some("007"));
        let general = RevenueAccounts {
            at_25: 3041,
            at_12: 3042,
            at_6: 3043,
            untaxed: 3044,
            outside_scope: None,
        };
        assert_eq!(bip.accounts(general), RevenueAccounts { at_25: 3051, ..general });
        for (file, part) in [
            (
                "[network.activities.bip]\nproject = 'a'",
                "network.activities.bip.project must be a project's number",
            ),
            (
                "[network.activities.bip]\nrevenue = 1",
                "network.activities.bip.revenue must be a whole number",
            ),
            (
                "[network.activities.bip]\nprojekt = 1",
                "network.activities.bip.projekt is not a setting",
            ),
            (
                "[network.activities.a]\nproject = 1\n[network.activities.b]\nproject = 1",
                "is the project of a too",
            ),
        ] {
            let message = bad(&[], file);
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
    }

    #[test]
    fn accounts_belong_to_boxes() {
        let boxes = good(&[], "[network.accounts]\nservice_fee = 3911\n[network.vat_boxes]\n3911 = 5\n3305 = 'none'\n3999 = '42'")
            .network
            .vat_boxes;
        let number = |account: u16| boxes.get(&account).map(|known| known.number());
        assert_eq!((number(3911), number(3305), number(3999)), (Some("05"), None, Some("42")));
        assert_eq!(
            (number(3041), number(2611), number(3308), number(3044)),
            (Some("05"), Some("10"), Some("39"), Some("42"))
        );
        let message = bad(&[], "[network.vat_boxes]\n3911 = 6");
        assert!(
            message.contains(
                "network.vat_boxes.3911 must be none or one of 05, 10, 11, 12, 39, 40, 42"
            ),
            "{message}"
        );
        assert!(
            bad(&[], "[network.vat_boxes]\nx = 5").contains("network.vat_boxes.x is not a setting")
        );
        assert!(
            bad(&[], "[network.accounts]\nfees = 3901")
                .contains("network.accounts.fees was removed; set membership_fee and service_fee")
        );
    }
}
