//! costs.csv and grants.csv, which have the same form.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    cost, grant,
    id::{ActivityId, AgreementId, CostId, GrantId},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    File,
    booking_details::{Details, DetailsDraft, Lookups, keys_in},
    bulk_insert::Batch,
    export::session::{Export, PAGE_SIZE, key_in, optional},
    import::session::Import,
    key_resolution::{self, Party},
    keyed_rows::Identified,
    row::{Cells, Line},
    staging,
};
use crate::{
    audit::Recorded,
    database::{among, among_words},
    error::{LINE, Result},
    ledger::Booked,
};

/// A row of either file.
struct Draft {
    activity: String,
    activity_id: Option<ActivityId>,
    booked_on: NaiveDate,
    amount: Money,
    /// The description of a cost, or the funder of a grant.
    text: String,
    /// Its number among equal rows of the file, from 1.
    occurrence: i32,
    details: DetailsDraft,
}

/// A row of either table.
trait Booking: Identified + Booked + PartialEq + Recorded + IntoActiveModel<Self::Active> {
    /// Its active model.
    type Active: ActiveModelTrait<Entity = Self::Entity> + ActiveModelBehavior + Send;
    /// Its file.
    const FILE: File;
    /// The column of its text.
    const TEXT: &'static str;
    /// Its name in errors.
    const NAME: &'static str;
    /// Returns its identifying columns: activity, day, text and occurrence.
    fn name_columns() -> [<Self::Entity as EntityTrait>::Column; 4];
    /// Returns its activity, day, text, occurrence and amount.
    fn parts(&self) -> (ActivityId, NaiveDate, &str, i32, Money);
    /// Returns its details.
    fn details(&self) -> Details;
    /// Builds a row, which replaces `before`.
    fn of(before: Option<&Self>, activity_id: ActivityId, draft: Draft, details: Details) -> Self;
}

impl Booking for cost::Model {
    type Active = cost::ActiveModel;
    const FILE: File = File::Costs;
    const TEXT: &'static str = "description";
    const NAME: &'static str = "cost";

    fn name_columns() -> [cost::Column; 4] {
        use cost::Column::{ActivityId, BookedOn, Description, Occurrence};
        [ActivityId, BookedOn, Description, Occurrence]
    }

    fn parts(&self) -> (ActivityId, NaiveDate, &str, i32, Money) {
        (self.activity_id, self.booked_on, &self.description, self.occurrence, self.amount)
    }

    fn details(&self) -> Details {
        Details {
            vat: self.vat,
            supplier: Party::of(self.member_id, self.organisation_id),
            reference: self.reference.clone(),
            agreement: self.agreement_id,
            reverses: self.reverses_id.map(|id| id.0),
            reason: self.reason.clone(),
        }
    }

    fn of(before: Option<&Self>, activity_id: ActivityId, draft: Draft, details: Details) -> Self {
        let id = before.map_or_else(CostId::new, |before| before.id);
        let Draft { booked_on, amount, text: description, occurrence, .. } = draft;
        let Details { vat, supplier, reference, agreement: agreement_id, reverses, reason } =
            details;
        let (member_id, organisation_id) = Party::columns(supplier);
        let reverses_id = reverses.map(CostId);
        Self {
            id,
            activity_id,
            booked_on,
            amount,
            description,
            occurrence,
            vat,
            member_id,
            organisation_id,
            reference,
            agreement_id,
            reverses_id,
            reason,
        }
    }
}

impl Booking for grant::Model {
    type Active = grant::ActiveModel;
    const FILE: File = File::Grants;
    const TEXT: &'static str = "funder";
    const NAME: &'static str = "grant";

    fn name_columns() -> [grant::Column; 4] {
        use grant::Column::{ActivityId, BookedOn, Funder, Occurrence};
        [ActivityId, BookedOn, Funder, Occurrence]
    }

    fn parts(&self) -> (ActivityId, NaiveDate, &str, i32, Money) {
        (self.activity_id, self.booked_on, &self.funder, self.occurrence, self.amount)
    }

    fn details(&self) -> Details {
        Details {
            agreement: self.agreement_id,
            reverses: self.reverses_id.map(|id| id.0),
            reason: self.reason.clone(),
            ..Details::default()
        }
    }

