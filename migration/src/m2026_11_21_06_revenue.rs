//! Revenue by activity and month, kept up to date in the transaction that issues, credits or pays.
//!
//! Summing 600 000 lines takes seconds each time; these rows number activities × months whatever
//! is invoiced.

crate::change!(
    "
CREATE TABLE revenue_month (
    month {date} NOT NULL,
    activity_id {id} NOT NULL,
    invoiced_net {int} NOT NULL,
    invoiced_vat {int} NOT NULL,
    credited_net {int} NOT NULL,
    credited_vat {int} NOT NULL,
    invoices {int} NOT NULL,
    paid_net {int} NOT NULL,
    paid_vat {int} NOT NULL,
    PRIMARY KEY (month, activity_id)
) {strict};
"
);
