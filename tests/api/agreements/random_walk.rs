//! A random walk through the lives of agreements: any mutation on any agreement on successive days,
//! and what must hold after each that changes something.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    agreement, agreement_document,
    id::AgreementId,
    kind::AgreementKind,
    term::{Status, add_months},
};
use chrono::{Days, NaiveDate};
use domain::{database::Database, term_sql};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sea_orm::{ConnectionTrait, EntityTrait, sea_query::Query};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both, runs},
    caller::Answer,
    lifecycle_fixtures::{Register, mutate, on, signature, with},
};

/// Mutations that are tried, in each run and in the long form: each step checks all that the walk
/// has made so far.
const STEPS: (usize, usize) = (150, 260);
/// Members that agreements are with; few, so that their agreements overlap.
const MEMBERS: usize = 3;

/// The walk so far.
struct Walk {
    app: App,
    register: Register,
    random: StdRng,
    today: NaiveDate,
    agreements: Vec<String>,
    documents: BTreeMap<AgreementId, agreement_document::Model>,
    /// Days of the walk since what must hold was last checked.
    days: BTreeSet<NaiveDate>,
    came: BTreeMap<String, usize>,
}

impl Walk {
    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words.choose(&mut self.random).unwrap()
    }

    /// A day near today, and often a month's first or last.
    fn near(&mut self, from: i64, to: i64) -> NaiveDate {
        let day = self.today + chrono::TimeDelta::days(self.random.random_range(from..=to));
        match self.random.random_range(0..4) {
            0 => day - Days::new(u64::from(chrono::Datelike::day0(&day))),
            1 => {
                add_months(day - Days::new(u64::from(chrono::Datelike::day0(&day))), 1)
                    - Days::new(1)
            }
            _ => day,
        }
    }

    fn term(&mut self) -> Value {
        let starts_on = self.near(-60, 200);
        let mut term = json!({ "startsOn": starts_on, "noticeMonths": self.random.random_range(0..4), "parameters": { "days": self.random.random_range(1..9) } });
        if self.random.random_bool(0.6) {
            term["endsOn"] = json!(
                add_months(starts_on, *[1, 3, 6, 12].choose(&mut self.random).unwrap())
                    - Days::new(1)
            );
            if self.random.random_bool(0.6) {
                term["renewalMonths"] = json!([1, 3, 12].choose(&mut self.random).unwrap());
            }
        }
        term
    }

    async fn step(&mut self) -> (String, Answer) {
        self.today = self.today + Days::new(self.random.random_range(0..25));
        let app = on(&self.app, self.today);
        let name = self.one_of(&[
            "agreementDraft",
            "agreementDraft",
            "agreementDraftUpdate",
            "agreementOffer",
            "agreementOffer",
            "agreementOffer",
            "agreementWithdraw",
            "agreementSign",
            "agreementSign",
            "agreementSign",
            "agreementSign",
            "agreementSign",
            "agreementSign",
            "agreementGiveNotice",
            "agreementReplace",
            "agreementReplace",
        ]);
        // Mostly one of the latest, so that lives get on.
        let skip =
            if self.random.random_bool(0.7) { self.agreements.len().saturating_sub(6) } else { 0 };
        let id = self.agreements[skip..].choose(&mut self.random).cloned().unwrap_or_default();
        let input = match name {
            _ if id.is_empty() => Value::Null,
            "agreementDraftUpdate" => with(self.term(), json!({ "agreementId": id })),
            "agreementSign" => {
                let sha256 =
                    self.reported(&id, "document { sha256 }").await["document"]["sha256"].clone();
                let party = self.one_of(&["NETWORK", "COUNTERPARTY"]);
                signature(&app, &id, party, sha256.as_str().unwrap_or(&"0".repeat(64)))
            }
            "agreementGiveNotice" => {
                json!({ "agreementId": id, "givenOn": self.near(-20, 5), "reason": "Nog" })
            }
            "agreementReplace" => with(self.term(), json!({ "agreementId": id, "fee": null })),
            _ => json!({ "agreementId": id }),
        };
        let (name, input) = if name == "agreementDraft" || id.is_empty() {
            let (member, activity) =
                (self.random.random_range(0..MEMBERS), self.one_of(&["bip", "indikatorer"]));
            (
                "agreementDraft",
                with(self.register.draft(member, activity, "2026-01-01"), self.term()),
            )
        } else {
            (name, input)
        };
        let answer = mutate(&app.office(), name, input, "id").await;
        if answer.errors().is_empty() && matches!(name, "agreementDraft" | "agreementReplace") {
            self.agreements.push(answer[name]["id"].as_str().unwrap().to_owned());
        }
        (name.to_owned(), answer)
    }

    async fn reported(&self, id: &str, selection: &str) -> Value {
        let question =
            format!("query($id: ID!) {{ agreement(by: {{ id: $id }}) {{ {selection} }} }}");
        self.app.office().ask(&question, json!({ "id": id })).await["agreement"].clone()
    }

    /// Everything that must hold of the agreements.
    async fn holds(&mut self) {
        let db = &self.app.db;
        let rows = agreement::Entity::find().all(db.read()).await.unwrap();
        gapless(&rows);
        let signed: Vec<_> = rows
            .iter()
            .filter(|row| row.kind == AgreementKind::Participation && row.signed_on.is_some())
            .collect();
        for (position, one) in signed.iter().enumerate() {
            for other in &signed[position + 1..] {
                let same = (one.member_id, one.activity_id) == (other.member_id, other.activity_id);
                assert!(
                    !same || !term_sql::of(one).overlaps(&term_sql::of(other)),
                    "{one:#?} {other:#?}"
                );
            }
        }
        let successors: HashMap<_, _> = rows
            .iter()
            .filter(|row| row.signed_on.is_some())
            .filter_map(|row| Some((row.replaces_id?, row.starts_on)))
            .collect();
        for row in &rows {
            assert_eq!(row.replaced_from, successors.get(&row.id).copied(), "{row:#?}");
            assert_eq!(
                (row.deadline_on, row.deadline_month),
                term_sql::deadline_columns(&term_sql::of(row)),
                "{row:#?}"
            );
        }
        let mut days = std::mem::take(&mut self.days);
        days.extend([
            self.today,
            self.today + Days::new(1),
            add_months(self.today, 3),
            add_months(self.today, 24),
        ]);
        for day in days {
            for &status in Status::ALL {
                let in_rust: BTreeSet<_> = rows
                    .iter()
                    .filter(|row| term_sql::of(row).status(day) == status)
                    .map(|row| row.id)
                    .collect();
                assert_eq!(in_rust, of_status(db, status, day).await, "{status:?} on {day}");
            }
        }
        let documents = agreement_document::Entity::find().all(db.read()).await.unwrap();
        let documents: BTreeMap<_, _> =
            documents.into_iter().map(|row| (row.agreement_id, row)).collect();
        for (id, kept) in &self.documents {
            assert_eq!(documents.get(id), Some(kept), "a document has changed");
        }
        assert_eq!(
            documents.keys().copied().collect::<BTreeSet<_>>(),
            rows.iter().filter(|row| row.number.is_some()).map(|row| row.id).collect()
        );
        self.documents = documents;
    }
}