    fn of(before: Option<&Self>, activity_id: ActivityId, draft: Draft, details: Details) -> Self {
        let id = before.map_or_else(GrantId::new, |before| before.id);
        let Draft { booked_on, amount, text: funder, occurrence, .. } = draft;
        let Details { agreement: agreement_id, reverses, reason, .. } = details;
        Self {
            id,
            activity_id,
            booked_on,
            amount,
            funder,
            occurrence,
            agreement_id,
            reverses_id: reverses.map(GrantId),
            reason,
        }
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
        details: DetailsDraft::read(cells),
    };
    cells.check(|errors| errors.expect(draft.amount != Money::ZERO, "amount", "must not be zero"));
    Some(draft)
}

/// Imports costs.csv. A cost is identified by its activity, day and description, and by its number
/// among equal rows of the file.
pub(super) async fn import_costs(import: &mut Import<'_>) -> Result<()> {
    import_file::<cost::Model>(import).await
}

/// Imports grants.csv. A grant is identified by its activity, day and funder, and by its number
/// among equal rows of the file.
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
        let activities = key_resolution::activities(
            import,
            key_resolution::present(lines.iter().map(|line| Some(line.draft.activity.as_str()))),
        )
        .await?;
        for line in &mut lines {
            let activity = line.draft.activity.clone();
            line.draft.activity_id = activities.find(line, "activity", Some(&activity));
        }
        number::<M>(import, &mut lines).await?;
        merge::<M>(import, lines).await?;
    }
    Ok(())
}

/// Returns the common part of equal rows' identity.
fn identity(activity: ActivityId, booked_on: NaiveDate, text: &str) -> String {
    format!("{} {booked_on} {text}", activity.0.simple())
}

/// Numbers equal rows, in this chunk and before it.
async fn number<M: Booking>(import: &Import<'_>, lines: &mut [Line<Draft>]) -> Result<()> {
    let identity = |draft: &Draft| {
        draft.activity_id.map(|activity| identity(activity, draft.booked_on, &draft.text))
    };
    let names: BTreeSet<String> = lines.iter().filter_map(|line| identity(&line.draft)).collect();
    let mut counts: HashMap<String, i32> = HashMap::new();
    for (name, (_, count)) in staging::seen(import.tx(), M::FILE, &names).await? {
        counts.insert(name, i32::try_from(count).unwrap_or(i32::MAX));
    }
    let mut seen = Vec::new();
    for line in lines {
        let Some(name) = identity(&line.draft) else { continue };
        let count = counts.entry(name.clone()).or_default();
        *count = count.saturating_add(1);
        line.draft.occurrence = *count;
        seen.push((name, line.number));
    }
    staging::record_seen(import.tx(), M::FILE, seen).await
}

async fn merge<M: Booking>(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()>
where
    <M::Entity as EntityTrait>::Column: Copy,
    <M::Entity as EntityTrait>::Model: IntoActiveModel<M::Active>,
{
    let keys = keys_in(lines.iter().map(|line| &line.draft.details));
    let lookups = Lookups::load(import, keys).await?;
    let mut rows = Rows::<M>::load(import, &lines).await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let present = std::mem::take(&mut line.draft.details);
        let draft = &line.draft;
        let (amount, activity) = (draft.amount, draft.activity_id);
        let before = activity.and_then(|id| {
            rows.like.get(&(identity(id, draft.booked_on, &draft.text), draft.occurrence)).cloned()
        });
        let is_new = before.as_ref().is_none_or(|before| before.parts().4 != amount);
        if let Some(through) =
            import.closing.through.filter(|through| is_new && line.draft.booked_on <= *through)
        {
            line.error(
                "booked_on",
                format!("is in a closed period: the books are closed through {through}"),
            );
        }
        let reverses = present.reverses;
        let former = before.as_ref().map(M::details);
        let mut details = former.clone().unwrap_or_default();
        details.apply(&mut line, present, &lookups, (M::FILE, activity));
        rows.check_reversal(&mut line, reverses, before.as_ref(), &mut details);
        details.check_vat(&mut line, amount);
        if let (Some(row), Some(former)) = (&before, &former) {
            let is_fixed = former.reverses.is_some() || rows.reversed.contains_key(&row.id());
            let differs = is_new || details.vat != former.vat;
            if is_fixed && differs || details.reverses != former.reverses {
                line.error(
                    "amount",
                    format!(
                        "is of a {} that was reversed or reverses another, and never changes",
                        M::NAME
                    ),
                );
            }
        }
        let accepted = import.accept(M::FILE, |_| String::new(), line);
        rows.has_bad = !import.is_good();
        let Some(draft) = accepted else { continue };
        let Some(activity) = draft.activity_id else { continue };
        let after = M::of(before.as_ref(), activity, draft, details);
        rows.add(&after);
        import.put(M::FILE, before.as_ref(), after, &mut batch)?;
    }
    batch.write::<M::Active>(import.tx()).await?;
    import.settle().await
}

