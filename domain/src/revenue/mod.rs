//! Revenue: income over a period by activity, member and time, with costs and the result.

mod accrual;
mod accrued_sums;
mod activity_result;
mod allocations;
mod assumptions;
pub mod break_even;
pub mod break_even_by_fee;
mod committed;
mod committed_sums;
mod disclosure;
pub mod forecast;
mod forecast_calculation;
pub mod grouping;
mod grouping_sql;
pub mod integrity;
mod member_sums;
mod outstanding;
mod public_totals;
mod recorded_sums;
mod report;
mod report_filter;
mod report_filter_sql;
mod report_rows;
pub mod report_table;
pub mod report_workbook;
mod result;
mod selection;
mod stored_report;
mod sums;
mod totals_comparison;

pub use self::{
    activity_result::ActivityResult,
    break_even::break_even_of,
    break_even_by_fee::{BreakEven, ByFee},
    forecast::forecast,
    forecast_calculation::Forecast,
    grouping::Period,
    integrity::{findings, of_months, of_months_with, violations},
    report::report,
    report_rows::{Report, ReportQuery, Row},
    result::result_of,
    sums::{Basis, Committed, Sums},
};
