//! Claims of interest invoices (räntefakturor) by the days of their lines, and overclaims: claims
//! that exceed the interest owed, for example after a credit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::InvoiceKind,
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::overdue::{self, Bearing};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::{among, among_words, rows},
    error::Result,
};
use crate::{
    interest::reference_rates,
    invoices::{
        documents,
        interest_rows::{self, Days, LINE_PREFIX, line_prefix},
        naming::name,
    },
};

/// The part of a line of an issued interest invoice that is not credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The number of the interest invoice.
    pub number: String,
    /// First and last day of the claimed interest.
    pub days: Days,
    /// Claimed sum after credits, öre.
    pub sum: Money,
}

/// A line about interest, of an invoice or of a credit note.
struct Line {
    id: InvoiceLineId,
    credits: Option<InvoiceLineId>,
    description: String,
    buyer: Buyer,
    kind: InvoiceKind,
    claim: Claim,
}

type Buyer = (Option<::entity::id::MemberId>, Option<::entity::id::OrganisationId>);

fn line_column(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

fn invoice_column(column: invoice::Column) -> SimpleExpr {
    Expr::col((invoice::Entity, column))
}

fn lines_about_interest() -> SelectStatement {
    use invoice::Column as I;
    use invoice_line::Column as L;
    let mut select = Query::select();
    select
        .exprs(
            [L::Id, L::CreditsLineId, L::Description, L::PeriodFrom, L::PeriodTo, L::Net]
                .map(line_column),
        )
        .exprs([I::Kind, I::Number, I::MemberId, I::OrganisationId].map(invoice_column))
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, invoice_column(I::Id).eq(line_column(L::InvoiceId)))
        .and_where(line_column(L::Description).like(format!("{LINE_PREFIX} %")))
        .and_where(line_column(L::PeriodFrom).is_not_null())
        .and_where(line_column(L::PeriodTo).is_not_null())
        .and_where(invoice_column(I::Number).is_not_null())
        .and_where(invoice_column(I::IssuedOn).is_not_null())
        .order_by_expr(line_column(L::PeriodFrom), sea_orm::Order::Asc)
        .order_by_expr(line_column(L::Id), sea_orm::Order::Asc);
    select
}

async fn read(db: &impl ConnectionTrait, select: &SelectStatement) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for row in db.query_all(select).await? {
        lines.push(Line {
            id: row.try_get_by_index(0)?,
            credits: row.try_get_by_index(1)?,
            description: row.try_get_by_index(2)?,
            claim: Claim {
                days: (row.try_get_by_index(3)?, row.try_get_by_index(4)?),
                sum: row.try_get_by_index(5)?,
                number: row.try_get_by_index(7)?,
            },
            kind: row.try_get_by_index(6)?,
            buyer: (row.try_get_by_index(8)?, row.try_get_by_index(9)?),
        });
    }
    Ok(lines)
}

/// Subtracts credit notes from claims, and leaves out claims of which nothing remains.
fn uncredited(lines: &[&Line]) -> Vec<Claim> {
    let (claims, credits): (Vec<&Line>, Vec<&Line>) =
        lines.iter().copied().partition(|line| line.kind == InvoiceKind::Invoice);
    let mut claims: Vec<(InvoiceLineId, &str, Claim)> = claims
        .into_iter()
        .map(|line| (line.id, line.description.as_str(), line.claim.clone()))
        .collect();
    for credit in credits {
        // An imported credit note does not reference the credited line.
        let credited = claims.iter_mut().find(|(id, description, claim)| match credit.credits {
            Some(line) => *id == line,
            None => *description == credit.description && claim.days == credit.claim.days,
        });
        if let Some((.., claim)) = credited {
            claim.sum = claim.sum - credit.claim.sum;
        }
    }
    claims.into_iter().map(|(.., claim)| claim).filter(|claim| claim.sum > Money::ZERO).collect()
}

