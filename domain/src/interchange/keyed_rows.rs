//! Tables whose rows have ids, and those whose rows files refer to by key.
//!
//! The key of an imported row is the one that it was imported with. A row that was created through
//! the API has none; its key is its id in 32 hexadecimal digits.

use ::entity::{
    activity, agreement, allocation, archived_document, bank_payment, books_closing, contact, cost,
    export_batch, fee_schedule, grant, invoice, member, organisation, partial::PartialRow,
    reference_rate, requisition, status_report, tax_decision, template_version,
};
use sea_orm::EntityTrait;
use uuid::Uuid;

pub(super) type Column<M> = <<M as PartialRow>::Entity as EntityTrait>::Column;

/// A row with an id of its own.
pub(super) trait Identified: PartialRow + Clone + Send {
    /// The column of its id.
    const ID: Column<Self>;
    /// Returns its id.
    fn id(&self) -> Uuid;
}

/// A row that files refer to by key.
pub(super) trait Keyed: Identified {
    /// The column of its imported key.
    const IMPORT_KEY: Column<Self>;
    /// Returns its key in files.
    fn key(&self) -> String;
}

macro_rules! identified {
    ($($table:ident),*) => {$(
        impl Identified for $table::Model {
            const ID: $table::Column = $table::Column::Id;

            fn id(&self) -> Uuid {
                self.id.0
            }
        }
    )*};
}
identified!(
    member,
    organisation,
    contact,
    activity,
    agreement,
    invoice,
    allocation,
    fee_schedule,
    tax_decision,
    template_version,
    cost,
    grant,
    requisition,
    status_report,
    archived_document,
    reference_rate,
    books_closing,
    export_batch,
    bank_payment
);

macro_rules! keyed {
    ($($table:ident),*) => {$(
        impl Keyed for $table::Model {
            const IMPORT_KEY: $table::Column = $table::Column::ImportKey;

            fn key(&self) -> String {
                self.import_key.clone().unwrap_or_else(|| self.id.0.simple().to_string())
            }
        }
    )*};
}
keyed!(member, organisation, contact, activity, agreement, invoice);
