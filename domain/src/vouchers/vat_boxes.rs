//! Boxes of the VAT return: the sums of vouchers and of invoices by box.

use std::collections::BTreeMap;

use ::entity::{kind::VatRate, total::Total};
use documents::sie::Voucher;

use crate::config::{Network, VatBox};

/// A box of the VAT return with its two sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxSums {
    /// The box.
    pub vat_box: VatBox,
    /// Sum of the vouchers on the accounts of the box, öre.
    pub of_vouchers: Total,
    /// Sum of the lines of invoices less credit notes, öre.
    pub of_documents: Total,
}

/// The VAT return of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VatReturn {
    /// Every box, in order.
    pub boxes: Vec<BoxSums>,
    /// Revenue accounts of lines without a box, with their sums, öre.
    pub without_box: Vec<(String, Total)>,
}

impl VatReturn {
    /// `true` if vouchers and invoices agree in every box.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.boxes.iter().all(|sums| sums.of_vouchers == sums.of_documents)
    }
}

/// Returns the sums of vouchers by box, with the signs of the return: sales and VAT are positive.
#[must_use]
pub fn of_vouchers(network: &Network, vouchers: &[Voucher]) -> BTreeMap<VatBox, Total> {
    let boxes = boxes(network);
    let mut sums = BTreeMap::new();
    for line in vouchers.iter().flat_map(|voucher| &voucher.transactions) {
        let Some(vat_box) =
            u16::try_from(line.account).ok().and_then(|account| boxes.get(&account))
        else {
            continue;
        };
        add(&mut sums, *vat_box, -line.amount);
    }
    sums
}

fn boxes(network: &Network) -> BTreeMap<u16, VatBox> {
    if network.vat_boxes.is_empty() {
        network.accounts.vat_boxes(&network.activities)
    } else {
        network.vat_boxes.clone()
    }
}

fn add(sums: &mut BTreeMap<VatBox, Total>, vat_box: VatBox, amount: impl Into<Total>) {
    *sums.entry(vat_box).or_insert(Total::ZERO) += amount.into();
}

/// Lines of a VAT treatment on an account, net of credit notes.
pub(super) struct Lines {
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// Revenue account.
    pub account: String,
    /// Sum without VAT, öre.
    pub net: Total,
    /// VAT, öre.
    pub vat: Total,
}

/// Calculates the VAT return of a period from its vouchers and from the lines of its invoices.
pub(super) fn calculate(network: &Network, vouchers: &[Voucher], lines: Vec<Lines>) -> VatReturn {
    let booked = of_vouchers(network, vouchers);
    let boxes = boxes(network);
    let (mut invoiced, mut without_box) = (BTreeMap::new(), BTreeMap::new());
    for line in lines {
        let vat_box = match line.vat_rate {
            VatRate::Standard25 => Some((VatBox::TaxedSales, Some(VatBox::Vat25))),
            VatRate::Reduced12 => Some((VatBox::TaxedSales, Some(VatBox::Vat12))),
            VatRate::Reduced6 => Some((VatBox::TaxedSales, Some(VatBox::Vat6))),
            // Untaxed lines have the box of their account: supplied to the EU, supplied abroad, or
            // exempt.
            VatRate::Zero | VatRate::Exempt | VatRate::OutsideScope => line
                .account
                .parse()
                .ok()
                .and_then(|account| boxes.get(&account))
                .map(|vat_box| (*vat_box, None)),
        };
        let Some((sales, vat)) = vat_box else {
            *without_box.entry(line.account).or_insert(Total::ZERO) += line.net;
            continue;
        };
        add(&mut invoiced, sales, line.net);
        if let Some(vat) = vat {
            add(&mut invoiced, vat, line.vat);
        }
    }
    let of = |sums: &BTreeMap<VatBox, Total>, vat_box| {
        sums.get(&vat_box).copied().unwrap_or(Total::ZERO)
    };
    let sums = |vat_box| BoxSums {
        vat_box,
        of_vouchers: of(&booked, vat_box),
        of_documents: of(&invoiced, vat_box),
    };
    VatReturn {
        boxes: VatBox::ALL.iter().copied().map(sums).collect(),
        without_box: without_box.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use ::entity::money::Money;
    use chrono::NaiveDate;

    use super::*;
    use documents::sie::Transaction;

    #[test]
    fn vouchers_are_added_up_by_the_box_of_their_account() {
        let booked =
            |account, amount| Transaction { account, project: None, amount: Money(amount) };
        let vouchers = [Voucher {
            series: "F",
            number: None,
            date: NaiveDate::default(),
            text: String::new(),
            transactions: vec![
                booked(1510, 12_500),
                booked(3041, -10_000),
                booked(2611, -2_500),
                booked(3740, 0),
            ],
        }];
        let sums = of_vouchers(&Network::default(), &vouchers);
        assert_eq!(
            sums,
            BTreeMap::from([(VatBox::TaxedSales, Total(10_000)), (VatBox::Vat25, Total(2_500))])
        );
        let boxes = BTreeMap::from([(3041, VatBox::OtherSales)]);
        let sums = of_vouchers(&Network { vat_boxes: boxes, ..Network::default() }, &vouchers);
        assert_eq!(sums, BTreeMap::from([(VatBox::OtherSales, Total(10_000))]));
    }

    #[test]
    fn lines_have_the_box_of_their_rate_or_of_their_account() {
        let line = |vat_rate, account: &str, net, vat| Lines {
            vat_rate,
            account: account.into(),
            net: Total(net),
            vat: Total(vat),
        };
        let network = Network {
            vat_boxes: BTreeMap::from([(3044, VatBox::OtherSales)]),
            ..Network::default()
        };
        let lines = vec![
            line(VatRate::Standard25, "3041", 10_000, 2_500),
            line(VatRate::Reduced6, "3041", 1_000, 60),
            line(VatRate::Exempt, "3044", 700, 0),
            line(VatRate::OutsideScope, "3990", 300, 0),
        ];
        let found = calculate(&network, &[], lines);
        let sums: BTreeMap<VatBox, Total> = found
            .boxes
            .iter()
            .filter(|own| own.of_documents != Total::ZERO)
            .map(|own| (own.vat_box, own.of_documents))
            .collect();
        let expected = BTreeMap::from([
            (VatBox::TaxedSales, Total(11_000)),
            (VatBox::Vat25, Total(2_500)),
            (VatBox::Vat6, Total(60)),
            (VatBox::OtherSales, Total(700)),
        ]);
        assert_eq!(sums, expected);
        assert_eq!(found.without_box, [("3990".to_owned(), Total(300))]);
        assert!(!found.agrees(), "there are no vouchers");
        assert!(calculate(&network, &[], Vec::new()).agrees());
    }
}
