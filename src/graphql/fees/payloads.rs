//! Payloads of the mutations of fees.

use async_graphql::SimpleObject;

use super::types::FeeSchedule;
use crate::graphql::activities::types::Activity;

/// Payload of `feeScheduleSet`.
#[derive(SimpleObject)]
pub struct FeeScheduleSetPayload {
    /// The price.
    pub(super) fee_schedule: FeeSchedule,
    /// Activity of the fee schedule.
    pub(super) activity: Activity,
}

/// Payload of `networkFeeSet`.
#[derive(SimpleObject)]
pub struct NetworkFeeSetPayload {
    /// The fee schedule.
    pub(super) fee_schedule: FeeSchedule,
}
