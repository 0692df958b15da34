//! Receivables: balances, overdue invoices, reminders and late interest.

mod balances;
mod interest_invoices;
mod overdue;
mod reminders;
