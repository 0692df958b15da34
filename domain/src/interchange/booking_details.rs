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
    import::Import,
    key_resolution::{self, Party, References},
    row::{self, Cells, Line},
};
use crate::{
    activities::accounts::{unfit_for_cost, unfit_for_grant, unfit_vat},
    error::{LINE, Result},
};

/// Supplier, agreement and VAT of a booking, and the one that it reverses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub vat: Option<Money>,
    pub supplier: Option<Party>,
    pub reference: Option<String>,
    pub agreement: Option<AgreementId>,
    pub reverses: Option<Uuid>,
    pub reason: Option<String>,
}

/// The same as a row of a file says it; `None` for a column that the file does not have.
#[derive(Debug, Default)]
pub(super) struct DetailsDraft {
    vat: Option<Option<Money>>,
    supplier: Option<Option<String>>,
    reference: Option<Option<String>>,
    agreement: Option<Option<String>>,
    /// The day of what is reversed, and its number among those like it.
    pub reverses: Option<Option<(NaiveDate, i32)>>,
    reason: Option<Option<String>>,
}

impl DetailsDraft {
    /// Reads the columns that the file has.
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

/// Reads `2026-04-01`, or `2026-04-01 2` for the second of several like bookings of a day.
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

/// Objects that the keys of these columns stand for.
pub(super) struct Known {
    parties: References<Party>,
    agreements: References<AgreementId>,
    rows: HashMap<Uuid, agreement::Model>,
}

/// Keys of suppliers and of agreements.
pub(super) type Keys = (BTreeSet<String>, BTreeSet<String>);

/// The keys that rows name.
pub(super) fn keys_in<'d>(drafts: impl Iterator<Item = &'d DetailsDraft>) -> Keys {
    let (mut suppliers, mut agreements) = Keys::default();
    for draft in drafts {
        suppliers.extend(draft.supplier.iter().flatten().cloned());
        agreements.extend(draft.agreement.iter().flatten().cloned());
    }
    (suppliers, agreements)
}

impl Known {
    /// Loads the objects of these keys.
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
    /// Takes what a row says, and notes what does not fit its agreement. What it reverses is left
    /// as it is.
    pub fn apply<D>(
        &mut self,
        line: &mut Line<D>,
        present: DetailsDraft,
        known: &Known,
        (file, activity): (File, Option<ActivityId>),
    ) {
        if let Some(vat) = present.vat {
            self.vat = vat;
        }
        if let Some(key) = present.supplier {
            self.supplier = known.parties.find(line, "supplier", key.as_deref());
        }
        if let Some(reference) = present.reference {
            self.reference = reference;
        }
        if let Some(reason) = present.reason {
            self.reason = reason;
        }
        let Some(key) = present.agreement else { return };
        self.agreement = known.agreements.find(line, "agreement", key.as_deref());
        let (Some(agreement), Some(activity)) =
            (self.agreement.and_then(|id| known.rows.get(&id.0)), activity)
        else {
            return;
        };
        let unfit = if file == File::Costs { unfit_for_cost } else { unfit_for_grant };
        // A signed agreement may have been withdrawn after the booking.
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

    /// Notes VAT that does not fit the amount.
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
