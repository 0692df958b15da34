//! The tables of the register: a row type a file, their identifiers, money and numbers, banking
//! days, and the date rules of a term.
//!
//! Depends on SeaORM and no other crate of this workspace.

pub mod banking_day;
pub mod id;
pub mod kind;
pub mod money;
pub mod number;
pub mod partial;
pub mod term;
pub mod total;

pub mod acknowledgement;
pub mod activity;
pub mod activity_funding;
pub mod activity_text;
pub mod adjustment;
pub mod agreement;
pub mod agreement_document;
pub mod agreement_parameters;
pub mod allocation;
pub mod attribution;
pub mod audit_entry;
pub mod bank_payment;
pub mod bank_payment_part;
pub mod books_closing;
pub mod contact;
pub mod contact_area;
pub mod contact_read;
pub mod cost;
pub mod decision;
pub mod export_batch;
pub mod fee_charge;
pub mod fee_schedule;
pub mod grant;
pub mod idempotent_outcome;
pub mod idempotent_request;
pub mod invoice;
pub mod invoice_content;
pub mod invoice_file;
pub mod invoice_line;
pub mod member;
pub mod member_billing;
pub mod member_former_name;
pub mod member_municipality;
pub mod organisation;
pub mod payment;
pub mod person_key;
pub mod reference_rate;
pub mod reminder;
pub mod requisition;
pub mod revenue_month;
pub mod sealed_entry;
pub mod signature;
pub mod status_report;
pub mod status_report_text;
pub mod tax_decision;
pub mod template;
pub mod template_text;
pub mod template_version;
pub mod token_revocation;
pub mod voucher;
