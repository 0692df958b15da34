//! Rows of the three files, parsed and checked without the register.

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId},
    kind::{InvoiceKind, Unit, VatRate},
    money::{Money, Quantity},
    number::luhn_holds,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::super::{
    File,
    import::{report::BadRow, session::Import},
    key_resolution,
    row::{Cells, Line, MAX_NUMBER},
    staging,
};
use crate::{
    error::{Error, LINE, Result, TEXT, ValidationErrors, undisplayable},
    invoices::{draft_checks::MAX_DUE_IN_DAYS, draft_lines::is_account, supply_date::latest_end},
    tax_decisions::exemption::is_exemption_code,
};

/// A row of invoices.csv. An optional column is an `Option` of its value: `None` if the file
/// doesn't have the column.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub key: String,
    /// `None` for a draft.
    pub number: Option<String>,
    pub kind: InvoiceKind,
    pub buyer: String,
    pub issued_on: Option<NaiveDate>,
    pub due_on: Option<NaiveDate>,
    pub credits: Option<String>,
    pub ocr: Option<Option<String>>,
    pub rounding: Option<Money>,
    pub corrects: Option<Option<String>>,
    pub reason: Option<Option<String>>,
    pub due_in_days: Option<Option<i32>>,
    pub order_reference: Option<Option<String>>,
    pub our_reference: Option<Option<String>>,
    pub buyer_reference: Option<Option<String>>,
}

/// A row of invoice_lines.csv, without its invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LineDraft {
    pub description: String,
    pub activity_id: Option<ActivityId>,
    pub agreement_id: Option<AgreementId>,
    pub period_from: Option<NaiveDate>,
    pub period_to: Option<NaiveDate>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub vat_rate: VatRate,
    /// `None` if it is not stated.
    pub account: Option<String>,
    /// Position of the line that it credits, in the credited invoice; `None` if it is not stated.
    pub credits_line: Option<i32>,
    /// Its share of the document's VAT; `None` if it is not stated, and calculated.
    pub vat: Option<Money>,
    /// The unit of its quantity; `None` if it is not stated.
    pub unit: Option<Unit>,
    /// The reason of its exemption; `None` if it is not stated.
    pub exemption_reason: Option<String>,
    /// The code of the reason in the VATEX list; `None` if it is not stated.
    pub exemption_code: Option<String>,
}

/// A row of payments.csv, without its invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PaymentDraft {
    pub received_on: NaiveDate,
    pub amount: Money,
    pub reference: String,
    /// The reference of the payment that it reverses; `None` for a payment.
    pub reverses: Option<String>,
    /// Reason of a reversal.
    pub reason: Option<String>,
    /// The reference of the bank payment that it was made of; `None` if it is not stated.
    pub bank_payment: Option<String>,
    /// Its day in the books; `None` for the day on which it was received.
    pub booked_on: Option<NaiveDate>,
}

/// The rows of one invoice in the three files, with their errors.
#[derive(Debug)]
pub(super) struct Incoming {
    pub key: String,
    /// Its row of invoices.csv; `None` if the file has none.
    pub head: Option<Line<Head>>,
    /// Its rows of invoice_lines.csv with their line numbers, in order.
    pub lines: Vec<(u64, LineDraft)>,
    /// Its rows of payments.csv with their line numbers, in order.
    pub payments: Vec<(u64, PaymentDraft)>,
    /// Errors of its lines and payments.
    pub bad: Vec<BadRow>,
    /// `true` if a row of invoice_lines.csv is left out since it is bad: sums can't be calculated,
    /// and the lines can't be checked as a whole.
    pub lacks_lines: bool,
}

impl Incoming {
    pub fn of_head(head: Line<Head>) -> Self {
        Self {
            key: head.draft.key.clone(),
            head: Some(head),
            lines: Vec::new(),
            payments: Vec::new(),
            bad: Vec::new(),
            lacks_lines: false,
        }
    }

    pub fn without_head(key: String) -> Self {
        Self {
            key,
            head: None,
            lines: Vec::new(),
            payments: Vec::new(),
            bad: Vec::new(),
            lacks_lines: false,
        }
    }

    pub fn is_good(&self) -> bool {
        self.bad.is_empty() && self.head.as_ref().is_none_or(Line::is_good)
    }

    /// Adds an error to one of its lines, by index.
    pub fn error_line(&mut self, position: usize, column: &str, reason: impl Into<String>) {
        if let Some((line, _)) = self.lines.get(position) {
            self.bad.push(BadRow::new(File::InvoiceLines, *line, column, reason));
        }
    }

