//! The first agreements of a window in the order of their next deadlines, found by indexes that are
//! valid for any day.
//!
//! A deadline of a later term falls on the same day of every month in which the term has one,
//! except at the end of a month. An index has the agreements by the length of their terms, the
//! month of their deadlines and that day. The statement goes through the months of the window until
//! it has found a page, and reads at most a page of each length of terms from a month. Agreements
//! whose first deadline is ahead are found by its date. The conditions of the list then decide
//! which of these candidates are on the page, so the result is that of the list without the
//! candidates.

use std::cmp::{max, min};

use ::entity::{
    agreement::{Column, Entity},
    term::is_month_end,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    Condition, DbBackend, ExprTrait, Order,
    sea_query::{Expr, SelectStatement, SimpleExpr, SubQueryStatement},
};
use uuid::Uuid;

use super::rules::Window;
use crate::{
    agreements::Filter,
    auth::viewer::Resource,
    context::Context,
    database::fixed_day,
    page::Page,
    query::column,
    term_sql::{self, month_index},
};

/// The agreements that the index of recurring deadlines has. Its definition has the same text.
const IS_RECURRING: &str = "\"agreement\".\"deadline_month\" IS NOT NULL AND \"agreement\".\"replaced_from\" IS NULL AND \"agreement\".\"signed_on\" IS NOT NULL";

/// Selects the agreements of a list whose next deadline is in the window, but only candidates for
/// the page. `listed` selects all agreements of the list, whatever their deadlines. `None` if the
/// page is read from the end, or if other conditions make the list short.
pub(super) fn select(
    ctx: Context<'_>,
    window: Window,
    filter: &Filter,
    page: &Page,
    listed: impl Fn() -> SelectStatement,
) -> Option<SelectStatement> {
    let (limit, after) = page.forward()?;
    if is_short(filter) || !ctx.viewer.visibility(Resource::Agreements).all {
        return None;
    }
    let backend = ctx.db.backend();
    let pending = || listed().cond_where(term_sql::is_pending(window.from)).take();
    // A position of another window may be before this one.
    let after = after.filter(|(day, _)| *day >= window.from);
    let months = Months { backend, window, after, limit };
    let found = months.found(months.first(pending()), months.recurring(pending()));
    let (from, to) = (fixed_day(window.from), fixed_day(window.to));
    let within = term_sql::next_deadline(backend, window.from).between(from, to);
    Some(pending().and_where(found).and_where(within).take())
}

/// `true` if few agreements match the filter, whatever their deadlines.
fn is_short(filter: &Filter) -> bool {
    !filter.activities.is_empty()
        || filter.counterparty.is_some()
        || filter.contact_area.is_some()
        || filter.county.is_some()
        || filter.template_version.is_some()
        || filter.ends_from.is_some()
        || filter.ends_to.is_some()
        || filter.search.as_deref().is_some_and(|text| !text.trim().is_empty())
}

/// Returns the day in the order of a month: 31 for the last one.
fn day_in_order(day: NaiveDate) -> u32 {
    if is_month_end(day) { 31 } else { day.day() }
}

/// The months of a window from a position on, each a row of the table `month` with the number
/// `ahead` of months after the month of the window's first day.
struct Months {
    backend: DbBackend,
    window: Window,
    after: Option<(NaiveDate, Uuid)>,
    limit: u64,
}

