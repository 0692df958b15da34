//! Revenue: income over a period by activity, member and time, with costs and the result.

pub mod accrual;
mod assumptions;
mod disclosure;
mod outstanding;
mod public_totals;
pub mod booking_list;
pub mod bookings;
pub mod break_even;
pub mod grouping;
pub mod integrity;
pub mod committed;
pub mod forecast;
mod report;
pub mod report_table;
pub mod ledger;
pub mod result;
pub mod report_filter;
mod sums;

pub use self::{
    break_even::{BreakEven, ByFee, break_even_of},
    disclosure::ActivityResult,
    forecast::{Forecast, forecast},
    grouping::Period,
    integrity::{findings, of_months, of_months_with, violations},
    report::{Report, ReportQuery, Row, report},
    result::result_of,
    sums::{Basis, Committed, Sums},
};
