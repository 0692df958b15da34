//! Deadlines: agreements that expire or need a decision within a window of days, and the users who
//! have acknowledged them.

pub mod snooze;
pub mod query;

use std::collections::HashSet;

use ::entity::{
    acknowledgement,
    agreement::{Column, Model},
    id::AgreementId,
    kind::{DeadlineKind, Form},
    term::Term,
};
use chrono::{Days, NaiveDate};
use documents::swedish;
use sea_orm::{
    Condition, DbBackend, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, SelectStatement},
};

use super::{
    Filter,
    acknowledged::acknowledged,
    by_ids, matching,
    visibility::{column, without_member},
};
use crate::{
    auth::viewer::Resource,
    clock::Clock,
    context::Context,
    database::{Database, among},
    error::{FieldErrorCode, Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
    term_sql,
};

/// Maximum length of a window in days: ten years.
pub const MAX_DAYS: i64 = 3660;
/// Default length of a window in days.
pub const DEFAULT_DAYS: i64 = 90;

/// A window of days, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Window {
    /// Returns the window from `from`, by default today, to `within_days` days later. Adds an error
    /// unless they are 0 to [`MAX_DAYS`].
    #[must_use]
    pub fn check(
        clock: Clock,
        within_days: i64,
        from: Option<NaiveDate>,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> Self {
        let from = from.unwrap_or_else(|| clock.today());
        let days = u64::try_from(within_days).ok().filter(|_| within_days <= MAX_DAYS);
        errors.expect(
            days.is_some(),
            path,
            FieldErrorCode::OutOfRange
                .problem(format!("must be 0 to {MAX_DAYS}"))
                .with("min", 0)
                .with("max", MAX_DAYS),
        );
        let to = days.and_then(|days| from.checked_add_days(Days::new(days)));
        Self { from, to: to.unwrap_or(from) }
    }
}

/// The reason why an agreement has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It is renewed by this number of months unless notice is given by the deadline.
    Renews {
        /// Months.
        months: i32,
    },
    /// It ends, because it is not renewed.
    Ends,
    /// It ends, because notice was given.
    NoticeGiven {
        /// The day of the notice.
        on: NaiveDate,
    },
}

impl Reason {
    /// Returns the reason for the next deadline of a term on or after `on`; `None` if it has none.
    #[must_use]
    pub fn of(term: &Term, on: NaiveDate) -> Option<Self> {
        Some(match (term.next_deadline(on)?.kind, term.renewal_months, term.notice_given_on) {
            (DeadlineKind::Notice, Some(months), _) => Self::Renews { months },
            (_, _, Some(on)) => Self::NoticeGiven { on },
            (_, _, None) => Self::Ends,
        })
    }

    /// Returns the reason in Swedish, for workbooks.
    #[must_use]
    pub fn in_swedish(self) -> String {
        match self {
            Self::Renews { months } => {
                format!("Förlängs med {} om det inte sägs upp", swedish::months(i64::from(months)))
            }
            Self::Ends => "Upphör, förlängs inte av sig självt".to_owned(),
            Self::NoticeGiven { on } => format!("Upphör, sades upp {on}"),
        }
    }

    /// Returns the stable code of the reason, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Renews { months } => {
                write!(f, "prolonged by {months} months unless notice is given")
            }
            Self::Ends => f.write_str("ends, nothing prolongs it"),
            Self::NoticeGiven { on } => write!(f, "ends, notice was given on {on}"),
        }
    }
}

/// Returns the order of deadlines: the earliest first.
#[must_use]
pub fn soonest_first(db: &Database, window: Window) -> Order {
    let key = term_sql::next_deadline(db.backend(), window.from);
    Order {
        name: "DEADLINE",
        key,
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending: false,
    }
}

pub(super) fn expiring(ctx: Context<'_>, window: Window, filter: &Filter) -> SelectStatement {
    // Acknowledgements are evaluated on the first day of the window, also if the status is
    // evaluated on another day.
    let own = Filter {
        as_of: filter.as_of.or(Some(window.from)),
        include_snoozed: None,
        ..filter.clone()
    };
    let mut select = matching(ctx, &own);
    select.cond_where(term_sql::deadline_within(ctx.db.backend(), window.from, window.to));
    if !filter.include_snoozed.unwrap_or_default() {
        select.cond_where(acknowledged(ctx, window.from).not());
    }
    select
}

/// Returns a page of the agreements that the viewer can read and whose next deadline is in the
/// window, the earliest first. It omits agreements with a signed successor and, unless the filter
/// includes them, those whose deadline is acknowledged. `errors` are those already found in the
/// arguments; errors of the page are added.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    ctx: Context<'_>,
    window: Window,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    let order = soonest_first(ctx.db, window);
    page::select_rows(ctx.db.read(), expiring(ctx, window, filter), columns, &order, args, errors)
        .await
}

/// Counts the agreements that [`list`] pages through.
pub async fn count(ctx: Context<'_>, window: Window, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), expiring(ctx, window, filter)).await
}

/// Selects audit entries that are not about acknowledgements, which are an internal matter of the
/// network.
pub(crate) fn is_not_acknowledgement(backend: DbBackend) -> Condition {
    // Entries from before the migration of the audit trail have no form.
    let part = match backend {
        DbBackend::Postgres => {
            "(COALESCE(\"after\", \"before\")::jsonb -> 'acknowledged_at') IS NULL"
        }
        _ => "json_type(COALESCE(\"after\", \"before\"), '$.acknowledged_at') IS NULL",
    };
    let form = format!("COALESCE(form, '') <> '{}'", Form::Acknowledgement);
    Condition::all().add(Expr::cust(form)).add(Expr::cust(part))
}

/// Returns the acknowledgements of these agreements in effect on `on`, the latest first. The caller
/// has checked that the viewer can read the agreements. Acknowledgements of agreements that the
/// viewer can read only as their member are omitted: they are an internal matter of the network.
pub async fn acknowledgements_of(
    ctx: Context<'_>,
    agreements: &[AgreementId],
    on: NaiveDate,
) -> Result<Vec<acknowledgement::Model>> {
    use acknowledgement::Column;
    let agreement = Expr::col((acknowledgement::Entity, Column::AgreementId));
    let mut rows = acknowledgement::Entity::find()
        .filter(among(ctx.db.backend(), agreement, agreements.iter().copied()))
        .filter(Expr::col((acknowledgement::Entity, Column::Until)).gte(on))
        .order_by_desc(Column::AcknowledgedAt)
        .order_by_desc(Column::Id)
        .all(ctx.db.read())
        .await?;
    if !rows.is_empty() && ctx.viewer.visibility(Resource::Agreements).member.is_some() {
        let viewer = without_member(ctx.viewer);
        let ids: Vec<AgreementId> = rows.iter().map(|row| row.agreement_id).collect();
        let seen: HashSet<AgreementId> =
            by_ids(ctx.with_viewer(&viewer), &ids, &[super::Column::Id])
                .await?
                .into_iter()
                .map(|row| row.id)
                .collect();
        rows.retain(|row| seen.contains(&row.agreement_id));
    }
    Ok(rows)
}
