//! Fees: their schedules, allocations and months.

mod allocation_basis;
mod month_ends;
mod schedules;
