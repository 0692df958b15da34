//! costs.csv and grants.csv: two files of one shape.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    cost, grant,
    id::{ActivityId, CostId, GrantId},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, sea_query::Expr};

use super::{
    File,
    cells::{Cells, Line},
    export::{self, Export},
    import::Import,
    keys::{self, Identified},
    staging,
    writing::Batch,
};
use crate::{
    audit::Recorded,
    database::among_words,
    error::{LINE, Result},
};

/// A row of either file.
struct Draft {
    activity: String,
    activity_id: Option<ActivityId>,
    booked_on: NaiveDate,
    amount: Money,
    /// What for, or who gives it.
    text: String,
    /// The how many-th like it in the file.
    occurrence: i32,
}

/// A row of either table.
trait Booking: Identified + Clone + PartialEq + Recorded + IntoActiveModel<Self::Active> {
    /// What SeaORM writes it as.
    type Active: ActiveModelTrait<Entity = Self::Entity> + ActiveModelBehavior + Send;
    /// Its file.
    const FILE: File;
    /// The column of its text.
    const TEXT: &'static str;
    /// Its columns: activity, day, text and occurrence.
    fn name_columns() -> [<Self::Entity as EntityTrait>::Column; 4];
    /// The parts that it is made of.
    fn parts(&self) -> (ActivityId, NaiveDate, &str, i32, Money);
    /// A row of these parts, in the place of `before`.
    fn of(before: Option<&Self>, activity_id: ActivityId, draft: Draft) -> Self;
}

impl Booking for cost::Model {
    type Active = cost::ActiveModel;
    const FILE: File = File::Costs;
    const TEXT: &'static str = "description";

    fn name_columns() -> [cost::Column; 4] {
        use cost::Column::{ActivityId, BookedOn, Description, Occurrence};
        [ActivityId, BookedOn, Description, Occurrence]
    }

    fn parts(&self) -> (ActivityId, NaiveDate, &str, i32, Money) {
        (self.activity_id, self.booked_on, &self.description, self.occurrence, self.amount)
    }

    fn of(before: Option<&Self>, activity_id: ActivityId, draft: Draft) -> Self {
        let id = before.map_or_else(CostId::new, |before| before.id);
        let Draft { booked_on, amount, text: description, occurrence, .. } = draft;
        Self { id, activity_id, booked_on, amount, description, occurrence }
    }
}

impl Booking for grant::Model {
    type Active = grant::ActiveModel;
    const FILE: File = File::Grants;
    const TEXT: &'static str = "funder";

    fn name_columns() -> [grant::Column; 4] {
        use grant::Column::{ActivityId, BookedOn, Funder, Occurrence};
        [ActivityId, BookedOn, Funder, Occurrence]
    }

    fn parts(&self) -> (ActivityId, NaiveDate, &str, i32, Money) {
        (self.activity_id, self.booked_on, &self.funder, self.occurrence, self.amount)
    }

    fn of(before: Option<&Self>, activity_id: ActivityId, draft: Draft) -> Self {
        let id = before.map_or_else(GrantId::new, |before| before.id);
        let Draft { booked_on, amount, text: funder, occurrence, .. } = draft;
        Self { id, activity_id, booked_on, amount, funder, occurrence }
    }
}

fn read<M: Booking>(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        activity: cells.key("activity"),
        activity_id: None,
        booked_on: cells.day("booked_on"),
        amount: cells.decimal("amount"),
        text: cells.text(M::TEXT, LINE),
        occurrence: 1,
    };
    cells.check(|faults| faults.expect(draft.amount != Money::ZERO, "amount", "must not be nought"));
    Some(draft)
}

/// Reads costs.csv: a cost is known by its activity, day and description, and by its place among those like it in the file.
pub(super) async fn import_costs(import: &mut Import<'_>) -> Result<()> {
    import_file::<cost::Model>(import).await
}

/// Reads grants.csv: a grant is known by its activity, day and funder, and by its place among those like it in the file.
pub(super) async fn import_grants(import: &mut Import<'_>) -> Result<()> {
    import_file::<grant::Model>(import).await
}

async fn import_file<M: Booking>(import: &mut Import<'_>) -> Result<()>
where
    <M::Entity as EntityTrait>::Column: Copy,
    <M::Entity as EntityTrait>::Model: IntoActiveModel<M::Active>,
{
    let Some(mut table) = import.open(M::FILE)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read::<M>)? {
        let activities = keys::activities(import, keys::given(lines.iter().map(|line| Some(line.draft.activity.as_str())))).await?;
        for line in &mut lines {
            let activity = line.draft.activity.clone();
            line.draft.activity_id = activities.find(line, "activity", Some(&activity));
        }
        number::<M>(import, &mut lines).await?;
        merge::<M>(import, lines).await?;
    }
    Ok(())
}