/// Stored rows that the file's rows may be or reverse, and the rows of the file so far.
struct Rows<M> {
    like: HashMap<(String, i32), M>,
    /// Reversed rows, each with its reversal.
    reversed: HashMap<Uuid, Uuid>,
    /// Number of rows of the file, good and bad, that equal a reversed row.
    in_file: HashMap<String, i32>,
    /// `true` if the import has a bad row.
    has_bad: bool,
}

impl<M: Booking> Rows<M>
where
    <M::Entity as EntityTrait>::Column: Copy,
{
    async fn load(import: &Import<'_>, lines: &[Line<Draft>]) -> Result<Self> {
        let like = equal_rows::<M>(import.tx(), lines).await?;
        let columns = M::every_column();
        let theirs = like.values().map(Identified::id).collect::<Vec<_>>();
        let select = sea_orm::sea_query::Query::select()
            .columns(columns.iter().copied())
            .from(M::Entity::default())
            .and_where(among(
                import.tx().get_database_backend(),
                Expr::col(M::COLUMNS.reverses),
                theirs,
            ))
            .take();
        let reversals = crate::database::rows::<M>(import.tx(), &select, &columns).await?;
        let reversed =
            reversals.iter().filter_map(|row| Some((row.reverses()?, row.id()))).collect();
        let names: BTreeSet<String> = lines
            .iter()
            .filter_map(|line| line.draft.reversed_identity())
            .map(|(name, _)| name)
            .collect();
        let seen = staging::seen(import.tx(), M::FILE, &names).await?;
        let in_file = seen
            .into_iter()
            .map(|(name, (_, count))| (name, i32::try_from(count).unwrap_or(i32::MAX)))
            .collect();
        Ok(Self { like, reversed, in_file, has_bad: !import.is_good() })
    }

    /// Adds a row of the file.
    fn add(&mut self, row: &M) {
        let (activity, booked_on, text, occurrence, _) = row.parts();
        self.like.insert((identity(activity, booked_on, text), occurrence), row.clone());
        if let Some(original) = row.reverses() {
            self.reversed.insert(original, row.id());
        }
    }

    /// Resolves the row that a row reverses, and checks one against the other.
    fn check_reversal(
        &self,
        line: &mut Line<Draft>,
        reverses: Option<Option<(NaiveDate, i32)>>,
        before: Option<&M>,
        details: &mut Details,
    ) {
        // The file doesn't have the column.
        let Some(reverses) = reverses else { return };
        details.reverses = None;
        let Some((day, occurrence)) = reverses else {
            if details.reason.is_some() {
                line.error("reason", "must be empty for what reverses nothing");
            }
            return;
        };
        let Some(activity) = line.draft.activity_id else { return };
        let name = identity(activity, day, &line.draft.text);
        let is_in_file = self.in_file.get(&name).is_some_and(|count| *count >= occurrence);
        let Some(original) = self.like.get(&(name, occurrence)) else {
            if self.has_bad && is_in_file {
                // The reversed row is bad, and reported.
                line.depends_on_bad = true;
            } else {
                line.error(
                    "reverses",
                    format!(
                        "is the day of no {} with the same activity and {} before it",
                        M::NAME,
                        M::TEXT
                    ),
                );
            }
            return;
        };
        let (_, booked_on, _, _, amount) = original.parts();
        let theirs = original.details();
        let vat = theirs.vat.map(|vat| -vat);
        details.vat = details.vat.or(vat);
        details.reverses = Some(original.id());
        if line.draft.amount != -amount {
            line.error("amount", format!("must be {}, all of what it reverses", -amount));
        }
        if details.vat != vat {
            line.error("vat", "must be the negative of what it reverses");
        }
        if line.draft.booked_on < booked_on {
            line.error(
                "booked_on",
                format!("must not be before {booked_on}, when what it reverses was booked"),
            );
        }
        if details.reason.is_none() {
            line.error("reason", "must not be empty");
        }
        let is_by_another = self
            .reversed
            .get(&original.id())
            .is_some_and(|by| Some(*by) != before.map(Identified::id));
        if theirs.reverses.is_some() || is_by_another {
            line.error(
                "reverses",
                "is the day of what is a reversal itself, or was reversed already",
            );
        }
    }
}