/// Returns the claims on these invoices by interest invoices issued by `on`, or at any time, in
/// order of days. The rows must have their number and buyer. A fully credited claim is left out.
pub(super) async fn of_invoices(
    db: &impl ConnectionTrait,
    invoices: &[invoice::Model],
    on: Option<NaiveDate>,
) -> Result<HashMap<InvoiceId, Vec<Claim>>> {
    let mut select = lines_about_interest();
    select.and_where_option(on.map(|on| invoice_column(invoice::Column::IssuedOn).lte(on)));
    let lines = read(db, &select).await?;
    let of = |original: &invoice::Model| {
        let (line_prefix, buyer) =
            (line_prefix(original), (original.member_id, original.organisation_id));
        let own: Vec<&Line> = lines
            .iter()
            .filter(|line| line.buyer == buyer && line.description.starts_with(&line_prefix))
            .collect();
        uncredited(&own)
    };
    let claims =
        invoices.iter().filter(|row| row.kind == InvoiceKind::Invoice).map(|row| (row.id, of(row)));
    Ok(claims.filter(|(_, claims)| !claims.is_empty()).collect())
}

/// Interest invoices that claim more on an invoice than is owed for the claimed days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overclaim {
    /// The invoice's name.
    pub invoice: String,
    /// The numbers of the interest invoices.
    pub numbers: BTreeSet<String>,
    /// Claimed sum, öre.
    pub claimed: Money,
    /// Interest owed for these days, öre.
    pub owed: Money,
}

impl Overclaim {
    /// Compares claims with the interest owed for their days; `None` if the claims do not exceed
    /// it, apart from rounding.
    pub(super) fn of(original: &invoice::Model, claims: &[Claim], owed: Money) -> Option<Self> {
        let claimed: Money = claims.iter().map(|claim| claim.sum).sum();
        let rounding = Money(i64::try_from(claims.len()).unwrap_or(i64::MAX));
        let numbers = claims.iter().map(|claim| claim.number.clone()).collect();
        (claimed > owed && claimed - owed > rounding).then(|| Self {
            invoice: name(original),
            numbers,
            claimed,
            owed,
        })
    }

    /// Returns a sentence for the office.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { invoice, numbers, claimed, owed } = self;
        let numbers = numbers.iter().cloned().collect::<Vec<_>>().join(", ");
        format!(
            "interest invoice {numbers} claims {claimed} of interest on {invoice}, of which {owed} is owed for these days since the invoice was \
             credited or paid: credit the difference"
        )
    }
}

/// The columns of an invoice that [`overclaims`] needs.
const COLUMNS: [invoice::Column; 10] = {
    use invoice::Column as C;
    [
        C::Id,
        C::Kind,
        C::IssuedOn,
        C::DueOn,
        C::Total,
        C::SettledOn,
        C::Number,
        C::MemberId,
        C::OrganisationId,
        C::CreditsId,
    ]
};

/// Returns the overclaims on these invoices as of a day.
async fn overclaims(
    db: &impl ConnectionTrait,
    invoices: &[invoice::Model],
    (today, points): (NaiveDate, u16),
) -> Result<BTreeMap<InvoiceId, Overclaim>> {
    let claims = of_invoices(db, invoices, None).await?;
    let claimed: Vec<invoice::Model> =
        invoices.iter().filter(|row| claims.contains_key(&row.id)).cloned().collect();
    if claimed.is_empty() {
        return Ok(BTreeMap::new());
    }
    let bearing = overdue::bearing_of(db, &claimed, today, points).await?;
    let rates = reference_rates::all(db).await?.into_iter().collect();
    let mut found = BTreeMap::new();
    for row in &claimed {
        let Some(claims) = claims.get(&row.id) else { continue };
        let days: Vec<Days> = claims.iter().map(|claim| claim.days).collect();
        let Bearing { spans, points, .. } = bearing.get(&row.id).cloned().unwrap_or_default();
        // Days after the claimed ones may be of a half-year without a rate.
        let last = days.iter().map(|(_, last)| *last).max().unwrap_or(today);
        let Ok(rows) = interest_rows::rows(&overdue::until(&spans, last), &rates, points, &days)
        else {
            continue;
        };
        found.extend(Overclaim::of(row, claims, rows.claimed_sum()).map(|over| (row.id, over)));
    }
    Ok(found)
}

async fn rows_of(db: &impl ConnectionTrait, condition: SimpleExpr) -> Result<Vec<invoice::Model>> {
    let select = Query::select().columns(COLUMNS).from(invoice::Entity).and_where(condition).take();
    rows(db, &select, &COLUMNS).await
}

