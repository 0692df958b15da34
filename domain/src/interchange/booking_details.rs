//! The columns of costs.csv and grants.csv about supplier, agreement, VAT and reversal.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId},
    money::Money,
};
use chrono::NaiveDate;
use uuid::Uuid;

use super::{
    File,
    import::session::Import,
    key_resolution::{self, Party, References},
    row::{self, Cells, Line},
};
use crate::{
    error::{LINE, Result},
    ledger::{
        booked_for::{unfit_for_cost, unfit_for_grant},
        booking::unfit_vat,
    },
};

/// The supplier, agreement and VAT of a booking, and the booking that it reverses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub vat: Option<Money>,
    pub supplier: Option<Party>,
    pub reference: Option<String>,
    pub agreement: Option<AgreementId>,
    pub reverses: Option<Uuid>,
    pub reason: Option<String>,
}

/// The details of a row of a file; `None` for a column that the file doesn't have.
#[derive(Debug, Default)]
pub(super) struct DetailsDraft {
    vat: Option<Option<Money>>,
    supplier: Option<Option<String>>,
    reference: Option<Option<String>>,
    agreement: Option<Option<String>>,
    /// The day of the reversed booking, and its number among equal bookings.
    pub reverses: Option<Option<(NaiveDate, i32)>>,
    reason: Option<Option<String>>,
}

impl DetailsDraft {
    /// Parses the columns that the file has.
    pub fn read(cells: &mut Cells<'_>) -> Self {
        Self {
            vat: cells.present("vat").then(|| cells.optional_decimal("vat")),
            supplier: cells.present("supplier").then(|| cells.optional_key("supplier")),
            reference: cells.present("reference").then(|| cells.optional_text("reference", LINE)),
            agreement: cells.present("agreement").then(|| cells.optional_key("agreement")),
            reverses: cells.present("reverses").then(|| reverses(cells)),
            reason: cells.present("reason").then(|| cells.optional_text("reason", LINE)),
        }
    }
}

fn reverses(cells: &mut Cells<'_>) -> Option<(NaiveDate, i32)> {
    let text = cells.raw("reverses");
    if text.is_empty() {
        return None;
    }
    match position(text) {
        Ok(position) => Some(position),
        Err(reason) => {
            cells.errors.add("reverses", reason);
            None
        }
    }
}

/// Parses `2026-04-01`, or `2026-04-01 2` for the second of several equal bookings of a day.
fn position(text: &str) -> Result<(NaiveDate, i32), &'static str> {
    let (day, occurrence) = match text.split_once(' ') {
        Some((day, occurrence)) => {
            let number = occurrence.parse().ok().filter(|number| *number > 0);
            (day, number.ok_or("must be a day, or a day and a number from 1 on, as 2026-04-01 2")?)
        }
        None => (text, 1),
    };
    Ok((row::day(day)?, occurrence))
}

/// Resolved suppliers and agreements.
pub(super) struct Lookups {
    parties: References<Party>,
    agreements: References<AgreementId>,
    rows: HashMap<Uuid, agreement::Model>,
}

/// Keys of suppliers and of agreements.
pub(super) type Keys = (BTreeSet<String>, BTreeSet<String>);

/// Collects the keys in rows.
pub(super) fn keys_in<'d>(drafts: impl Iterator<Item = &'d DetailsDraft>) -> Keys {
    let (mut suppliers, mut agreements) = Keys::default();
    for draft in drafts {
        suppliers.extend(draft.supplier.iter().flatten().cloned());
        agreements.extend(draft.agreement.iter().flatten().cloned());
    }
    (suppliers, agreements)
}

impl Lookups {
    /// Resolves keys.
    pub async fn load(import: &Import<'_>, (suppliers, wanted): Keys) -> Result<Self> {
        let ids: BTreeSet<Uuid> = if wanted.is_empty() {
            BTreeSet::new()
        } else {
            let columns = [agreement::Column::Id, agreement::Column::ImportKey];
            key_resolution::existing::<agreement::Model>(import.tx(), &wanted, &columns)
                .await?
                .into_values()
                .map(|row| row.id.0)
                .collect()
        };
        Ok(Self {
            parties: key_resolution::parties(import, suppliers).await?,
            agreements: key_resolution::references::<agreement::Model, AgreementId>(
                import,
                "agreement",
                File::Agreements,
                wanted,
            )
            .await?,
            rows: key_resolution::by_ids::<agreement::Model>(import.tx(), ids).await?,
        })
    }
}

impl Details {
    /// Takes the details of a row, and checks them against its agreement. The reversed booking is
    /// left as it is.
    pub fn apply<D>(
        &mut self,
        line: &mut Line<D>,
        present: DetailsDraft,
        lookups: &Lookups,
        (file, activity): (File, Option<ActivityId>),
    ) {
        if let Some(vat) = present.vat {
            self.vat = vat;
        }
        if let Some(key) = present.supplier {
            self.supplier = lookups.parties.find(line, "supplier", key.as_deref());
        }
        if let Some(reference) = present.reference {
            self.reference = reference;
        }
        if let Some(reason) = present.reason {
            self.reason = reason;
        }
        let Some(key) = present.agreement else { return };
        self.agreement = lookups.agreements.find(line, "agreement", key.as_deref());
        let (Some(agreement), Some(activity)) =
            (self.agreement.and_then(|id| lookups.rows.get(&id.0)), activity)
        else {
            return;
        };
        let unfit = if file == File::Costs { unfit_for_cost } else { unfit_for_grant };
        // The agreement may have been withdrawn after the booking.
        let as_signed = agreement::Model { withdrawn_on: None, ..agreement.clone() };
        if let Some(reason) = unfit(&as_signed, activity) {
            line.error("agreement", reason);
        }
        if file == File::Costs {
            let counterparty = Party::of(agreement.member_id, agreement.organisation_id);
            self.supplier = self.supplier.or(counterparty);
            if self.supplier != counterparty {
                line.error("supplier", "must be the counterparty of the agreement");
            }
        }
    }

    /// Adds an error if the VAT doesn't fit the amount.
    pub fn check_vat<D>(&self, line: &mut Line<D>, amount: Money) {
        if let Some(reason) = self.vat.and_then(|vat| unfit_vat(amount, vat)) {
            line.error("vat", reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversed_booking_is_named_by_its_day_and_number() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(position("2026-04-01"), Ok((day("2026-04-01"), 1)));
        assert_eq!(position("2026-04-01 12"), Ok((day("2026-04-01"), 12)));
        for bad in ["2026-04-31", "2026-04-01 0", "2026-04-01 x", "2026-04-01 -1", "första"] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }
}
