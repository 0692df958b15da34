//! Exported vouchers, as the files of their batches state them. An exported voucher is final, even
//! if the register changes later.

use std::collections::{BTreeMap, HashMap, HashSet};

use ::entity::{
    export_batch,
    id::ExportBatchId,
    kind::VoucherSource,
    money::Money,
    partial::PartialRow,
    voucher::{Entity, Model},
};
use chrono::Datelike;
use documents::{
    sie::Voucher,
    sie_reading::{self, SieFile},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, sea_query::Query};
use uuid::Uuid;

use crate::{
    database::rows,
    error::{Error, Result},
};

/// Name of the account of receivables in a file.
pub const RECEIVABLES: &str = "Kundfordringar";
/// Name of the bank's account in a file.
pub const BANK: &str = "Företagskonto";
/// Name of the observation account in a file.
pub const OBSERVATION: &str = "Observationskonto, ej matchade inbetalningar";

/// The source of vouchers: its kind and id.
pub type Key = (VoucherSource, Uuid);

/// A voucher as it was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedVoucher {
    /// 1 for the voucher of the source; 2, 3 … for its corrections.
    pub part: i32,
    /// The voucher.
    pub voucher: Voucher,
    /// Change of the balance of the bank's account, öre.
    pub bank: Money,
    /// Change of the balance of receivables, öre.
    pub receivables: Money,
    /// The bank's account that it names; null: none.
    pub bank_account: Option<u32>,
    /// The observation account that it names; null: none.
    pub observation_account: Option<u32>,
}

impl ExportedVoucher {
    /// Reads the roles of its accounts from their names in the file, because the settings may have
    /// changed since.
    fn new(part: i32, voucher: Voucher, file: &SieFile) -> Self {
        let is =
            |account: u32, name: &str| file.accounts.get(&account).is_some_and(|own| own == name);
        let lines = || voucher.transactions.iter();
        let sum = |name: &str| {
            lines().filter(|line| is(line.account, name)).map(|line| line.amount).sum()
        };
        let account =
            |name: &str| lines().map(|line| line.account).find(|account| is(*account, name));
        let (bank, receivables) = (sum(BANK), sum(RECEIVABLES));
        let (bank_account, observation_account) = (account(BANK), account(OBSERVATION));
        Self { part, voucher, bank, receivables, bank_account, observation_account }
    }
}

/// The vouchers of every batch, and the sources that were booked in another system.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    vouchers: HashMap<Key, Vec<ExportedVoucher>>,
    elsewhere: HashSet<Key>,
    /// Names of accounts, as in the files.
    pub accounts: BTreeMap<u32, String>,
    /// Names of projects, as in the files.
    pub projects: BTreeMap<String, String>,
}

impl Exported {
    /// Loads the vouchers of every batch. If there is no batch, it reads no vouchers, because those
    /// that were booked in another system may be many.
    ///
    /// # Errors
    /// INTERNAL if the file of a batch can't be read.
    pub async fn load_if_any(db: &impl ConnectionTrait) -> Result<Self> {
        let columns = [export_batch::Column::Id];
        let select = Query::select().columns(columns).from(export_batch::Entity).limit(1).take();
        match rows::<export_batch::Model>(db, &select, &columns).await?.is_empty() {
            true => Ok(Self::default()),
            false => Self::load(db).await,
        }
    }

    /// Loads the vouchers of every batch, and the sources that were booked in another system.
    ///
    /// # Errors
    /// INTERNAL if the file of a batch can't be read.
    pub async fn load(db: &impl ConnectionTrait) -> Result<Self> {
        let mut found = Self::default();
        let columns = Model::every_column();
        let select = Query::select().columns(columns.iter().copied()).from(Entity).take();
        let mut of_batch: HashMap<ExportBatchId, Vec<Model>> = HashMap::new();
        for row in rows::<Model>(db, &select, &columns).await? {
            match row.batch_id {
                Some(batch) => of_batch.entry(batch).or_default().push(row),
                None => drop(found.elsewhere.insert((row.source, row.source_id))),
            }
        }
        let columns = [export_batch::Column::Id];
        let select = Query::select()
            .columns(columns)
            .from(export_batch::Entity)
            .order_by(export_batch::Column::Number, Order::Asc)
            .take();
        for batch in rows::<export_batch::Model>(db, &select, &columns).await? {
            // One file at a time, because a file may be large.
            let Some(content) = content(db, batch.id).await? else { continue };
            let file = sie_reading::read(&content)
                .map_err(|cause| Error::internal(std::io::Error::other(cause)))?;
            found.add(&file, of_batch.remove(&batch.id).unwrap_or_default());
        }
        found.vouchers.values_mut().for_each(|parts| parts.sort_by_key(|own| own.part));
        Ok(found)
    }