    /// Adds an error to the invoice: to its row of invoices.csv, or else to its first line or
    /// payment.
    pub fn error(&mut self, column: &str, reason: impl Into<String>) {
        if let Some(head) = &mut self.head {
            head.error(column, reason.into());
        } else if let Some((line, _)) = self.lines.first() {
            self.bad.push(BadRow::new(File::InvoiceLines, *line, "invoice", reason));
        } else if let Some((line, _)) = self.payments.first() {
            self.bad.push(BadRow::new(File::Payments, *line, "invoice", reason));
        }
    }
}

/// Parses a row of invoices.csv. Returns `None` if it is of another kind; a row of an unknown kind
/// counts as an invoice, which reports the error.
pub(super) fn read(kind: InvoiceKind, cells: &mut Cells<'_>) -> Option<Head> {
    let is_credit_note = cells.equals("kind", InvoiceKind::CreditNote.word());
    if is_credit_note != (kind == InvoiceKind::CreditNote) {
        return None;
    }
    let head = Head {
        key: cells.key("key"),
        number: cells.optional_text("number", MAX_NUMBER),
        kind: cells.value("kind"),
        buyer: cells.key("buyer"),
        issued_on: cells.optional_day("issued_on"),
        due_on: cells.optional_day("due_on"),
        credits: cells.optional_key("credits"),
        ocr: cells.present("ocr").then(|| cells.optional_text("ocr", 25)),
        rounding: cells
            .present("rounding")
            .then(|| cells.optional_decimal("rounding").unwrap_or_default()),
        corrects: cells.present("corrects").then(|| cells.optional_key("corrects")),
        reason: cells.present("reason").then(|| cells.optional_text("reason", TEXT)),
        due_in_days: cells
            .present("due_in_days")
            .then(|| cells.optional_integer("due_in_days", 0, MAX_DUE_IN_DAYS)),
        order_reference: cells
            .present("order_reference")
            .then(|| cells.optional_text("order_reference", LINE)),
        our_reference: cells
            .present("our_reference")
            .then(|| cells.optional_text("our_reference", LINE)),
        buyer_reference: cells
            .present("buyer_reference")
            .then(|| cells.optional_text("buyer_reference", LINE)),
    };
    cells.check(|errors| check(&head, errors));
    Some(head)
}

fn check(head: &Head, errors: &mut ValidationErrors) {
    let is_issued = head.issued_on.is_some();
    let is_credit_note = head.kind == InvoiceKind::CreditNote;
    errors.expect(
        is_issued == head.number.is_some(),
        "number",
        "must be given together with issued_on: a draft has neither",
    );
    if is_credit_note {
        errors.expect(head.credits.is_some(), "credits", "must name the invoice that it credits");
        errors.expect(head.due_on.is_none(), "due_on", "must be empty for a credit note");
        errors.expect(
            head.corrects.iter().flatten().next().is_none(),
            "corrects",
            "must be empty for a credit note",
        );
        errors.expect(
            head.due_in_days.flatten().is_none(),
            "due_in_days",
            "must be empty for a credit note",
        );
    } else {
        errors.expect(head.credits.is_none(), "credits", "must be empty but for a credit note");
        errors.expect(is_issued || head.due_on.is_none(), "due_on", "must be empty for a draft");
        errors.expect(
            !is_issued || head.due_on.is_some(),
            "due_on",
            "must not be empty for what is issued",
        );
        let in_order =
            head.due_on.zip(head.issued_on).is_none_or(|(due_on, issued_on)| due_on >= issued_on);
        errors.expect(in_order, "due_on", "must not be before issued_on");
    }
    if let Some(Some(ocr)) = &head.ocr {
        errors.expect(
            ocr.len() >= 2 && luhn_holds(ocr),
            "ocr",
            "is not an OCR reference: 2 to 25 digits, the last one their check digit",
        );
    }
    let is_small = head.rounding.is_none_or(|rounding| rounding.0.abs() < 100);
    errors.expect(is_small, "rounding", "must be less than a krona");
}

fn check_exemption(line: &LineDraft, errors: &mut ValidationErrors) {
    let (reason, code) = (line.exemption_reason.as_deref(), line.exemption_code.as_deref());
    errors.expect(
        reason.is_none() || line.vat_rate == VatRate::Exempt,
        "exemption_reason",
        "must be empty but for EXEMPT",
    );
    if let Some(problem) = reason.and_then(undisplayable) {
        errors.add("exemption_reason", problem);
    }
    let is_fit = code.is_none_or(|code| reason.is_some() && is_exemption_code(code));
    errors.expect(
        is_fit,
        "exemption_code",
        "must be a VATEX code for exempt supplies, for example VATEX-EU-132-1I, with its reason",
    );
}

/// A row of invoice_lines.csv or payments.csv.
struct Part<D> {
    invoice: String,
    activity: Option<String>,
    agreement: Option<String>,
    draft: D,
}

