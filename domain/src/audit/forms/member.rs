//! The form of a member, with its parts.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    id::MemberId,
    kind::{Form, SubjectKind},
    member, member_billing, member_former_name, member_municipality,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::super::recorded::{Fields, Person, Personal, Recorded, Written};
use crate::{collation, database::among, error::Result};

/// A member with its municipalities, billing details and former names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// The row.
    pub row: member::Model,
    /// Its municipalities, in order.
    pub municipalities: Vec<String>,
    /// Billing details; `None` if there are none.
    pub billing: Option<member_billing::Model>,
    /// Former names, each with the first day without it.
    pub former_names: BTreeMap<String, NaiveDate>,
}

impl Fields for Member {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let Self { row, municipalities, billing, former_names } = self;
        row.write(map)?;
        map.serialize_entry("municipalities", municipalities)?;
        map.serialize_entry("billing", &billing.as_ref().map(Written))?;
        map.serialize_entry("former_names", former_names)
    }
}

impl Recorded for Member {
    const FORM: Form = Form::Member;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Member, self.row.id.0)
    }

    fn record_id(&self) -> Uuid {
        self.row.id.0
    }

    fn personal(&self) -> Vec<Personal> {
        let named = self
            .billing
            .as_ref()
            .filter(|billing| billing.email.is_some() || billing.buyer_reference.is_some());
        named
            .map(|_| {
                Personal::of(
                    Person::buyer(self.row.id),
                    &["/billing/email", "/billing/buyer_reference"],
                )
            })
            .into_iter()
            .collect()
    }
}

/// Loads the parts of members.
pub async fn members(db: &impl ConnectionTrait, rows: Vec<member::Model>) -> Result<Vec<Member>> {
    let backend = db.get_database_backend();
    let ids = || rows.iter().map(|row| row.id);
    let mut municipalities: HashMap<MemberId, Vec<String>> = HashMap::new();
    let theirs = among(backend, Expr::col(member_municipality::Column::MemberId), ids());
    let found = member_municipality::Entity::find().filter(theirs).all(db).await?;
    for row in found {
        municipalities.entry(row.member_id).or_default().push(row.municipality);
    }
    let theirs = among(backend, Expr::col(member_billing::Column::MemberId), ids());
    let found = member_billing::Entity::find().filter(theirs).all(db).await?;
    let mut billing: HashMap<MemberId, member_billing::Model> =
        found.into_iter().map(|row| (row.member_id, row)).collect();
    let mut names: HashMap<MemberId, BTreeMap<String, NaiveDate>> = HashMap::new();
    let theirs = among(backend, Expr::col(member_former_name::Column::MemberId), ids());
    for row in member_former_name::Entity::find().filter(theirs).all(db).await? {
        names.entry(row.member_id).or_default().insert(row.name, row.until);
    }
    let snapshot = |row: member::Model| {
        let id = row.id;
        let mut municipalities = municipalities.remove(&id).unwrap_or_default();
        municipalities.sort_by_cached_key(|name| (collation::key(name), name.clone()));
        Member {
            row,
            municipalities,
            billing: billing.remove(&id),
            former_names: names.remove(&id).unwrap_or_default(),
        }
    };
    Ok(rows.into_iter().map(snapshot).collect())
}
