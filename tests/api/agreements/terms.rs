//! The date rules of a term stand twice, in Rust and in SQL: both are applied to the same
//! agreements on the same days, and must agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId, MemberId},
    kind::{AgreementKind, Direction},
    member,
    partial::PartialRow,
    term::{Status, Term, add_months, notice_deadline, prolonged},
};
use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use domain::{
    agreements::{
        Filter,
        deadlines::{self, rules::Window, soonest_first},
    },
    audit::{self, Action},
    auth::viewer::Viewer,
    clock,
    clock::Clock,
    collation,
    context::Context,
    database::Database,
    error::ValidationErrors,
    page::{Args, PageRequest},
    term_sql,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, Order, Statement,
    sea_query::{Query, SelectStatement, SimpleExpr},
};

use crate::support::app::{App, on_both};

/// Agreements in a register of the test.
const AGREEMENTS: usize = 3000;
/// Members that they are with.
const MEMBERS: usize = 400;
/// Days on which they are looked at.
const DAYS: usize = 64;
/// Windows of the expiry list, in days.
const WINDOWS: [u64; 9] = [0, 1, 27, 31, 59, 90, 365, 366, 3660];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Makes facts that fall on, just before or just after the days that are looked at, and often at a
/// month's end.
struct Facts {
    random: StdRng,
    days: Vec<NaiveDate>,
}

impl Facts {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut days = vec![
            day("2024-02-29"),
            day("2028-02-29"),
            day("2023-02-28"),
            day("2024-01-31"),
            day("2024-03-31"),
            day("2025-12-31"),
            day("2026-01-01"),
            day("1900-01-01"),
            day("2999-12-31"),
        ];
        while days.len() < DAYS {
            days.push(day("2020-01-01") + Days::new(random.random_range(0..4000)));
        }
        Self { random, days }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn day(&mut self) -> NaiveDate {
        let near = *self.days.choose(&mut self.random).unwrap()
            + TimeDelta::days(self.random.random_range(-1..=1));
        match self.random.random_range(0..10) {
            0..=5 => near,
            6 => near.with_day(1).unwrap(),
            7 | 8 => add_months(near.with_day(1).unwrap(), 1) - Days::new(1),
            _ => day("2019-06-01") + Days::new(self.random.random_range(0..4500)),
        }
    }

    fn maybe(&mut self, percent: u32) -> Option<NaiveDate> {
        self.chance(percent).then(|| self.day())
    }

    fn one_of(&mut self, numbers: &[i32]) -> i32 {
        *numbers.choose(&mut self.random).unwrap()
    }

    fn term(&mut self) -> agreement::Model {
        let notice_months = self.one_of(&[0, 0, 1, 1, 2, 3, 3, 6, 12, 13, 25, 120]);
        let starts_on = self.day();
        let wanted =
            if self.chance(50) { self.day() } else { add_months(self.day(), notice_months) };
        let ends_on = self.chance(85).then(|| {
            if wanted < starts_on {
                starts_on + TimeDelta::days(self.random.random_range(0..900))
            } else {
                wanted
            }
        });
        let is_offered = self.chance(90);
        let offered_on = self.day();
        let nudge = TimeDelta::microseconds(
            *[-1, 0, 1, 43_200_000_000, 1_500_000].choose(&mut self.random).unwrap(),
        );
        let offered_at = is_offered.then(|| clock::start_of(offered_on) + nudge);
        let signed_on = if is_offered { self.maybe(85) } else { None };
        agreement::Model {
            id: AgreementId::new(),
            kind: if self.chance(80) {
                AgreementKind::Participation
            } else {
                AgreementKind::Cooperation
            },
            direction: Direction::None,
            starts_on,
            ends_on,
            notice_months,
            renewal_months: if ends_on.is_some() && self.chance(60) {
                Some(self.one_of(&[1, 1, 2, 3, 5, 7, 12, 12, 12, 24, 36, 600]))
            } else {
                None
            },
            offered_at,
            signed_on,
            withdrawn_on: if signed_on.is_none() { self.maybe(30) } else { None },
            notice_given_on: if signed_on.is_some() && ends_on.is_some() {
                self.maybe(25)
            } else {
                None
            },
            replaced_from: if signed_on.is_some() { self.maybe(10) } else { None },
            ..agreement::Model::default()
        }
    }
}