impl Draft {
    /// Returns the identity of the row that it reverses, and its number among equal rows.
    fn reversed_identity(&self) -> Option<(String, i32)> {
        let (day, occurrence) = self.details.reverses.flatten()?;
        Some((identity(self.activity_id?, day, &self.text), occurrence))
    }
}

/// Returns the stored rows that equal these rows, or the rows that they reverse.
async fn equal_rows<M: Booking>(
    tx: &impl ConnectionTrait,
    lines: &[Line<Draft>],
) -> Result<HashMap<(String, i32), M>>
where
    <M::Entity as EntityTrait>::Column: Copy,
{
    let activities: BTreeSet<_> = lines.iter().filter_map(|line| line.draft.activity_id).collect();
    let reversed = |draft: &Draft| draft.details.reverses.flatten().map(|(day, _)| day);
    let days = || {
        lines
            .iter()
            .flat_map(|line| std::iter::once(line.draft.booked_on).chain(reversed(&line.draft)))
    };
    let texts: BTreeSet<&str> = lines.iter().map(|line| line.draft.text.as_str()).collect();
    let [activity, day, text, _] = M::name_columns();
    let columns = M::every_column();
    let select = sea_orm::sea_query::Query::select()
        .columns(columns.iter().copied())
        .from(M::Entity::default())
        .and_where(among(tx.get_database_backend(), Expr::col(activity), activities))
        .and_where(sea_orm::ExprTrait::between(
            Expr::col(day),
            days().min().unwrap_or_default(),
            days().max().unwrap_or_default(),
        ))
        .and_where(among_words(tx.get_database_backend(), Expr::col(text), texts))
        .take();
    let found = crate::database::rows::<M>(tx, &select, &columns).await?;
    let named = |row: M| {
        let (activity, booked_on, text, occurrence, _) = row.parts();
        ((identity(activity, booked_on, text), occurrence), row)
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
    for ids in order.chunks(PAGE_SIZE) {
        let rows = export.rows::<M>(ids).await?;
        let details: Vec<Details> = rows.iter().map(M::details).collect();
        let originals: Vec<Uuid> = details.iter().filter_map(|own| own.reverses).collect();
        let originals: HashMap<Uuid, M> =
            export.rows::<M>(&originals).await?.into_iter().map(|row| (row.id(), row)).collect();
        let agreements: BTreeSet<AgreementId> =
            details.iter().filter_map(|own| own.agreement).collect();
        let agreements = key_resolution::keys_of::<::entity::agreement::Model>(
            &export.tx,
            agreements.into_iter().map(|id| id.0).collect(),
        )
        .await?;
        for (row, own) in rows.iter().zip(details) {
            let (activity, booked_on, text, _, amount) = row.parts();
            let (activity, day, amount, text) = (
                export.activity(Some(activity)),
                booked_on.to_string(),
                amount.to_string(),
                text.to_owned(),
            );
            let agreement = key_in(&agreements, own.agreement);
            let reverses =
                own.reverses.and_then(|id| originals.get(&id)).map(position).unwrap_or_default();
            let reason = own.reason.unwrap_or_default();
            if M::FILE == File::Costs {
                let (member, organisation) = Party::columns(own.supplier);
                let supplier = export.party(member, organisation);
                let (vat, reference) = (optional(own.vat), own.reference.unwrap_or_default());
                sheet.write([
                    activity, day, amount, text, vat, supplier, reference, agreement, reverses,
                    reason,
                ])?;
            } else {
                sheet.write([activity, day, amount, text, agreement, reverses, reason])?;
            }
        }
        export.report(&sheet);
    }
    export.end(sheet)
}

/// Returns the reference of a row in reversals: its day, with its number among equal rows unless it
/// is the first.
fn position<M: Booking>(row: &M) -> String {
    match row.parts() {
        (_, day, _, 1, _) => day.to_string(),
        (_, day, _, occurrence, _) => format!("{day} {occurrence}"),
    }
}
