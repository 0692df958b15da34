//! What the files say of an invoice, held against the register: what is new is written, and what
//! was issued stays as it is.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::{InvoiceKind, VatRate},
    money::Money,
    number,
    partial::PartialRow,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    super::{
        File,
        bulk_insert::{Batch, insert, replace},
        import::{BadRow, Fate, Import},
        key_resolution::{self, Claims, Party, References},
        staging,
    },
    credits::{self, Credits},
    drafts::{Head, Incoming, LineDraft},
    matches::{self, Matches, Part},
    payments,
};
use crate::{
    activities::tax_decisions::NO_RATE_OF_ZERO,
    books::Closing,
    database::{among, among_words},
    error::Result,
    invoices::{
        aggregate::{InvoiceAggregate, parts_of},
        amounts, payment_allocation,
        revenue_accounts::LineAccounts,
    },
    swedish,
};

/// What a chunk's invoices refer to, and the values that they may take.
struct Known {
    existing: HashMap<String, InvoiceAggregate>,
    /// Keys with bad rows among their lines, or that are bad themselves.
    shunned: HashSet<String>,
    parties: References<Party>,
    credits: Credits,
    matches: Matches,
    numbers: Claims<String>,
    ocrs: Claims<String>,
    accounts: LineAccounts,
}

/// What is to be written.
#[derive(Default)]
struct Writes {
    rows: Batch<invoice::Model>,
    lines: Batch<invoice_line::Model>,
    removed_lines: Vec<InvoiceLineId>,
    payments: Batch<payment::Model>,
    /// Invoices with new or other payments.
    paid: BTreeSet<InvoiceId>,
}

