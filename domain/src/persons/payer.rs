//! Erases the payer of a bank payment.

use std::collections::BTreeSet;

use ::entity::{bank_payment, id::BankPaymentId, kind::SubjectKind};
use chrono::NaiveDate;
use sea_orm::EntityTrait;

use super::{Found, missing, retained::ensure_over};
use crate::{
    audit::{self, Change, Person, forms},
    error::Result,
};

pub(super) async fn erase(
    change: &mut Change,
    id: BankPaymentId,
    today: NaiveDate,
) -> Result<Found> {
    let before = bank_payment::Entity::find_by_id(id)
        .one(change.tx())
        .await?
        .ok_or_else(|| missing("bank payment"))?;
    ensure_over(&format!("the payment of {}", before.booked_on), Some(before.booked_on), today)?;
    let after = bank_payment::Model {
        reference: None,
        message: None,
        payer_name: None,
        payer_org_number: None,
        set_aside_reason: before.set_aside_reason.as_ref().map(|_| forms::ERASED.to_owned()),
        ..before.clone()
    };
    if after != before {
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::payer(id)]), (SubjectKind::BankPayment, id.0)))
}
