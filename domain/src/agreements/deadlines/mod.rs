//! Deadlines: which agreements expire or must be decided about within a window of days, and who has
//! seen it already.

pub mod snooze;
pub mod query;

use std::collections::HashSet;

use ::entity::{
    acknowledgement,
    agreement::{Column, Entity, Model},
    id::AgreementId,
    kind::{DeadlineKind, Form},
    term::Term,
};
use chrono::{Days, NaiveDate};
use sea_orm::{
    Condition, DbBackend, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{Filter, by_ids, column, matching, visible};
use crate::{
    auth::viewer::{Resource, Viewer},
    database::{Database, among},
    error::{Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
    swedish, term_sql,
};

/// The longest window, in days: ten years.
pub const MAX_DAYS: i64 = 3660;
/// The window when nobody says how long, in days.
pub const DEFAULT_DAYS: i64 = 90;

/// A window of days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Window {
    /// The window of so many days after `from`, which is today unless somebody says otherwise;
    /// faulty unless they are 0 to [`MAX_DAYS`].
    #[must_use]
    pub fn check(
        db: &Database,
        within_days: i64,
        from: Option<NaiveDate>,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> Self {
        let from = from.unwrap_or_else(|| db.clock.today());
        let days = u64::try_from(within_days).ok().filter(|_| within_days <= MAX_DAYS);
        errors.expect(days.is_some(), path, &format!("must be 0 to {MOST_DAYS}"));
        let to = days.and_then(|days| from.checked_add_days(Days::new(days)));
        Self { from, to: to.unwrap_or(from) }
    }
}

/// Why an agreement is among those that expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is prolonged by so many months unless somebody gives notice by the deadline.
    Renews {
        /// Months.
        months: i32,
    },
    /// It ends, since nothing prolongs it.
    Ends,
    /// It ends, since notice was given.
    NoticeGiven {
        /// The day of the notice.
        on: NaiveDate,
    },
}

impl Reason {
    /// Why a term has its next deadline on or after `on`; null when it has none.
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

    /// A stable word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Renews { .. } => "RENEWS",
            Self::Ends => "ENDS",
            Self::NoticeGiven { .. } => "NOTICE_GIVEN",
        }
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

/// The order of deadlines: the soonest first.
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

pub(super) fn expiring(
    db: &Database,
    viewer: &Viewer,
    window: Window,
    filter: &Filter,
) -> SelectStatement {
    // Whether somebody has seen a deadline is asked of the window's first day, whatever day the
    // status is asked of.
    let own = Filter {
        as_of: filter.as_of.or(Some(window.from)),
        include_acknowledged: None,
        ..filter.clone()
    };
    let mut select = matching(db, viewer, &own);
    select.cond_where(term_sql::deadline_within(db.backend(), window.from, window.to));
    if !filter.include_acknowledged.unwrap_or_default() {
        select.cond_where(acknowledged(db, viewer, window.from).not());
    }
    select
}

/// A page of the agreements that the viewer sees, whose next deadline falls in the window: the
/// soonest first, without those that have a signed successor and, unless the filter says so, those
/// that somebody has acknowledged. `errors` are those that reading the arguments has found; the
/// page's own come to them.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    window: Window,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    let order = soonest_first(db, window);
    page::select_rows(
        db.read(),
        expiring(db, viewer, window, filter),
        columns,
        &order,
        args,
        errors,
    )
    .await
}

/// How many there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, window: Window, filter: &Filter) -> Result<i64> {
    page::count(db.read(), expiring(db, viewer, window, filter)).await
}

/// The viewer without its membership: who sees an agreement as its member alone sees no
/// acknowledgement of it.
pub(super) fn without_member(viewer: &Viewer) -> Viewer {
    Viewer { member: None, ..viewer.clone() }
}

/// The agreement's deadline is acknowledged until `on` or later, and the viewer may know it: for
/// others the list is as if it were not, or it would show that the network was not ready to decide,
/// and until when.
pub(super) fn acknowledged(db: &Database, viewer: &Viewer, on: NaiveDate) -> Condition {
    let column = |column| Expr::col((acknowledgement::Entity, column));
    let seen = Query::select()
        .expr(Expr::cust("1"))
        .from(acknowledgement::Entity)
        .and_where(column(acknowledgement::Column::AgreementId).eq(Expr::col((Entity, Column::Id))))
        .and_where(column(acknowledgement::Column::Until).gte(on))
        // Within the subquery, where a condition that is null hides nothing else.
        .cond_where(visible(db.backend(), &without_member(viewer)))
        .take();
    Condition::all().add(Expr::exists(seen))
}

/// The entries of the audit trail that record no acknowledgement, which is the network's own
/// matter.
pub(crate) fn is_no_acknowledgement(backend: DbBackend) -> Condition {
    // Entries from before the trail's migration say no form.
    let part = match backend {
        DbBackend::Postgres => {
            "(COALESCE(\"after\", \"before\")::jsonb -> 'acknowledged_at') IS NULL"
        }
        _ => "json_type(COALESCE(\"after\", \"before\"), '$.acknowledged_at') IS NULL",
    };
    let form = format!("COALESCE(form, '') <> '{}'", Form::Acknowledgement);
    Condition::all().add(Expr::cust(form)).add(Expr::cust(part))
}

/// The acknowledgements of these agreements that hold on `on`, the latest first; the viewer must be
/// known to see the agreements. Those of agreements that it sees as their member alone are left
/// out: who made them and why is the network's own matter.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn acknowledgements_of(
    db: &Database,
    viewer: &Viewer,
    agreements: &[AgreementId],
    on: NaiveDate,
) -> Result<Vec<acknowledgement::Model>> {
    use acknowledgement::Column;
    let agreement = Expr::col((acknowledgement::Entity, Column::AgreementId));
    let mut rows = acknowledgement::Entity::find()
        .filter(among(db.backend(), agreement, agreements.iter().copied()))
        .filter(Expr::col((acknowledgement::Entity, Column::Until)).gte(on))
        .order_by_desc(Column::AcknowledgedAt)
        .order_by_desc(Column::Id)
        .all(db.read())
        .await?;
    if !rows.is_empty() && viewer.visibility(Resource::Agreements).member.is_some() {
        let viewer = without_member(viewer);
        let ids: Vec<AgreementId> = rows.iter().map(|row| row.agreement_id).collect();
        let seen: HashSet<AgreementId> = by_ids(db, &viewer, &ids, &[super::Column::Id])
            .await?
            .into_iter()
            .map(|row| row.id)
            .collect();
        rows.retain(|row| seen.contains(&row.agreement_id));
    }
    Ok(rows)
}