/// Merges invoices into the register.
pub(super) async fn merge(import: &mut Import<'_>, incoming: Vec<Incoming>) -> Result<()> {
    let mut known = known(import, &incoming).await?;
    let mut writes = Writes::default();
    for mut incoming in incoming {
        let before = known.existing.remove(&incoming.key);
        incoming.lacks_lines = known.shunned.contains(&incoming.key);
        if before.is_none() && incoming.head.is_none() {
            refuse_orphans(import, &incoming);
            continue;
        }
        let mut after = match &before {
            Some(before) if before.is_issued() => keep(&mut incoming, before, &mut known),
            _ => make(&mut incoming, before.as_ref(), &mut known),
        };
        let matched = payments::take(&mut incoming, &mut after, &known.credits, &known.matches);
        refuse_closed(import.closing, &mut incoming, before.as_ref(), &after);
        if incoming.is_good() && !incoming.lacks_lines {
            known.credits.take(&mut incoming, before.as_ref(), &after);
        }
        if incoming.is_good() && !incoming.lacks_lines {
            write(import, &incoming, before, after, &matched, &mut writes)?;
            known.matches.add(matched);
        } else {
            reject(import, incoming);
        }
    }
    let tx = import.tx();
    // A draft that is issued gets its lines first: from then on they never change.
    insert(tx, writes.rows.added).await?;
    if !writes.removed_lines.is_empty() {
        let theirs = among(
            tx.get_database_backend(),
            Expr::col(invoice_line::Column::Id),
            writes.removed_lines,
        );
        invoice_line::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    writes.lines.write(tx).await?;
    replace(tx, writes.rows.changed).await?;
    writes.payments.write(tx).await?;
    known.matches.write(import).await?;
    writes.paid.extend(known.credits.settle(import).await?);
    let delta = payment_allocation::renew(&import.change, &writes.paid).await?;
    delta.months().for_each(|month| import.earned_on(month));
    import.settle().await
}

/// Loads what the chunk needs, in a handful of statements.
async fn known(import: &Import<'_>, incoming: &[Incoming]) -> Result<Known> {
    let tx = import.tx();
    let heads =
        || incoming.iter().filter_map(|incoming| incoming.head.as_ref()).map(|line| &line.draft);
    let own = key_resolution::present(incoming.iter().map(|incoming| Some(incoming.key.as_str())));
    let rows =
        key_resolution::existing::<invoice::Model>(tx, &own, &invoice::Model::every_column())
            .await?;
    let mut parts = parts_of(tx, rows.values().map(|row| row.id).collect()).await?;
    let existing: HashMap<String, InvoiceAggregate> = rows
        .into_iter()
        .map(|(key, row)| {
            let (lines, payments, adjustments) = parts.remove(&row.id).unwrap_or_default();
            (key, InvoiceAggregate { row, lines, payments, adjustments })
        })
        .collect();
    let shunned = if import.is_good() {
        HashSet::new()
    } else {
        staging::bad(tx, File::Invoices, &own).await?
    };
    let numbers: BTreeSet<&str> = heads().filter_map(|head| head.number.as_deref()).collect();
    let ocrs = heads()
        .flat_map(|head| [head.ocr.clone().flatten(), derived_ocr(head)])
        .flatten()
        .collect();
    Ok(Known {
        shunned,
        matches: matches::load(
            import,
            incoming,
            existing
                .values()
                .flat_map(|integer| &integer.payments)
                .map(|payment| payment.id)
                .collect(),
        )
        .await?,
        parties: key_resolution::parties(
            import,
            key_resolution::present(heads().map(|head| Some(head.buyer.as_str()))),
        )
        .await?,
        credits: credits::load(import, incoming, &existing).await?,
        numbers: Claims::new(numbers_of(tx, numbers).await?),
        ocrs: Claims::new(
            key_resolution::owners::<invoice::Model>(tx, invoice::Column::Ocr, &ocrs).await?,
        ),
        accounts: LineAccounts::load(tx, import.network).await?,
        existing,
    })
}

/// Which invoice has each of these numbers, each kind in a series of its own.
async fn numbers_of(
    tx: &impl ConnectionTrait,
    numbers: BTreeSet<&str>,
) -> Result<HashMap<String, Uuid>> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    // Numbers are found by their keys, which have an index that begins with them; a few more may
    // share one.
    let keys: BTreeSet<String> = numbers.into_iter().map(swedish::number_key).collect();
    let select = Query::select()
        .columns([invoice::Column::Kind, invoice::Column::Number, invoice::Column::Id])
        .from(invoice::Entity)
        .and_where(among_words(
            tx.get_database_backend(),
            Expr::col(invoice::Column::NumberKey),
            &keys,
        ))
        .take();
    let found = tx.query_all(&select).await?;
    let row = |row: &sea_orm::QueryResult| -> Result<_> {
        let (kind, number): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok((format!("{kind} {number}"), row.try_get_by_index(2)?))
    };
    found.iter().map(row).collect()
}

/// The OCR reference that follows from an invoice's number, when it is of digits and hyphens.
fn derived_ocr(head: &Head) -> Option<String> {
    let number = head.number.as_deref().filter(|_| head.kind == InvoiceKind::Invoice)?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    number::ocr(&number.replace('-', "")).filter(|_| is_plain)
}

/// Lines and payments of an invoice that is nowhere.
fn refuse_orphans(import: &mut Import<'_>, incoming: &Incoming) {
    if incoming.lacks_lines {
        return;
    }
    let reason = format!("there is no invoice {}", incoming.key);
    let lines = incoming.lines.iter().map(|(line, _)| (File::InvoiceLines, *line));
    for (file, line) in
        lines.chain(incoming.payments.iter().map(|(line, _)| (File::Payments, *line)))
    {
        import.reject(BadRow::new(file, line, "invoice", reason.clone()));
    }
}

fn reject(import: &mut Import<'_>, incoming: Incoming) {
    import.shun(File::Invoices, &incoming.key);
    for row in incoming.bad {
        import.reject(row);
    }
    if let Some(head) = incoming.head {
        for error in head.errors.into_inner() {
            import.reject(BadRow::new(File::Invoices, head.number, &error.path, error.message));
        }
    }
}

