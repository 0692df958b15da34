//! Numbers and digests of exported vouchers.

use std::collections::HashMap;

use ::entity::{id::ExportBatchId, kind::VoucherSource, voucher::Model};
use chrono::Datelike;
use documents::sha256;

use super::bookings::Booked;

/// Last number of each series and year.
pub(super) type LastNumbers = HashMap<(String, i32), i32>;

/// Assigns the next numbers of their series and years to vouchers, and returns their rows of a
/// batch.
pub(super) fn number(
    vouchers: &mut [Booked],
    last: &mut LastNumbers,
    batch: ExportBatchId,
) -> Vec<Model> {
    let mut exported = Vec::with_capacity(vouchers.len());
    for Booked { source, source_id, part, voucher } in vouchers {
        let year = voucher.date.year();
        let number = last.entry((voucher.series.to_owned(), year)).or_default();
        *number += 1;
        voucher.number = Some(*number);
        exported.push(Model {
            source: *source,
            source_id: *source_id,
            part: *part,
            series: Some(voucher.series.to_owned()),
            year: Some(year),
            number: Some(*number),
            batch_id: Some(batch),
        });
    }
    exported
}

/// Returns the digest of the series, years and numbers of these vouchers.
#[must_use]
pub fn digest(vouchers: &[Model]) -> String {
    let mut lines: Vec<_> = vouchers
        .iter()
        .map(|row| (row.series.as_deref(), row.year, row.number, row.source))
        .collect();
    lines.sort_unstable();
    let line = |(series, year, number, source): &(
        Option<&str>,
        Option<i32>,
        Option<i32>,
        VoucherSource,
    )| {
        format!(
            "{} {} {} {source}\n",
            series.unwrap_or_default(),
            year.unwrap_or_default(),
            number.unwrap_or_default()
        )
    };
    sha256(lines.iter().map(line).collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_the_vouchers_in_any_order() {
        let voucher = |series: &str, number| Model {
            series: Some(series.to_owned()),
            year: Some(2026),
            number: Some(number),
            ..Model::default()
        };
        let (one, two) = (voucher("F", 1), voucher("B", 1));
        assert_eq!(digest(&[one.clone(), two.clone()]), digest(&[two.clone(), one.clone()]));
        assert_ne!(digest(&[one.clone(), two]), digest(&[one.clone(), voucher("B", 2)]));
        assert_ne!(digest(std::slice::from_ref(&one)), digest(&[]));
    }

    #[test]
    fn numbers_continue_by_series_and_year() {
        let booked = |series: &'static str, day: &str| Booked {
            source: VoucherSource::Payment,
            source_id: uuid::Uuid::from_u128(1),
            part: 1,
            voucher: documents::sie::Voucher {
                series,
                number: None,
                date: day.parse().unwrap(),
                text: String::new(),
                transactions: Vec::new(),
            },
        };
        let mut vouchers = [
            booked("B", "2026-11-01"),
            booked("F", "2026-11-01"),
            booked("B", "2026-12-31"),
            booked("B", "2027-01-01"),
        ];
        let mut last = LastNumbers::from([(("B".to_owned(), 2026), 7)]);
        let batch = ExportBatchId::new();
        let rows = number(&mut vouchers, &mut last, batch);
        let numbers: Vec<_> = rows.iter().map(|row| (row.year, row.number)).collect();
        assert_eq!(
            numbers,
            [(2026, 8), (2026, 1), (2026, 9), (2027, 1)].map(|(year, nth)| (Some(year), Some(nth)))
        );
        assert!(rows.iter().zip(&vouchers).all(|(row, own)| row.number == own.voucher.number));
        assert!(rows.iter().all(|row| row.batch_id == Some(batch)));
        assert_eq!(last[&("B".to_owned(), 2027)], 1);
    }
}
