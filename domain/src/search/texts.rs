//! Statements that select the texts of objects: an id, a text, and a flag that is set if the text
//! is a JSON value with texts in it. `{among}` stands for the condition that an id is in a list.

pub(super) const ACTIVITY: &str = "SELECT id, name, 0 FROM activity WHERE id {among} UNION ALL SELECT id, slug, 0 FROM activity WHERE id {among}";

pub(super) const ADJUSTMENT: &str = "SELECT id, reference, 0 FROM adjustment WHERE id {among} AND kind = 'REFUND' \
    UNION ALL SELECT a.id, i.number, 0 FROM adjustment a JOIN invoice i ON i.id = a.invoice_id \
    WHERE a.id {among} AND a.kind = 'REFUND' AND i.number IS NOT NULL";

pub(super) const AGREEMENT: &str = "SELECT id, number, 0 FROM agreement WHERE id {among} AND number IS NOT NULL \
    UNION ALL SELECT a.id, m.name, 0 FROM agreement a JOIN member m ON m.id = a.member_id WHERE a.id {among} \
    UNION ALL SELECT a.id, f.name, 0 FROM agreement a JOIN member_former_name f ON f.member_id = a.member_id WHERE a.id {among} \
    UNION ALL SELECT a.id, o.name, 0 FROM agreement a JOIN organisation o ON o.id = a.organisation_id WHERE a.id {among} \
    UNION ALL SELECT a.id, v.name, 0 FROM agreement a JOIN activity v ON v.id = a.activity_id WHERE a.id {among} \
    UNION ALL SELECT a.id, v.slug, 0 FROM agreement a JOIN activity v ON v.id = a.activity_id WHERE a.id {among} \
    UNION ALL SELECT agreement_id, parameters, 1 FROM agreement_parameters WHERE agreement_id {among}";

pub(super) const ARCHIVED_DOCUMENT: &str = "SELECT id, number, 0 FROM archived_document WHERE id {among} \
    UNION ALL SELECT id, title, 0 FROM archived_document WHERE id {among}";

pub(super) const BANK_PAYMENT: &str = "SELECT id, bank_reference, 0 FROM bank_payment WHERE id {among} \
    UNION ALL SELECT id, reference, 0 FROM bank_payment WHERE id {among} AND reference IS NOT NULL \
    UNION ALL SELECT id, message, 0 FROM bank_payment WHERE id {among} AND message IS NOT NULL \
    UNION ALL SELECT id, payer_name, 0 FROM bank_payment WHERE id {among} AND payer_name IS NOT NULL";

pub(super) const CONTACT: &str = "SELECT id, name, 0 FROM contact WHERE id {among} \
    UNION ALL SELECT id, email, 0 FROM contact WHERE id {among} AND email IS NOT NULL";

pub(super) const CONTACT_AREA: &str = "SELECT id, name, 0 FROM contact_area WHERE id {among}";

pub(super) const COST: &str = "SELECT id, description, 0 FROM cost WHERE id {among} \
    UNION ALL SELECT id, reference, 0 FROM cost WHERE id {among} AND reference IS NOT NULL";

pub(super) const DECISION: &str = "SELECT id, paragraph, 0 FROM decision WHERE id {among} AND paragraph IS NOT NULL \
    UNION ALL SELECT id, document, 0 FROM decision WHERE id {among} AND document IS NOT NULL";

pub(super) const GRANT: &str = "SELECT id, funder, 0 FROM activity_grant WHERE id {among}";

pub(super) const INVOICE: &str = "SELECT id, number, 0 FROM invoice WHERE id {among} AND number IS NOT NULL \
    UNION ALL SELECT id, ocr, 0 FROM invoice WHERE id {among} AND ocr IS NOT NULL \
    UNION ALL SELECT id, order_reference, 0 FROM invoice WHERE id {among} AND order_reference IS NOT NULL \
    UNION ALL SELECT id, our_reference, 0 FROM invoice WHERE id {among} AND our_reference IS NOT NULL \
    UNION ALL SELECT id, buyer_reference, 0 FROM invoice WHERE id {among} AND buyer_reference IS NOT NULL \
    UNION ALL SELECT i.id, m.name, 0 FROM invoice i JOIN member m ON m.id = i.member_id WHERE i.id {among} \
    UNION ALL SELECT i.id, f.name, 0 FROM invoice i JOIN member_former_name f ON f.member_id = i.member_id WHERE i.id {among} \
    UNION ALL SELECT i.id, o.name, 0 FROM invoice i JOIN organisation o ON o.id = i.organisation_id WHERE i.id {among} \
    UNION ALL SELECT invoice_id, description, 0 FROM invoice_line WHERE invoice_id {among}";

pub(super) const MEMBER: &str = "SELECT id, name, 0 FROM member WHERE id {among} \
    UNION ALL SELECT id, org_number, 0 FROM member WHERE id {among} AND org_number IS NOT NULL \
    UNION ALL SELECT member_id, name, 0 FROM member_former_name WHERE member_id {among} \
    UNION ALL SELECT member_id, municipality, 0 FROM member_municipality WHERE member_id {among}";

pub(super) const ORGANISATION: &str = "SELECT id, name, 0 FROM organisation WHERE id {among} \
    UNION ALL SELECT id, org_number, 0 FROM organisation WHERE id {among} AND org_number IS NOT NULL";

pub(super) const PAYMENT: &str = "SELECT id, reference, 0 FROM payment WHERE id {among} \
    UNION ALL SELECT p.id, i.number, 0 FROM payment p JOIN invoice i ON i.id = p.invoice_id \
    WHERE p.id {among} AND i.number IS NOT NULL";

pub(super) const STATUS_REPORT: &str = "SELECT status_report_id, summary, 0 FROM status_report_text WHERE status_report_id {among} \
    UNION ALL SELECT status_report_id, deviations, 0 FROM status_report_text \
    WHERE status_report_id {among} AND deviations IS NOT NULL \
    UNION ALL SELECT status_report_id, next_steps, 0 FROM status_report_text \
    WHERE status_report_id {among} AND next_steps IS NOT NULL";

pub(super) const TEMPLATE: &str = "SELECT id, title, 0 FROM agreement_template WHERE id {among} \
    UNION ALL SELECT id, slug, 0 FROM agreement_template WHERE id {among} \
    UNION ALL SELECT t.id, v.name, 0 FROM agreement_template t JOIN activity v ON v.id = t.activity_id WHERE t.id {among}";
