//! Resolves the keys of files to rows of the register, and rows to keys.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
};

use ::entity::{
    activity, bank_payment,
    id::{ActivityId, MemberId, OrganisationId, TemplateVersionId},
    member, organisation,
    partial::PartialRow,
    template, template_version,
};
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    File,
    import::session::Import,
    keyed_rows::{Column, Keyed},
    row::Line,
    staging,
};
use crate::{
    database::{among, among_words, rows},
    error::{Error, Result},
};

impl Import<'_> {
    /// Adds an error to every row whose key an earlier row of the file has.
    pub async fn check_keys<M: Keyed, D>(
        &mut self,
        file: File,
        lines: &mut [Line<D>],
        key: impl Fn(&D) -> &str,
    ) -> Result<(), Error> {
        // A row that is referred to by its id may have a key as well.
        let by_id = present(
            lines.iter().map(|line| Some(key(&line.draft)).filter(|key| as_id(key).is_some())),
        );
        let by_id = existing::<M>(self.tx(), &by_id, &[M::ID, M::IMPORT_KEY]).await?;
        let name_of =
            |draft: &D| by_id.get(key(draft)).map_or_else(|| key(draft).to_owned(), Keyed::key);
        self.check_names(file, lines, "key", name_of).await
    }
}

/// Parses a key that is an id.
fn as_id(key: &str) -> Option<Uuid> {
    let is_id =
        key.len() == 32 && key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    Uuid::parse_str(key).ok().filter(|_| is_id)
}

/// Returns the rows with these keys, by key.
pub(super) async fn existing<M: Keyed>(
    tx: &impl ConnectionTrait,
    keys: &BTreeSet<String>,
    columns: &[Column<M>],
) -> Result<HashMap<String, M>>
where
    Column<M>: Copy,
{
    let backend = tx.get_database_backend();
    let mut found = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let select =
        || Query::select().columns(columns.iter().copied()).from(M::Entity::default()).take();
    let by_key = select().and_where(among_words(backend, Expr::col(M::IMPORT_KEY), keys)).take();
    for row in rows::<M>(tx, &by_key, columns).await? {
        found.insert(row.key(), row);
    }
    let ids: Vec<Uuid> =
        keys.iter().filter(|key| !found.contains_key(*key)).filter_map(|key| as_id(key)).collect();
    if !ids.is_empty() {
        let by_id = select().and_where(among(backend, Expr::col(M::ID), ids)).take();
        for row in rows::<M>(tx, &by_id, columns).await? {
            found.insert(row.id().simple().to_string(), row);
        }
    }
    Ok(found)
}