/// Each year's numbers go from 1 to however many there are.
fn gapless(rows: &[agreement::Model]) {
    let mut serials: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (year, serial) in rows.iter().filter_map(|row| row.number.as_deref()?.split_once('-')) {
        assert!(
            serials.entry(year).or_default().insert(serial.parse().unwrap()),
            "{year}-{serial} was given twice"
        );
    }
    for (year, serials) in serials {
        assert_eq!(serials, (1..=serials.len()).collect(), "{year}");
    }
}

async fn of_status(db: &Database, status: Status, on: NaiveDate) -> BTreeSet<AgreementId> {
    let select = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(term_sql::has_status(&[status], on))
        .take();
    db.read()
        .query_all(&select)
        .await
        .unwrap()
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

on_both!(random_walks_violate_no_invariant, |app| async move {
    let register = Register::fill(&app).await;
    let mut walk = Walk {
        app,
        register,
        random: StdRng::seed_from_u64(20_261_122),
        today: "2026-01-15".parse().unwrap(),
        agreements: Vec::new(),
        documents: BTreeMap::new(),
        days: BTreeSet::new(),
        came: BTreeMap::new(),
    };
    for _ in 0..runs(STEPS.0, STEPS.1) {
        let before = walk.app.revision().await;
        let (name, answer) = walk.step().await;
        let came = match answer.errors() {
            [] => "done",
            [error] => error["extensions"]["reason"]
                .as_str()
                .unwrap_or(error["extensions"]["code"].as_str().unwrap_or("?")),
            _ => panic!("{}", answer.text()),
        };
        assert!(
            !["INTERNAL", "FORBIDDEN", "NOT_FOUND", "?"].contains(&came),
            "{name}: {}",
            answer.text()
        );
        assert!(
            came == "done" || walk.app.revision().await == before,
            "{name} was refused, and changed something"
        );
        *walk.came.entry(format!("{name} {came}")).or_default() += 1;
        walk.days.insert(walk.today);
        // A refused mutation has changed nothing, so what held before it still does; its day is
        // checked with the next change.
        if came == "done" {
            walk.holds().await;
        }
    }
    walk.holds().await;
    println!("{:#?}", walk.came);
    for name in ["Draft", "DraftUpdate", "Offer", "Withdraw", "Sign", "GiveNotice", "Replace"] {
        assert!(
            walk.came.contains_key(&format!("agreement{name} done")),
            "never done: {name} in {:#?}",
            walk.came
        );
    }
    assert!(walk.came.keys().filter(|key| !key.ends_with("done")).count() > 8, "{:#?}", walk.came);
});