/// A register with random agreements between members and activities, as many of both as takes it
/// that few would overlap; those that would all the same are made to be of a kind that may.
async fn fill(db: &Database, facts: &mut Facts) -> Vec<agreement::Model> {
    let mut change = audit::begin(
        Context::new(db, Clock::system(), &Viewer::operator("test")),
        Action::MemberUpdate,
    )
    .await
    .unwrap();
    let members: Vec<MemberId> = (0..MEMBERS).map(|_| MemberId::new()).collect();
    let activities: Vec<ActivityId> = (0..5).map(|_| ActivityId::new()).collect();
    for (position, id) in members.iter().enumerate() {
        let name = format!("Förbund {position}");
        let row = member::Model {
            id: *id,
            name_key: collation::key(&name),
            name,
            joined_on: day("2010-01-01"),
            ..member::Model::default()
        };
        audit::insert(&change, row).await.unwrap();
    }
    for (position, id) in activities.iter().enumerate() {
        let slug = format!("verksamhet-{position}");
        let row = activity::Model {
            id: *id,
            name: slug.clone(),
            name_key: slug.clone(),
            slug,
            starts_on: day("2010-01-01"),
            ..activity::Model::default()
        };
        audit::insert(&change, row).await.unwrap();
    }
    let mut agreements: Vec<agreement::Model> = Vec::new();
    let mut taken: HashMap<_, Vec<Term>> = HashMap::new();
    for position in 0..AGREEMENTS {
        let mut row = facts.term();
        for _ in 0..20 {
            row.member_id = members.choose(&mut facts.random).copied();
            row.activity_id = activities.choose(&mut facts.random).copied();
            let is_taken = taken
                .get(&(row.member_id, row.activity_id))
                .is_some_and(|others| is_next_to(&row, others));
            if !is_taken {
                break;
            }
        }
        let own = taken.entry((row.member_id, row.activity_id)).or_default();
        if is_next_to(&row, own) {
            row.kind = AgreementKind::Cooperation;
        } else if row.kind == AgreementKind::Participation && row.signed_on.is_some() {
            own.push(term_sql::of(&row));
        }
        row.number = row.offered_at.map(|_| format!("2020-{position}"));
        row.number_key = row.number.as_deref().map(collation::number_key).unwrap_or_default();
        (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
        agreements.push(row);
    }
    for rows in agreements.chunks(500) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        agreement::Entity::insert_many(rows).exec_without_returning(change.tx()).await.unwrap();
    }
    change.record(None, Some(&::entity::contact_area::Model::default())).unwrap();
    change.commit().await.unwrap();
    agreements
}

/// `true` if a member would take part by it and by one of these at the same time.
fn is_next_to(row: &agreement::Model, others: &[Term]) -> bool {
    let is_signed = row.kind == AgreementKind::Participation && row.signed_on.is_some();
    is_signed && others.iter().any(|other| other.overlaps(&term_sql::of(row)))
}

async fn slug_of(db: &Database, activity: Option<ActivityId>) -> String {
    activity::Entity::find_by_id(activity.unwrap()).one(db.read()).await.unwrap().unwrap().slug
}

async fn ids(db: &Database, condition: Condition) -> BTreeSet<AgreementId> {
    let select = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(condition)
        .take();
    db.read()
        .query_all(&select)
        .await
        .unwrap()
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

async fn deadlines(
    db: &Database,
    value: SimpleExpr,
    condition: Condition,
) -> BTreeMap<AgreementId, NaiveDate> {
    let mut select = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(condition)
        .take();
    select.expr(value);
    let rows = db.read().query_all(&select).await.unwrap();
    rows.iter()
        .map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap()))
        .collect()
}

/// Fails with the facts of the first agreement that the two answer differently.
fn same<T: Ord + Clone + std::fmt::Debug>(
    what: &str,
    on: NaiveDate,
    in_rust: BTreeSet<T>,
    in_sql: BTreeSet<T>,
    fact: impl Fn(&T) -> Term,
) {
    if let Some(one) = in_rust.symmetric_difference(&in_sql).next() {
        let teller = if in_rust.contains(one) { "Rust" } else { "SQL" };
        panic!("only {teller} says {what} on {on} of {one:?}: {:#?}", fact(one));
    }
}