/// An issued invoice as it was: the files must say the same of it.
fn keep(incoming: &mut Incoming, before: &InvoiceAggregate, known: &mut Known) -> InvoiceAggregate {
    let mut after = before.clone();
    let never = format!(
        "differs from {}, which is issued and never changes; credit it instead",
        before.name()
    );
    if let Some(mut line) = incoming.head.take() {
        let (buyer, credited, corrected) =
            (line.draft.buyer.clone(), line.draft.credits.clone(), line.draft.corrects.clone());
        let party = Party::columns(known.parties.find(&mut line, "buyer", Some(&buyer)));
        let credits_id = known.credits.find(&mut line, "credits", credited.as_deref());
        let corrects_id = known.credits.find(&mut line, "corrects", corrected.flatten().as_deref());
        let (head, old) = (&line.draft, &before.row);
        let ocr = head.ocr.clone().unwrap_or_else(|| old.ocr.clone());
        let differing = [
            ("number", head.number != old.number),
            ("kind", head.kind != old.kind),
            ("buyer", party != (old.member_id, old.organisation_id)),
            ("issued_on", head.issued_on != old.issued_on),
            ("due_on", head.due_on != old.due_on),
            ("credits", credits_id != old.credits_id),
            ("ocr", old.ocr.is_some() && ocr != old.ocr),
            ("rounding", head.rounding.is_some_and(|rounding| rounding != old.rounding)),
            ("corrects", head.corrects.is_some() && corrects_id != old.corrects_id),
            ("reason", head.reason.as_ref().is_some_and(|reason| *reason != old.reason)),
            ("due_in_days", head.due_in_days.is_some_and(|days| days != old.due_in_days)),
            (
                "order_reference",
                head.order_reference.as_ref().is_some_and(|order| *order != old.order_reference),
            ),
            (
                "our_reference",
                head.our_reference
                    .as_ref()
                    .is_some_and(|reference| *reference != old.our_reference),
            ),
            (
                "buyer_reference",
                head.buyer_reference
                    .as_ref()
                    .is_some_and(|reference| *reference != old.buyer_reference),
            ),
        ];
        if line.is_good() {
            for (column, _) in differing.into_iter().filter(|(_, differs)| *differs) {
                line.error(column, never.clone());
            }
            if !known.ocrs.take(before.row.id.0, None, ocr.as_ref()) {
                line.error("ocr", "is that of another invoice too");
            }
        }
        after.row.ocr = ocr;
        incoming.head = Some(line);
    }
    if !incoming.lines.is_empty() && !incoming.lacks_lines {
        for position in 0..incoming.lines.len() {
            let credits_line = known.credits.line(incoming, position, &before.row);
            let (_, line) = &incoming.lines[position];
            let is_same = |old: &invoice_line::Model| {
                is_same_line(line, old)
                    && (line.credits_line.is_none() || credits_line == old.credits_line_id)
            };
            if !before.lines.get(position).is_some_and(is_same) {
                incoming.error_line(position, "", never.clone());
            }
        }
        if incoming.lines.len() < before.lines.len() {
            let reason = format!(
                "has {} of the {} lines of {}",
                incoming.lines.len(),
                before.lines.len(),
                before.name()
            );
            incoming.error("", reason);
        }
    }
    after
}

fn is_same_line(line: &LineDraft, old: &invoice_line::Model) -> bool {
    line.description == old.description
        && (line.activity_id, line.agreement_id) == (old.activity_id, old.agreement_id)
        && (line.period_from, line.period_to) == (old.period_from, old.period_to)
        && (line.quantity, line.unit_price, line.vat_rate)
            == (old.quantity, old.unit_price, old.vat_rate)
        && line.account.as_ref().is_none_or(|account| *account == old.account)
        && line.vat.is_none_or(|vat| vat == old.vat)
        && line.unit.is_none_or(|unit| unit == old.unit)
        && (line.exemption_reason.is_none() || line.exemption_reason == old.exemption_reason)
        && (line.exemption_code.is_none() || line.exemption_code == old.exemption_code)
}

