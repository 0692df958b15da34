//! The reason why a line is exempt from VAT, with its code of the list VATEX, each line its own.

crate::change!(
    "
ALTER TABLE invoice_line ADD COLUMN exemption_reason text CHECK (exemption_reason IS NULL OR vat_rate = 'EXEMPT');
ALTER TABLE invoice_line ADD COLUMN exemption_code text CHECK (exemption_code IS NULL OR exemption_reason IS NOT NULL);
"
);