async fn hold(db: &Database, seed: u64) {
    let mut facts = Facts::new(seed);
    let agreements = fill(db, &mut facts).await;
    let terms_of: BTreeMap<AgreementId, Term> =
        agreements.iter().map(|row| (row.id, term_sql::of(row))).collect();
    let by_rust = |holds: &dyn Fn(&Term) -> bool| -> BTreeSet<AgreementId> {
        terms_of.iter().filter(|(_, term)| holds(term)).map(|(id, _)| *id).collect()
    };
    let slug = slug_of(db, agreements[0].activity_id).await;
    let mut seen: HashMap<Status, usize> = HashMap::new();
    let mut within = 0;
    for on in facts.days.clone() {
        for &status in Status::ALL {
            let in_rust = by_rust(&|term| term.status(on) == status);
            *seen.entry(status).or_default() += in_rust.len();
            let condition = Condition::all()
                .add(term_sql::has_status(&[status], on))
                .add_option(term_sql::is_rare(db.backend(), &[status], on));
            same(&format!("{status:?}"), on, in_rust, ids(db, condition).await, |id| terms_of[id]);
        }
        let some = [Status::Offered, Status::NoticeGiven, Status::Ended];
        same(
            "one of three",
            on,
            by_rust(&|term| some.contains(&term.status(on))),
            ids(db, term_sql::has_status(&some, on)).await,
            |id| terms_of[id],
        );
        same(
            "in force",
            on,
            by_rust(&|term| term.is_in_force(on)),
            ids(db, term_sql::in_force(on)).await,
            |id| terms_of[id],
        );
        for days in WINDOWS {
            let to = on + Days::new(days);
            let in_rust: BTreeSet<_> = terms_of
                .iter()
                .filter_map(|(id, term)| Some((*id, term.next_deadline(on)?.on)))
                .filter(|(_, deadline)| *deadline <= to)
                .collect();
            within += in_rust.len();
            let in_sql = deadlines(
                db,
                term_sql::next_deadline(db.backend(), on),
                term_sql::deadline_within(db.backend(), on, to),
            )
            .await;
            same(
                &format!("a deadline within {days} days"),
                on,
                in_rust,
                in_sql.into_iter().collect(),
                |(id, _)| terms_of[id],
            );
        }
        let in_force = agreements.iter().filter(|row| {
            row.kind == AgreementKind::Participation
                && row.activity_id == agreements[0].activity_id
                && terms_of[&row.id].is_in_force(on)
        });
        let in_rust: BTreeSet<MemberId> = in_force.filter_map(|row| row.member_id).collect();
        let taking_part = Query::select()
            .column(member::Column::Id)
            .from(member::Entity)
            .and_where(term_sql::takes_part(&slug, on))
            .take();
        let found = db.read().query_all(&taking_part).await.unwrap();
        let in_sql: BTreeSet<MemberId> =
            found.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(in_rust, in_sql, "members that take part in an activity on {on}");
    }
    // A test that never meets a status proves nothing about it.
    assert!(
        Status::ALL.iter().all(|status| seen.get(status).copied().unwrap_or_default() > DAYS),
        "{seen:?}"
    );
    assert!(within > 1000);
}

on_both!(rust_and_sql_agree_on_every_status, |app| async move {
    hold(&app.db, 20_261_121).await;
});