/// Refuses what is issued or paid for the first time on a day of a closed period.
fn refuse_closed(
    closing: Closing,
    incoming: &mut Incoming,
    before: Option<&InvoiceAggregate>,
    after: &InvoiceAggregate,
) {
    let Some(through) = closing.through else { return };
    let words = |day: NaiveDate| {
        format!("is in a closed period with {day}: the books are closed through {through}")
    };
    if let Some(issued_on) = after
        .row
        .issued_on
        .filter(|day| *day <= through && before.is_none_or(|before| !before.is_issued()))
    {
        incoming.error("issued_on", words(issued_on));
    }
    let is_new =
        |payment: &payment::Model| before.is_none_or(|before| !before.payments.contains(payment));
    if let Some(payment) =
        after.payments.iter().find(|payment| payment.day_in_books() <= through && is_new(payment))
    {
        let line = incoming
            .payments
            .iter()
            .find(|(_, draft)| draft.reference == payment.reference)
            .map_or(0, |(line, _)| *line);
        incoming.bad.push(BadRow::new(
            File::Payments,
            line,
            "received_on",
            words(payment.day_in_books()),
        ));
    }
}

/// A new invoice, or a draft as it becomes.
fn make(
    incoming: &mut Incoming,
    before: Option<&InvoiceAggregate>,
    known: &mut Known,
) -> InvoiceAggregate {
    let mut after = before.cloned().unwrap_or_default();
    if before.is_none() {
        after.row.id = InvoiceId::new();
        after.row.import_key = Some(incoming.key.clone());
    }
    if let Some(mut line) = incoming.head.take() {
        let (buyer, credited) = (line.draft.buyer.clone(), line.draft.credits.clone());
        let party = known.parties.find(&mut line, "buyer", Some(&buyer));
        after.row.credits_id = known.credits.find(&mut line, "credits", credited.as_deref());
        (after.row.member_id, after.row.organisation_id) = Party::columns(party);
        after.row.reason = line.draft.reason.clone().unwrap_or(after.row.reason);
        after.row.due_in_days = line.draft.due_in_days.unwrap_or(after.row.due_in_days);
        after.row.order_reference =
            line.draft.order_reference.clone().unwrap_or(after.row.order_reference);
        after.row.our_reference =
            line.draft.our_reference.clone().unwrap_or(after.row.our_reference);
        after.row.buyer_reference =
            line.draft.buyer_reference.clone().unwrap_or(after.row.buyer_reference);
        if let Some(corrected) =
            line.draft.corrects.clone().filter(|_| line.draft.kind == InvoiceKind::Invoice)
        {
            after.row.corrects_id =
                known.credits.corrected(&mut line, corrected.as_deref(), &after.row);
        }
        let (row, head) = (&mut after.row, &line.draft);
        row.kind = head.kind;
        row.number.clone_from(&head.number);
        row.number_key = head.number.as_deref().map(swedish::number_key).unwrap_or_default();
        row.issued_on = head.issued_on;
        row.due_on = head.due_on;
        row.rounding = head.rounding.unwrap_or(row.rounding);
        let name = head.number.as_ref().map(|number| format!("{} {number}", head.kind));
        let (id, derived, ocr) = (row.id.0, derived_ocr(head), head.ocr.clone());
        if !known.numbers.take(id, None, name.as_ref()) {
            line.error("number", "is that of another one too");
        }
        after.row.ocr = match ocr {
            Some(ocr) => {
                if !known.ocrs.take(id, None, ocr.as_ref()) {
                    line.error("ocr", "is that of another invoice too");
                }
                ocr
            }
            None => derived.filter(|ocr| known.ocrs.take(id, None, Some(ocr))),
        };
        incoming.head = Some(line);
    }
    if !incoming.lines.is_empty() {
        if !after.is_issued() {
            refuse_zero(incoming, &after);
        }
        after.lines = lines_of(incoming, &after, &known.credits, &known.accounts);
    } else if after.lines.is_empty() && after.is_issued() && !incoming.lacks_lines {
        incoming.error("", "has no lines in invoice_lines.csv");
    }
    if !incoming.lacks_lines {
        calculate(incoming, &mut after);
    }
    after
}