impl Months {
    fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    /// Returns the identifier of a candidate: a list of them must be a value, and on SQLite only
    /// row ids fit in one.
    fn row(&self) -> &'static str {
        if self.is_postgres() { "\"agreement\".\"id\"" } else { "\"agreement\".\"rowid\"" }
    }

    /// Returns the day of the deadlines in a month, 31 for the last day of any month. The index has
    /// the same expression.
    fn day(&self) -> &'static str {
        if self.is_postgres() {
            "(CASE WHEN EXTRACT(DAY FROM \"agreement\".\"ends_on\" + 1) = 1 THEN 31 ELSE CAST(EXTRACT(DAY FROM \"agreement\".\"ends_on\") AS integer) END)"
        } else {
            "(CASE WHEN substr(date(\"agreement\".\"ends_on\", '+1 day'), 9) = '01' THEN 31 ELSE CAST(substr(\"agreement\".\"ends_on\", 9) AS INTEGER) END)"
        }
    }

    /// Returns the months from the window's first month to the first and the last one to search.
    fn ahead(&self) -> (i32, i32) {
        let ahead = |day| month_index(day) - month_index(self.window.from);
        (self.after.map_or(0, |(day, _)| ahead(day)), ahead(self.window.to))
    }

    /// Selects the first agreements by their first deadline.
    fn first(&self, mut pending: SelectStatement) -> SelectStatement {
        let deadline_on = column(Column::DeadlineOn);
        let from = self.after.map_or(self.window.from, |(day, _)| day);
        pending
            .expr_as(Expr::cust(self.row()), "row")
            .and_where(deadline_on.clone().between(fixed_day(from), fixed_day(self.window.to)))
            .and_where_option(self.after.map(|(day, id)| {
                Expr::tuple([deadline_on.clone(), column(Column::Id)])
                    .gt(Expr::tuple([Expr::val(day), Expr::val(id)]))
            }))
            .order_by_expr(deadline_on, Order::Asc)
            .order_by((Entity, Column::Id), Order::Asc)
            .limit(self.limit)
            .take()
    }

    /// Returns the condition that a deadline of a later term is in the month `ahead`, if terms of
    /// the table `round` last so long.
    fn falls_in(&self, ahead: &str) -> String {
        format!(
            "\"agreement\".\"renewal_months\" = \"round\".\"length\" AND \"agreement\".\"deadline_month\" = ({} + {ahead}) % \"round\".\"length\" AND \"agreement\".\"deadline_on\" < '{}'",
            month_index(self.window.from),
            self.window.from
        )
    }

    /// Selects the first agreements by a deadline of a later term in the month after that of the
    /// table `month`. It omits terms that end on the days 28 to 30: the length of the month decides
    /// on which day their deadline falls.
    fn recurring(&self, mut pending: SelectStatement) -> SelectStatement {
        let (ahead, day) = ("(\"month\".\"ahead\" + 1)", self.day());
        let (first, last) = self.ahead();
        let passed = self.window.from.day() - 1;
        let start = if first == 0 { self.window.from.day() } else { 1 };
        let start = max(start, self.after.map_or(1, |(day, _)| day_in_order(day)));
        let end = day_in_order(self.window.to);
        // A deadline that has passed in the first month recurs when another term has passed.
        let condition = format!(
            "{} AND {day} BETWEEN CASE WHEN {ahead} = {first} THEN {start} ELSE 1 END AND \
             CASE WHEN {ahead} = \"round\".\"length\" AND {ahead} = {last} THEN {} WHEN {ahead} = \"round\".\"length\" THEN {passed} \
             WHEN {ahead} = {last} THEN {end} ELSE 31 END AND ({day} < 28 OR {day} = 31)",
            self.falls_in(ahead),
            min(passed, end)
        );
        pending
            .expr_as(Expr::cust(self.row()), "row")
            .and_where(Expr::cust(condition))
            .order_by_expr(Expr::cust(day), Order::Asc)
            .order_by((Entity, Column::Id), Order::Asc)
            .limit(self.limit);
        if let Some((on, id)) = self.after {
            let position = Expr::tuple([Expr::cust(day), column(Column::Id)])
                .gt(Expr::tuple([Expr::val(i64::from(day_in_order(on))), Expr::val(id)]));
            pending.cond_where(
                Condition::any().add(Expr::cust(format!("{ahead} > {first}"))).add(position),
            );
        }
        pending
    }

    /// Returns the condition that an agreement is a candidate: one of the selected ones, or one
    /// with a deadline on the days 28 to 30 in a month that was searched.
    fn found(&self, first: SelectStatement, recurring: SelectStatement) -> SimpleExpr {
        let (first_month, last_month) = self.ahead();
        let (row, before) = (self.row(), first_month - 1);
        let rounds = format!(
            "\"round\" (\"length\") AS (SELECT MIN(\"renewal_months\") FROM \"agreement\" WHERE {IS_RECURRING} UNION ALL \
             SELECT (SELECT MIN(\"renewal_months\") FROM \"agreement\" WHERE \"renewal_months\" > \"length\" AND {IS_RECURRING}) FROM \"round\" WHERE \"length\" IS NOT NULL)"
        );
        let uncertain = format!(
            "{} AND {} BETWEEN 28 AND 30 AND {IS_RECURRING}",
            self.falls_in("\"month\".\"ahead\""),
            self.day()
        );
        let searched =
            format!("\"month\".\"ahead\" BETWEEN {first_month} AND \"round\".\"length\"");
        let text = if self.is_postgres() {
            format!(
                "{row} = ANY(ARRAY(WITH RECURSIVE {rounds}, \"month\" (\"ahead\", \"found\") AS (SELECT {before}, CAST(ARRAY[] AS uuid[]) UNION ALL \
                 SELECT \"ahead\" + 1, ARRAY(SELECT unnest(ARRAY $1) FROM \"round\" WHERE \"month\".\"ahead\" + 1 <= \"round\".\"length\") FROM \"month\" \
                 WHERE \"ahead\" < {last_month} AND cardinality(\"found\") < $2) \
                 SELECT unnest(\"found\") FROM \"month\" UNION ALL SELECT unnest(ARRAY $3) UNION ALL \
                 SELECT unnest(ARRAY(SELECT {row} FROM \"agreement\" WHERE {uncertain})) FROM \"month\" CROSS JOIN \"round\" WHERE {searched}))"
            )
        } else {
            format!(
                "{row} IN (WITH RECURSIVE {rounds}, \"month\" (\"ahead\", \"found\") AS (SELECT {before}, '[]' UNION ALL \
                 SELECT \"ahead\" + 1, (SELECT json_group_array(\"value\") FROM \"round\" CROSS JOIN json_each((SELECT json_group_array(\"row\") FROM ?)) \
                 WHERE \"month\".\"ahead\" + 1 <= \"round\".\"length\") FROM \"month\" \
                 WHERE \"ahead\" < {last_month} AND json_array_length(\"found\") < ?) \
                 SELECT \"value\" FROM \"month\" CROSS JOIN json_each(\"month\".\"found\") UNION ALL \
                 SELECT \"value\" FROM json_each((SELECT json_group_array(\"row\") FROM ?)) UNION ALL \
                 SELECT \"value\" FROM \"month\" CROSS JOIN \"round\" CROSS JOIN json_each((SELECT json_group_array({row}) FROM \"agreement\" WHERE {uncertain})) WHERE {searched})"
            )
        };
        let list = |select: SelectStatement| {
            SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(select)))
        };
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        Expr::cust_with_exprs(text, [list(recurring), Expr::val(limit), list(first)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_a_month_comes_after_all_others() {
        let order = |day: &str| day_in_order(day.parse().unwrap());
        assert_eq!(order("2026-02-27"), 27);
        assert_eq!(["2026-02-28", "2026-04-30", "2026-05-31"].map(order), [31, 31, 31]);
        assert_eq!(["2028-02-28", "2026-05-30"].map(order), [28, 30]);
    }

    #[test]
    fn a_filter_by_what_few_agreements_have_makes_the_list_short() {
        assert!(!is_short(&Filter::default()));
        assert!(!is_short(&Filter { search: Some(" ".into()), ..Filter::default() }));
        assert!(is_short(&Filter { search: Some("bip".into()), ..Filter::default() }));
        assert!(is_short(&Filter { activities: vec!["bip".into()], ..Filter::default() }));
    }
}
