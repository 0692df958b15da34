//! Entries of account statements that one bank file reports as a total, and another payment by
//! payment.

use std::collections::{HashMap, HashSet};

use ::entity::{bank_payment::Model, id::BankPaymentId, money::Money};

use super::incoming::{Duplication, Incoming};

/// Entries of camt files that one file reported as a total, and another payment by payment.
#[derive(Default)]
pub(super) struct Entries {
    /// Totals by the bank's reference of the entry.
    pub totals: HashMap<String, Model>,
    /// Payments of entries that a chunk reports as totals.
    pub parts: HashMap<String, Vec<Model>>,
    /// Totals of closed days that are in no export batch: their booking stays.
    pub closed: HashSet<BankPaymentId>,
}

impl Entries {
    /// Returns the bank payment with the same money, by the entry.
    ///
    /// # Errors
    /// The contradiction between the two files.
    pub fn duplication(&self, incoming: &Incoming) -> Result<Duplication, String> {
        let differs = |sum: Money, other: Money, file: &str| {
            Err(format!(
                "is of an entry of {sum}, which was imported before as {other} with {file}"
            ))
        };
        if let Some(parts) = self.parts.get(&incoming.bank_reference).filter(|_| incoming.is_total)
        {
            let (sum, first) = (
                parts.iter().map(|row| row.amount).sum::<Money>(),
                parts.iter().min_by_key(|row| row.id),
            );
            return match first {
                Some(first) if sum == incoming.amount => Ok(Duplication::Same(first.id)),
                Some(first) => differs(incoming.amount, sum, &first.file_name),
                None => Ok(Duplication::None),
            };
        }
        let total = incoming.entry_reference.as_ref().and_then(|entry| self.totals.get(entry));
        match total {
            None => Ok(Duplication::None),
            Some(total) if total.amount != incoming.entry_total => {
                differs(incoming.entry_total, total.amount, &total.file_name)
            }
            // The other payments of the entry stand for the total already.
            Some(total) if total.duplicate_of_id.is_some() => Ok(Duplication::None),
            Some(total)
                if total.matched == Money::ZERO
                    && total.set_aside_on.is_none()
                    && !self.closed.contains(&total.id) =>
            {
                Ok(Duplication::PartOf(total.id))
            }
            // A user has decided about the total, or it is in a closed period, which never changes.
            Some(total) => Ok(Duplication::Same(total.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(reference: &str, ore: i64) -> Model {
        Model {
            id: BankPaymentId::new(),
            bank_reference: reference.into(),
            file_name: "camt.xml".into(),
            amount: Money(ore),
            ..Model::default()
        }
    }

    #[test]
    fn the_payments_of_an_entry_stand_for_its_total() {
        let total = row("E 3", 800);
        let part = Incoming {
            amount: Money(500),
            entry_reference: Some("E 3".into()),
            entry_total: Money(800),
            ..Incoming::default()
        };
        let of = |total: &Model, is_closed: bool, incoming: &Incoming| {
            let entries = Entries {
                totals: HashMap::from([(total.bank_reference.clone(), total.clone())]),
                closed: is_closed.then_some(total.id).into_iter().collect(),
                ..Entries::default()
            };
            entries.duplication(incoming)
        };
        let id = total.id;
        assert_eq!(of(&total, false, &part), Ok(Duplication::PartOf(id)));
        let decided = Model { matched: Money(1), ..total.clone() };
        assert_eq!(of(&decided, false, &part), Ok(Duplication::Same(id)), "a user has decided");
        assert_eq!(of(&total, true, &part), Ok(Duplication::Same(id)), "its period is closed");
        let replaced = Model { duplicate_of_id: Some(BankPaymentId::new()), ..total.clone() };
        assert_eq!(of(&replaced, false, &part), Ok(Duplication::None), "others stand for it");
        let other = Incoming { entry_total: Money(900), ..part.clone() };
        let words = of(&total, false, &other).unwrap_err();
        assert!(words.contains("9.00") && words.contains("camt.xml"), "{words}");
        let alone = Incoming { entry_reference: None, ..part };
        assert_eq!(of(&total, false, &alone), Ok(Duplication::None));
    }

    #[test]
    fn a_total_is_the_same_money_as_its_payments() {
        let parts = vec![row("T 1", 500), row("T 2", 300)];
        let first = parts.iter().map(|row| row.id).min().unwrap();
        let entries =
            Entries { parts: HashMap::from([("E 3".to_owned(), parts)]), ..Entries::default() };
        let total = |ore: i64| Incoming {
            bank_reference: "E 3".into(),
            amount: Money(ore),
            is_total: true,
            ..Incoming::default()
        };
        assert_eq!(entries.duplication(&total(800)), Ok(Duplication::Same(first)));
        assert!(entries.duplication(&total(700)).is_err());
        let payment = Incoming { is_total: false, ..total(800) };
        assert_eq!(entries.duplication(&payment), Ok(Duplication::None));
    }
}