on_both!(pages_of_what_expires_follow_from_the_terms, |app| async move {
    let mut facts = Facts::new(20_261_203);
    let agreements = fill(&app.db, &mut facts).await;
    let viewer = Viewer::operator("test");
    let ctx = app.context(&viewer);
    let mut read = 0;
    for on in facts.days.iter().step_by(5).copied() {
        for (days, size) in [(0, 2), (27, 5), (90, 20), (366, 50), (3660, 200)] {
            let window = Window { from: on, to: on + Days::new(days) };
            let mut expected: Vec<(NaiveDate, AgreementId)> = agreements
                .iter()
                .filter_map(|row| Some((term_sql::of(row).next_deadline(on)?.on, row.id)))
                .filter(|(deadline, _)| *deadline <= window.to)
                .collect();
            expected.sort();
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let args = Args { first: Some(size), after: after.take(), ..Args::default() };
                let (order, columns) =
                    (soonest_first(app.db.backend(), window), agreement::Model::every_column());
                let errors = ValidationErrors::default();
                let page = PageRequest::check("Agreement", order, &args, columns, errors).unwrap();
                let slice = deadlines::list(ctx, window, &Filter::default(), &page).await.unwrap();
                after = slice.rows.last().map(|(position, _)| position.encode());
                found.extend(slice.rows.into_iter().map(|(_, row)| row));
                if !slice.has_next {
                    break;
                }
            }
            read += found.len();
            let found: Vec<_> = found
                .iter()
                .map(|row| (term_sql::of(row).next_deadline(on).unwrap().on, row.id))
                .collect();
            assert_eq!(found, expected, "{days} days from {on}");
        }
    }
    assert!(read > 3000, "{read}");
});

/// Pairs of agreements between a member and an activity.
const PAIRS: usize = 400;

on_both!(the_database_refuses_what_overlaps_and_nothing_else, |app| async move {
    let mut facts = Facts::new(7);
    let first = fill_nothing(&app.db).await;
    let (mut refused, mut taken) = (0, 0);
    while refused + taken < PAIRS {
        let pair = [facts.term(), facts.term()].map(|mut row| {
            (row.member_id, row.activity_id) = (Some(first.0), Some(first.1));
            row.number = row.offered_at.map(|_| row.id.0.to_string());
            row
        });
        // Agreements that never overlap with another test little.
        if pair.iter().any(|row| row.signed_on.is_none()) && !facts.chance(20) {
            continue;
        }
        let of_rust = is_next_to(&pair[1], &[term_sql::of(&pair[0])])
            && is_next_to(&pair[0], &[term_sql::of(&pair[1])]);
        let change = audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate)
            .await
            .unwrap();
        let [one, other] = pair.clone();
        audit::insert(&change, one).await.unwrap();
        // As a new row, or as one that is signed when it is there.
        let of_sql = if facts.chance(50) {
            audit::insert(&change, other).await
        } else {
            audit::insert(
                &change,
                agreement::Model { signed_on: None, notice_given_on: None, ..other.clone() },
            )
            .await
            .unwrap();
            audit::replace(&change, other).await
        };
        assert_eq!(of_sql.is_err(), of_rust, "{:?} {pair:#?}", of_sql.err());
        if of_rust {
            refused += 1
        } else {
            taken += 1
        }
        change.undo().await.unwrap();
    }
    assert!(refused > PAIRS / 5 && taken > PAIRS / 5, "{refused} refused, {taken} taken");
});

/// A member and an activity.
async fn fill_nothing(db: &Database) -> (MemberId, ActivityId) {
    let mut change = audit::begin(
        Context::new(db, Clock::system(), &Viewer::operator("test")),
        Action::MemberUpdate,
    )
    .await
    .unwrap();
    let (member, activity) = (MemberId::new(), ActivityId::new());
    let row = member::Model {
        id: member,
        name: "A".into(),
        name_key: "a".into(),
        joined_on: day("2010-01-01"),
        ..member::Model::default()
    };
    audit::insert(&change, row).await.unwrap();
    let row = activity::Model {
        id: activity,
        slug: "a".into(),
        name: "A".into(),
        name_key: "a".into(),
        starts_on: day("2010-01-01"),
        ..activity::Model::default()
    };
    audit::insert(&change, row).await.unwrap();
    change.record(None, Some(&::entity::contact_area::Model::default())).unwrap();
    change.commit().await.unwrap();
    (member, activity)
}

