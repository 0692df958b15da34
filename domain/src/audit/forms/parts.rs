//! The forms of rows that belong to a larger record, are written one time and have their own entry.

use ::entity::{
    bank_payment_part, fee_charge,
    id::InvoiceId,
    kind::{Form, SubjectKind},
};
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::super::recorded::{Fields, Recorded, fields};

fields!(bank_payment_part::Model { payment_id, bank_payment_id });
fields!(fee_charge::Model { line_id, kind, year, round, agreement_id, member_id });

impl Recorded for bank_payment_part::Model {
    const FORM: Form = Form::BankPaymentPart;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::BankPayment, self.bank_payment_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.payment_id.0
    }
}

/// A fee that an invoice run charged, with the invoice of its line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeeCharge {
    /// The row.
    pub row: fee_charge::Model,
    /// The invoice of the line.
    pub invoice_id: InvoiceId,
}

impl Fields for FeeCharge {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.row.write(map)
    }
}

impl Recorded for FeeCharge {
    const FORM: Form = Form::FeeCharge;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Invoice, self.invoice_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.row.line_id.0
    }
}