    fn add(&mut self, file: &SieFile, own: Vec<Model>) {
        let vouchers: HashMap<_, &Voucher> = file
            .vouchers
            .iter()
            .map(|voucher| ((voucher.series, Some(voucher.date.year()), voucher.number), voucher))
            .collect();
        for row in own {
            let Some(voucher) =
                vouchers.get(&(row.series.as_deref().unwrap_or_default(), row.year, row.number))
            else {
                continue;
            };
            let exported = ExportedVoucher::new(row.part, (*voucher).clone(), file);
            self.vouchers.entry((row.source, row.source_id)).or_default().push(exported);
        }
        self.accounts.extend(file.accounts.clone());
        self.projects.extend(file.projects.clone());
    }

    /// Adds an exported voucher, for tests of calculations with it.
    #[cfg(test)]
    pub(crate) fn with(mut self, key: Key, voucher: ExportedVoucher) -> Self {
        self.vouchers.entry(key).or_default().push(voucher);
        self
    }

    /// Returns the vouchers of a source in order, the original first.
    #[must_use]
    pub fn of(&self, key: Key) -> &[ExportedVoucher] {
        self.vouchers.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns every source with its vouchers, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &[ExportedVoucher])> {
        self.vouchers.iter().map(|(key, parts)| (*key, parts.as_slice()))
    }

    /// Returns `true` if a source was exported.
    #[must_use]
    pub fn is_exported(&self, key: Key) -> bool {
        self.vouchers.contains_key(&key)
    }

    /// Returns `true` if a source was booked in another system, as imported history was.
    #[must_use]
    pub fn is_elsewhere(&self, key: Key) -> bool {
        self.elsewhere.contains(&key)
    }

    /// Returns the sum of the changes to the bank's account by the vouchers of a source, öre.
    #[must_use]
    pub fn bank(&self, key: Key) -> Money {
        self.of(key).iter().map(|own| own.bank).sum()
    }
}

/// Returns the file of a batch.
pub async fn content(db: &impl ConnectionTrait, batch: ExportBatchId) -> Result<Option<Vec<u8>>> {
    let found =
        export_batch::Entity::find().filter(export_batch::Column::Id.eq(batch)).one(db).await?;
    Ok(found.map(|found| found.content))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use documents::sie::Transaction;

    #[test]
    fn the_roles_of_accounts_are_those_of_their_names_in_the_file() {
        let line = |account, ore| Transaction { account, project: None, amount: Money(ore) };
        let voucher = |number, transactions| Voucher {
            series: "B",
            number: Some(number),
            date: NaiveDate::default(),
            text: String::new(),
            transactions,
        };
        let file = SieFile {
            accounts: [(1940, BANK), (2990, OBSERVATION), (1510, RECEIVABLES)]
                .map(|(account, name)| (account, name.to_owned()))
                .into(),
            vouchers: vec![
                voucher(1, vec![line(1940, 500), line(2990, -500)]),
                voucher(2, vec![line(1940, 70), line(1510, -70)]),
            ],
            ..SieFile::default()
        };
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let row = |source, source_id, number| Model {
            source,
            source_id,
            part: 1,
            series: Some("B".to_owned()),
            year: Some(NaiveDate::default().year()),
            number: Some(number),
            ..Model::default()
        };
        let mut found = Exported::default();
        found.add(
            &file,
            vec![row(VoucherSource::BankPayment, one, 1), row(VoucherSource::Payment, two, 2)],
        );
        let (observed, paid) = (
            &found.of((VoucherSource::BankPayment, one))[0],
            &found.of((VoucherSource::Payment, two))[0],
        );
        assert_eq!((observed.bank, observed.receivables), (Money(500), Money::ZERO));
        assert_eq!((observed.bank_account, observed.observation_account), (Some(1940), Some(2990)));
        assert_eq!(
            (paid.bank, paid.receivables, paid.observation_account),
            (Money(70), Money(-70), None)
        );
        assert!(
            !found.is_exported((VoucherSource::Payment, one))
                && found.is_exported((VoucherSource::Payment, two))
        );
    }
}