/// Returns the warnings of these invoices: overclaims on an invoice, or on the invoice that a
/// credit note credits. `points` apply to imported history. Viewers who may not read all invoices
/// get none.
pub async fn warnings(
    ctx: Context<'_>,
    ids: BTreeSet<InvoiceId>,
    (today, points): (NaiveDate, u16),
) -> Result<HashMap<InvoiceId, Vec<String>>> {
    if !ctx.viewer.visibility(Resource::Invoices).all {
        return Ok(HashMap::new());
    }
    let among_ids =
        |ids: BTreeSet<InvoiceId>| among(ctx.db.backend(), Expr::col(invoice::Column::Id), ids);
    let own = rows_of(ctx.db.read(), among_ids(ids)).await?;
    let credited: BTreeSet<InvoiceId> = own.iter().filter_map(|row| row.credits_id).collect();
    let mut originals: Vec<invoice::Model> = own
        .iter()
        .filter(|row| row.kind == InvoiceKind::Invoice && row.number.is_some())
        .cloned()
        .collect();
    if !credited.is_empty() {
        originals.extend(rows_of(ctx.db.read(), among_ids(credited)).await?);
    }
    let over = overclaims(ctx.db.read(), &originals, (today, points)).await?;
    let of = |row: &invoice::Model| {
        Some((row.id, vec![over.get(&row.credits_id.unwrap_or(row.id))?.describe()]))
    };
    Ok(own.iter().filter_map(of).collect())
}

/// Returns a sentence for each overclaim, for `verify`. Imported history, whose terms come from the
/// settings, is left out.
pub async fn notes(db: &impl ConnectionTrait, today: NaiveDate) -> Result<Vec<String>> {
    let lines = read(db, &lines_about_interest()).await?;
    let number = |line: &Line| {
        line.description
            .strip_prefix(LINE_PREFIX)?
            .trim_start()
            .split_once(',')
            .map(|(number, _)| number.to_owned())
    };
    let numbers: BTreeSet<String> = lines.iter().filter_map(number).collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let theirs =
        among_words(db.get_database_backend(), Expr::col(invoice::Column::Number), &numbers);
    let originals = rows_of(db, theirs).await?;
    let ids: Vec<InvoiceId> = originals.iter().map(|row| row.id).collect();
    let terms = documents::interest_terms(db, &ids).await?;
    let originals: Vec<invoice::Model> =
        originals.into_iter().filter(|row| terms.contains_key(&row.id)).collect();
    Ok(overclaims(db, &originals, (today, 0))
        .await?
        .into_values()
        .map(|over| over.describe())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(number: &str, sum: i64) -> Claim {
        let day = |text: &str| text.parse().unwrap();
        Claim {
            number: number.into(),
            days: (day("2026-11-21"), day("2026-11-30")),
            sum: Money(sum),
        }
    }

    fn line(kind: InvoiceKind, credits: Option<InvoiceLineId>, sum: i64) -> Line {
        let (id, description) = (InvoiceLineId::new(), format!("{LINE_PREFIX} 1, 10 dagar"));
        Line { id, credits, description, buyer: (None, None), kind, claim: claim("2", sum) }
    }

    #[test]
    fn a_credited_sum_is_no_longer_claimed() {
        use InvoiceKind::{CreditNote, Invoice};
        let first = line(Invoice, None, 4_000);
        assert_eq!(uncredited(&[&first]), [claim("2", 4_000)]);
        let part = line(CreditNote, Some(first.id), 1_000);
        assert_eq!(uncredited(&[&first, &part]), [claim("2", 3_000)]);
        let rest = line(CreditNote, None, 3_000);
        assert_eq!(uncredited(&[&first, &part, &rest]), []);
        assert_eq!(
            uncredited(&[&line(CreditNote, Some(InvoiceLineId::new()), 1), &first]),
            [claim("2", 4_000)]
        );
    }

    #[test]
    fn an_overclaim_names_its_invoice() {
        let original = invoice::Model { number: Some("1".into()), ..invoice::Model::default() };
        let claims = [claim("2", 4_000), claim("3", 6_000)];
        // An öre a claim is rounding.
        assert_eq!(Overclaim::of(&original, &claims, Money(9_998)), None);
        assert_eq!(Overclaim::of(&original, &claims, Money(20_000)), None);
        let over = Overclaim::of(&original, &claims, Money(5_000)).unwrap().describe();
        assert!(over.starts_with("interest invoice 2, 3 claims 100.00 of interest on invoice 1, of which 50.00 is owed"), "{over}");
    }
}
