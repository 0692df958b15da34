//! Files of the bank and the matching of their payments.

mod accounts;
mod duplicates;
mod files;
mod lists;
mod matching;
mod stored_payments;
