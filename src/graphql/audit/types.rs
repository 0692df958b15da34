//! GraphQL type of the audit trail.

use std::{collections::HashMap, hash::Hash};

use ::entity::{
    audit_entry,
    id::{AuditEntryId, Identifier, NodeType},
    kind::SubjectKind,
};
use async_graphql::{Context, Description, ID, Object};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, ListRequest},
    cost::{cost, unversioned},
    node::{self, Node},
    request::take_bytes,
    scalars::{DateTime, Json, NodeId, Revision, Sha256, node_id},
};
use domain::{
    audit::{self, History},
    error::{Result, ValidationErrors},
};

/// A committed change: actor, action, time, and the record before and after. `hash` covers the
/// entry and the previous entry's hash.
#[derive(Clone, Description)]
pub struct AuditEntry(pub BatchRow<audit_entry::Model>);

/// Returns the node type of a kind of subject; `None` for a kind without nodes.
pub fn node_type(kind: SubjectKind) -> Option<NodeType> {
    Some(match kind {
        SubjectKind::Member => NodeType::Member,
        SubjectKind::ContactArea => NodeType::ContactArea,
        SubjectKind::Contact => NodeType::Contact,
        SubjectKind::Organisation => NodeType::Organisation,
        SubjectKind::Activity => NodeType::Activity,
        SubjectKind::StatusReport => NodeType::StatusReport,
        SubjectKind::FeeSchedule => NodeType::FeeSchedule,
        SubjectKind::Template => NodeType::Template,
        SubjectKind::Agreement => NodeType::Agreement,
        SubjectKind::Invoice => NodeType::Invoice,
        SubjectKind::BankPayment => NodeType::BankPayment,
        SubjectKind::ReferenceRate => NodeType::ReferenceRate,
        SubjectKind::ArchivedDocument => NodeType::ArchivedDocument,
        SubjectKind::Books
        | SubjectKind::Token
        | SubjectKind::ContactReads
        | SubjectKind::Clock
        | SubjectKind::AuditTrail => return None,
    })
}

#[Object(use_type_description)]
impl AuditEntry {
    /// Global id of the entry, opaque.
    pub async fn id(&self) -> ID {
        node_id(id_of(self.0.revision))
    }

    /// Position in the audit trail: 1, 2, 3 … without a gap.
    async fn revision(&self) -> Revision {
        Revision::new(self.0.revision)
    }

    /// Time of the commit.
    async fn recorded_at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// Actor: the subject of the token, or the command on the server.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// Action, as the name of the mutation or command.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Changed object as it is now; null when its type has no node, it was deleted, or you may not
    /// see it.
    #[graphql(directive = unversioned::apply())]
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let key = |row: &audit_entry::Model| {
            node_type(row.subject_kind).map(|node_type| NodeId { node_type, id: row.subject_id })
        };
        let found = self.0.load(ctx, "subject", || async {
            let ids: Vec<_> = self.0.batch_rows().iter().filter_map(key).collect();
            node::by_ids(ctx, &ids).await
        });
        match found.await {
            Ok(found) => found.get(&key(&self.0)?).cloned().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Version of the program that wrote the entry.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// Revision that erased a person named in this entry: the person's fields in `before` and
    /// `after` are then null, or a pseudonym in entries from before the trail was signed. Null when
    /// no one was erased.
    async fn erased_in(&self) -> Option<Revision> {
        self.0.erased_in.map(Revision::new)
    }

    /// The record before the change, as it was stored; null when it did not exist.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn before(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        stored(ctx, self.0.before.as_deref())
    }

    /// The record after the change, as it was stored; null when it was deleted.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn after(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        stored(ctx, self.0.after.as_deref())
    }

    /// SHA-256 over this entry and the previous entry's hash, in hexadecimal. It does not change
    /// when a person is erased.
    async fn hash(&self) -> Sha256 {
        Sha256::new(&self.0.hash)
    }
}

/// Returns a stored text of an entry. Its length counts towards the size of the answer before it is
/// read.
fn stored(ctx: &Context<'_>, text: Option<&str>) -> Option<Result<Json>> {
    text.map(|text| take_bytes(ctx, text.len()).map(|()| Json::stored(text)))
}

impl ConnectionNode for AuditEntry {
    type Row = audit_entry::Model;
    const NAME: &'static str = "AuditEntry";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use audit_entry::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "recordedAt" => &[C::At],
            "actor" => &[C::Actor],
            "action" => &[C::Action],
            "subject" => &[C::SubjectKind],
            // The kind of subject is needed to log reads of personal data.
            "before" => &[C::Before, C::SubjectKind],
            "after" => &[C::After, C::SubjectKind],
            "hash" => &[C::Hash],
            "version" => &[C::Version],
            // The erasing revision is stored with the entry whose key was deleted. The records must
            // be read to find the persons that the entry names.
            "erasedIn" => &[C::ErasedIn, C::Before, C::After],
            "id" | "revision" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[audit_entry::Column::Revision, audit_entry::Column::SubjectId]
    }
}

/// Returns the same page of the audit entries about each row of a batch, the latest first; empty
/// for a viewer who may not read them.
pub fn entries_of<'c, M, K>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    id: fn(&M) -> K,
    args: domain::page::Args,
) -> BoxFuture<'c, Result<Connection<AuditEntry>>>
where
    M: Send + Sync + 'static,
    K: Identifier + Eq + Hash + Send + Sync + 'static,
{
    let uuids = |ids: &[K]| ids.iter().map(|id| (*id).into()).collect::<Vec<Uuid>>();
    let history = History::of(K::NODE_TYPE);
    connection::nested_connection(
        ctx,
        row,
        id,
        ListRequest::new((), audit::order(true), args, ValidationErrors::default()),
        move |ctx, ids, (), page| {
            Box::pin(async move {
                let Some(history) = history else { return Ok(HashMap::new()) };
                audit::of_each(caller(ctx), history, &uuids(ids), page).await
            })
        },
        move |ctx, ids, ()| {
            Box::pin(async move {
                let Some(history) = history else { return Ok(HashMap::new()) };
                audit::count_each(caller(ctx), history, &uuids(ids)).await
            })
        },
    )
}

/// Returns the entries with these ids.
pub(in crate::graphql) async fn by_ids(
    ctx: &Context<'_>,
    ids: &[Uuid],
) -> Result<Vec<audit_entry::Model>> {
    let revisions: Vec<_> = ids.iter().filter_map(|id| i64::try_from(id.as_u128()).ok()).collect();
    audit::by_revisions(caller(ctx), &revisions).await
}

/// Returns an entry's id: the revision in the low half of a UUID, so that all ids have one format.
pub(in crate::graphql) fn id_of(revision: i64) -> AuditEntryId {
    Uuid::from_u128(u128::from(revision.unsigned_abs())).into()
}