/// The lines that the file says; a draft's keep their ids by their place.
fn lines_of(
    incoming: &mut Incoming,
    before: &InvoiceAggregate,
    credits: &Credits,
    accounts: &LineAccounts,
) -> Vec<invoice_line::Model> {
    let mut lines = Vec::with_capacity(incoming.lines.len());
    for (position, position) in (0..incoming.lines.len()).zip(1..) {
        let credits_line = credits.line(incoming, position, &before.row);
        let (old, (_, line)) = (before.lines.get(position), &incoming.lines[position]);
        let account = || accounts.of_line(line.activity_id, line.vat_rate);
        let (exemption_reason, exemption_code) = exemption(line, old);
        lines.push(invoice_line::Model {
            id: old.map_or_else(InvoiceLineId::new, |old| old.id),
            invoice_id: before.row.id,
            position,
            description: line.description.clone(),
            activity_id: line.activity_id,
            agreement_id: line.agreement_id,
            credits_line_id: credits_line.or(old.and_then(|old| old.credits_line_id)),
            period_from: line.period_from,
            period_to: line.period_to,
            quantity: line.quantity,
            unit: line.unit.or(old.map(|old| old.unit)).unwrap_or_default(),
            unit_price: line.unit_price,
            vat_rate: line.vat_rate,
            exemption_reason,
            exemption_code,
            net: Money::ZERO,
            vat: Money::ZERO,
            account: line
                .account
                .clone()
                .or_else(|| old.map(|old| old.account.clone()))
                .unwrap_or_else(account),
        });
    }
    lines
}

/// The reason of a line's exemption with its code: what the file says or else, of a line that stays
/// exempt, what was said before.
fn exemption(
    line: &LineDraft,
    old: Option<&invoice_line::Model>,
) -> (Option<String>, Option<String>) {
    if line.vat_rate != VatRate::Exempt {
        return (None, None);
    }
    match (&line.exemption_reason, old) {
        (None, Some(old)) => (old.exemption_reason.clone(), old.exemption_code.clone()),
        (reason, _) => (reason.clone(), line.exemption_code.clone()),
    }
}

/// Refuses lines of a draft that have come to the rate of zero: no invoice with it can be issued.
fn refuse_zero(incoming: &mut Incoming, before: &InvoiceAggregate) {
    let is_new = |position: usize| {
        before.lines.get(position).is_none_or(|old| old.vat_rate != VatRate::Zero)
    };
    let zero: Vec<usize> = (0..incoming.lines.len())
        .filter(|position| {
            incoming.lines[*position].1.vat_rate == VatRate::Zero && is_new(*position)
        })
        .collect();
    for position in zero {
        incoming.error_line(position, "vat_rate", NO_RATE_OF_ZERO);
    }
}

/// Works out the sums of a document and of its lines. What a credit note takes of the VAT of the
/// lines that it names is what the file says: it is looked at when all of the invoice's credit
/// notes are there.
fn calculate(incoming: &mut Incoming, after: &mut InvoiceAggregate) {
    if !amounts::rates_fit_together(after.lines.iter().map(|line| line.vat_rate)) {
        incoming.error(
            "",
            "has lines outside the scope of VAT beside others; they need an invoice of their own",
        );
    }
    let rounding = after.row.rounding;
    // Also one that is not there, which is told already.
    let names_lines = after.lines.iter().any(|line| line.credits_line_id.is_some())
        || incoming.lines.iter().any(|(_, line)| line.credits_line.is_some());
    // A draft of which the file brings no lines keeps what was said of them before.
    let said = |(position, line): (usize, &invoice_line::Model)| {
        incoming.lines.get(position).map_or(Some(line.vat), |(_, line)| line.vat)
    };
    let said: Vec<Option<Money>> = after.lines.iter().enumerate().map(said).collect();
    let mut is_small = after.calculate(|_| rounding);
    for (position, vat) in said.into_iter().enumerate() {
        let (Some(vat), line) = (vat, &mut after.lines[position]) else { continue };
        if names_lines {
            line.vat = vat;
        } else if line.vat != vat && is_small {
            let reason = format!(
                "must be {}: the VAT of each rate is reckoned on its net sum and shared out over its lines",
                line.vat
            );
            incoming.error_line(position, "vat", reason);
        }
    }
    if names_lines {
        is_small &= after.add_up();
    }
    if !is_small {
        incoming.error("", "adds up to more than 10000000000.00 kronor");
    }
    after.row.line_count = after.row.issued_on.and(i32::try_from(after.lines.len()).ok());
}