/// What rows like each other have in common.
fn likeness(activity: ActivityId, booked_on: NaiveDate, text: &str) -> String {
    format!("{} {booked_on} {text}", activity.0.simple())
}

/// Gives each row its place among those like it, in this chunk and before it.
async fn number<M: Booking>(import: &Import<'_>, lines: &mut [Line<Draft>]) -> Result<()> {
    let likeness = |draft: &Draft| draft.activity_id.map(|activity| likeness(activity, draft.booked_on, &draft.text));
    let names: BTreeSet<String> = lines.iter().filter_map(|line| likeness(&line.draft)).collect();
    let mut counts: HashMap<String, i32> = HashMap::new();
    for (name, (_, count)) in staging::seen(import.tx(), M::FILE, &names).await? {
        counts.insert(name, i32::try_from(count).unwrap_or(i32::MAX));
    }
    let mut seen = Vec::new();
    for line in lines {
        let Some(name) = likeness(&line.draft) else { continue };
        let count = counts.entry(name.clone()).or_default();
        *count = count.saturating_add(1);
        line.draft.occurrence = *count;
        seen.push((name, line.number));
    }
    staging::note_seen(import.tx(), M::FILE, seen).await
}

async fn merge<M: Booking>(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()>
where
    <M::Entity as EntityTrait>::Column: Copy,
    <M::Entity as EntityTrait>::Model: IntoActiveModel<M::Active>,
{
    let existing = like_them::<M>(import.tx(), &lines).await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let draft = &line.draft;
        let same = draft.activity_id.and_then(|id| existing.get(&(likeness(id, draft.booked_on, &draft.text), draft.occurrence)));
        let is_new = same.is_none_or(|same| same.parts().4 != draft.amount);
        if let Some(through) = import.closing.through.filter(|through| is_new && draft.booked_on <= *through) {
            line.fault("booked_on", format!("is in a closed period: the books are closed through {through}"));
        }
        let Some(draft) = import.accept(M::FILE, |_| String::new(), line) else { continue };
        let Some(activity) = draft.activity_id else { continue };
        let before = existing.get(&(likeness(activity, draft.booked_on, &draft.text), draft.occurrence));
        import.put(M::FILE, before, M::of(before, activity, draft), &mut batch)?;
    }
    batch.write::<M::Active>(import.tx()).await?;
    import.settle().await
}

/// The rows of the register that are like these.
async fn like_them<M: Booking>(tx: &impl ConnectionTrait, lines: &[Line<Draft>]) -> Result<HashMap<(String, i32), M>>
where
    <M::Entity as EntityTrait>::Column: Copy,
{
    let activities: BTreeSet<_> = lines.iter().filter_map(|line| line.draft.activity_id).collect();
    let days = || lines.iter().map(|line| line.draft.booked_on);
    let texts: BTreeSet<&str> = lines.iter().map(|line| line.draft.text.as_str()).collect();
    let [activity, day, text, _] = M::name_columns();
    let columns = M::every_column();
    let select = sea_orm::sea_query::Query::select()
        .columns(columns.iter().copied())
        .from(M::Entity::default())
        .and_where(crate::database::among(tx.get_database_backend(), Expr::col(activity), activities))
        .and_where(sea_orm::ExprTrait::between(Expr::col(day), days().min().unwrap_or_default(), days().max().unwrap_or_default()))
        .and_where(among_words(tx.get_database_backend(), Expr::col(text), texts))
        .take();
    let found = crate::database::rows::<M>(tx, &select, &columns).await?;
    let named = |row: M| {
        let (activity, booked_on, text, occurrence, _) = row.parts();
        ((likeness(activity, booked_on, text), occurrence), row)
    };
    Ok(found.into_iter().map(named).collect())
}

/// Writes costs.csv.
pub(super) async fn export_costs(export: &mut Export<'_>) -> Result<()> {
    export_file::<cost::Model>(export).await
}

/// Writes grants.csv.
pub(super) async fn export_grants(export: &mut Export<'_>) -> Result<()> {
    export_file::<grant::Model>(export).await
}

async fn export_file<M: Booking>(export: &mut Export<'_>) -> Result<()>
where
    <M::Entity as EntityTrait>::Column: Copy,
{
    let mut columns = M::name_columns().to_vec();
    columns.push(M::ID);
    let name = |row: &M| {
        let (activity, booked_on, text, occurrence, _) = row.parts();
        format!("{}\0{booked_on}\0{text}\0{occurrence:010}", export.activity(Some(activity)))
    };
    let order = export.in_order(&columns, name).await?;
    let mut sheet = export.begin(M::FILE, order.len())?;
    for ids in order.chunks(export::CHUNK) {
        for row in export.rows::<M>(ids).await? {
            let (activity, booked_on, text, _, amount) = row.parts();
            sheet.write([export.activity(Some(activity)), booked_on.to_string(), amount.to_string(), text.to_owned()])?;
        }
        export.tell(&sheet);
    }
    export.end(sheet)
}