#[test]
fn notice_ends_the_first_term_that_it_is_in_time_for() {
    let mut facts = Facts::new(11);
    for _ in 0..20_000 {
        let term = Term { notice_given_on: None, ..term_sql::of(&facts.term()) };
        let given_on = facts.day();
        let ends_on = term.ends_by_notice(given_on);
        match (term.ends_on, term.renewal_months) {
            (Some(first), Some(renewal)) => {
                let ends = (0..).map(|round| prolonged(first, renewal, round));
                let counted = ends
                    .into_iter()
                    .find(|last| notice_deadline(*last, term.notice_months) >= given_on);
                assert_eq!(Some(ends_on), counted, "{given_on} {term:?}");
            }
            (agreed, _) => assert_eq!(
                ends_on,
                agreed.into_iter().chain([add_months(given_on, term.notice_months)]).min().unwrap()
            ),
        }
        // Whatever came before, it is known from then on.
        let after = Term { ends_on: Some(ends_on), notice_given_on: Some(given_on), ..term };
        assert_eq!(after.final_day(), after.last_day(given_on));
    }
}

/// Returns SQLite's plan of a statement, a step a line. Bound values do not matter: it plans
/// without statistics.
async fn plan(db: &Database, select: &SelectStatement) -> String {
    let sql = db.backend().build(select).sql;
    let steps = db
        .read()
        .query_all_raw(Statement::from_string(db.backend(), format!("EXPLAIN QUERY PLAN {sql}")))
        .await
        .unwrap();
    steps
        .iter()
        .map(|step| step.try_get::<String>("", "detail").unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn conditions_are_found_by_their_indexes() {
    let app = App::sqlite().await;
    let (db, on) = (&app.db, day("2026-11-21"));
    let agreements = |condition: Condition| {
        let mut select = Query::select()
            .column((agreement::Entity, agreement::Column::Number))
            .from(agreement::Entity)
            .cond_where(condition)
            .take();
        select
            .order_by((agreement::Entity, agreement::Column::NumberKey), Order::Asc)
            .order_by((agreement::Entity, agreement::Column::Id), Order::Asc)
            .limit(26);
        select
    };
    let status = |status: Status| {
        Condition::all().add(term_sql::has_status(&[status], on)).add_option(term_sql::is_rare(
            db.backend(),
            &[status],
            on,
        ))
    };
    let members = |condition: SimpleExpr| {
        let mut select = Query::select()
            .column((member::Entity, member::Column::Id))
            .from(member::Entity)
            .and_where(condition)
            .take();
        select
            .order_by((member::Entity, member::Column::NameKey), Order::Asc)
            .order_by((member::Entity, member::Column::Id), Order::Asc)
            .limit(26);
        select
    };
    for (select, steps) in [
        // What expires: the fixed ends by their day, the recurring deadlines by their months.
        (
            agreements(term_sql::deadline_within(db.backend(), on, on + Days::new(90))),
            vec![
                "SEARCH agreement USING INDEX agreement__first_deadline (deadline_on>? AND deadline_on<?)",
                "SEARCH agreement USING INDEX agreement__deadline_month__deadline_on (renewal_months=? AND deadline_month=? AND deadline_on<?)",
            ],
        ),
        // Few of any register.
        (
            agreements(status(Status::Signed)),
            vec!["SEARCH agreement USING INDEX agreement__starts_on__id (starts_on>?)"],
        ),
        // Many of any register: a page is full before long, and in its order.
        (
            agreements(status(Status::Active)),
            vec!["SCAN agreement USING INDEX agreement__number_key__id"],
        ),
        (
            agreements(status(Status::Ended)),
            vec!["SCAN agreement USING INDEX agreement__number_key__id"],
        ),
        (
            members(term_sql::takes_part("bip", on)),
            vec![
                "SCAN member USING COVERING INDEX member__name_key__id",
                // SQLite joins, and stops at a member's first agreement.
                "SEARCH agreement EXISTS USING COVERING INDEX agreement__participation (activity_id=? AND member_id=? AND starts_on<?)",
            ],
        ),
        (
            members(term_sql::takes_part("bip", on).not()),
            vec![
                "SCAN member USING COVERING INDEX member__name_key__id",
                "SEARCH agreement USING COVERING INDEX agreement__participation (activity_id=? AND member_id=? AND starts_on<?)",
            ],
        ),
    ] {
        let plan = plan(db, &select).await;
        for step in steps {
            assert!(plan.lines().any(|line| line == step), "{step}\nis not in\n{plan}");
        }
    }
}