/// Puts what differs where it is written from, and records it.
fn write(
    import: &mut Import<'_>,
    incoming: &Incoming,
    before: Option<InvoiceAggregate>,
    after: InvoiceAggregate,
    matched: &[Part],
    writes: &mut Writes,
) -> Result<()> {
    count(import, incoming, before.as_ref(), &after, matched);
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    import.change.record(before.as_ref(), Some(&after))?;
    let is_new = before.is_none();
    let before = before.unwrap_or_default();
    if let Some(issued_on) = after.row.issued_on.filter(|_| !before.is_issued()) {
        import.earned_on(issued_on);
    }
    for payment in &after.payments {
        match before.payments.iter().find(|old| old.id == payment.id) {
            Some(old) if old == payment => continue,
            Some(_) => writes.payments.changed.push(payment.clone()),
            None => writes.payments.added.push(payment.clone()),
        }
        writes.paid.insert(payment.invoice_id);
    }
    writes.removed_lines.extend(before.lines.iter().skip(after.lines.len()).map(|line| line.id));
    for (position, line) in after.lines.into_iter().enumerate() {
        match before.lines.get(position) {
            Some(old) if *old == line => {}
            Some(_) => writes.lines.changed.push(line),
            None => writes.lines.added.push(line),
        }
    }
    if is_new {
        writes.rows.added.push(after.row);
    } else if before.row != after.row {
        writes.rows.changed.push(after.row);
    }
    Ok(())
}

/// Counts what became of the rows of each of the three files.
fn count(
    import: &mut Import<'_>,
    incoming: &Incoming,
    before: Option<&InvoiceAggregate>,
    after: &InvoiceAggregate,
    matched: &[Part],
) {
    let fate = |is_there: bool, is_same: bool| match (is_there, is_same) {
        (false, _) => Fate::Added,
        (true, true) => Fate::Unchanged,
        (true, false) => Fate::Changed,
    };
    if incoming.head.is_some() {
        // The sums follow from the other files.
        let said = |row: &invoice::Model| invoice::Model {
            net: Money::ZERO,
            vat: Money::ZERO,
            total: Money::ZERO,
            paid: Money::ZERO,
            credited: Money::ZERO,
            written_off: Money::ZERO,
            first_paid_on: None,
            settled_on: None,
            credited_on: None,
            ..row.clone()
        };
        let is_same = before.is_some_and(|before| said(&before.row) == said(&after.row));
        import.count(File::Invoices, fate(before.is_some(), is_same));
    }
    for (position, line) in after.lines.iter().enumerate().take(incoming.lines.len()) {
        let old = before.and_then(|before| before.lines.get(position));
        import.count(File::InvoiceLines, fate(old.is_some(), old == Some(line)));
    }
    for (line, draft) in &incoming.payments {
        let find = |integer: &InvoiceAggregate| {
            integer.payments.iter().find(|payment| payment.reference == draft.reference).cloned()
        };
        let old = before.and_then(find);
        import.count(
            File::Payments,
            fate(
                old.is_some(),
                old == find(after) && matched.iter().all(|part| part.line != *line),
            ),
        );
    }
}