fn read_line(cells: &mut Cells<'_>) -> Option<Part<LineDraft>> {
    let part = Part {
        invoice: cells.key("invoice"),
        activity: cells.optional_key("activity"),
        agreement: cells.optional_key("agreement"),
        draft: LineDraft {
            description: cells.text("description", TEXT),
            activity_id: None,
            agreement_id: None,
            period_from: cells.optional_day("period_from"),
            period_to: cells.optional_day("period_to"),
            quantity: cells.decimal("quantity"),
            unit_price: cells.decimal("unit_price"),
            vat_rate: cells.value("vat_rate"),
            account: cells.optional_text("account", 10),
            credits_line: cells.optional_integer("credits_line", 1, i32::MAX),
            vat: cells.optional_decimal("vat"),
            unit: cells.optional("unit"),
            exemption_reason: cells.optional_text("exemption_reason", LINE),
            exemption_code: cells.optional_text("exemption_code", LINE),
        },
    };
    cells.check(|errors| {
        let line = &part.draft;
        let in_order = line.period_from.zip(line.period_to).is_none_or(|(from, to)| from <= to);
        errors.expect(in_order, "period_to", "must not be before period_from");
        let is_short =
            line.period_from.zip(line.period_to).is_none_or(|(from, to)| to <= latest_end(from));
        errors.expect(is_short, "period_to", "must be within ten years of period_from");
        errors.expect(
            line.quantity.at(line.unit_price).is_some(),
            "unit_price",
            "times quantity exceeds 10000000000.00 kronor",
        );
        errors.expect(
            line.account.as_deref().is_none_or(is_account),
            "account",
            "must be four digits",
        );
        check_exemption(line, errors);
    });
    Some(part)
}

fn read_payment(cells: &mut Cells<'_>) -> Option<Part<PaymentDraft>> {
    let part = Part {
        invoice: cells.key("invoice"),
        activity: None,
        agreement: None,
        draft: PaymentDraft {
            received_on: cells.day("received_on"),
            amount: cells.decimal("amount"),
            reference: cells.text("reference", LINE),
            reverses: cells.optional_text("reverses", LINE),
            reason: cells.optional_text("reason", LINE),
            bank_payment: cells.optional_key("bank_payment"),
            booked_on: cells.optional_day("booked_on"),
        },
    };
    cells.check(|errors| {
        let draft = &part.draft;
        match draft.reverses {
            None => {
                errors.expect(draft.amount > Money::ZERO, "amount", "must be above zero");
                errors.expect(draft.reason.is_none(), "reason", "must be empty but for a reversal");
            }
            Some(_) => {
                errors.expect(
                    draft.amount < Money::ZERO,
                    "amount",
                    "must be below zero for a reversal: all of what it reverses",
                );
                errors.expect(
                    draft.reason.is_some(),
                    "reason",
                    "must say why the payment was reversed",
                );
            }
        }
    });
    Some(part)
}

/// Parses invoice_lines.csv and stages its rows.
pub(super) async fn stage_lines(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::InvoiceLines)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read_line)? {
        let activities = key_resolution::activities(
            import,
            key_resolution::present(lines.iter().map(|line| line.draft.activity.as_deref())),
        )
        .await?;
        let agreements =
            key_resolution::present(lines.iter().map(|line| line.draft.agreement.as_deref()));
        let agreements = key_resolution::references::<agreement::Model, _>(
            import,
            "agreement",
            File::Agreements,
            agreements,
        )
        .await?;
        for line in &mut lines {
            let (activity, agreement) = (line.draft.activity.take(), line.draft.agreement.take());
            line.draft.draft.activity_id = activities.find(line, "activity", activity.as_deref());
            line.draft.draft.agreement_id =
                agreements.find(line, "agreement", agreement.as_deref());
        }
        stage(import, File::InvoiceLines, lines).await?;
    }
    Ok(())
}

/// Parses payments.csv and stages its rows.
pub(super) async fn stage_payments(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Payments)? else { return Ok(()) };
    while let Some(lines) = import.chunk(&mut table, read_payment)? {
        stage(import, File::Payments, lines).await?;
    }
    Ok(())
}

async fn stage<D: Serialize>(
    import: &mut Import<'_>,
    file: File,
    lines: Vec<Line<Part<D>>>,
) -> Result<()> {
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let (number, key) = (line.number, line.draft.invoice.clone());
        match import.accept(file, |_| String::new(), line) {
            Some(part) => {
                let record = serde_json::to_string(&part.draft).map_err(Error::internal)?;
                rows.push(staging::Waiting { key, line: number, record });
            }
            // Without this line the invoice would have misleading errors.
            None if file == File::InvoiceLines => import.mark_bad(File::Invoices, &key),
            None => {}
        }
    }
    staging::stage(import.tx(), file, rows).await?;
    import.settle().await
}

/// Parses a staged row.
pub(super) fn parse<D: DeserializeOwned>(record: &str) -> Result<D> {
    serde_json::from_str(record).map_err(Error::internal)
}
