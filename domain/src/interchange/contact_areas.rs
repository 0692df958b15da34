//! Contact areas, which files refer to by name.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

use ::entity::{contact_area, id::ContactAreaId};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{bulk_insert::insert, import::session::Import};
use crate::{
    collation,
    database::{among, among_words},
    error::Result,
};

/// Returns the contact areas with these names, by folded name. Creates those that don't exist.
pub(super) async fn contact_areas(
    import: &mut Import<'_>,
    names: BTreeSet<String>,
) -> Result<HashMap<String, ContactAreaId>> {
    let names: BTreeMap<String, String> =
        names.into_iter().map(|name| (collation::key(&name), name)).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = import.tx().get_database_backend();
    let mine = among_words(backend, Expr::col(contact_area::Column::NameKey), names.keys());
    let found = contact_area::Entity::find().filter(mine).all(import.tx()).await?;
    let mut areas: HashMap<String, ContactAreaId> =
        found.into_iter().map(|area| (area.name_key, area.id)).collect();
    let mut added = Vec::new();
    for (key, name) in names {
        if let Entry::Vacant(position) = areas.entry(key) {
            let area = contact_area::Model {
                id: ContactAreaId::new(),
                name,
                name_key: position.key().clone(),
            };
            import.change.record(None, Some(&area))?;
            position.insert(area.id);
            added.push(area);
        }
    }
    insert(import.tx(), added).await?;
    Ok(areas)
}

/// Returns the names of these contact areas.
pub(super) async fn contact_area_names(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<ContactAreaId>,
) -> Result<HashMap<ContactAreaId, String>> {
    let mine = among(tx.get_database_backend(), Expr::col(contact_area::Column::Id), ids);
    let found = contact_area::Entity::find().filter(mine).all(tx).await?;
    Ok(found.into_iter().map(|area| (area.id, area.name)).collect())
}
