//! The steps of the schema's history that this program knows.

use chrono::{DateTime, Utc};
use std::fmt;

use futures_util::future::BoxFuture;
use migration::{MigrationTrait, Migrator, MigratorTrait, releases};
use sea_orm::DatabaseTransaction;

use super::{
    Database,
    history::{Applied, StepStatus},
};
use crate::{audit, error::Result};

/// A one-time conversion of data that needs the rules of this program.
///
/// It is a step of the history like a migration of the schema: it has a name of the same form and a
/// row in `seaql_migrations`, and runs after the steps whose names sort before its own. It
/// therefore finds the tables as those steps left them. Where a later migration may rename them, it
/// uses plain SQL.
#[derive(Clone, Copy)]
pub struct Conversion {
    /// The name in the history: `m2026_11_30_21_what`.
    pub name: &'static str,
    /// Converts the data within the transaction, which is committed together with its row in the
    /// history. Writes outside the database may survive a crash.
    pub run: for<'a> fn(
        &'a Database,
        &'a DatabaseTransaction,
        DateTime<Utc>,
    ) -> BoxFuture<'a, Result<()>>,
}

/// Signs the entries of an older audit trail and seals their personal data.
pub(super) const TRAIL_MIGRATION: &str = "m2026_11_30_21_trail_migration";

/// Records the rows that an older audit trail does not contain in full. It reads rows by the rules
/// of this program, so it runs after every other step.
pub(super) const TRAIL_ROWS: &str = "m2026_12_01_98_trail_rows";

/// Corrects agreements that name a withdrawn agreement as their successor. It reads rows by the
/// rules of this program, so it runs after every other step.
pub(super) const WITHDRAWN_SUCCESSORS: Conversion = Conversion {
    name: "m2026_12_01_99_withdrawn_successors",
    run: |db, tx, at| Box::pin(audit::withdrawn_successors::correct(db, tx, at)),
};

/// Every conversion of this program that needs no rules of objects.
const CONVERSIONS: &[Conversion] = &[Conversion {
    name: TRAIL_MIGRATION,
    run: |db, tx, at| Box::pin(audit::migration::convert(db, tx, at)),
}];

/// The steps of a schema's history: migrations of the schema in order of their names, then the
/// steps that read rows by the rules of this program, which need every column that it knows.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    /// `false` if the result is an older schema, which the rest of this program does not support.
    pub(super) is_complete: bool,
}

pub(super) struct Step {
    pub(super) name: String,
    pub(super) oldest_program: String,
    pub(super) work: Work,
}

pub(super) enum Work {
    Schema(Box<dyn MigrationTrait>),
    Conversion(Conversion),
    /// Runs the function that [`Database::with_row_recorder`] takes.
    RecordRows,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("oldest_program", &self.oldest_program)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Returns every step that this program knows.
    #[must_use]
    pub fn current() -> Self {
        let step = |name: &str, work| Step {
            name: name.to_owned(),
            oldest_program: releases::oldest_program(name).to_owned(),
            work,
        };
        let mut steps: Vec<_> = Migrator::migrations()
            .into_iter()
            .map(|migration| {
                let name = migration.name().to_owned();
                step(&name, Work::Schema(migration))
            })
            .chain(
                CONVERSIONS
                    .iter()
                    .map(|conversion| step(conversion.name, Work::Conversion(*conversion))),
            )
            .collect();
        steps.sort_by(|one, other| one.name.cmp(&other.name));
        steps.push(step(TRAIL_ROWS, Work::RecordRows));
        steps.push(step(WITHDRAWN_SUCCESSORS.name, Work::Conversion(WITHDRAWN_SUCCESSORS)));
        Self { steps, is_complete: true }
    }

    /// Returns the plan without the step `name` and all later steps.
    #[must_use]
    pub fn before(mut self, name: &str) -> Self {
        let end = self.steps.iter().position(|step| step.name.as_str() >= name);
        self.steps.truncate(end.unwrap_or(self.steps.len()));
        self.is_complete = false;
        self
    }

    /// Returns the plan with one more conversion. `oldest_program` and later ones may run on its
    /// result.
    #[must_use]
    pub fn with(mut self, conversion: Conversion, oldest_program: &str) -> Self {
        let step = Step {
            name: conversion.name.to_owned(),
            oldest_program: oldest_program.to_owned(),
            work: Work::Conversion(conversion),
        };
        let after = self.steps.iter().rposition(|known| known.name < step.name);
        self.steps.insert(after.map_or(0, |index| index + 1), step);
        self
    }

    /// Returns the names of the steps, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// Returns the steps of the plan and of a history, in order of their names.
    #[must_use]
    pub fn status(&self, history: &[Applied]) -> Vec<StepStatus> {
        let known = self.steps.iter().map(|step| {
            let applied = history.iter().find(|row| row.name == step.name).cloned();
            let recorded = applied.as_ref().and_then(|row| row.oldest_program.clone());
            let oldest_program = Some(recorded.unwrap_or_else(|| step.oldest_program.clone()));
            StepStatus { name: step.name.clone(), applied, is_known: true, oldest_program }
        });
        let unknown = history
            .iter()
            .filter(|row| self.steps.iter().all(|step| step.name != row.name))
            .map(|row| StepStatus {
                name: row.name.clone(),
                applied: Some(row.clone()),
                is_known: false,
                oldest_program: row.oldest_program.clone(),
            });
        let mut all: Vec<_> = known.chain(unknown).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    pub(super) fn pending<'p>(&'p self, applied: &'p [Applied]) -> impl Iterator<Item = &'p Step> {
        self.steps.iter().filter(|step| applied.iter().all(|row| row.name != step.name))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use sea_orm::DatabaseTransaction;

    use super::*;
    use crate::{database::Database, error::Result};

    #[test]
    fn a_plan_is_in_order_of_names() {
        fn nothing<'a>(
            _: &'a Database,
            _: &'a DatabaseTransaction,
            _: DateTime<Utc>,
        ) -> BoxFuture<'a, Result<()>> {
            Box::pin(async { Ok(()) })
        }
        let plan = Plan::current()
            .with(Conversion { name: "m2026_11_22_00_first", run: nothing }, "0.1.0");
        let names: Vec<_> = plan.names().collect();
        let (schema, last) = names.split_at(names.len() - 2);
        assert!(schema.is_sorted() && schema.contains(&"m2026_11_22_00_first"), "{names:?}");
        assert_eq!(last, [TRAIL_ROWS, WITHDRAWN_SUCCESSORS.name], "they read whole rows");
        let before = Plan::current().before("m2026_11_21_03_templates");
        assert_eq!(
            before.names().collect::<Vec<_>>(),
            ["m2026_11_21_01_members", "m2026_11_21_02_activities"]
        );
        let newest = Plan::current().before("m2026_12_02_51_notice_end_decisions");
        assert!(
            newest.names().all(|name| name != TRAIL_ROWS),
            "it needs the columns of every step"
        );
    }
}
