//! The forms of activities, fee schedules and status reports, with their parts.

use std::collections::HashMap;

use ::entity::{
    activity, activity_funding, activity_text, decision, fee_schedule,
    id::{ActivityId, DecisionId},
    kind::{Form, FundingKind, SubjectKind},
    status_report, status_report_text,
};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::{
    super::recorded::{Fields, Person, Personal, Recorded, Written},
    pseudonym::is_pseudonym,
};
use crate::{database::among, error::Result};

/// An activity with its texts, funding and decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// The row.
    pub row: activity::Model,
    /// Its purpose and goal.
    pub texts: activity_text::Model,
    /// Kinds of funding, in order.
    pub funding: Vec<FundingKind>,
    /// The decision; `None` if none is recorded.
    pub decision: Option<decision::Model>,
}

impl Fields for Activity {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let Self { row, texts, funding, decision } = self;
        row.write(map)?;
        texts.write(map)?;
        map.serialize_entry("funding", funding)?;
        map.serialize_entry("decision", &decision.as_ref().map(Written))
    }
}

impl Recorded for Activity {
    const FORM: Form = Form::Activity;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Activity, self.row.id.0)
    }

    fn record_id(&self) -> Uuid {
        self.row.id.0
    }

    fn personal(&self) -> Vec<Personal> {
        decided(self.decision.as_ref())
    }
}

/// Returns the fields of a decision that may name people.
pub(super) fn decided(decision: Option<&decision::Model>) -> Vec<Personal> {
    let texts = |decision: &decision::Model| {
        Personal::of(Person::decision(decision.id), &["/decision/paragraph", "/decision/document"])
    };
    decision
        .filter(|decision| decision.paragraph.is_some() || decision.document.is_some())
        .map(texts)
        .into_iter()
        .collect()
}

/// A fee schedule with its decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeeSchedule {
    /// The row.
    pub row: fee_schedule::Model,
    /// The decision; `None` if none is recorded.
    pub decision: Option<decision::Model>,
}

impl Fields for FeeSchedule {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let Self { row, decision } = self;
        row.write(map)?;
        map.serialize_entry("decision", &decision.as_ref().map(Written))
    }
}

impl Recorded for FeeSchedule {
    const FORM: Form = Form::FeeSchedule;

    /// Its activity, or itself for a fee of the network.
    fn subject(&self) -> (SubjectKind, Uuid) {
        self.row.activity_id.map_or((SubjectKind::FeeSchedule, self.row.id.0), |activity| {
            (SubjectKind::Activity, activity.0)
        })
    }

    fn record_id(&self) -> Uuid {
        self.row.id.0
    }

    fn personal(&self) -> Vec<Personal> {
        decided(self.decision.as_ref())
    }
}

/// A status report with its texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusReport {
    /// The row.
    pub row: status_report::Model,
    /// Texts of the report.
    pub texts: status_report_text::Model,
}

impl Fields for StatusReport {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        self.row.write(map)?;
        self.texts.write(map)
    }
}

impl Recorded for StatusReport {
    const FORM: Form = Form::StatusReport;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::StatusReport, self.row.id.0)
    }

    fn record_id(&self) -> Uuid {
        self.row.id.0
    }

    fn personal(&self) -> Vec<Personal> {
        let is_erased = is_pseudonym(&self.row.reported_by, self.row.id);
        let own = || Personal::of(Person::subject(&self.row.reported_by), &["/reported_by"]);
        if is_erased { Vec::new() } else { vec![own()] }
    }
}

/// Loads the parts of activities.
pub async fn activities(
    db: &impl ConnectionTrait,
    rows: Vec<activity::Model>,
) -> Result<Vec<Activity>> {
    let backend = db.get_database_backend();
    let ids = || rows.iter().map(|row| row.id);
    let theirs = among(backend, Expr::col(activity_text::Column::ActivityId), ids());
    let found = activity_text::Entity::find().filter(theirs).all(db).await?;
    let mut texts: HashMap<ActivityId, activity_text::Model> =
        found.into_iter().map(|row| (row.activity_id, row)).collect();
    let mut funding: HashMap<ActivityId, Vec<FundingKind>> = HashMap::new();
    let theirs = among(backend, Expr::col(activity_funding::Column::ActivityId), ids());
    for row in activity_funding::Entity::find().filter(theirs).all(db).await? {
        funding.entry(row.activity_id).or_default().push(row.kind);
    }
    funding.values_mut().for_each(|kinds| kinds.sort());
    let decisions = decisions(db, rows.iter().filter_map(|row| row.decision_id)).await?;
    let snapshot = |row: activity::Model| {
        let texts = texts.remove(&row.id).unwrap_or_default();
        let decision = row.decision_id.and_then(|id| decisions.get(&id).cloned());
        let (id, funding) = (row.id, funding.remove(&row.id).unwrap_or_default());
        Activity {
            row,
            texts: activity_text::Model { activity_id: id, ..texts },
            funding,
            decision,
        }
    };
    Ok(rows.into_iter().map(snapshot).collect())
}

/// Loads the decisions of fee schedules.
pub async fn fee_schedules(
    db: &impl ConnectionTrait,
    rows: Vec<fee_schedule::Model>,
) -> Result<Vec<FeeSchedule>> {
    let decisions = decisions(db, rows.iter().filter_map(|row| row.decision_id)).await?;
    let snapshot = |row: fee_schedule::Model| {
        let decision = row.decision_id.and_then(|id| decisions.get(&id).cloned());
        FeeSchedule { row, decision }
    };
    Ok(rows.into_iter().map(snapshot).collect())
}

/// Loads the texts of status reports.
pub async fn status_reports(
    db: &impl ConnectionTrait,
    rows: Vec<status_report::Model>,
) -> Result<Vec<StatusReport>> {
    let theirs = among(
        db.get_database_backend(),
        Expr::col(status_report_text::Column::StatusReportId),
        rows.iter().map(|row| row.id),
    );
    let found = status_report_text::Entity::find().filter(theirs).all(db).await?;
    let mut texts: HashMap<_, _> =
        found.into_iter().map(|row| (row.status_report_id, row)).collect();
    let snapshot = |row: status_report::Model| {
        let texts = texts.remove(&row.id).unwrap_or_default();
        StatusReport { texts: status_report_text::Model { status_report_id: row.id, ..texts }, row }
    };
    Ok(rows.into_iter().map(snapshot).collect())
}

/// Returns these decisions.
pub(super) async fn decisions(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = DecisionId>,
) -> Result<HashMap<DecisionId, decision::Model>> {
    let ids: Vec<DecisionId> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs = among(db.get_database_backend(), Expr::col(decision::Column::Id), ids);
    Ok(decision::Entity::find()
        .filter(theirs)
        .all(db)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect())
}
