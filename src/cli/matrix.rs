//! `samregister matrix`: participation of members in activities.

use std::collections::HashMap;

use chrono::NaiveDate;
use clap::Args;
use entity::{
    activity, agreement,
    id::{ActivityId, Identifier, MemberId},
    member,
};

use super::{
    Outcome, Result, context, count,
    expiring::check_activities,
    json, open,
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    activities::coverage, agreements::matrix, auth::viewer::Viewer, clock::Clock,
    database::Database, error::ValidationErrors, members,
};

/// Show which members take part in which activities
///
/// A row per member and a column per activity that runs on the day and needs agreements, with the
/// number of the participation agreement in force. CSV, which has fixed columns, and JSON have a
/// row for each member and activity with an agreement.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister matrix --activity bip indikatorer
  samregister matrix --as-of 2026-12-31 --output matris.xlsx")]
pub struct Options {
    /// Day of the matrix; defaults to today
    #[arg(long, alias = "on", value_name = "DATE", value_parser = super::day)]
    as_of: Option<NaiveDate>,
    /// Only these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    #[command(flatten)]
    report: ReportOptions,
}

/// Shows the matrix.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or the matrix can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    check_activities(context(&db, &Viewer::operator("matrix")), &options.activities).await?;
    let on = options.as_of.unwrap_or_else(|| Clock::system().today());
    let found = Matrix::load(&db, on, &options.activities).await?;
    let document = match format {
        ReportFormat::Table => format!(
            "{}\n{} on {on}\n",
            table(&found.grid("Antal avtal")),
            count(found.members.len(), "member")
        )
        .into_bytes(),
        ReportFormat::Json => json(&found.pairs().objects())?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&found.pairs())?,
        ReportFormat::Xlsx => report::workbook(
            &db,
            "Matris",
            format!("Medlemmar och verksamheter {on}"),
            found.grid("Antal avtal"),
        )?,
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

/// Members, activities and the agreements between them.
struct Matrix {
    members: Vec<member::Model>,
    activities: Vec<activity::Model>,
    numbers: HashMap<(MemberId, ActivityId), String>,
}

impl Matrix {
    async fn load(db: &Database, on: NaiveDate, slugs: &[String]) -> Result<Self> {
        let viewer = Viewer::operator("matrix");
        let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
        let (ctx, errors) = (context(db, &viewer), ValidationErrors::default());
        let activities = matrix::columns(ctx, on, slugs, &columns, errors).await?.activities;
        let mut members = members::all(
            context(db, &viewer),
            &coverage::present(on),
            &[member::Column::Id, member::Column::Name],
        )
        .await?;
        members.sort_by_cached_key(|member| domain::collation::key(&member.name));
        let member_ids: Vec<MemberId> = members.iter().map(|row| row.id).collect();
        let activity_ids: Vec<ActivityId> = activities.iter().map(|row| row.id).collect();
        let columns =
            [agreement::Column::MemberId, agreement::Column::ActivityId, agreement::Column::Number];
        let mut numbers = HashMap::new();
        let ctx = context(db, &viewer);
        for row in matrix::cells(ctx, &member_ids, &activity_ids, on, &columns).await? {
            if let (Some(member), Some(activity)) = (row.member_id, row.activity_id) {
                // The one that began last comes first.
                numbers.entry((member, activity)).or_insert_with(|| row.number.unwrap_or_default());
            }
        }
        Ok(Self { members, activities, numbers })
    }

    fn number(&self, member: &member::Model, activity: &activity::Model) -> Option<&String> {
        self.numbers.get(&(member.id, activity.id))
    }

    /// Returns a row per member and a column per activity, with the number of agreements of each
    /// activity.
    fn grid(&self, total: &str) -> Grid {
        let mut columns = vec![Column::new("member_name", "Medlem", Kind::Text)];
        columns.extend(
            self.activities
                .iter()
                .map(|activity| Column::new("number", activity.name.clone(), Kind::Text)),
        );
        let row = |member: &member::Model| {
            let numbers =
                self.activities.iter().map(|activity| Cell::text(self.number(member, activity)));
            [Cell::Text(member.name.clone())].into_iter().chain(numbers).collect()
        };
        let agreements = |activity: &activity::Model| {
            let number = self
                .members
                .iter()
                .filter(|member| self.number(member, activity).is_some())
                .count();
            Cell::Text(number.to_string())
        };
        let total = [Cell::Text(total.to_owned())]
            .into_iter()
            .chain(self.activities.iter().map(agreements))
            .collect();
        Grid { columns, rows: self.members.iter().map(row).collect(), total: Some(total) }
    }

    /// Returns a row for each agreement.
    fn pairs(&self) -> Grid {
        let columns = vec![
            Column::new("member", "Medlemmens id", Kind::Text),
            Column::new("member_name", "Medlem", Kind::Text),
            Column::new("activity", "Verksamhet", Kind::Text),
            Column::new("number", "Avtal", Kind::Text),
        ];
        let of = |member: &member::Model, activity: &activity::Model| {
            Some(vec![
                Cell::Text(member.id.global_id()),
                Cell::Text(member.name.clone()),
                Cell::Text(activity.slug.clone()),
                Cell::Text(self.number(member, activity)?.clone()),
            ])
        };
        let rows = self.members.iter().flat_map(|member| {
            self.activities.iter().filter_map(move |activity| of(member, activity))
        });
        Grid { columns, rows: rows.collect(), total: None }
    }
}