/// Returns the rows with these ids, with all columns.
pub(super) async fn by_ids<M: Keyed>(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, M>>
where
    Column<M>: Copy,
{
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = M::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(M::Entity::default())
        .and_where(among(tx.get_database_backend(), Expr::col(M::ID), ids))
        .take();
    Ok(rows::<M>(tx, &select, &columns).await?.into_iter().map(|row| (row.id(), row)).collect())
}

/// Returns the keys of the rows with these ids.
pub(super) async fn keys_of<M: Keyed>(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, String>>
where
    Column<M>: Copy,
{
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = [M::ID, M::IMPORT_KEY];
    let select = Query::select()
        .columns(columns)
        .from(M::Entity::default())
        .and_where(among(tx.get_database_backend(), Expr::col(M::ID), ids))
        .take();
    Ok(rows::<M>(tx, &select, &columns)
        .await?
        .into_iter()
        .map(|row| (row.id(), row.key()))
        .collect())
}

/// Resolved references of rows: the objects by key, and the keys of bad rows.
pub(super) struct References<T> {
    found: HashMap<String, T>,
    bad: HashSet<String>,
    name: &'static str,
}

impl<T: Clone> References<T> {
    /// Resolves references to `found`. The other `keys` may belong to bad rows of `files`.
    async fn new(
        import: &Import<'_>,
        name: &'static str,
        files: &[File],
        keys: BTreeSet<String>,
        found: HashMap<String, T>,
    ) -> Result<Self> {
        let missing: BTreeSet<String> =
            keys.into_iter().filter(|key| !found.contains_key(key)).collect();
        let mut bad = HashSet::new();
        if !missing.is_empty() && !import.is_good() {
            for file in files {
                bad.extend(staging::bad(import.tx(), *file, &missing).await?);
            }
        }
        Ok(Self { found, bad, name })
    }

    /// Resolves a key. Adds an error to the row if there is no such object.
    pub fn find<D>(&self, line: &mut Line<D>, column: &str, key: Option<&str>) -> Option<T> {
        let key = key.filter(|key| !key.is_empty())?;
        let found = self.found.get(key).cloned();
        if found.is_none() {
            if self.bad.contains(key) {
                line.depends_on_bad = true;
            } else {
                line.error(column, format!("there is no {} {key}", self.name));
            }
        }
        found
    }

    /// Resolves a key.
    pub fn get(&self, key: &str) -> Option<T> {
        self.found.get(key).cloned()
    }

    /// `true` if no object and no bad row has the key so far.
    pub fn is_missing(&self, key: &str) -> bool {
        !self.found.contains_key(key) && !self.bad.contains(key)
    }
}

/// Collects the keys that are present. The lookups take a set, since an iterator over rows makes
/// their futures not `Send`.
pub(super) fn present<'k>(keys: impl IntoIterator<Item = Option<&'k str>>) -> BTreeSet<String> {
    keys.into_iter().flatten().filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

/// Resolves keys of one type of object to ids.
pub(super) async fn references<M: Keyed, I: From<Uuid> + Clone>(
    import: &Import<'_>,
    name: &'static str,
    file: File,
    keys: BTreeSet<String>,
) -> Result<References<I>>
where
    Column<M>: Copy,
{
    let found = existing::<M>(import.tx(), &keys, &[M::ID, M::IMPORT_KEY]).await?;
    let found = found.into_iter().map(|(key, row)| (key, I::from(row.id()))).collect();
    References::new(import, name, &[file], keys, found).await
}

/// Resolves keys or slugs of activities.
pub(super) async fn activities(
    import: &Import<'_>,
    keys: BTreeSet<String>,
) -> Result<References<ActivityId>> {
    let mut found: HashMap<String, ActivityId> =
        owners::<activity::Model>(import.tx(), activity::Column::Slug, &keys)
            .await?
            .into_iter()
            .map(|(slug, id)| (slug, ActivityId(id)))
            .collect();
    let columns = [activity::Column::Id, activity::Column::ImportKey];
    let by_key = existing::<activity::Model>(import.tx(), &keys, &columns).await?;
    found.extend(by_key.into_iter().map(|(key, row)| (key, row.id)));
    References::new(import, "activity", &[File::Activities], keys, found).await
}

/// A counterparty: a member or an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Member(MemberId),
    Organisation(OrganisationId),
}

impl Party {
    /// Returns the party of two columns.
    pub fn of(member: Option<MemberId>, organisation: Option<OrganisationId>) -> Option<Self> {
        member.map(Self::Member).or(organisation.map(Self::Organisation))
    }

    /// Returns the two columns of a party.
    pub fn columns(party: Option<Self>) -> (Option<MemberId>, Option<OrganisationId>) {
        match party {
            Some(Self::Member(id)) => (Some(id), None),
            Some(Self::Organisation(id)) => (None, Some(id)),
            None => (None, None),
        }
    }
}

/// Resolves keys or organisation numbers of members and organisations.
pub(super) async fn parties(
    import: &Import<'_>,
    keys: BTreeSet<String>,
) -> Result<References<Party>> {
    let tx = import.tx();
    let mut found = HashMap::new();
    // In ascending precedence: an organisation number, an organisation's key, a member's key.
    let numbers: BTreeSet<String> = keys
        .iter()
        .filter(|key| key.parse::<::entity::number::OrgNumber>().is_ok())
        .cloned()
        .collect();
    if !numbers.is_empty() {
        let organisations =
            owners::<organisation::Model>(tx, organisation::Column::OrgNumber, &numbers).await?;
        found.extend(
            organisations.into_iter().map(|(key, id)| (key, Party::Organisation(id.into()))),
        );
        let members = owners::<member::Model>(tx, member::Column::OrgNumber, &numbers).await?;
        found.extend(members.into_iter().map(|(key, id)| (key, Party::Member(id.into()))));
    }
    let organisations = existing::<organisation::Model>(
        tx,
        &keys,
        &[organisation::Column::Id, organisation::Column::ImportKey],
    )
    .await?;
    found.extend(organisations.into_iter().map(|(key, row)| (key, Party::Organisation(row.id))));
    let members =
        existing::<member::Model>(tx, &keys, &[member::Column::Id, member::Column::ImportKey])
            .await?;
    found.extend(members.into_iter().map(|(key, row)| (key, Party::Member(row.id))));
    References::new(
        import,
        "member or organisation",
        &[File::Members, File::Organisations],
        keys,
        found,
    )
    .await
}

/// Formats the name of a template version in references.
pub(super) fn version_name(slug: &str, version: i32) -> String {
    format!("{slug} version {version}")
}

/// Resolves slugs and versions of templates, by [`version_name`].
pub(super) async fn template_versions(
    import: &Import<'_>,
    versions: BTreeSet<(String, i32)>,
) -> Result<References<TemplateVersionId>> {
    let slugs: BTreeSet<&str> = versions.iter().map(|(slug, _)| slug.as_str()).collect();
    let mut found = HashMap::new();
    if !slugs.is_empty() {
        let tx = import.tx();
        let select = Query::select()
            .column((template::Entity, template::Column::Slug))
            .column((template_version::Entity, template_version::Column::Version))
            .column((template_version::Entity, template_version::Column::Id))
            .from(template_version::Entity)
            .inner_join(
                template::Entity,
                Expr::col((template::Entity, template::Column::Id))
                    .equals((template_version::Entity, template_version::Column::TemplateId)),
            )
            .and_where(among_words(
                tx.get_database_backend(),
                Expr::col((template::Entity, template::Column::Slug)),
                slugs,
            ))
            .take();
        for row in tx.query_all(&select).await? {
            let (slug, version): (String, i32) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            found.insert(
                version_name(&slug, version),
                row.try_get_by_index::<TemplateVersionId>(2)?,
            );
        }
    }
    let keys = versions.iter().map(|(slug, version)| version_name(slug, *version)).collect();
    References::new(import, "template", &[File::Templates], keys, found).await
}

/// Returns the bank payments with these references, by reference.
pub(super) async fn bank_payments(
    tx: &impl ConnectionTrait,
    references: &BTreeSet<String>,
) -> Result<HashMap<String, bank_payment::Model>> {
    if references.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = bank_payment::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(bank_payment::Entity)
        .and_where(among_words(
            tx.get_database_backend(),
            Expr::col(bank_payment::Column::BankReference),
            references,
        ))
        .take();
    Ok(rows::<bank_payment::Model>(tx, &select, &columns)
        .await?
        .into_iter()
        .map(|row| (row.bank_reference.clone(), row))
        .collect())
}

/// Returns the row with each of these values in a unique column.
pub(super) async fn owners<M: Keyed>(
    tx: &impl ConnectionTrait,
    column: Column<M>,
    values: &BTreeSet<String>,
) -> Result<HashMap<String, Uuid>>
where
    Column<M>: Copy,
{
    if values.is_empty() {
        return Ok(HashMap::new());
    }
    let select = Query::select()
        .columns([column, M::ID])
        .from(M::Entity::default())
        .and_where(among_words(tx.get_database_backend(), Expr::col(column), values))
        .take();
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Unique values, each with the row that has it.
pub(super) struct Claims<V> {
    owners: HashMap<V, Uuid>,
}

impl<V: Hash + Eq + Clone> Claims<V> {
    pub fn new(owners: HashMap<V, Uuid>) -> Self {
        Self { owners }
    }

    /// Replaces the row's `old` value. Returns `false` if another row has the new one.
    pub fn take(&mut self, id: Uuid, old: Option<&V>, value: Option<&V>) -> bool {
        if let Some(old) = old.filter(|old| self.owners.get(*old) == Some(&id)) {
            self.owners.remove(old);
        }
        value.is_none_or(|value| *self.owners.entry(value.clone()).or_insert(id) == id)
    }
}
